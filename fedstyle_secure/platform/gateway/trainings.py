"""What anybody may know of a training, by the digest that the log and each of its sessions name.

FAC-1  Served is what is public of a training; who is on its roster, its members alone are told.
"""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from ...web.files import FOR_EVER
from ...wire.routes import Route, Status, encode_error
from ...wire.trainings import Facts
from ..store.database import Database
from ..store.trainings import training_facts

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_JSON: Final = "application/json"


def training_routes(database: Database) -> APIRouter:
    """The one route of a platform's trainings."""
    router = APIRouter(tags=["trainings"])

    @router.get(Route.TRAININGS, summary="What a training is, by its digest in hexadecimal; without its roster")
    def show(digest: Annotated[str, Path()]) -> Response:
        found = None
        if _DIGEST.fullmatch(digest):
            with database.reading() as connection:
                found = training_facts(connection, bytes.fromhex(digest))
        if found is None:
            return Response(encode_error("there is no training of this digest"), Status.MISSING, media_type=_JSON)
        content = Facts.decode(found).public.encode()
        return Response(content, media_type=_JSON, headers={"Cache-Control": FOR_EVER})

    return router
