"""The catalogue's public routes: a signed manifest, and files that never change under their digest.

CTG-1  A manifest shows one moment: signatures and log are read together, and it stands on the checkpoint of just that.
CTG-2  What was withdrawn is in no manifest and no file from then on: files of signatures, and of what is near to them,
       are made of what is published now, and kept nowhere.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from ... import canonical
from ...transparency.leaves import Model, decode
from ...web.files import FOR_EVER
from ...wire.catalogue import Collection, Contents, Listing, Manifest, PageFile
from ...wire.pins import PublicPins
from ...wire.routes import CONTENT_TYPE, Route, Status, encode_error
from ..logbook import Logbook
from ..nearness import Yardstick
from ..signer import Signer
from ..store.database import Connection, Database, StorageError
from ..store.files import read_file
from ..store.log import log_size
from ..store.signatures import public_signatures

_TRIES: Final = 10
_DIGEST: Final = re.compile("[0-9a-f]{64}")
_JSON: Final = "application/json"
_ASK_AGAIN: Final = "no-cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """A catalogue at one size of the log.

    Attributes:
        checkpoint: The log's.
        contents: What is in it.
        manifest: The same, signed and encoded.
        made: Files that follow from what is published now, by their SHA-256: signatures, and what is near to them.
    """

    checkpoint: bytes
    contents: Contents
    manifest: bytes
    made: dict[bytes, bytes]


class Catalogue:
    """What a platform publishes; may be shared by threads.

    Args:
        database: Where signatures and files are.
        logbook: The log.
        signer: Who signs manifests.
        page: SHA-256 of the files of the buyer's page, by their names.
    """

    def __init__(
        self, database: Database, logbook: Logbook, signer: Signer, page: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        self._database, self._logbook, self._signer = database, logbook, signer
        self._page = tuple(PageFile(name=name, sha256=page[name]) for name in sorted(page))
        self._held = threading.Lock()
        self._edition: Edition | None = None
        self._yardstick = Yardstick()

    def edition(self) -> Edition:
        """The newest (CTG-1).

        Raises:
            RestoredError: The log cannot be signed.
            StorageError: The database cannot be used now, or changes too fast.
        """
        with self._held:
            for _ in range(_TRIES):
                checkpoint, entries = self._logbook.snapshot()
                if self._edition is not None and self._edition.checkpoint == checkpoint:
                    return self._edition
                with self._database.reading() as connection:
                    if log_size(connection, self._logbook.epoch) != len(entries):
                        continue
                    models = [leaf for leaf in map(decode, entries) if isinstance(leaf, Model)]
                    self._edition = self._make(connection, checkpoint, models)
                return self._edition
        raise StorageError("the catalogue changes faster than it can be signed: try again")

    def file(self, digest: bytes) -> bytes | None:
        """A public file; None where there is none, or none any more."""
        made = self.edition().made.get(digest)
        if made is not None:
            return made
        with self._database.reading() as connection:
            return read_file(connection, digest)

    def _make(self, connection: Connection, checkpoint: bytes, models: list[Model]) -> Edition:
        collections, made = list[Collection](), dict[bytes, bytes]()
        signatures = public_signatures(connection)

        def keep(content: bytes) -> bytes:
            digest = sha256(content).digest()
            made[digest] = content
            return digest

        for model in models:
            listed = tuple(each for each in signatures if each.training == model.training)
            if listed:
                nearness = self._yardstick.learn(connection, model, listed)
                collections.append(
                    Collection(
                        training=model.training,
                        model=model.digest,
                        space=model.space,
                        signatures=keep(canonical.encode(Listing(signatures=listed))),
                        nearness=None if nearness is None else keep(nearness),
                    )
                )
        contents = Contents(checkpoint=checkpoint, collections=tuple(collections), page=self._page)
        manifest = Manifest(contents=contents, signature=self._signer.sign_catalogue(canonical.encode(contents)))
        return Edition(checkpoint=checkpoint, contents=contents, manifest=manifest.encode(), made=made)


class _File(Response):
    media_type = CONTENT_TYPE


def catalogue_routes(catalogue: Catalogue, pins: PublicPins) -> APIRouter:
    """Public routes of one platform's catalogue, and its pins."""
    router = APIRouter(tags=["catalogue"])
    own_pins = canonical.encode(pins)

    @router.get(Route.PINS, summary="Address, keys and the log's name, to be compared before they are trusted")
    def show_pins(request: Request) -> Response:
        return _answer(request, own_pins, sha256(own_pins).hexdigest(), _JSON, _ASK_AGAIN)

    @router.get(Route.CATALOGUE, summary="The signed manifest of what is published")
    def manifest(request: Request) -> Response:
        content = catalogue.edition().manifest
        return _answer(request, content, sha256(content).hexdigest(), _JSON, _ASK_AGAIN)

    @router.get(Route.FILES, response_class=_File, summary="A public file by its SHA-256, in hexadecimal")
    def file(request: Request, name: Annotated[str, Path(alias="sha256")]) -> Response:
        content = catalogue.file(bytes.fromhex(name)) if _DIGEST.fullmatch(name) else None
        if content is None:
            return Response(encode_error("there is no public file of this name"), Status.MISSING, media_type=_JSON)
        return _answer(request, content, name, CONTENT_TYPE, FOR_EVER)

    return router


def _answer(request: Request, content: bytes, digest: str, kind: str, caching: str) -> Response:
    """The content, or that it is what whoever asks has already."""
    tag = f'"{digest}"'
    headers = {"ETag": tag, "Cache-Control": caching}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("If-None-Match", "").split(",")}
    if tag in known:
        return Response(status_code=Status.UNCHANGED, headers=headers)
    return Response(content, media_type=kind, headers=headers)
