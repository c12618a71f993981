"""TM-5: keys that are not whose they seem: forged ones, and ones of small order that are everybody's.

Three ways in: the server puts keys of its own under other artists' names; a corrupt artist advertises an X25519 key
with which every agreed secret is the same; and an Ed25519 identity of small order is on the roster, for which anybody
signs without a private key (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", SSR 2020). Where artists speak
once, the keys are prekeys, and those of an earlier session whose private halves got out are a fourth way.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocols import SessionParams, VectorSpec
from protocols.codec import Domain
from protocols.errors import ProtocolError
from protocols.primitives.key_agreement import KeyPair
from protocols.primitives.signing import SMALL_ORDER as WEAK_IDENTITIES
from protocols.secagg.messages import AdvertiseKeysRequest, AdvertiseKeysResponse, Advertisement
from protocols.speakonce import Prekeys, WindowParams
from protocols.speakonce.messages import SpeakRequest
from protocols.speakonce.statements import sign_prekeys

from .adversaries import defenses
from .adversaries.choices import Dice
from .adversaries.evil_server import EvilServer
from .adversaries.on_keys import Forge, SmallOrder
from .adversaries.parties import (
    ITERATION,
    SERVER_KEY,
    SESSION,
    SMALL_ORDER,
    Cohort,
    Puppet,
    cohort,
    digest,
    identity,
    randomness,
    roster,
)
from .adversaries.views import View
from .adversaries.wire import Violation
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .windows import ONCE
from .windows.attacks import forge, replay
from .windows.defenses import PREKEYS
from .windows.hunt import LyingWindow
from .windows.parties import make_client, policy_for, prekeys_of, vectors_of, window

T = TypeVar("T", Advertisement, Prekeys)

CLIENTS, VICTIM, CORRUPT = 5, 0, 4
_SESSIONS: Final = {Effort.FAST: 40, Effort.SLOW: 400}
WEAK_KEYS: Final = sorted({key[:31] + bytes((key[31] | top,)) for key in SMALL_ORDER for top in (0, 0x80)})
"""Every encoding of the X25519 points of small order; the highest bit is ignored (RFC 7748, section 5)."""
_EDITS: Final = {
    "signed advertisements": (defenses.VERIFY_ADVERTISEMENT,),
    "refusal of weak keys": defenses.SMALL_ORDER,
    "refusal of weak identities": (
        Edit("protocols.primitives.signing:verify", "if identity in SMALL_ORDER:", "if False:"),
    ),
    f"{ONCE}signed prekeys": (PREKEYS,),
    f"{ONCE}refusal of weak keys": (
        Edit("protocols.speakonce.statements:verify_prekeys", "check_public_key(prekeys.seal_key)", "pass"),
        Edit("protocols.speakonce.statements:verify_prekeys", "check_public_key(prekeys.mask_key)", "pass"),
        *defenses.AGREED_WEAK_KEYS,
    ),
}
_FIGURES = (
    "sessions broken by forged or weak keys",
    "weak X25519 keys agreed with",
    "weak Ed25519 identities believed",
    f"{ONCE}sessions broken by forged or replayed prekeys",
    f"{ONCE}weak X25519 keys agreed with",
    f"{ONCE}weak Ed25519 identities believed",
)

CLAIM = Claim(
    number=5,
    title="forged and weak keys",
    adversary="a server without a public key infrastructure to fear: it substitutes keys, shows old ones, "
    "and has a corrupt artist advertise, or enrol with, keys of small order",
    assets="the masks, and with them every update",
    assumption="each artist pinned the others' identities through a channel that the server does not control",
    promise="no artist shares a secret under a key that no pinned identity signed, or that makes the secret a constant",
    defenses={
        "signed advertisements": "protocols/secagg/client.py, _share_keys",
        "refusal of weak keys": "protocols/primitives/key_agreement.py, check_public_key: KEY-1",
        "refusal of weak identities": "protocols/primitives/signing.py, verify",
        f"{ONCE}signed prekeys": "protocols/speakonce/client.py, SPC-2, SPT-1",
        f"{ONCE}refusal of weak keys": "protocols/speakonce/statements.py, verify_prekeys; KEY-1",
    },
    power=tuple(Limit(figure=figure, at_least=1 if "sessions" in figure else 8) for figure in _FIGURES),
    protected=tuple(Limit(figure=figure, at_most=0) for figure in _FIGURES),
    residual="whoever controls the channel through which identities are pinned is everybody; a stolen identity is its "
    "thief's until the roster changes",
    tests=(
        "tests/protocols/primitives/test_key_agreement.py",
        "tests/protocols/primitives/test_signing.py",
        "tests/protocols/secagg/test_evil_server.py::test_substituted_keys_get_no_box",
    ),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.SPOOFING, Stride.INFORMATION_DISCLOSURE),
)


def defended(deployment: Deployment) -> bool:
    """Artists have one another's identities from somebody else than the server."""
    return deployment.pinned


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Forge in many sessions, and offer each weak encoding once."""
    sessions = _SESSIONS[effort]
    with off(without, _EDITS):
        counts = (
            sum(map(_is_broken, range(sessions))),
            sum(map(_agrees, WEAK_KEYS)),
            sum(map(_believes, sorted(WEAK_IDENTITIES))),
            sum(map(_window_is_broken, range(sessions))),
            sum(map(_speaks_under, WEAK_KEYS)),
            sum(map(_speaks_to, sorted(WEAK_IDENTITIES))),
        )
    return {
        **dict(zip(_FIGURES, counts, strict=True)),
        "sessions of each kind": sessions,
        "weak X25519 keys": len(WEAK_KEYS),
        "weak Ed25519 identities": len(WEAK_IDENTITIES),
    }


def _is_broken(number: int) -> bool:
    choose = Dice(number)
    try:
        EvilServer(cohort(choose), choose, [(Forge, SmallOrder)[number % 2]]).play()
    except Violation:
        return True
    return False


def _agrees(key: bytes) -> bool:
    """Whether an artist seals a box for a peer with this key, signed by a pinned identity."""
    params = _params(roster(CLIENTS))
    puppet = Puppet(CORRUPT, randomness(0, CORRUPT), identity(CORRUPT))
    return _accepts(params, puppet.advertise(params, seal_key=key))


def _believes(weak: bytes) -> bool:
    """Whether an artist seals a box for keys that nobody with a private key signed for."""
    params = _params((*roster(CLIENTS)[:CORRUPT], weak))
    return _accepts(params, _forge(params, weak))


def _accepts(params: SessionParams, advertisement: Advertisement) -> bool:
    """Whether an artist answers when it is shown this among the genuine advertisements."""
    invited = Cohort(params, frozenset({CORRUPT}), seed=0)
    clients = {index: invited.client(index) for index in invited.honest}
    invitation = AdvertiseKeysRequest(params=params).encode()
    answers = {index: client.receive(invitation) for index, client in clients.items()}
    table = {index: AdvertiseKeysResponse.decode(data, params).advertisement for index, data in answers.items()}
    view = View(params, {**table, CORRUPT: advertisement})
    try:
        clients[VICTIM].receive(view.request(view.circle(VICTIM)))
    except ProtocolError:
        return False
    return True


def _forge(params: SessionParams, weak: bytes) -> Advertisement:
    """Tries commitments until a signature without a private key fits."""
    puppet = Puppet(CORRUPT, randomness(0, CORRUPT), identity(CORRUPT))
    context = Domain.ADVERTISEMENT.bind(params.session_id, CORRUPT)
    tried = (puppet.advertise(params, commitment=digest(f"{trial}")) for trial in count())
    return _with_signature(weak, tried, lambda bent: context + bent.seal_key + bent.mask_key + bent.commitment)


def _with_signature(weak: bytes, tried: Iterable[T], content: Callable[[T], bytes]) -> T:
    """The first that a signature fits which anybody can make: R of small order, and S = 0."""
    for bent, point in ((each, point) for each in tried for point in sorted(WEAK_IDENTITIES)):
        signature = point + bytes(32)
        try:
            Ed25519PublicKey.from_public_bytes(weak).verify(signature, content(bent))
        except InvalidSignature:
            continue
        return replace(bent, signature=signature)
    raise AssertionError("counting came to an end")


# Prekeys


def _window_is_broken(number: int) -> bool:
    try:
        LyingWindow((forge, replay)[number % 2], Dice(number)).play()
    except Violation:
        return True
    return False


def _speaks_under(key: bytes) -> bool:
    """Whether an artist speaks when a corrupt one's mask prekey is this, signed by its pinned identity."""
    prekeys = sign_prekeys(
        identity(CORRUPT), server_key=SERVER_KEY, session=SESSION, seal_key=KeyPair(bytes(32)).public, mask_key=key
    )
    return _speaks(window(CLIENTS, prekeys=(*map(partial(prekeys_of, 0), range(CORRUPT)), prekeys)))


def _speaks_to(weak: bytes) -> bool:
    """Whether an artist speaks to somebody whose prekeys nobody with a private key signed."""
    context = Domain.PREKEYS.value + SERVER_KEY + SESSION.to_bytes(8, "big")
    tried = (prekeys_of(trial, CORRUPT) for trial in count())
    prekeys = _with_signature(weak, tried, lambda bent: context + bent.seal_key + bent.mask_key)
    return _speaks(
        window(
            CLIENTS,
            identities=(*roster(CLIENTS)[:CORRUPT], weak),
            prekeys=(*map(partial(prekeys_of, 0), range(CORRUPT)), prekeys),
        )
    )


def _speaks(params: WindowParams) -> bool:
    client = make_client(params, VICTIM, seed=0)
    try:
        client.speak(
            SpeakRequest(params=params).encode(),
            policy=policy_for(params),
            vectors=lambda: vectors_of(params, VICTIM),
        )
    except ProtocolError:
        return False
    return True


def _params(identities: tuple[bytes, ...]) -> SessionParams:
    return SessionParams(
        session=SESSION,
        iteration=ITERATION,
        server_key=SERVER_KEY,
        identities=identities,
        vectors=(VectorSpec(name="update", length=2, modulus_bits=16, max_abs_input=100),),
        degree=CLIENTS - 1,
        threshold=CLIENTS // 2 + 1,
        corrupt=1,
        min_survivors=CLIENTS // 2 + 2,
    )
