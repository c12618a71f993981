"""A platform's public half on loopback, over a real socket."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from fedstyle_secure.errors import InputError
from fedstyle_secure.wire.routes import encode_error


def refuse(_request: Request, error: Exception) -> Response:
    return Response(encode_error(str(error)), 400)


@contextmanager
def serving(make_routes: Callable[[str], Sequence[APIRouter]]) -> Iterator[str]:
    """The address of a server with the routes that are made for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = FastAPI(exception_handlers={InputError: refuse, RequestValidationError: refuse})
        for router in make_routes(address):
            app.include_router(router)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            limit = time.monotonic() + 20
            while not server.started and time.monotonic() < limit:
                time.sleep(0.01)
            yield address
        finally:
            server.should_exit = True
            thread.join()
