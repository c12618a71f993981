"""Listening: uvicorn with httptools, and what it lacks against those who are slow on purpose.

LST-1  The head of a request must be there within ten seconds of its connection, or of its own first byte; else the
       connection is closed.
LST-2  Nothing listens on another address than the settings name, which is loopback unless an operator changed it.
"""

import asyncio
from asyncio.sslproto import SSLProtocol, _SSLProtocolTransport
from socket import socket
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..wire.routes import encode_error
from ..wire.tls import server_context
from .settings import PlatformFolder, Settings

HEAD_SECONDS: Final = 10.0
KEEP_ALIVE_SECONDS: Final = 75
"""Agents compute for a while between two requests; what proxies keep."""
_BACKLOG: Final = 2048
_CONNECTION_BYTES: Final = 64 << 10
"""Each connection has a buffer of so much as long as it is there, and thousands of agents wait."""


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 that waits for a head, but not for ever (LST-1)."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins, and its first head is awaited."""
        super().connection_made(transport)
        if isinstance(transport, _SSLProtocolTransport):
            transport.set_read_buffer_limits(high=_CONNECTION_BYTES)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection ended."""
        self._forget_head()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins; of the first one on a connection, the time runs since the connection began."""
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._forget_head()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (a parser's own words)
        """What is no HTTP is answered like all that is refused."""
        body = encode_error("no request of HTTP/1.1")
        head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


class PatientServer(uvicorn.Server):
    """A server that ends at once, whoever waits in a long poll.

    Args:
        config: Of uvicorn, loaded.
        local: Where it also listens without TLS; None for nowhere.
    """

    def __init__(self, config: uvicorn.Config, local: tuple[str, int] | None) -> None:
        super().__init__(config)
        self._local = local

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if self._local is not None:
            loop = asyncio.get_running_loop()
            self.servers.append(await loop.create_server(self._plainly, *self._local, backlog=_BACKLOG))

    def _plainly(self) -> PatientProtocol:
        state = self.lifespan.state
        return PatientProtocol(config=self.config, server_state=self.server_state, app_state=state)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Send polls home, then end: what is being answered has a few seconds left."""
        self.config.app.state.bell.close()  # type: ignore[union-attr]  # of `gateway.app`
        await super().shutdown(sockets)


def make_server(app: FastAPI, folder: PlatformFolder, settings: Settings) -> uvicorn.Server:
    """A server that is ready to run.

    Args:
        app: Made by `gateway.app`.
        folder: Where certificates are.
        settings: Where to listen.

    Raises:
        InputError: The certificate or its key cannot be read.
    """
    host, port = settings.listen_on
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=5,
        limit_concurrency=settings.connections,
        backlog=_BACKLOG,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
    )
    config.load()
    if settings.has_tls:
        SSLProtocol.max_size = _CONNECTION_BYTES
        config.ssl = server_context(folder.certificate, folder.certificate_key)
    return PatientServer(config, settings.local_on)
