"""TM-23: a forked log. A platform shows artists or buyers two histories, another roster, or a signature withdrawn.

It has its keys, signs what it likes, and tells each artist a story that is whole in itself.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure import canonical
from fedstyle_secure.aggregation.session import Agreed, session_params
from fedstyle_secure.announcement import RECEIPT_BYTES
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.transparency.checkpoints import Checkpoint
from fedstyle_secure.transparency.leaves import (
    Epoch,
    Generation,
    Joined,
    Leaf,
    Model,
    Published,
    Training,
    Withdrawn,
    commit_roster,
)
from fedstyle_secure.transparency.tree import Tree
from fedstyle_secure.transparency.watch import Place, Watch
from fedstyle_secure.wire.catalogue import Collection, Contents, Listed, Listing, check
from fedstyle_secure.wire.trainings import Asked, Facts, Offer, Plan
from protocols import ProtocolError, Server, SessionParams
from protocols.secagg.messages import AdvertiseKeysRequest

from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .platform_key import SERVER_KEY
from .scripted import scripted
from .town import Federation, make_announcement, make_mechanism, make_subject

ARTISTS, ENTRIES = 8, 8
"""Artists of a session, half of whom are shown another log; entries of the log that is forked."""

_GROWTH, _SHOWN, _BOUND = "a checkpoint grew out of the last", "policy: checkpoint", "session bound to the checkpoint"
_ROSTER, _CATALOGUE = "the roster stands in the log", "the catalogue is what the log says"
_EDITS: Final = {
    _GROWTH: (
        Edit(
            "fedstyle_secure.transparency.watch:Watch.take",
            "verify_growth((seen.size, seen.root), (shown.size, shown.root), consistency)",
            "pass",
        ),
    ),
    _SHOWN: (
        Edit("protocols.policy:ClientPolicy.check_terms", "params.checkpoint_digest == self.checkpoint_digest", "True"),
    ),
    _BOUND: (
        Edit(
            "protocols.params:SessionParams._derive_session_id",
            "self._encode_fields()",
            "self._encode_fields().replace(self.checkpoint_digest, b'')",
        ),
    ),
    _ROSTER: (Edit("fedstyle_secure.wire.trainings:Offer.enter", "taken.check(roster, self.roster_place)", "pass"),),
    _CATALOGUE: (Edit("fedstyle_secure.wire.catalogue:check", "Counter(found) - Counter(standing)", "Counter()"),),
}

CLAIM = Claim(
    number=23,
    title="forked log",
    adversary="a platform, keys and all, that shows artists or buyers two histories of its log, offers a training to "
    "another roster than its log enters, or shows a signature that was withdrawn",
    assets="that all artists and buyers see one platform: one roster, one training, one catalogue",
    assumption="SHA-256 has no collisions; the log's key is pinned; whoever was shown one history keeps its checkpoint",
    promise="nobody who saw a log takes another history of it; artists who were shown two logs have no sum together; "
    "no artist enters a training whose roster its log does not hold; no buyer uses a catalogue that shows what the log "
    "says is withdrawn",
    defenses={
        _GROWTH: "transparency/watch.py, WAT-1: only what grew out of the newest checkpoint is taken",
        _SHOWN: "protocols/policy.py, ClientPolicy.check_terms: the session stands on the checkpoint that was shown",
        _BOUND: "protocols/params.py, PAR-1: the checkpoint is part of the session id, and so of every signature",
        _ROSTER: "wire/trainings.py, OFF-1: roster and training stand in the log at the offer's checkpoint",
        _CATALOGUE: "wire/catalogue.py, CAT-2: signatures are exactly those that the log says are published",
    },
    power=(
        Limit(figure="forks taken", at_least=1),
        Limit(figure="artists of both logs in one sum", at_least=ARTISTS),
        Limit(figure="changed rosters entered into", at_least=1),
        Limit(figure="withdrawn signatures shown", at_least=1),
    ),
    protected=(
        Limit(figure="forks taken", at_most=0),
        Limit(figure="artists of both logs in one sum", at_most=0),
        Limit(figure="changed rosters entered into", at_most=0),
        Limit(figure="withdrawn signatures shown", at_most=0),
    ),
    residual="whoever is shown one false history from the first day on, alone, and never compares its checkpoint with "
    "anybody, nor shares a session with whoever was shown another; a platform can always show an old catalogue to a "
    "buyer who never saw a newer one",
    tests=(
        "tests/threat_models/test_protocol_threats.py",
        "tests/artist/test_agreed.py",
        "tests/transparency/test_watch.py",
        "tests/wire/test_entering.py",
        "tests/runs/test_visiting.py",
    ),
    linddun=(Linddun.DATA_DISCLOSURE, Linddun.UNAWARENESS),
    stride=(Stride.TAMPERING, Stride.REPUDIATION),
)

_LOG_KEY: Final = Ed25519PrivateKey.from_private_bytes(scripted("log")(32))
_ORIGIN: Final = "gallery.example/log/1"
_NOBODY: Final = Watch(origin=_ORIGIN, key=_LOG_KEY.public_key().public_bytes_raw())
_SALT, _TRAINING, _MODEL = (sha256(name.encode()).digest() for name in ("salt", "training", "model"))


def defended(deployment: Deployment) -> bool:
    """Two honest artists are in any sum: one alone has no neighbor who was shown the same log."""
    return deployment.honest >= 2


def attack(without: frozenset[str], _effort: Effort) -> Figures:
    """Fork at every entry; sum over two logs in two ways; change a roster in three; show what was withdrawn."""
    with off(without, _EDITS):
        return {
            "forks taken": float(sum(map(_is_fork_taken, range(1, ENTRIES)))),
            "artists of both logs in one sum": float(max(map(_summed, (True, False)))),
            "changed rosters entered into": float(sum(map(_is_entered, _CHANGED_ROSTERS))),
            "withdrawn signatures shown": float(_is_withdrawn_shown()),
        }


def _history(*, other_from: int = ENTRIES) -> list[Leaf]:
    """A log; from one entry on it may say something else."""
    begun: list[Leaf] = [Epoch(number=1, size=0, root=bytes(32))]
    names = [f"{'other' if place >= other_from else 'artist'} {place}" for place in range(1, ENTRIES)]
    return begun + [Joined(commitment=sha256(name.encode()).digest()) for name in names]


def _note(leaves: Sequence[Leaf]) -> bytes:
    tree = Tree(leaf.encode() for leaf in leaves)
    return Checkpoint(origin=_ORIGIN, size=len(tree), root=tree.root()).sign(_LOG_KEY)


def _is_fork_taken(entry: int) -> bool:
    """Whether somebody who saw the log takes a longer one that differs in an entry, with that one's own proof."""
    seen, other = _NOBODY.take(_note(_history()), ()), [*_history(other_from=entry), *_history()[1:]]
    proof = Tree(leaf.encode() for leaf in other).prove_growth(ENTRIES, len(other))
    with suppress(FedStyleError):
        seen.take(_note(other), proof)
        return True
    return False


def _summed(is_one_invitation: bool) -> int:
    """How many artists are in one sum, half of whom were shown another log.

    Args:
        is_one_invitation: All are invited to the session of the first half's log; or each to one on its own.
    """
    shown = [
        Agreed(training_digest=_TRAINING, checkpoint_digest=_NOBODY.open(_note(_history(other_from=place))).digest)
        for place in (ENTRIES, ENTRIES - 1)
    ]
    with TemporaryDirectory(prefix="threat-") as folder:
        federation = Federation(folder=Path(folder), clients=ARTISTS, multipliers=(0.0,))
        artists, mechanism = list(federation.artists.values()), make_mechanism(mode=Mode.NONE)
        invitations = []
        for number, artist in enumerate(artists):
            artist.agreed = shown[number % 2]
            artist.receive_announcement(make_announcement(mechanism).encode())
            subject = make_subject(agreed=shown[0] if is_one_invitation else artist.agreed)
            invitations.append(
                session_params(federation.identities, subject, mechanism, session=1, server_key=SERVER_KEY)
            )
        return _survivors(invitations, [artist.receive_request for artist in artists])


def _survivors(invitations: Sequence[SessionParams], answers: Sequence[Callable[[bytes], bytes]]) -> int:
    """Play a session in which each artist has an invitation of its own; how many come to be in the sum."""
    server = Server(invitations[0])
    server.start()
    requests = {number: AdvertiseKeysRequest(params=params).encode() for number, params in enumerate(invitations)}
    with suppress(ProtocolError):
        while requests:
            for number, request in requests.items():
                with suppress(ProtocolError, FedStyleError):
                    server.receive(number, answers[number](request)[RECEIPT_BYTES:])
            requests = dict(server.close_round())
        return len(server.survivors) if server.aggregate() else 0
    return 0


_ROSTER_BYTES: Final = tuple(sha256(f"artist {number}".encode()).digest() for number in range(ARTISTS))
_CHANGED_ROSTERS: Final = (
    _ROSTER_BYTES[:-1],
    (*_ROSTER_BYTES[:-1], sha256(b"a stranger").digest()),
    (*_ROSTER_BYTES, sha256(b"a stranger").digest()),
)
"""One artist less, one exchanged, one more."""


def _is_entered(roster: tuple[bytes, ...]) -> bool:
    """Whether an artist enters a training of this roster, on a log that holds the training and another roster."""
    facts = _facts(roster)
    held = Generation(number=1, members=ARTISTS, commitment=commit_roster(_ROSTER_BYTES, _SALT))
    leaves = [*_history(), held, Training(digest=facts.digest, generation=1)]
    tree = Tree(leaf.encode() for leaf in leaves)
    roster_place, training_place = (
        Place(leaf=place, proof=tree.prove_entry(place, len(tree))) for place in (ENTRIES, ENTRIES + 1)
    )
    offer = Offer(
        facts=facts,
        checkpoint=_note(leaves),
        since=ENTRIES,
        consistency=tree.prove_growth(ENTRIES, len(tree)),
        roster_place=roster_place,
        training_place=training_place,
    )
    with suppress(FedStyleError):
        offer.enter(_NOBODY.take(_note(_history()), ()))
        return True
    return False


def _facts(roster: tuple[bytes, ...]) -> Facts:
    plan = Plan(
        mode=Mode.DISTRIBUTED,
        unit=Unit.ARTWORK,
        noise=Noise.GAUSSIAN,
        sampling_rate=1.0,
        corrupt=1,
        min_cohort=5,
        min_survivors=5,
        max_artworks=20,
        multipliers=(2.0,),
        buckets=1,
        seed=_SALT,
    )
    return Facts(
        number=1,
        generation=1,
        roster=roster,
        salt=_SALT,
        plan=plan,
        asked=Asked(aggregate=8.0, local=None, worst_case=None, delta=1e-5),
        prototype=make_mechanism(),
        style_space=_MODEL,
        model=_MODEL,
        architecture=_MODEL,
        anchors=_MODEL,
        announcement_seconds=60,
        round_seconds=60,
    )


def _is_withdrawn_shown() -> bool:
    """Whether a buyer uses a catalogue with a signature that the log says is withdrawn."""
    stays, goes = (Listed(training=_TRAINING, name=name, link=None, vector=bytes(8)) for name in ("Anna", "Bea"))
    leaves = [
        *_history(),
        Model(digest=_MODEL, space=_MODEL, training=_TRAINING),
        *(Published(digest=each.digest) for each in (stays, goes)),
        Withdrawn(digest=goes.digest),
    ]
    listing = canonical.encode(Listing(signatures=(stays, goes)))
    name = sha256(listing).digest()
    collection = Collection(training=_TRAINING, model=_MODEL, space=_MODEL, signatures=name)
    contents = Contents(checkpoint=_note(leaves), collections=(collection,))
    with suppress(FedStyleError):
        return goes in check(contents, {name: listing}, replace(_NOBODY, note=contents.checkpoint), leaves)[_TRAINING]
    return False
