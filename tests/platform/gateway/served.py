"""A platform's public half on loopback, over a real socket."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from fedstyle_secure.errors import InputError
from fedstyle_secure.wire.routes import encode_error


def refuse(_request: Request, error: Exception) -> Response:
    return Response(encode_error(str(error)), 400)


@contextmanager
def serving(routes) -> Iterator[str]:
    """The address of a server with these routes."""
    app = Starlette(routes=routes, exception_handlers={InputError: refuse})
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        limit = time.monotonic() + 20
        while not server.started and time.monotonic() < limit:
            time.sleep(0.01)
        (port,) = {socket.getsockname()[1] for each in server.servers for socket in each.sockets}
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
