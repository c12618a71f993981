"""How rivals' uploads are added up: by masked sessions, as FedStyle's are, or in the clear where masks cannot help.

EXC-1  A masked exchange asks the support rule first: a table with a row for each artist is refused, nothing is sent.
EXC-2  What a masked exchange returns is, to the integer, the sum of the quantized uploads.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from ..aggregation.letters import Purpose, answering
from ..aggregation.masking import IN_PROCESS, REFUSALS, Conditions, Enrolment, Part, mask
from ..aggregation.session import NO_LOG, Subject, session_params
from ..aggregation.summing import aggregate
from ..engines.memory import MemoryEngine
from ..privacy.clipping import Unit
from ..privacy.mechanism import Mechanism, plan
from ..privacy.noise import NoisyUpdate
from ..privacy.pipeline import protect
from ..privacy.sizing import Mode
from ..server.cohort import CohortPlan
from ..training.baselines.task import Upload
from ..training.updates import Contributions, Layout, Segment, Support

_FLOAT_BYTES = 4
_NOTHING = bytes(32)


@dataclass(slots=True, kw_only=True, eq=False)
class ClearExchange:
    """Sums of floats, without masks and without rounding.

    Attributes:
        bytes_up: What each artist sent; of a table with a row for each artist, its own row.
        bytes_down: What came back to each.
        largest: The longest upload of each tensor so far, in L2: public where artists are.
    """

    bytes_up: int = 0
    bytes_down: int = 0
    largest: dict[str, float] = field(default_factory=dict)

    def total(self, uploads: Sequence[Upload], support: Support) -> dict[str, NDArray[np.float64]]:
        """The sums, tensor by tensor."""
        for upload in uploads:
            for name, tensor in upload.items():
                self.largest[name] = max(self.largest.get(name, 0.0), float(np.linalg.norm(tensor)))
        sums = {name: np.stack([upload[name] for upload in uploads]).sum(0, dtype=np.float64) for name in uploads[0]}
        size = _FLOAT_BYTES * sum(tensor.size for tensor in sums.values())
        self.bytes_up += size if support is Support.COHORT else size // len(uploads)
        self.bytes_down += size
        return sums


@dataclass(slots=True, kw_only=True, eq=False)
class MaskedExchange:
    """Sums through secure aggregation with the embedded engine; mode none, so what comes out is not private.

    Attributes:
        cohort: Its clients, corrupt clients and least survivors.
        clip_norms: Public bound on each tensor of one upload, in L2; what is longer is shortened.
        min_cohort: Fewest artists a sum may cover.
        bytes_up: What each artist sent.
        bytes_down: What came back to each.
    """

    cohort: CohortPlan
    clip_norms: Mapping[str, float]
    min_cohort: int
    bytes_up: int = 0
    bytes_down: int = 0
    _round: int = 0
    _keys: list[Ed25519PrivateKey] = field(default_factory=list, repr=False)

    def total(self, uploads: Sequence[Upload], support: Support) -> dict[str, NDArray[np.float64]]:
        """The sums, tensor by tensor, rounded to the release's grid.

        Raises:
            SupportError: A coordinate has fewer artists behind it than the minimum cohort (EXC-1).
        """
        mechanism = self.mechanism(uploads[0], support)
        sums = self.sessions_sum([prepare(upload, mechanism) for upload in uploads])
        size = _FLOAT_BYTES * sum(tensor.size for tensor in uploads[0].values())
        self.bytes_down += size  # the new weights, sent to everyone
        return {name: total.reshape(uploads[0][name].shape) for name, total in sums.items()}

    def mechanism(self, upload: Upload, support: Support) -> Mechanism:
        """The release that such uploads make: one row for each artist."""
        return upload_mechanism(
            self.cohort, {name: tensor.size for name, tensor in upload.items()}, self.clip_norms, support
        )

    def sessions_sum(self, updates: Sequence[NoisyUpdate]) -> Mapping[str, NDArray[np.float64]]:
        """Run one session over prepared updates, one for each artist."""
        if not self._keys:
            self._keys = [Ed25519PrivateKey.generate() for _ in updates]
        self._round += 1
        identities = [key.public_key().public_bytes_raw() for key in self._keys]
        platform = Ed25519PrivateKey.generate()
        server_key = platform.public_key().public_bytes_raw()
        mechanism = updates[0].mechanism
        architecture = hashlib.sha256(repr(mechanism.layout).encode()).digest()
        subject = Subject(
            iteration=self._round,
            model_digest=_NOTHING,
            architecture_digest=architecture,
            anchors_digest=_NOTHING,
            agreed=NO_LOG,
        )
        conditions = Conditions(
            platform_key=server_key,
            architectures=frozenset({architecture}),
            corrupt=mechanism.corrupt,
            min_cohort=self.min_cohort,
            min_survivors=self.min_cohort,
            patience=IN_PROCESS,
        )
        sessions = {
            f"{number}": mask(
                Part(
                    protected=partial(updates.__getitem__, number),
                    mechanism=mechanism,
                    subject=subject,
                    last_session=self._round - 1,
                    enrolment=Enrolment(identity=key, roster=frozenset(identities)),
                    conditions=conditions,
                ),
                random=os.urandom,
            )
            for number, key in enumerate(self._keys)
        }
        mailboxes = {
            name: answering(session.receive, Purpose.SESSION, identity=key, server_key=server_key)
            for (name, session), key in zip(sessions.items(), self._keys, strict=True)
        }
        engine = MemoryEngine(mailboxes, refusals=REFUSALS)
        params = session_params(identities, subject, mechanism, session=self._round, server_key=server_key)
        summed = aggregate(params, mechanism, engine, list(sessions), identity=platform)
        self.bytes_up += sum(engine.bytes_from.values()) // len(sessions)
        self.bytes_down += sum(engine.bytes_to.values()) // len(sessions)
        return summed.tensors


def prepare(upload: Upload, mechanism: Mechanism) -> NoisyUpdate:
    """Clip and quantize one artist's tensors, as one row."""
    rows = np.concatenate([tensor.reshape(1, -1) for tensor in upload.values()], axis=1, dtype=np.float32)
    return protect(Contributions(rows, mechanism.layout), mechanism, os.urandom)


def upload_mechanism(
    cohort: CohortPlan, sizes: Mapping[str, int], clip_norms: Mapping[str, float], support: Support
) -> Mechanism:
    """A release of mode none whose tensors share the grid equally."""
    segments = tuple(
        Segment(name=name, length=size, support=support, clip_norm=clip_norms[name], share=1 / len(sizes))
        for name, size in sizes.items()
    )
    return plan(
        mode=Mode.NONE,
        unit=Unit.ARTIST,
        layout=Layout(segments),
        noise_multiplier=0.0,
        clients=cohort.clients,
        corrupt=cohort.corrupt,
        min_survivors=cohort.min_survivors,
        max_artworks=1,
        rotation_seed=hashlib.sha256(cohort.seed).digest(),
    )
