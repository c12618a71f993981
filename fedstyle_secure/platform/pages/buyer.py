"""The buyer's page: all that a browser needs to find artists by itself, none of which depends on what it looks for.

PAG-1  The page asks for public files only, the same ones whoever looks and for whatever; a picture, and what is made of
       it, stays in the browser.
PAG-2  Each file that a search is made with is held against its digest before it is used, in the browser; the signed
       catalogue names the same digests.
PAG-3  The page shows no score: ranks, one of three words, and ornaments drawn from what is published.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from ...catalogue.nearness import Word
from ...encoder.spec import IMAGE_SIZE
from ...errors import InputError
from ...web.answers import COMPUTES, Answer, page
from ...web.files import THEME, Assets
from ...web.html import Html, tag
from ...web.layout import document, paragraph, section
from ...web.ornaments import Ornaments
from ...web.style_map import MIN_ARTISTS, StyleMap
from ...web.svg import both_widths
from ...wire.catalogue import Collection, Listed
from ...wire.pins import PublicPins
from ...wire.routes import Route

LOADER: Final = "ort.wasm.bundle.min.mjs"
RUNTIME: Final = "ort-wasm-simd-threaded.wasm"
NETWORK: Final = "network.onnx"
"""What is exported: ONNX Runtime's script, its program, and the encoder that it runs."""
OFFLINE: Final = "offline.js"
"""The script that answers for the platform where there is no network."""
MOST_PICTURES: Final = 5
WORDS: Final = {
    Word.NEAR: "Near: of strangers, one in ten comes as near.",
    Word.OPEN: "Maybe: strangers come as near, and an artist's own works lie as far.",
    Word.NOBODY: "Nobody here paints like this. These are the nearest.",
}
"""What is said of the first who is found (NER-2)."""
_OWN: Final = tuple(sorted((Path(__file__).parent / "buyer").iterdir()))


@dataclass(frozen=True, slots=True)
class Exported:
    """Files of the page.

    Attributes:
        scripts: Scripts and styles.
        large: The two large files, which change less often.
    """

    scripts: Assets
    large: Assets

    @classmethod
    def read(cls, folder: Path) -> "Exported | None":
        """What `fedstyle platform export-web` left, with what is shipped; None where it left nothing.

        Raises:
            InputError: Some of it cannot be read.
        """
        if not folder.exists():
            return None
        large = tuple(folder / f"{name}.gz" for name in (RUNTIME, NETWORK))
        try:
            return cls(Assets((*THEME, *_OWN, folder / LOADER)), Assets(large))
        except (OSError, EOFError) as error:
            raise InputError(f"{folder} cannot be read ({error}): `fedstyle platform export-web` again") from error

    @property
    def digests(self) -> Mapping[str, bytes]:
        """SHA-256 of each file, by its name."""
        return {**self.scripts.digests, **self.large.digests}


class BuyersPage:
    """Makes the page of a catalogue.

    Args:
        pins: The platform's.
        exported: Its files.
        size_of: Bytes of a public file, by its SHA-256.
    """

    def __init__(self, pins: PublicPins, exported: Exported, size_of: Callable[[bytes], int]) -> None:
        self._pins, self._exported, self._size_of = pins, exported, size_of
        self._scripts, self._large = exported.scripts, exported.large

    def show(self, collection: Collection | None, listed: tuple[Listed, ...]) -> Answer:
        """The page of a collection of signatures; None for a platform where nobody published yet."""
        title = f"Find artists by style: {urlsplit(self._pins.address).hostname}"
        if collection is None:
            empty = tag("main", self._header(), paragraph("Nobody has published a signature here yet.", class_="lead"))
            return page(document(title, self._scripts, empty), policy=COMPUTES, caching="no-cache")
        vectors = np.stack([np.frombuffer(each.vector, "<f4") for each in listed]).astype(np.float32)
        names = [each.name for each in listed]
        ornaments = Ornaments(names, vectors)
        cards = [_card(number, each, ornaments) for number, each in enumerate(listed)]
        chapters = [
            self._header(),
            _question(),
            _map(names, vectors, ornaments),
            section(f"All {len(names)} artists", tag("ul", *cards, class_="cards", id="artists")),
            self._promise(),
        ]
        facts = json.dumps(
            {
                "files": self._files(collection),
                "size": IMAGE_SIZE,
                "kept": self._kept(),
                "most": MOST_PICTURES,
                "words": WORDS,
            }
        )
        shown = tag("main", *chapters, data_facts=facts)
        return page(document(title, self._scripts, ornaments.definitions(), shown), policy=COMPUTES, caching="no-cache")

    def _files(self, collection: Collection) -> Mapping[str, Mapping[str, object]]:
        """What the worker asks for, and holds against a digest (PAG-2)."""
        large = {"runtime": RUNTIME, "network": NETWORK}
        public = {"model": collection.model, "space": collection.space, "signatures": collection.signatures}
        if collection.nearness is not None:
            public["nearness"] = collection.nearness
        return {
            **{
                use: _file(self._large.path(name), self._large.digests[name], self._large.sizes[name])
                for use, name in large.items()
            },
            **{
                use: _file(Route.FILES.format(sha256=digest.hex()), digest, self._size_of(digest))
                for use, digest in public.items()
            },
        }

    def _kept(self) -> list[str]:
        """What the page keeps of itself, to be there without a network."""
        return ["/", *(self._scripts.path(name) for name in self._scripts.digests)]

    def _header(self) -> Html:
        host = urlsplit(self._pins.address).hostname
        return tag(
            "header",
            tag("p", "FedStyle-Secure", tag("span", host), class_="kicker"),
            tag("h1", "Whose hand is this?"),
            paragraph(
                "Give one to five pictures by one hand, and the artists here whose style is nearest come "
                "back. Your pictures stay in this browser: it looks at them itself, and sends nothing of them.",
                class_="lead",
            ),
        )

    def _promise(self) -> Html:
        command = f"fedstyle search --platform {self._pins.address} PICTURE"
        return section(
            "What stays here",
            paragraph(
                "The encoder, the style model and all signatures come to this browser before you give it a picture, "
                "and are the same for everybody. Then nothing more is asked of the network: you may cut it off."
            ),
            paragraph(
                "This page comes from the platform, and a platform that lies can send another page. Who wants to trust "
                "nobody searches from the command line, which also checks the catalogue against the platform's log:"
            ),
            tag("pre", command),
            paragraph("Platform's fingerprint: ", tag("code", self._pins.fingerprint), class_="note"),
            tag(
                "details",
                tag("summary", "Files of this page, as the signed catalogue names them"),
                tag("dl", *(_named(*each) for each in self._exported.digests.items()), class_="files"),
            ),
        )


def _file(path: str, digest: bytes, size: int) -> Mapping[str, object]:
    return {"path": path, "sha256": digest.hex(), "size": size}


def _named(name: str, digest: bytes) -> Html:
    return tag("div", tag("dt", name), tag("dd", tag("code", digest.hex())))


def _question() -> Html:
    """Where pictures are given, how far it is, and who was found."""
    chooser = tag(
        "input", type="file", id="pictures", multiple="", accept="image/jpeg,image/png,image/webp", class_="aside"
    )
    return section(
        "Your pictures",
        tag("noscript", paragraph("This page looks at pictures with a script of its own: allow it.", class_="problem")),
        tag(
            "div",
            chooser,
            tag("label", "Choose pictures", for_="pictures", class_="button"),
            tag("span", "or drop them here, or paste one", class_="note"),
            id="drop",
        ),
        tag("ul", id="chosen", aria_label="Pictures that are asked with"),
        tag("p", "", id="status", role="status", class_="note"),
        tag("progress", id="progress", max=1, value=0, aria_label="Loading", hidden=""),
        tag("p", "", id="problem", role="alert", class_="problem", hidden=""),
        tag(
            "div",
            tag("h3", "", id="found-title"),
            tag("p", "", id="nearness"),
            tag("ol", class_="cards", id="found"),
            id="answer",
            hidden="",
        ),
    )


def _map(names: list[str], vectors: np.ndarray, ornaments: Ornaments) -> Html | None:
    if len(names) < MIN_ARTISTS:
        return None
    numbers = {name: number for number, name in enumerate(names)}
    places = StyleMap.of(names, vectors)
    caption = "Who stands close paints alike, as far as two directions can show it. Go to an artist to see who is near."
    return section(
        "A map to wander in",
        both_widths(lambda width: places.draw(ornaments, width, lambda name: f"#artist-{numbers[name]}"), caption),
    )


def _card(number: int, listed: Listed, ornaments: Ornaments) -> Html:
    """An artist: ornament, name, link, and a way to who paints alike."""
    link, name = None, tag("span", f" {listed.name}", class_="aside")  # heard, and not seen: it stands above
    if listed.link is not None:
        link = tag("a", urlsplit(listed.link).hostname, href=listed.link, rel="noopener noreferrer external")
    return tag(
        "li",
        tag("svg", ornaments.draw(listed.name, size=100), viewBox="0 0 100 100", aria_hidden="true"),
        tag(
            "div",
            tag("p", listed.name, class_="name"),
            link,
            tag("button", "Who paints alike?", name, type="button", class_="quiet"),
        ),
        id=f"artist-{number}",
        data_artist=number,
    )
