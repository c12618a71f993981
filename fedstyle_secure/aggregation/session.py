"""What both sides of a session compute alike: what it is about, how large it must be, whom a cohort may hold.

AGG-2  Nothing is masked whose layout has a tensor with fewer artists behind a coordinate than the minimum cohort: masks
       hide an artist in a sum, and a coordinate that one artist fills alone is no sum (threat TM-8).
AGG-5  A cohort stays together: where cohorts are chosen, over a register of all there ever were, and again by each
       client over those that it uploaded to, one is refused that fewer artists than the minimum cohort joined or left
       since an earlier one (threat TM-7).
AGG-8  A session belongs to one training and stands on one checkpoint of the platform's log: an artist takes part in it
       only if both are those that it checked, and artists who were shown different logs share no session (TM-23).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from protocols import ProtocolError, SessionParams, VectorSpec, parameters
from protocols.cohorts import Cohorts as Cohorts  # noqa: PLC0414  (whoever keeps one gets it from here)
from protocols.params import NOTHING

from ..errors import InputError, PrivacyError
from ..privacy.mechanism import Mechanism

COMPLETE_UP_TO = 64
"""Artists up to which everyone is everyone's neighbor (Bonawitz et al., CCS 2017); beyond, a sparse graph."""
UPDATE: Final = "update"
"""Name of the one vector that a session sums."""


class SupportError(PrivacyError):
    """A tensor has fewer artists behind some coordinate than the minimum cohort; nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What all sessions of a training stand on, as whoever takes part in them checked it before the first.

    Attributes:
        training_digest: SHA-256 of the training, 32 bytes.
        checkpoint_digest: SHA-256 of the checkpoint of the platform's log in which the training stands, 32 bytes.
    """

    training_digest: bytes
    checkpoint_digest: bytes


NO_LOG: Final = Agreed(training_digest=NOTHING, checkpoint_digest=NOTHING)
"""Where all roles are in one process: nobody is shown a log, and nobody could be shown another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a session is about. Each side computes it from what it holds, never from what it is told.

    Attributes:
        iteration: Number of the model update, from 1.
        model_digest: SHA-256 of the model.
        architecture_digest: SHA-256 of what training may not change.
        anchors_digest: SHA-256 of the style codebook.
        agreed: The training that it belongs to, and where that stands in the platform's log (AGG-8).
    """

    iteration: int
    model_digest: bytes
    architecture_digest: bytes
    anchors_digest: bytes
    agreed: Agreed


def fewest_survivors(clients: int, corrupt: int) -> int:
    """Fewest artists that must stay for a session to be secure among so many, so many of them corrupt."""
    return max((clients + corrupt) // 2 + 1, _complete_threshold(clients, corrupt) + 1, corrupt + 2)


def _complete_threshold(clients: int, corrupt: int) -> int:
    """Smallest t with 2 t > degree + corrupt when everyone is everyone's neighbor."""
    return (clients - 1 + corrupt) // 2 + 1


def _degree_and_threshold(clients: int, corrupt: int, min_survivors: int) -> tuple[int, int]:
    """The complete graph among few artists; among many, the sparse one that withstands a lying server."""
    if clients <= COMPLETE_UP_TO:
        return clients - 1, _complete_threshold(clients, corrupt)
    graph = parameters(clients, corrupt=corrupt / clients, dropout=1 - min_survivors / clients)
    return graph.degree, graph.threshold


def check_support(mechanism: Mechanism, min_cohort: int) -> None:
    """Refuse a layout in which some coordinate has fewer than `min_cohort` artists behind it (AGG-2).

    Raises:
        SupportError: Names the tensor.
    """
    for segment in mechanism.layout.segments:
        support = segment.support.size(mechanism.min_survivors)
        if support < min_cohort:
            raise SupportError(
                f"tensor {segment.name!r} has {support} artist(s) behind a coordinate, fewer than the minimum cohort "
                f"of {min_cohort}: its sum would show single artists; send sums over the whole cohort instead"
            )


def check_cohort(identities: Collection[bytes], register: Cohorts, min_cohort: int) -> None:
    """Refuse a cohort that differs from an earlier one in too few artists (AGG-5); every artist refuses it too.

    Args:
        identities: The cohort.
        register: All cohorts of earlier sessions, whoever was in them.
        min_cohort: Fewest artists that an artist hides among.

    Raises:
        InputError: Says how many have left and joined.
    """
    conflict = register.conflict(identities, min_cohort)
    if conflict:
        raise InputError(f"{conflict}; keep the cohort as it was, or let {min_cohort} or more join or leave at once")


def update_spec(mechanism: Mechanism) -> VectorSpec:
    """The one vector that a session sums, as both sides read it out of the announced mechanism."""
    return VectorSpec(
        name=UPDATE,
        length=mechanism.dimension,
        modulus_bits=mechanism.modulus_bits,
        max_abs_input=mechanism.max_abs_input,
    )


def facts_of(
    identities: Sequence[bytes], subject: Subject, mechanism: Mechanism, *, session: int, server_key: bytes
) -> dict[str, Any]:
    """What the parameters of every session say, whatever its kind; arguments as for `session_params`."""
    return {
        "session": session,
        "iteration": subject.iteration,
        "server_key": server_key,
        "identities": tuple(identities),
        "vectors": (update_spec(mechanism),),
        "model_digest": subject.model_digest,
        "architecture_digest": subject.architecture_digest,
        "anchors_digest": subject.anchors_digest,
        "privacy_digest": mechanism.digest,
        "training_digest": subject.agreed.training_digest,
        "checkpoint_digest": subject.agreed.checkpoint_digest,
    }


def session_params(
    identities: Sequence[bytes], subject: Subject, mechanism: Mechanism, *, session: int, server_key: bytes
) -> SessionParams:
    """The session's public parameters, as the server announces them.

    Args:
        identities: The cohort.
        subject: What it is about.
        mechanism: What uploads go through.
        session: Its number; higher than that of any session before with one of these artists.
        server_key: The platform's Ed25519 public key, 32 bytes.

    Raises:
        InputError: The cohort cannot bear the corrupt clients or dropouts that the mechanism assumes.
    """
    try:
        degree, threshold = _degree_and_threshold(len(identities), mechanism.corrupt, mechanism.min_survivors)
        return SessionParams(
            **facts_of(identities, subject, mechanism, session=session, server_key=server_key),
            degree=degree,
            threshold=threshold,
            corrupt=mechanism.corrupt,
            min_survivors=mechanism.min_survivors,
        )
    except ProtocolError as error:
        raise InputError(f"no secure session fits this cohort: {error}") from error
