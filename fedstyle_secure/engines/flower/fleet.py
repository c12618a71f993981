"""A SuperLink of our own that is a fleet and nothing else: nodes get letters, and there is no way to send them more.

Of Flower's SuperLink it mounts the router for nodes. There is no Control API that starts runs or adds nodes, no Runtime
API that apps call, no app that is handed out, and no listener but this one; the coordinator drives Flower's own link
state in this process, through Flower's own handlers.

FLE-1  Whoever connects shows the certificate of a node that was enrolled (CHA-1), and speaks as that node alone: the
       key that Flower authenticates by must be the certificate's.
FLE-2  What is too long is refused before it is read, and an answer that is not all there holds nobody up.
FLE-3  Nodes are those that were enrolled at the start: nobody registers.
"""

import asyncio
import ssl
import threading
import time
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self, cast

import uvicorn
from cryptography import x509
from fastapi import FastAPI
from flwr.common.constant import NOOP_ACCOUNT_NAME, NOOP_FLWR_AID, SUPERLINK_NODE_ID
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest, PushObjectRequest
from flwr.proto.runtime_pb2 import GetNodesRequest, PullAppMessagesRequest, PushAppMessagesRequest
from flwr.server.superlink.linkstate import InMemoryLinkState, LinkStateFactory
from flwr.serverapp import Grid
from flwr.supercore.constant import (
    FLEET_HTTP_PUBLIC_KEY_HEADER,
    FLWR_IN_MEMORY_DB_NAME,
    NOOP_FEDERATION_ID,
    TaskType,
)
from flwr.supercore.error import http_error_translator
from flwr.supercore.inflatable.inflatable_object import iterate_object_tree
from flwr.supercore.object_store import NoObjectInStoreError, ObjectStoreFactory
from flwr.supercore.protobuf.translation import ProtobufTranslationMiddleware
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.grid.http_grid import HttpGrid
from flwr.superlink.routers.fleet.node_auth import NodeAuthMiddleware
from flwr.superlink.routers.fleet.router import router
from flwr.superlink.servicer.runtime import runtime_handlers
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...errors import FedStyleError
from .channel import make_context, node_key

LONGEST: Final = 64 << 20
"""Bytes of a request."""
_START_SECONDS: Final = 30.0


class Fleet:
    """A fleet that listens for as long as the block runs.

    Args:
        host: Where to listen, as the certificate names it.
        port: Its port; 0 for any.
        own: Folder of the SuperLink's credentials.
        nodes: Certificates of the nodes that are enrolled.

    Attributes:
        port: Where it listens.
        grid: What letters go through.
    """

    def __init__(self, host: str, port: int, own: Path, nodes: Sequence[x509.Certificate]) -> None:
        store = ObjectStoreFactory(FLWR_IN_MEMORY_DB_NAME)
        self._factory = LinkStateFactory(FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), store)
        state = cast("InMemoryLinkState", self._factory.state())
        for certificate in nodes:
            state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, node_key(certificate), 0)
        self.grid = _open_grid(state)
        config = uvicorn.Config(
            _make_app(self._factory),
            host=host,
            port=port,
            http=_NodeProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        config.load()
        config.ssl = make_context(ssl.PROTOCOL_TLS_SERVER, own, nodes)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="fleet")
        self.port = port

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        if not self._server.started:
            self.__exit__()
            raise FedStyleError(f"the fleet cannot listen on port {self.port}: is it taken?")
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()


class _NodeProtocol(H11Protocol):
    """Notes whose certificate a connection showed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The handshake is over, or there would be no connection."""
        super().connection_made(transport)
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.app_state = self.app_state | {"node_key": node_key(x509.load_der_x509_certificate(shown))}


class _AsItself:
    """Lets a node speak as itself alone, and not too long (FLE-1, FLE-2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        claimed = headers.get(FLEET_HTTP_PUBLIC_KEY_HEADER.lower().encode(), b"")
        length = headers.get(b"content-length", b"")
        status = 0
        if not length.isdigit() or int(length) > LONGEST:
            status = 413
        elif not _is_of(claimed, scope["state"]["node_key"]):
            status = 401
        if not status:
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b""})


def _is_of(claimed: bytes, key: bytes) -> bool:
    try:
        return b64decode(claimed, validate=True) == key
    except ValueError:
        return False


def _make_app(factory: LinkStateFactory) -> FastAPI:
    """Flower's router for nodes, behind its own middleware, and no other route."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(NodeAuthMiddleware)
    app.add_middleware(ProtobufTranslationMiddleware)
    app.add_middleware(BaseHTTPMiddleware, dispatch=http_error_translator)
    app.add_middleware(_AsItself)  # added last, called first
    app.state.linkstate_factory = factory
    app.state.enable_supernode_auth = True  # nobody registers or unregisters (FLE-3)
    app.state.fleet_event_log_plugin = None
    app.include_router(router)
    return app


def _open_grid(state: InMemoryLinkState) -> Grid:
    """Flower's own grid, on a run in this process in place of a connection to one."""
    run_id = state.create_run(
        fab_id=None,
        fab_version=None,
        fab_hash=None,
        override_config={},
        federation_id=NOOP_FEDERATION_ID,
        federation_config=None,
        flwr_aid=NOOP_FLWR_AID,
        primary_task_type=TaskType.SERVER_APP,
    )
    (run,) = state.get_run_info(run_ids=[run_id])
    task_id = cast("int", run.primary_task_id)
    if state.claim_task(task_id) is None or not state.activate_task(task_id):
        raise FedStyleError("Flower's link state does not begin a run: this is another version than those tried")
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = task_id, run_id, SUPERLINK_NODE_ID
    grid = HttpGrid(token="in this process")  # noqa: S106  (it opens nothing: there is no connection)
    grid._client = cast("Any", _Runtime(state, task_id))
    grid.set_run(run)
    return grid


class _Runtime:
    """What a grid calls, answered by Flower's handlers without a network between."""

    def __init__(self, state: InMemoryLinkState, task_id: int) -> None:
        self._state, self._task_id = state, task_id
        self._task = state.get_tasks(task_ids=[task_id])[0]

    def GetNodes(self, request: GetNodesRequest) -> Any:  # noqa: N802
        """Also tells the link state that this coordinator lives, without which it would end the run."""
        if not self._state.acknowledge_task_heartbeat(self._task_id):
            raise FedStyleError("Flower's link state has ended this run: begin the training again")
        return runtime_handlers.get_nodes(request, self._state, self._task)

    def PushMessages(self, request: PushAppMessagesRequest) -> Any:  # noqa: N802
        return runtime_handlers.push_messages(request, self._state, self._task)

    def PullMessages(self, request: PullAppMessagesRequest) -> Any:  # noqa: N802
        """Only answers that are all there (FLE-2)."""
        whole = [each for each in request.message_ids if self._is_whole(each)]
        return runtime_handlers.pull_messages(PullAppMessagesRequest(message_ids=whole), self._state, self._task)

    def PushObject(self, request: PushObjectRequest) -> Any:  # noqa: N802
        return runtime_handlers.push_object(request, self._state, self._task)

    def PullObject(self, request: PullObjectRequest) -> Any:  # noqa: N802
        return runtime_handlers.pull_object(request, self._state, self._task)

    def ConfirmMessageReceived(self, request: ConfirmMessageReceivedRequest) -> Any:  # noqa: N802
        return runtime_handlers.confirm_message_received(request, self._state, self._task)

    def _is_whole(self, message_id: str) -> bool:
        answer = self._state.message_ins_id_to_message_res_id.get(message_id)
        store = self._state.object_store
        try:
            return answer is not None and all(
                store.get(tree.object_id) for tree in iterate_object_tree(store.get_object_tree(answer))
            )
        except NoObjectInStoreError:
            return False
