"""A node: what an artist runs in a Flower federation; it fetches letters, has them answered, and brings the answers.

NOD-1  It runs what is installed on this machine and nothing else: it asks for no app, and has no place to run one.
NOD-2  What is no letter is answered with nothing, as is a letter that its artist does not answer.
NOD-3  It calls out and is never called; whatever fails, it tries again, and waits longer each time.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Final

import httpx
from cryptography import x509
from flwr.app import Message
from flwr.app.message import remove_content_from_message
from flwr.common.constant import HEARTBEAT_MIN_INTERVAL
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.fleet_pb2 import (
    ActivateNodeRequest,
    DeactivateNodeRequest,
    PullMessagesRequest,
    PullMessagesResponse,
    PushMessagesRequest,
)
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.message_pb2 import ConfirmMessageReceivedRequest, PullObjectRequest, PushObjectRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    get_object_tree,
    iterate_object_tree,
    no_object_id_recompute,
)
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

from .channel import Credentials, make_context
from .mail import NOTHING, pack, unpack

Answer = Callable[[str, bytes], bytes | None]
"""From the name of a mailbox and a letter to the letter that answers it; None for nothing."""

LONGEST_LETTER: Final = 64 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two looks for a letter: the first while there are some, the other when there were none for long."""
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperLink:
    """Whom a node calls.

    Attributes:
        address: ``HOST:PORT``.
        context: TLS, by which it knows the SuperLink and the SuperLink it.
    """

    address: str
    context: SSLContext

    @classmethod
    def pinned(cls, address: str, own: Path, certificate: x509.Certificate) -> "SuperLink":
        """A fleet of ours: each side trusts the other's certificate and no other (CHA-1)."""
        return cls(address=address, context=make_context(PROTOCOL_TLS_CLIENT, own, [certificate]))


def run_node(superlink: SuperLink, credentials: Credentials, answer: Answer, leave: threading.Event) -> None:
    """Fetch letters and bring answers until somebody sets `leave` (NOD-3)."""
    interceptor = NodeAuthHttpInterceptor(credentials.key, credentials.key.public_key())
    url = f"https://{superlink.address}"
    with FleetHttpClient(url, interceptors=[interceptor], verify=superlink.context) as client:
        pause = _FIRST_PAUSE
        while not leave.is_set():
            try:
                _be_there(client, credentials, answer, leave)
                pause = _FIRST_PAUSE
            except (httpx.HTTPError, ValueError, OSError) as error:
                _LOGGER.info("the SuperLink at %s: %s; trying again", superlink.address, error)
            leave.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _be_there(client: FleetHttpClient, credentials: Credentials, answer: Answer, leave: threading.Event) -> None:
    """From one activation to whatever ends it."""
    wanted = ActivateNodeRequest(public_key=credentials.public_key, heartbeat_interval=HEARTBEAT_MIN_INTERVAL)
    node = Node(node_id=client.ActivateNode(wanted).node_id)
    gone = threading.Event()
    heart = threading.Thread(target=_beat, args=(client, node, gone), name="heartbeat", daemon=True)
    heart.start()
    try:
        pause = _FIRST_PAUSE
        while not leave.is_set() and not gone.is_set():
            found = client.PullMessages(PullMessagesRequest(node=node))
            if found.messages_list:
                _answer_one(client, node, found, answer)
                pause = _FIRST_PAUSE
            else:
                leave.wait(pause)
                pause = min(1.3 * pause, _LONGEST_PAUSE)
    finally:
        gone.set()
        heart.join()
        with suppress(httpx.HTTPError, ValueError):  # else the SuperLink notices by itself, a little later
            client.DeactivateNode(DeactivateNodeRequest(node_id=node.node_id))


def _beat(client: FleetHttpClient, node: Node, gone: threading.Event) -> None:
    """Say that this node lives, while it may be busy with a letter."""
    request = SendNodeHeartbeatRequest(node=node, heartbeat_interval=HEARTBEAT_MIN_INTERVAL)
    while not gone.wait(HEARTBEAT_MIN_INTERVAL / 2):
        try:
            if not client.SendNodeHeartbeat(request).success:
                gone.set()
        except (httpx.HTTPError, ValueError):
            gone.set()


def _answer_one(client: FleetHttpClient, node: Node, found: PullMessagesResponse, answer: Answer) -> None:
    """Fetch the letter of a message, and bring what answers it (NOD-2)."""
    head, began = message_from_proto(found.messages_list[0]), time.monotonic()
    run_id, message_id = head.metadata.run_id, head.metadata.message_id
    contents, total = {}, 0
    for tree in iterate_object_tree(found.message_object_trees[0]):
        request = PullObjectRequest(node=node, run_id=run_id, object_id=tree.object_id)
        contents[tree.object_id] = client.PullObject(request).object_content
        total += len(contents[tree.object_id])
        if total > LONGEST_LETTER:
            raise ValueError(f"a message of more than {LONGEST_LETTER} bytes")
    client.ConfirmMessageReceived(ConfirmMessageReceivedRequest(node=node, run_id=run_id, message_object_id=message_id))
    message = inflate_object_from_contents(message_id, contents)
    letter = unpack(message.content) if isinstance(message, Message) and message.has_content() else None
    said = None if letter is None else answer(letter[1], letter[0])
    _bring(client, node, Message(pack(NOTHING if said is None else said), reply_to=head), time.monotonic() - began)


def _bring(client: FleetHttpClient, node: Node, reply: Message, seconds: float) -> None:
    """Announce an answer, then its parts."""
    with no_object_id_recompute():
        reply.metadata.__dict__["_message_id"] = reply.object_id
        parts, tree = get_all_nested_objects(reply), get_object_tree(reply)
        taken = client.PushMessages(
            PushMessagesRequest(
                node=node,
                messages_list=[message_to_proto(remove_content_from_message(reply))],
                message_object_trees=[tree],
                clientapp_runtime_list=[seconds],
            )
        )
        for object_id in taken.objects_to_push:
            client.PushObject(
                PushObjectRequest(
                    node=node,
                    run_id=reply.metadata.run_id,
                    object_id=object_id,
                    object_content=parts[object_id].deflate(),
                    session_id=taken.session_id,
                )
            )
