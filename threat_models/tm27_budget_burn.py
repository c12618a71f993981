"""TM-27: budget burn. A platform that wants no sum, but its artists' budgets gone, or their numbers at the end.

And what is burnt must stay in the ledger: two processes of one artist that charge it at the same time, however a write
of one of them ends, would otherwise release what nobody counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fedstyle_secure.aggregation.session import session_params
from fedstyle_secure.announcement import RECEIPT_BYTES
from fedstyle_secure.artist.artist import Artist
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.accounting import quick_epsilon
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from protocols import ProtocolError, Server

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .platform_key import SERVER_KEY
from .town import Federation, make_announcement, make_mechanism, make_subject, make_terms
from .two_writers import lost_charges

TRIES, SESSIONS_BORNE, UPLOADED = 8, 2, 4
"""Iterations that the platform tries to burn; sessions without a sum that terms bear; answers up to the upload."""

_TERMS: Final = "fedstyle_secure.artist.terms:Terms"
_LATE, _CEILING, _JUMP = "charged when others are there", "a ceiling for sessions without a sum", "numbers rise slowly"
_LOCK, _REREAD = "one writer at a time", "what others charged is read first"
_EDITS: Final = {
    _LATE: (
        Edit(
            "fedstyle_secure.artist.artist:Artist.receive_announcement",
            "self._check_cost(_release(announcement, None))",
            "self.ledger.charge(_release(announcement, None))",
        ),
    ),
    _CEILING: (Edit(f"{_TERMS}.check_cost", "self.unsummed_epsilon", "math.inf"),),
    _JUMP: (Edit(f"{_TERMS}.check", "<= last_iteration + self.max_jump", "< 1 << 32"),),
    _LOCK: (Edit("fedstyle_secure.durable:locked", "fcntl.flock(descriptor, lock)", "pass"),),
    _REREAD: (
        Edit(
            "fedstyle_secure.privacy.ledger:Ledger._catch_up",
            "content = os.pread(file, os.fstat(file).st_size, 0)",
            "content = self._content or os.pread(file, os.fstat(file).st_size, 0)",
        ),
    ),
}

CLAIM = Claim(
    number=27,
    title="budget burn",
    adversary="a platform, key and all, that announces what it never sums, or an iteration of the highest number; "
    "two processes of one artist that charge one ledger at the same time, one of which may fail in mid-write",
    assets="an artist's budget; that it can take part in anything afterwards; what its ledger remembers",
    assumption="the artist's own terms; the other artists follow the protocol",
    promise="announcements alone cost nothing and move nothing; sessions that end without a sum cost together no more "
    "than the artist's terms say; no single number ends an artist; no charge that was "
    "acknowledged to one process is lost by another",
    defenses={
        _LATE: "artist/artist.py, AGT-3: a session is charged once enough artists have sealed shares for this one",
        _CEILING: "artist/terms.py, TRM-4: unsummed_epsilon",
        _JUMP: "artist/terms.py, TRM-4: max_jump",
        _LOCK: "durable.py, DUR-2; privacy/ledger.py, LED-6",
        _REREAD: "privacy/ledger.py, LED-6",
    },
    power=(
        Limit(figure="epsilon burnt by announcements", at_least=2.0),
        Limit(figure="burnt by sessions / agreed to", at_least=1.5),
        Limit(figure="artists ended by one number", at_least=1),
        Limit(figure="acknowledged charges lost by two writers", at_least=1),
    ),
    protected=(
        Limit(figure="epsilon burnt by announcements", at_most=0.0),
        Limit(figure="burnt by sessions / agreed to", at_most=1.0),
        Limit(figure="artists ended by one number", at_most=0),
        Limit(figure="acknowledged charges lost by two writers", at_most=0),
    ),
    residual="up to the agreed ceiling a platform burns what it likes, and it can always refuse to serve anybody",
    tests=("tests/artist/test_terms.py", "tests/artist/test_artist.py", "tests/privacy/test_ledger_processes.py"),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.DENIAL_OF_SERVICE,),
)


def defended(deployment: Deployment) -> bool:
    """There is noise, and so a budget."""
    return deployment.is_noised


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Announce; run sessions up to the upload until the artist refuses; name the highest number; charge twice."""
    with off(without, _EDITS):
        return {
            "epsilon burnt by announcements": _burnt_by_announcements(),
            "burnt by sessions / agreed to": _burnt_by_sessions() / _agreed(),
            "artists ended by one number": float(_is_ended_by_a_number()),
            "acknowledged charges lost by two writers": lost_charges(),
        }


def _cost(times: int) -> float:
    mechanism = make_mechanism()
    events = [mechanism.event(View.AGGREGATE)] * times
    return quick_epsilon(events, 1e-5, delta_slack=times * mechanism.delta_slack)


def _agreed() -> float:
    return 1.001 * _cost(SESSIONS_BORNE)


@contextmanager
def _town() -> Iterator[Federation]:
    """Eight artists, the first of whom is attacked."""
    with TemporaryDirectory(prefix="threat-") as folder:
        federation = Federation(folder=Path(folder), mode=Mode.DISTRIBUTED)
        for artist in federation.artists.values():
            artist.terms = make_terms(iteration_epsilon=1.001 * _cost(1), unsummed_epsilon=_agreed(), max_jump=TRIES)
        yield federation


def _target(federation: Federation) -> Artist:
    return federation.artists[federation.names[0]]


def _spent(artist: Artist) -> float:
    return artist.ledger.spent(View.AGGREGATE)


def _burnt_by_announcements() -> float:
    with _town() as federation:
        target = _target(federation)
        for iteration in range(1, TRIES + 1):
            _announce(target, iteration)
        return _spent(target)


def _announce(artist: Artist, iteration: int) -> bool:
    try:
        artist.receive_announcement(make_announcement(iteration=iteration).encode())
    except FedStyleError:
        return False
    return True


def _burnt_by_sessions() -> float:
    """Every artist uploads, and nobody is asked for a share."""
    with _town() as federation:
        target, numbers = _target(federation), count(1)
        for iteration in range(1, TRIES + 1):
            _abandon(federation, iteration, next(numbers))
        sessions = [release for release in target.ledger.releases if release.session is not None]
        mechanism = make_mechanism()
        return quick_epsilon(
            [release.events[View.AGGREGATE] for release in sessions],
            1e-5,
            delta_slack=len(sessions) * mechanism.delta_slack,
        )


def _abandon(federation: Federation, iteration: int, session: int) -> None:
    """A session that is left after its uploads."""
    artists = list(federation.artists.values())
    for artist in artists:
        _announce(artist, iteration)
    params = session_params(
        federation.identities,
        make_subject(iteration=iteration),
        make_mechanism(),
        session=session,
        server_key=SERVER_KEY,
    )
    server = Server(params)
    requests = dict(server.start())
    for _ in range(UPLOADED):
        for number, request in requests.items():
            try:
                server.receive(number, artists[number].receive_request(request)[RECEIPT_BYTES:])
            except (FedStyleError, ProtocolError):
                continue
        try:
            requests = dict(server.close_round())
        except ProtocolError:
            return


def _is_ended_by_a_number() -> bool:
    """Whether an artist that took part in one session of the last possible number takes part in no other one."""
    with _town() as federation:
        _abandon(federation, (1 << 32) - 1, 1)
        return not _announce(_target(federation), 1)
