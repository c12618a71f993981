"""The engine over syft: exchanges are files, and what passed is on disk before anybody goes on.

What an exchange was asked and what came of it is a folder of the platform's own; how long to wait, and what happens
when the platform runs again, is `HttpEngine`'s, which reads journals of either kind.

SYF-9  An artist's reply counts once, as the first that came under the name of its request; and of that exchange alone.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ...durable import replace
from ...errors import InputError
from ..courier import Engine
from ..http import Exchange, HttpEngine, Reply, digest_requests
from ..memory import MemoryEngine
from .boxes import ArtistBox, VisitorBox

PAUSE: Final = 0.2
"""Seconds between two looks into a folder where nothing was new."""
_KEPT: Final = 4
"""Exchanges whose files stay in an artist's datasite."""
_BATCH: Final = 16


class FolderJournal:
    """Exchanges with artists over syft, each a folder of the platform's own; see `http.Journal`.

    Args:
        folder: Where exchanges are kept.
        box: Through which files go.
        artists: Enrolled key of each mailbox's owner, by the owner's name: what stands before the last slash.
        pause: Lets so many seconds go by; in a simulation, lets artists look into their folders.
    """

    def __init__(
        self,
        folder: Path,
        box: VisitorBox,
        artists: Mapping[str, bytes],
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder, self._box, self._artists, self._pause = folder, box, dict(artists), pause
        self._open: dict[int, dict[tuple[bytes, str], str]] = {}
        """Of each exchange that was opened here: mailboxes whose reply is missing, by owner and name of request."""

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """Send the requests of an exchange, or find it as it was left.

        Raises:
            InputError: The name was given to other requests.
        """
        exchange = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
        place = self._place(exchange)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = digest_requests(requests)
        if (place / "requests").exists() and (place / "requests").read_bytes() != digest:
            raise InputError(f"exchange {name!r} was begun with other requests: they are in {place}")
        closed_at = int((place / "closed").read_bytes()) if (place / "closed").exists() else None
        if closed_at is None:
            replied = {reply.mailbox for reply in self._read(exchange)}
            missing = {self._ask(exchange, each): each for each in requests if each not in replied}
            self._box.meet()
            for (artist, request), mailbox in missing.items():
                if self._box.knows(artist):
                    self._box.ask(artist, request, requests[mailbox])
            self._open[exchange] = missing
            replace(place / "requests", digest)
        return Exchange(id=exchange, closed_at=closed_at, silent=0)

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """Some of the replies above a number, in order."""
        return list(self._read(exchange, after))

    def close(self, exchange: int) -> int:
        """Take no more replies; the number of the last one."""
        last = len(self._files(exchange))
        replace(self._place(exchange) / "closed", b"%d" % last)
        self._open.pop(exchange, None)
        return last

    def wait(self, seconds: float) -> None:
        """Take what came, or let a little time go by."""
        came = False
        for exchange, missing in self._open.items():
            for artist in dict.fromkeys(artist for artist, _ in missing):
                for request, content in self._box.answers(artist):
                    mailbox = missing.pop((artist, request), None)
                    if mailbox is not None:  # SYF-9
                        came = True
                        if content:
                            self._keep(exchange, mailbox, content)
        if not came:
            self._pause(min(seconds, PAUSE))

    @property
    def is_settled(self) -> bool:
        """Whether nobody's reply is missing: all came, or said that there is none."""
        return not any(self._open.values())

    def _ask(self, exchange: int, mailbox: str) -> tuple[bytes, str]:
        """Whose a mailbox is, and the name of its request in the owner's datasite."""
        owner, _, kind = mailbox.rpartition("/")
        return self._artists[owner], f"{exchange:016x}/{kind}"

    def _place(self, exchange: int) -> Path:
        return self._folder / f"{exchange:016x}"

    def _files(self, exchange: int) -> list[Path]:
        return sorted(self._place(exchange).glob("reply-*"))

    def _keep(self, exchange: int, mailbox: str, content: bytes) -> None:
        number = len(self._files(exchange)) + 1
        replace(self._place(exchange) / f"reply-{number:08d}", mailbox.encode() + b"\n" + content)

    def _read(self, exchange: int, after: int = 0) -> Iterator[Reply]:
        for number, path in enumerate(self._files(exchange)[after:], start=after + 1):
            mailbox, _, content = path.read_bytes().partition(b"\n")
            yield Reply(sequence=number, mailbox=mailbox.decode(), content=content)


class Attendant:
    """What stands at an artist's end: hands requests to whoever answers them, and their answers back.

    Args:
        box: The artist's.
        answer: Given the kind of a mailbox, what follows its owner's name, and a request; None for silence, nothing
            at all (b"") to say that no reply will come.
    """

    def __init__(self, box: ArtistBox, answer: Callable[[str, bytes], bytes | None]) -> None:
        self._box, self._answer = box, answer
        self._refused: set[tuple[str, bytes]] = set()
        self._seen: list[str] = []
        self._is_new = True

    def attend(self) -> int:
        """Look into the folder once, and answer what is there.

        Returns:
            How many requests were answered.

        Raises:
            FolderError: The shared folder cannot be used.
        """
        if (self._box.has_news or self._is_new) and self._box.sync():
            self._is_new = False
        answered = 0
        for name, request in list(self._box.unanswered()):
            key = (name, sha256(request).digest())
            if key in self._refused:
                continue
            reply = self._answer(name.rpartition("/")[2], request)
            if reply is None:
                self._refused.add(key)
                continue
            self._box.answer(name, reply)
            self._remember(name)
            answered += 1
        if answered:
            self._box.sync()
        return answered

    def _remember(self, name: str) -> None:
        """Let go of all but the newest exchanges."""
        self._seen.append(name)
        for old in self._seen[:-_KEPT]:
            self._box.forget(old)
        self._seen = self._seen[-_KEPT:]


@contextmanager
def open_local(mailboxes: MemoryEngine) -> Iterator[Engine]:
    """An engine at whose other end these mailboxes answer: all parties here, with keys and folders of their own.

    Args:
        mailboxes: Named ``OWNER/KIND``.

    Yields:
        The engine; its folders are removed at the end.
    """
    platform = Ed25519PrivateKey.generate()
    identities = {name.rpartition("/")[0]: Ed25519PrivateKey.generate() for name in mailboxes.names}
    artists = {name: identity.public_key().public_bytes_raw() for name, identity in identities.items()}
    with TemporaryDirectory(prefix="fedstyle-syft-") as scratch:
        root, shared = Path(scratch), Path(scratch) / "shared"
        attendants = [
            Attendant(
                ArtistBox(shared, root / artists[name].hex(), identity, platform.public_key().public_bytes_raw()),
                partial(_answer, mailboxes, name),
            )
            for name, identity in identities.items()
        ]
        box = VisitorBox(shared, root / "platform", platform, list(artists.values()))

        def look(_seconds: float) -> None:
            for attendant in attendants:
                attendant.attend()

        journal = FolderJournal(root / "exchanges", box, artists, pause=look)
        yield HttpEngine(journal, clock=lambda: inf if journal.is_settled else time.monotonic())


def _answer(mailboxes: MemoryEngine, owner: str, kind: str, request: bytes) -> bytes:
    """No reply is said at once: here nobody waits for those who vanished."""
    return mailboxes.answer(f"{owner}/{kind}", request) or b""
