"""A buyer at a platform: its public catalogue comes here and is checked against its log; no picture goes there.

VIS-1  Nothing that is asked of a platform depends on what is searched for: everybody asks for the same public files.
VIS-2  A catalogue is used only if the platform signed it, its log grew out of what was seen here last, and it shows
       exactly what the log says is published; whatever does not agree is named, and nothing of it is kept for use.
VIS-3  A log that shows another history is refused, and the proof is kept.
VIS-4  What was withdrawn is removed here, with the next catalogue that is fetched.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import numpy as np

from .. import canonical
from ..catalogue.index import StyleIndex
from ..catalogue.nearness import NEARNESS_FILE, Nearness
from ..catalogue.signature import Signature, SignatureSpace
from ..durable import locked, replace
from ..encoder.folders import make_private, user_cache
from ..errors import InputError
from ..names import shown
from ..transparency.leaves import Leaf
from ..transparency.watch import ForkError, Watch
from ..wire.catalogue import Collection, Listed, Manifest, check
from ..wire.fetching import Fetcher, MissingError
from ..wire.log import LogReader
from ..wire.pins import PublicPins
from ..wire.routes import Route
from .files import CATALOGUE_FOLDER, MODEL_FILE

_NOTE, _ENTRIES, _LOCK, _EDITION, _EVIDENCE = "checkpoint", "entries", "lock", "edition", "evidence"
_TRIES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A log, read whole.

    Attributes:
        watch: At its newest checkpoint.
        leaves: All entries.
    """

    watch: Watch
    leaves: Sequence[Leaf]


def platforms_folder() -> Path:
    """Where what was seen of platforms is kept."""
    return user_cache() / "platforms"


def find_pins(
    where: str, folder: Path | None = None, tell: Callable[[str], None] = lambda _sentence: None
) -> PublicPins:
    """What to trust of a platform.

    Args:
        where: A file of pins, or an invitation; or an address, which is pinned on this machine as what it says of
            itself when it is asked for the first time.
        tell: Is told the fingerprint of what was pinned without anybody's word for it.
        folder: As for `Visitor`.

    Raises:
        InputError: Neither, or it cannot be reached.
    """
    if "://" not in where:
        return PublicPins.read(Path(where))
    address = where.rstrip("/")
    kept = (
        user_cache() / "platforms" if folder is None else folder
    ) / f"{sha256(address.encode()).hexdigest()[:32]}.pins"
    if kept.exists():
        return PublicPins.read(kept)
    pins = canonical.decode(PublicPins, Fetcher(address).get(Route.PINS))
    if pins.address != address:
        raise InputError(f"{address} says that it is {shown(pins.address)[:80]}: use that, or a file of its pins")
    make_private(kept.parent)
    replace(kept, canonical.encode(pins))
    tell(f"{address} is pinned from now on as {pins.fingerprint}: compare that with its operator, or with others")
    return pins


def visit(where: str, *, tell: Callable[[str], None], folder: Path | None = None) -> "Visitor":
    """Somebody on this machine, at the platform that `find_pins` finds.

    Raises:
        InputError: There is none.
    """
    pins = find_pins(where, tell=tell, folder=folder)
    return Visitor(pins, Fetcher(pins.address, pins.certificates).get, folder)


class Visitor:
    """What somebody on this machine knows of one platform.

    Args:
        pins: The platform's, also an attribute.
        fetch: Gets a public page's body by its path.
        folder: Where to keep what was seen; None for the user's cache.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, pins: PublicPins, fetch: Callable[[str], bytes], folder: Path | None = None) -> None:
        name = sha256(pins.platform_key + pins.log_key).hexdigest()[:32]
        self.folder = (folder or platforms_folder()) / name
        self.pins, self._fetch = pins, fetch
        make_private(self.folder)

    def read_log(self) -> Seen:
        """Follow the log to its newest checkpoint and read it whole.

        Raises:
            ForkError: It shows another history than before; the proof is kept (VIS-3).
            InputError: It cannot be had, or contradicts itself.
        """
        with locked(self.folder / _LOCK):
            return self._follow(self._fetch(Route.CHECKPOINT))

    def fetch_catalogue(self) -> Path:
        """The newest catalogue, as the public part of a run (`search.open_run`).

        Raises:
            ForkError: As `read_log`.
            InputError: It cannot be had, does not agree with the log, or nobody published.
        """
        with locked(self.folder / _LOCK):
            for _ in range(_TRIES):
                try:
                    return self._fetch_edition()
                except MissingError:
                    continue  # somebody published or withdrew in between
        raise InputError("the platform's catalogue changes faster than it can be fetched, or lacks files: try later")

    def _fetch_edition(self) -> Path:
        contents = Manifest.open(self._fetch(Route.CATALOGUE), platform_key=self.pins.platform_key).contents
        seen = self._follow(contents.checkpoint)
        listings = {each.signatures: self._file(each.signatures) for each in contents.collections}
        shown = check(contents, listings, seen.watch, seen.leaves)
        if not contents.collections:
            shutil.rmtree(self.folder / _EDITION, ignore_errors=True)
            raise InputError("nobody has a signature in this platform's catalogue yet")
        newest = contents.collections[-1]
        return self._keep_edition(newest, shown[newest.training])

    def _follow(self, note: bytes) -> Seen:
        reader = LogReader(self._fetch)
        before = self.pins.watch(self._read(_NOTE))
        known = self._known_entries(before)
        try:
            watch = before.take(note, reader.growth(before, note))
        except ForkError as error:
            raise ForkError(f"{error}; the proof is {self._keep_evidence(error.evidence)}", error.evidence) from error
        entries = known + reader.entries(len(known), watch.size)
        leaves = watch.read(entries)
        replace(self.folder / _ENTRIES, b"".join(entry + b"\n" for entry in entries))
        replace(self.folder / _NOTE, note)
        return Seen(watch=watch, leaves=leaves)

    def _known_entries(self, watch: Watch) -> list[bytes]:
        """Those of the checkpoint seen last; none if what is kept is not they."""
        entries = self._read(_ENTRIES).splitlines()[: watch.size]
        try:
            watch.read(entries)
        except InputError:
            return []
        return entries

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        return path.read_bytes() if path.exists() else b""

    def _file(self, digest: bytes) -> bytes:
        """A public file, which is what its name says or nothing."""
        content = self._fetch(Route.FILES.format(sha256=digest.hex()))
        if sha256(content).digest() != digest:
            raise InputError(f"the platform's file {digest.hex()[:16]} is another than its name says")
        return content

    def _keep_edition(self, collection: Collection, signatures: Sequence[Listed]) -> Path:
        """One folder, in place of the last one (VIS-4)."""
        edition = self.folder / _EDITION
        model = self._kept_model(edition, collection.model) or self._file(collection.model)
        space = SignatureSpace.decode(self._file(collection.space))
        index = StyleIndex(
            space, [Signature(each.name, np.frombuffer(each.vector, "<f4").astype(np.float32)) for each in signatures]
        )
        draft = Path(mkdtemp(prefix=".edition.", dir=self.folder))
        try:
            (draft / MODEL_FILE).write_bytes(model)
            index.save(draft / CATALOGUE_FOLDER)
            if collection.nearness is not None:
                (draft / CATALOGUE_FOLDER / NEARNESS_FILE).write_bytes(self._file(collection.nearness))
                Nearness.load(draft / CATALOGUE_FOLDER)
            shutil.rmtree(edition, ignore_errors=True)
            draft.rename(edition)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return edition

    @staticmethod
    def _kept_model(edition: Path, digest: bytes) -> bytes | None:
        path = edition / MODEL_FILE
        if not path.exists():
            return None
        content = path.read_bytes()
        return content if sha256(content).digest() == digest else None

    def _keep_evidence(self, evidence: bytes) -> Path:
        path = self.folder / _EVIDENCE / f"{sha256(evidence).hexdigest()[:16]}.json"
        make_private(path.parent)
        replace(path, evidence)
        return path
