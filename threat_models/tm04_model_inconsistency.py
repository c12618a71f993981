"""TM-4: model inconsistency. One artist gets the model, everyone else one that gives no gradient at all.

A sum over the whole cohort is then that one artist's update (Pasquini, Francati, Ateniese, CCS 2022): no mask is
broken, none needs to be. Here the dead model's whitening projects everything to zero, which its architecture allows.
Where artists speak once, the same is tried on their clients: the dead model's update is zero.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from fedstyle_secure.aggregation.session import NO_LOG, Subject, session_params
from fedstyle_secure.announcement import RECEIPT_BYTES, Announcement
from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.errors import FedStyleError
from fedstyle_secure.privacy.mechanism import Mechanism
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import dequantize
from protocols import ProtocolError, SessionParams
from protocols import Server as FiveRoundServer
from protocols.secagg.messages import AdvertiseKeysRequest, MaskedInputResponse
from protocols.speakonce import Server
from protocols.speakonce.messages import SpeakRequest

from .adversaries.defenses import LEAKS
from .claim import Claim, Effort, Figures, Limit, Linddun, Stride
from .deployment import Deployment
from .edits import Edit, off
from .platform_key import SERVER_KEY
from .scripted import scripted
from .town import Federation, codebook, cosine, first_model
from .windows import ONCE
from .windows.parties import make_client, policy_for, vectors_of, window

ARTISTS = 8
_TARGETS: Final = {Effort.FAST: (0,), Effort.SLOW: tuple(range(ARTISTS))}
_UPLOADS, _COSINE = "uploads of the target", "cosine of the sum and the target's update"
_MODEL, _SESSION = "policy: model", "session bound to the model"
_EDITS: Final = {
    **{ablation.name: ablation.edits for ablation in LEAKS},
    f"{ONCE}{_SESSION}": (
        Edit(
            "protocols.speakonce.params:WindowParams._derive_session_id",
            ' + self._encode_opening() + b"".join(self._digests)',
            " + self._encode_opening()",
        ),
    ),
}

CLAIM = Claim(
    number=4,
    title="model inconsistency",
    adversary="a server that sends one artist the model and all others a dead one, and asks for one sum",
    assets="one artist's update, as if there were no secure aggregation",
    assumption="SHA-256 has no collisions",
    promise="an artist masks its update for a session about the very model it received, and artists with different "
    "models share no session",
    defenses={
        _MODEL: "protocols/policy.py, ClientPolicy.check: the session's model is the one received",
        _SESSION: "protocols/params.py: the model is part of the session id, and so of every key",
        f"{ONCE}{_SESSION}": "protocols/speakonce/params.py, WIN-1",
    },
    power=tuple(Limit(figure=f"{kind}{_COSINE}", at_least=0.99) for kind in ("", ONCE)),
    protected=(
        Limit(figure=_UPLOADS, at_most=0),
        Limit(figure=_COSINE, at_most=0.5),
        Limit(figure=f"{ONCE}{_COSINE}", at_most=0.5),
    ),
    residual="all artists may be given the same harmful model: see TM-11 and TM-12. Who speaks once has nobody to ask "
    "first: it uploads into a window that it shares with nobody, and pays for it; its masks never come off",
    tests=(
        "tests/threat_models/test_protocol_threats.py",
        "tests/protocols/secagg/test_evil_server.py::test_a_client_told_of_another_model_uploads_nothing",
    ),
    linddun=(Linddun.DATA_DISCLOSURE,),
    stride=(Stride.TAMPERING, Stride.INFORMATION_DISCLOSURE),
)


def defended(deployment: Deployment) -> bool:
    """Two honest artists are in any sum: one alone with corrupt ones would share the model with nobody else."""
    return deployment.honest >= 2


def attack(without: frozenset[str], effort: Effort) -> Figures:
    """Ask for a sum about the target's model, about the dead one, and about each artist's own; keep the best."""
    found, once = [], []
    with off(without, _EDITS):
        for target in _TARGETS[effort]:
            models = {number: first_model() if number == target else _dead() for number in range(ARTISTS)}
            for announced in (
                dict.fromkeys(models, first_model()),
                dict.fromkeys(models, _dead()),
                models,
            ):
                with tempfile.TemporaryDirectory(prefix="threat-") as folder:
                    found.append(_ask(Path(folder), target, models, announced))
                once.append(_ask_once(target, models, announced))
    return {
        f"{kind}{name}": figure
        for kind, asked in (("", found), (ONCE, once))
        for name, figure in (
            (_UPLOADS, sum(delivered for delivered, _ in asked)),
            (_COSINE, max(similarity or 0.0 for _, similarity in asked)),
            ("sessions", len(asked)),
        )
    }


def _dead() -> StyleModel:
    """The same architecture, and zero gradients and moments for every artwork."""
    model = first_model()
    nowhere = Whitening(center=model.whitening.center, projection=np.zeros_like(model.whitening.projection))
    return replace(model, whitening=nowhere)


def _ask(
    folder: Path, target: int, models: Mapping[int, StyleModel], announced: Mapping[int, StyleModel]
) -> tuple[bool, float | None]:
    """One session.

    Args:
        folder: For ledgers.
        target: Whose update is wanted.
        models: What each artist is given.
        announced: What each artist is told that the session is about.

    Returns:
        Whether the target delivered a masked input, and how similar the sum is to its update; None without a sum.
    """
    federation = Federation(folder=folder, clients=ARTISTS, multipliers=(0.0,))
    mechanism = federation.cohort.mechanism(
        1, dimensions=models[target].head.shape[1], outputs=len(models[target].head)
    )
    artists = list(federation.artists.values())
    for number, artist in enumerate(artists):
        announcement = Announcement(iteration=1, mechanism=mechanism, model=models[number])
        artist.receive_announcement(announcement.encode())
    invitations = {number: _params(federation, mechanism, model) for number, model in announced.items()}
    server = FiveRoundServer(invitations[target])
    delivered = False
    requests: dict[int, bytes] = dict(server.start())
    requests = {number: AdvertiseKeysRequest(params=invitations[number]).encode() for number in requests}
    try:
        while requests:
            for number, request in requests.items():
                try:
                    response = artists[number].receive_request(request)[RECEIPT_BYTES:]
                    delivered |= number == target and response[0] == MaskedInputResponse.TAG
                    server.receive(number, response)
                except (ProtocolError, FedStyleError):
                    continue
            requests = dict(server.close_round())
    except ProtocolError:
        return delivered, None
    (total,) = server.aggregate().values()
    artist = artists[target]
    own = protect(
        contribute(artist.features, models[target], mechanism, codebook(), artist.codeword), mechanism, scripted("own")
    )
    return delivered, abs(cosine(dequantize(total, mechanism), dequantize(own.values, mechanism)))


def _ask_once(
    target: int, models: Mapping[int, StyleModel], announced: Mapping[int, StyleModel]
) -> tuple[bool, float | None]:
    """The same of one window; an update is a client's vector, or zero under the dead model."""
    windows = {number: window(ARTISTS, model_digest=model.digest) for number, model in announced.items()}
    policies = {number: policy_for(windows[number], model_digest=model.digest) for number, model in models.items()}
    own = vectors_of(windows[target], target)
    inputs = {number: own if number == target else {name: 0 * own[name] for name in own} for number in models}
    clients = {number: make_client(windows[number], number, seed=0) for number in models}
    server, delivered = Server(windows[target]), False
    requests = {number: SpeakRequest(params=windows[number]).encode() for number in server.start()}
    try:
        while requests:
            for number, request in requests.items():
                try:
                    if request[0] == SpeakRequest.TAG:
                        vectors = partial(inputs.__getitem__, number)
                        response = clients[number].speak(request, policy=policies[number], vectors=vectors)
                        delivered |= number == target
                    else:
                        response = clients[number].receive(request)
                    server.receive(number, response)
                except ProtocolError:
                    continue
            requests = dict(server.close_round())
    except ProtocolError:
        return delivered, None
    (total,), (update,) = server.aggregate().values(), own.values()
    return delivered, abs(cosine(total.astype(float), update.astype(float)))


def _params(federation: Federation, mechanism: Mechanism, model: StyleModel) -> SessionParams:
    subject = Subject(
        iteration=1,
        model_digest=model.digest,
        architecture_digest=model.architecture_digest,
        anchors_digest=codebook().digest,
        agreed=NO_LOG,
    )
    return session_params(federation.identities, subject, mechanism, session=1, server_key=SERVER_KEY)
