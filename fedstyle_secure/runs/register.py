"""Ledgers of bodies of work: one budget for an artist's works, whatever run, name or folder they come in.

BOW-1  Works are recognized by their pixels, artists by their folded names: whoever brings one artwork of a known body
       of work, or its artist's name, is charged in its ledger.
BOW-2  Works that come together are one body of work from then on: its one ledger holds the charges of all, and is
       charged by one command at a time.
BOW-3  In one run no two artists have one ledger: an artwork, and a name, belongs to one of them.
BOW-4  A ledger that was once listed is never begun anew: missing, cut or exchanged, it is refused.
BOW-5  A body of work of which nothing was released leaves nothing behind.
"""

import fcntl
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from ..artworks.artwork import Portfolio
from ..config import Settings
from ..durable import locked, replace, user_state
from ..errors import InputError
from ..names import fold, told_apart
from ..privacy.ledger import Ledger, LedgerError, key_path
from ..privacy.mechanism import View
from ..privacy.releases import Release
from .files import LEDGER_FOLDER

FORMAT: Final = "fedstyle-bodies-1"
_LIST, _LOCK = "bodies.json", ".lock"
_DIGEST: Final = 32  # hexadecimal digits of an artwork's digest: enough that no two artworks share them by chance


def default_folder() -> Path:
    """Where ledgers are kept for a user."""
    return user_state() / "ledgers"


def ledgers_of(settings: Settings, run: Path) -> Path:
    """Where the ledgers of a run are while it is made in a folder."""
    if settings.fresh_ledgers:
        return run / LEDGER_FOLDER
    return settings.ledgers if settings.ledgers is not None else default_folder()


@dataclass(slots=True, kw_only=True)
class Body:
    """One artist's works.

    Attributes:
        names: Under which they came, folded.
        artworks: Digests of their pixels.
        head: Of the ledger, when it was last looked at by whoever charges it.
        limit: That was last set for them; None without one.
        into: The body that these works belong to since they came together with others; None as long as they do not.
    """

    names: set[str] = field(default_factory=set)
    artworks: set[str] = field(default_factory=set)
    head: str = ""
    limit: float | None = None
    into: str | None = None


class Register:
    """All bodies of work that are known in one folder, and their ledgers.

    Args:
        folder: Holds the list and a ledger with its key for each; made when the first one is claimed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def limit(self, portfolio: Portfolio) -> float | None:
        """The limit that was last set for an artist's works; None if they are unknown or have none."""
        with self._listed(is_writer=False) as bodies:
            limits = [bodies[body].limit for body in _match([portfolio], bodies)[portfolio.artist]]
            return max((limit for limit in limits if limit is not None), default=None)

    def read(self, file: str, *, delta: float, view: View) -> tuple[Ledger, Ledger]:
        """A ledger by its file's name, and the one that holds its charges now: another where works came together.

        Raises:
            LedgerError: It is not listed, is missing or was altered (BOW-4).
        """
        with self._listed(is_writer=False) as bodies:
            body_id = Path(file).stem
            if body_id not in bodies:
                raise LedgerError(f"{self.folder} holds no ledger {file}: put the run's ledgers back where they were")
            named = self._read(body_id, bodies[body_id], delta=delta, view=view)
            while (into := bodies[body_id].into) is not None:
                body_id = into
            limit = bodies[body_id].limit
            now = self._read(
                body_id, bodies[body_id], limit=math.inf if limit is None else limit, delta=delta, view=view
            )
            return named, now

    @contextmanager
    def claimed(
        self, portfolios: Sequence[Portfolio], *, limit: float, delta: float, view: View
    ) -> Iterator[dict[str, Ledger]]:
        """Every artist's ledger, to charge; what nothing was charged to is forgotten afterwards (BOW-5).

        Args:
            portfolios: The artists' works, all of them.
            limit: Largest epsilon that may be spent on them, all that was spent before included.
            delta: Delta at which epsilon is stated.
            view: The view to limit.

        Raises:
            InputError: Two of the artists are one (BOW-3), or the folder cannot be written.
            LedgerError: A ledger is missing or was altered (BOW-4).
        """
        with ExitStack() as held:
            with self._listed(is_writer=True) as bodies:
                matches = _match(portfolios, bodies)
                before = {body_id: deepcopy(bodies[body_id]) for ids in matches.values() for body_id in ids}
                ledgers = {}
                for portfolio in portfolios:
                    ids = matches[portfolio.artist] or [secrets.token_hex(8)]
                    for body_id in ids:
                        held.enter_context(self._held(body_id, portfolio.artist))
                    ledgers[portfolio.artist] = self._claim(portfolio, ids, bodies, limit=limit, delta=delta, view=view)
                self._write(bodies)
            try:
                yield ledgers
            finally:
                with self._listed(is_writer=True) as bodies:
                    for ledger in ledgers.values():
                        self._settle(ledger, bodies, before.get(ledger.path.stem))
                    self._write(bodies)

    @contextmanager
    def _held(self, body_id: str, name: str) -> Iterator[None]:
        """Keep every other command from charging a body of work (BOW-2)."""
        descriptor = os.open(self.folder / f"{body_id}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"another command is charging the works of {name}: wait until it has ended") from error
            yield
        finally:
            os.close(descriptor)

    def _claim(
        self,
        portfolio: Portfolio,
        ids: Sequence[str],
        bodies: dict[str, Body],
        *,
        limit: float,
        delta: float,
        view: View,
    ) -> Ledger:
        """The one ledger of an artist's works; those that were apart become one (BOW-2)."""
        body_id, body = ids[0], bodies.setdefault(ids[0], Body())
        for other in ids[1:]:
            joined = self._open(body_id, body, limit=math.inf, delta=delta, view=view)
            for release in self._read(other, bodies[other], delta=delta).releases:
                # Of one session both may hold a release, and both count; a ledger charges a session once (LED-7).
                joined.charge(
                    Release(
                        name=release.name,
                        iteration=release.iteration,
                        events=release.events,
                        delta_slack=release.delta_slack,
                    )
                )
            body.names |= bodies[other].names
            body.artworks |= bodies[other].artworks
            body.head, bodies[other].into = joined.head, body_id
            self._write(bodies)  # whatever stops this now, a charge counts twice rather than not at all
        ledger = self._open(body_id, body, limit=limit, delta=delta, view=view)
        body.names.add(fold(portfolio.artist))
        body.artworks |= _digests(portfolio)
        body.head, body.limit = ledger.head, limit if math.isfinite(limit) else None
        return ledger

    def _settle(self, ledger: Ledger, bodies: dict[str, Body], before: Body | None) -> None:
        """Note what a ledger holds now; where nothing was charged, all is as it was before the claim (BOW-5)."""
        body_id = ledger.path.stem
        if before is None and not ledger.releases:
            del bodies[body_id]
            for path in (ledger.path, key_path(ledger.path), ledger.path.with_suffix(".lock")):
                path.unlink(missing_ok=True)
        elif before is not None and ledger.head == before.head:
            bodies[body_id] = before
        else:
            bodies[body_id].head = ledger.head

    def _open(self, body_id: str, body: Body, *, limit: float, delta: float, view: View) -> Ledger:
        path = self.folder / f"{body_id}.jsonl"
        if body.head and not path.exists():
            raise LedgerError(f"the ledger {path} is missing, which was there before: restore the newest copy")
        return Ledger.open(path, limit=limit, delta=delta, view=view, known_head=body.head or None)

    def _read(
        self, body_id: str, body: Body, *, delta: float, limit: float = math.inf, view: View = View.AGGREGATE
    ) -> Ledger:
        path = self.folder / f"{body_id}.jsonl"
        return Ledger.read(path, limit=limit, delta=delta, view=view, known_head=body.head or None)

    @contextmanager
    def _listed(self, *, is_writer: bool) -> Iterator[dict[str, Body]]:
        """The list, while nobody else changes it."""
        try:
            if is_writer:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            elif not (self.folder / _LOCK).exists():
                yield self._read_list()
                return
            with locked(self.folder / _LOCK, is_writer=is_writer):
                yield self._read_list()
        except OSError as error:
            raise InputError(
                f"the folder of ledgers {self.folder} cannot be used ({error.strerror}): check who owns it"
            ) from error

    def _read_list(self) -> dict[str, Body]:
        path = self.folder / _LIST
        if not path.exists():
            self._refuse_unlisted({})
            return {}
        try:
            bodies = _decode_list(json.loads(path.read_bytes()))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LedgerError(f"{path} is damaged ({error}): restore a copy") from error
        self._refuse_unlisted(bodies)
        return bodies

    def _refuse_unlisted(self, bodies: Mapping[str, Body]) -> None:
        for path in self.folder.glob("*.jsonl"):
            if path.stem not in bodies and path.stat().st_size:
                raise LedgerError(
                    f"{self.folder / _LIST} does not say whose ledger {path.name} is, so that works could begin anew: "
                    "restore the newest copy"
                )

    def _write(self, bodies: Mapping[str, Body]) -> None:
        values = {"format": FORMAT, "bodies": {body_id: _encode(body) for body_id, body in bodies.items()}}
        replace(self.folder / _LIST, (json.dumps(values, indent=1) + "\n").encode())


def _match(portfolios: Sequence[Portfolio], bodies: Mapping[str, Body]) -> dict[str, list[str]]:
    """For each artist, the known bodies of work that hold its name or one of its artworks (BOW-1, BOW-3)."""
    names: dict[str, Portfolio] = {}
    owners: dict[str, Portfolio] = {}
    holders: dict[str, Portfolio] = {}
    live = {body_id: body for body_id, body in bodies.items() if body.into is None}
    by_name = {name: body_id for body_id, body in live.items() for name in body.names}
    by_artwork = {digest: body_id for body_id, body in live.items() for digest in body.artworks}
    matches = {}
    for portfolio in portfolios:
        folded, digests = fold(portfolio.artist), _digests(portfolio)
        _refuse_twins(
            portfolio,
            names.setdefault(folded, portfolio),
            "have one name, which is compared without case, accents' spelling, spaces and marks that do not show",
        )
        for digest in digests:
            _refuse_twins(portfolio, owners.setdefault(digest, portfolio), "hold the same picture")
        found = {by_name.get(folded), *map(by_artwork.get, digests)} - {None}
        matches[portfolio.artist] = [body_id for body_id in live if body_id in found]
        for body_id in matches[portfolio.artist]:
            _refuse_twins(
                portfolio, holders.setdefault(body_id, portfolio), "have works of one artist, by earlier runs"
            )
    return matches


def _refuse_twins(one: Portfolio, other: Portfolio, why: str) -> None:
    if one is not other:
        first, second = told_apart([other.artist, one.artist])
        raise InputError(
            f"{first} and {second} {why}, and there is one budget for one body of work: make them one folder, or take "
            "what they share out of one of them"
        )


def _digests(portfolio: Portfolio) -> set[str]:
    return {artwork.digest.hex()[:_DIGEST] for artwork in portfolio.artworks}


def _encode(body: Body) -> dict[str, Any]:
    return asdict(body) | {"names": sorted(body.names), "artworks": sorted(body.artworks)}


def _decode_list(content: dict[str, Any]) -> dict[str, Body]:
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}")
    return {str(body_id): _decode(values) for body_id, values in content["bodies"].items()}


def _decode(values: dict[str, Any]) -> Body:
    match values:
        case {
            "names": [*names],
            "artworks": [*artworks],
            "head": str(head),
            "limit": None | int() | float() as limit,
            "into": None | str() as into,
        }:
            return Body(names=set(map(str, names)), artworks=set(map(str, artworks)), head=head, limit=limit, into=into)
    raise ValueError("a body of work has names, artworks, a head, a limit, and what it became part of")
