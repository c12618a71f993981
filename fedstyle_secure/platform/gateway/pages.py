"""Public pages, and the files that they are made of."""

import threading
from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Response

from ... import canonical
from ...encoder.spec import LITE0
from ...web.answers import Answer, page
from ...web.files import ASSETS
from ...web.html import tag
from ...wire.catalogue import Listing
from ...wire.pins import PublicPins
from ...wire.routes import Status, encode_error
from ..pages.buyer import OFFLINE, BuyersPage, Exported
from ..store.database import StorageError
from .catalogue import Catalogue, Edition


def _no_page(pins: PublicPins, encoder: str) -> Answer:
    """What buyers are told where there is no page for them."""
    search = f"Search from the command line: fedstyle search --platform {pins.address} PICTURE"
    if encoder.partition("@")[0] == LITE0:
        reason = "This platform has no page for buyers; its operator makes one with `fedstyle platform export-web`."
    else:
        reason = f"This platform sees with the encoder {encoder.partition('@')[0]}, which no page computes."
    return page(tag("p", f"{reason} {search}"), status=Status.MISSING)


def answered(answer: Answer | None) -> Response:
    """An answer as the framework sends it; None where there is nothing."""
    if answer is None:
        return Response(encode_error("there is nothing here"), Status.MISSING, media_type="application/json")
    return Response(answer.body, answer.status, answer.headers)


def buyer_routes(
    catalogue: Catalogue, pins: PublicPins, exported: Exported | None, *, encoder: Callable[[], str]
) -> APIRouter:
    """The buyer's page of one platform.

    Args:
        catalogue: What is published.
        pins: The platform's.
        exported: Files of the page; None where its operator exported none.
        encoder: Tells the platform's, as ``name@sha256``.
    """
    router = APIRouter(include_in_schema=False)
    if exported is None:
        router.add_api_route("/", lambda: answered(_no_page(pins, encoder())), methods=["GET"])
        return router
    desk = _Desk(catalogue, pins, exported)

    @router.get("/")
    def show() -> Response:
        return answered(desk.page())

    @router.get(f"/{OFFLINE}")
    def offline() -> Response:
        script = exported.scripts.answer(exported.scripts.path(OFFLINE))
        return answered(script and replace(script, caching="no-cache"))

    @router.get(ASSETS + "{rest:path}")
    def asset(rest: str) -> Response:
        path = ASSETS + rest
        return answered(exported.scripts.answer(path) or exported.large.answer(path))

    return router


class _Desk:
    """Has the page of the newest edition at hand; may be shared by threads."""

    def __init__(self, catalogue: Catalogue, pins: PublicPins, exported: Exported) -> None:
        self._catalogue, self._page = catalogue, BuyersPage(pins, exported, self._size_of)
        self._held = threading.Lock()
        self._shown: tuple[Edition, Answer] | None = None

    def page(self) -> Answer:
        """The page of the newest edition.

        Raises:
            RestoredError: As the catalogue's `edition`.
            StorageError: The same.
        """
        edition = self._catalogue.edition()
        with self._held:
            if self._shown is None or self._shown[0] is not edition:
                self._shown = edition, self._make(edition)
            return self._shown[1]

    def _make(self, edition: Edition) -> Answer:
        if not edition.contents.collections:
            return self._page.show(None, ())
        newest = edition.contents.collections[-1]
        listing = canonical.decode(Listing, edition.made[newest.signatures])
        return self._page.show(newest, listing.signatures)

    def _size_of(self, digest: bytes) -> int:
        content = self._catalogue.file(digest)
        if content is None:
            raise StorageError("a public file is missing: the catalogue has just changed")
        return len(content)
