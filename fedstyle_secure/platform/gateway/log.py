"""The log's public routes: anybody may check what the platform says it did."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...errors import InputError
from ...wire import routes
from ...wire.log import encode_entries, encode_proof
from ..logbook import Logbook

_NUMBER: Final = re.compile("0|[1-9][0-9]{0,14}")
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"


def log_routes(logbook: Logbook) -> list[Route]:
    """Routes of one platform's log; what cannot be answered raises `InputError`."""

    def checkpoint(_request: Request) -> Response:
        return Response(logbook.checkpoint(), media_type=_TEXT)

    def leaves(request: Request) -> Response:
        start, end = _numbers(request, "start", "end")
        return Response(encode_entries(logbook.entries(start, end)), media_type=_JSON)

    def inclusion(request: Request) -> Response:
        leaf, size = _numbers(request, "leaf", "size")
        return Response(encode_proof(logbook.place(leaf, size).proof), media_type=_JSON)

    def consistency(request: Request) -> Response:
        old, new = _numbers(request, "old", "new")
        return Response(encode_proof(logbook.growth(old, new)), media_type=_JSON)

    return [
        Route(routes.Route.CHECKPOINT, checkpoint, methods=["GET"]),
        Route(routes.Route.LEAVES, leaves, methods=["GET"]),
        Route(routes.Route.INCLUSION, inclusion, methods=["GET"]),
        Route(routes.Route.CONSISTENCY, consistency, methods=["GET"]),
    ]


def _numbers(request: Request, *names: str) -> list[int]:
    """Whole numbers of a query, which has these and no others."""
    given = request.query_params
    if sorted(given.multi_items()) != sorted(given.items()) or given.keys() != set(names):
        raise InputError(f"{request.url.path} takes {' and '.join(names)}, each once")
    for name in names:
        if not _NUMBER.fullmatch(given[name]):
            raise InputError(f"{request.url.path}: {name} is a whole number from 0")
    return [int(given[name]) for name in names]
