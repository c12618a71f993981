"""The log's public routes: anybody may check what the platform says it did."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from ...transparency.checkpoints import MAX_SIZE
from ...wire.log import encode_entries, encode_proof
from ...wire.routes import Route
from ..logbook import Logbook

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_Number = Annotated[int, Query(ge=0, le=MAX_SIZE)]


def log_routes(logbook: Logbook) -> APIRouter:
    """Routes of one platform's log; what it does not have raises `InputError`."""
    router = APIRouter(tags=["log"])

    @router.get(
        Route.CHECKPOINT, response_class=PlainTextResponse, summary="The newest checkpoint (C2SP tlog-checkpoint)"
    )
    def checkpoint() -> Response:
        return Response(logbook.checkpoint(), media_type=_TEXT)

    @router.get(Route.LEAVES, summary="Entries from start to before end, at most 1,000 at a time")
    def leaves(start: _Number, end: _Number) -> Response:
        return Response(encode_entries(logbook.entries(start, end)), media_type=_JSON)

    @router.get(Route.INCLUSION, summary="Where an entry stands in the log of a size (RFC 9162, section 2.1.3)")
    def inclusion(leaf: _Number, size: _Number) -> Response:
        return Response(encode_proof(logbook.place(leaf, size).proof), media_type=_JSON)

    @router.get(Route.CONSISTENCY, summary="That the log of one size grew out of another's (RFC 9162, section 2.1.4)")
    def consistency(old: _Number, new: _Number) -> Response:
        return Response(encode_proof(logbook.growth(old, new)), media_type=_JSON)

    return router
