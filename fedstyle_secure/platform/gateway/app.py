"""The application: routes, what every answer has in common, and a description of it all.

APP-1  Whatever comes in is answered with a status of `wire.routes.Status` and, if it is refused, with one JSON object
       ``{"error": sentence}``; nothing that comes in is shown in it, and no error of the platform's own.
APP-2  Whatever cannot be kept now is answered with 503 and a time to wait: nothing is acknowledged that is not kept.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ... import __version__
from ...errors import InputError
from ...wire.routes import CONTENT_TYPE, Status, encode_error
from ..logs import platform_logger
from ..metrics import Metrics
from ..signer import RestoredError
from ..store.database import Database, StorageError
from ..store.numbers import LAST_SESSION, read_number
from .limits import RefusedError
from .mailboxes import Bell
from .receiving import Reception

_JSON: Final = "application/json"
_AWAY_SECONDS: Final = 5
_UNHARMED: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def make_app(
    routers: Iterable[APIRouter],
    *,
    database: Database,
    reception: Reception,
    metrics: Metrics,
    bell: Bell,
) -> FastAPI:
    """Put the application together.

    Args:
        routers: Routes of artists, the log and the catalogue.
        database: Asked whether it is there.
        reception: Knows which addresses are refused.
        metrics: Counts.
        bell: Rings as long as the application runs; `app.state.bell`, so that a server can close it.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(bell.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    app = FastAPI(
        title="fedstyle platform",
        version=__version__,
        summary="What artists' agents and buyers ask of a platform; artists call with sealed envelopes.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.bell = bell
    for router in (*routers, _own_routes(database, metrics)):
        app.include_router(router)
    _answer_errors(app, reception)
    app.add_middleware(_Watch, reception=reception, metrics=metrics)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _own_routes(database: Database, metrics: Metrics) -> APIRouter:
    """How the process itself is."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_class=PlainTextResponse, summary="Whether the process answers")
    async def health() -> Response:
        return Response("ok\n", media_type="text/plain")

    @router.get("/readyz", response_class=PlainTextResponse, summary="Whether it can keep what is sent")
    def ready() -> Response:
        with database.reading() as connection:
            read_number(connection, LAST_SESSION)
        return Response("ok\n", media_type="text/plain")

    @router.get("/metrics", response_class=PlainTextResponse, summary="Counters for Prometheus; from this machine only")
    async def show_metrics(request: Request) -> Response:
        if not _is_from_here(request):
            raise RefusedError(Status.MISSING, "there is nothing here")
        return Response(metrics.encode(), media_type="text/plain; version=0.0.4")

    return router


def _is_from_here(request: Request) -> bool:
    """Whether it comes from this machine, and not through a proxy on it."""
    if {"forwarded", "x-forwarded-for", "x-real-ip", "via"} & set(request.headers):
        return False
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _answer_errors(app: FastAPI, reception: Reception) -> None:
    """One sentence for whatever goes wrong (APP-1)."""

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        if error.is_abuse:
            reception.blame(_host(request.scope))
        return _refusal(error.status, error.sentence, error.retry_after)

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return _refusal(Status.MALFORMED, f"{place}: {first['msg']}")

    @app.exception_handler(InputError)
    async def unusable(_request: Request, error: InputError) -> Response:
        return _refusal(Status.MALFORMED, str(error))

    @app.exception_handler(HTTPException)
    async def unknown(_request: Request, error: HTTPException) -> Response:
        if error.status_code == Status.WRONG_METHOD:
            return _refusal(Status.WRONG_METHOD, "this route has another method: see /openapi.json")
        return _refusal(Status.MISSING, "there is nothing here: see /openapi.json")

    @app.exception_handler(StorageError)
    async def away(_request: Request, error: StorageError) -> Response:
        return _refusal(Status.NOT_NOW, str(error), _AWAY_SECONDS)

    @app.exception_handler(RestoredError)
    async def restored(_request: Request, _error: RestoredError) -> Response:
        platform_logger().error("log restored", reason="the log's history is another than was signed: see the manual")
        return _refusal(Status.NOT_NOW, "the platform's log waits for its operator: try again later", 60)

    @app.exception_handler(Exception)
    async def own_fault(_request: Request, _error: Exception) -> Response:
        return _refusal(Status.BROKEN, "an error of the platform's own; its operator can read about it")


def _refusal(status: int, sentence: str, retry_after: int | None = None) -> Response:
    """What is refused; the connection ends with it, since a body may be left that nobody reads."""
    headers = {**_UNHARMED, "Connection": "close"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Response(encode_error(sentence), status, headers, _JSON)


class _Watch:
    """Around everything: who is let in at all, and what is counted and written down of it."""

    def __init__(self, app: ASGIApp, *, reception: Reception, metrics: Metrics) -> None:
        self._app, self._reception, self._metrics = app, reception, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.monotonic(), int(Status.BROKEN)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            self._reception.admit(_host(scope))
            await self._app(scope, receive, noting)
        except RefusedError as error:
            await _refusal(error.status, error.sentence, error.retry_after)(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.monotonic() - start
            self._metrics.note(route, int(status), seconds)
            platform_logger().info("answered", route=route, status=int(status), seconds=round(seconds, 4))


def _host(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


_ENVELOPE: Final = {"schema": {"type": "string", "format": "binary"}}
_ERROR: Final = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
_WORDS: Final = {
    Status.MALFORMED: "No envelope, or another one than this route takes",
    Status.UNKNOWN: "An unknown or retired key, or a signature that does not hold",
    Status.MISSING: "There is nothing here",
    Status.TOO_SLOW: "The body did not come in time",
    Status.CONFLICT: "Against what was kept before",
    Status.GONE: "Too late",
    Status.TOO_LARGE: "More than this may have",
    Status.TOO_MANY: "Wait for Retry-After seconds",
    Status.NOT_NOW: "Cannot be kept now; wait for Retry-After seconds",
    Status.BROKEN: "An error of the platform's own",
}
_OF_GET: Final = (Status.MALFORMED, Status.MISSING, Status.TOO_MANY, Status.NOT_NOW, Status.BROKEN)


def _describe(app: FastAPI) -> dict[str, Any]:
    """The application as OpenAPI, with what every route has in common."""
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        described.get("components", {}).pop("schemas", None)
        for operations in described["paths"].values():
            for method, operation in operations.items():
                is_post = method == "post"
                answers = {"200": operation["responses"]["200"]}
                if is_post:
                    operation["requestBody"] = {"required": True, "content": {CONTENT_TYPE: _ENVELOPE}}
                    answers = {
                        "200": {"description": "Done", "content": {CONTENT_TYPE: _ENVELOPE}},
                        "204": {"description": "Nothing to answer now"},
                    }
                content = {_JSON: {"schema": _ERROR}}
                for status in _WORDS if is_post else _OF_GET:
                    answers[str(int(status))] = {"description": _WORDS[status], "content": content}
                operation["responses"] = answers
        app.openapi_schema = described
    return app.openapi_schema
