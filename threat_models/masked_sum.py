"""The way every upload really goes: clip, quantize, noise, mask, and one sum; with one defense left out when asked.

MSM-1  Masks are never left out: what an attack gets from here is what secure aggregation lets a server see.
MSM-2  Randomness is scripted, so that a figure can be had again. It stands where artists use os.urandom.
"""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache, partial
from hashlib import shake_256
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedstyle_secure.aggregation.letters import Purpose, answering
from fedstyle_secure.aggregation.masking import IN_PROCESS, REFUSALS, Conditions, Enrolment, Part, mask
from fedstyle_secure.aggregation.session import NO_LOG, Subject, session_params
from fedstyle_secure.aggregation.summing import Aggregate, aggregate
from fedstyle_secure.config import Settings
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.clipping import FRACTION_BITS, ClippedUpdate
from fedstyle_secure.privacy.mechanism import Mechanism, plan
from fedstyle_secure.privacy.noise import NoisyUpdate, add_noise_share, without_noise
from fedstyle_secure.privacy.pipeline import protect
from fedstyle_secure.privacy.quantization import quantize
from fedstyle_secure.privacy.randomness import RandomBytes
from fedstyle_secure.privacy.sealing import SEAL
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs.budget import Budget, plan_budget, untrained_budget
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS
from fedstyle_secure.training.updates import Contributions, Layout

from .platform_key import PLATFORM, SERVER_KEY
from .scripted import scripted

NOISE, CLIPPING = "noise", "clipping"
"""Defenses that can be left out here, by the names that claims give them."""

EPSILON, ITERATIONS = 8.0, 6
"""Of a run with the default settings."""

_FINEST_BITS = 32


def masked_sum(
    cohort: Sequence[Contributions], mechanism: Mechanism, *, without: frozenset[str] = frozenset(), seed: int = 0
) -> Aggregate:
    """Run one session of real clients and a real server, and return what the server is left with.

    Args:
        cohort: What each artist contributes; as many as the mechanism has clients.
        mechanism: The release as planned, of mode distributed.
        without: ``noise`` replaces the mechanism by `noiseless`, ``clipping`` lets rows keep their length.
        seed: Decides all randomness.
    """
    if NOISE in without:
        mechanism = noiseless(mechanism)
    digest = shake_256(b"threat model").digest(32)
    subject = Subject(
        iteration=1, model_digest=digest, architecture_digest=digest, anchors_digest=digest, agreed=NO_LOG
    )
    keys = [Ed25519PrivateKey.from_private_bytes(scripted(f"key {number}")(32)) for number in range(len(cohort))]
    identities = [key.public_key().public_bytes_raw() for key in keys]
    conditions = Conditions(
        platform_key=SERVER_KEY,
        architectures=frozenset({digest}),
        corrupt=mechanism.corrupt,
        min_cohort=mechanism.min_survivors,
        min_survivors=mechanism.min_survivors,
        patience=IN_PROCESS,
    )
    sessions = {}
    for number, (key, contributions) in enumerate(zip(keys, cohort, strict=True)):
        random = scripted(f"{seed} artist {number}")
        session = mask(
            Part(
                protected=partial(_unclipped if CLIPPING in without else protect, contributions, mechanism, random),
                mechanism=mechanism,
                subject=subject,
                last_session=0,
                enrolment=Enrolment(identity=key, roster=frozenset(identities)),
                conditions=conditions,
            ),
            random=random,
        )
        sessions[f"artist {number}"] = answering(session.receive, Purpose.SESSION, identity=key, server_key=SERVER_KEY)
    engine = MemoryEngine(sessions, refusals=REFUSALS)
    params = session_params(identities, subject, mechanism, session=1, server_key=SERVER_KEY)
    return aggregate(params, mechanism, engine, list(sessions), identity=PLATFORM)


def noiseless(mechanism: Mechanism) -> Mechanism:
    """The same release without noise, on the finest grid that 32 bits hold: secure aggregation alone, at its best."""
    values = {item.name: getattr(mechanism, item.name) for item in fields(mechanism)}
    values |= {"mode": Mode.NONE, "noise_multiplier": 0.0, "modulus_bits": _FINEST_BITS}
    for shift in range(1, mechanism.shift):
        try:
            return Mechanism(**(values | {"shift": shift}))
        except PrivacyError:
            continue
    return Mechanism(**values)


def _unclipped(contributions: Contributions, mechanism: Mechanism, random: RandomBytes) -> NoisyUpdate:
    """`protect` without `clip`: rows are summed as long as they are. What the clamp cuts off, it cuts off."""
    segments = mechanism.layout.segments
    units = np.repeat([np.sqrt(s.share) / s.clip_norm for s in segments], [s.length for s in segments])
    summed = contributions.rows.sum(axis=0, dtype=np.float64) * units
    clipped = ClippedUpdate(
        values=np.ldexp(np.trunc(np.ldexp(summed, FRACTION_BITS)), -FRACTION_BITS),
        layout=mechanism.layout,
        unit=mechanism.unit,
        max_artworks=mechanism.max_artworks,
        dropped_rows=0,
        seal=SEAL,
    )
    quantized = quantize(clipped, mechanism, random)
    return without_noise(quantized) if mechanism.mode is Mode.NONE else add_noise_share(quantized, random)


@cache
def deployed(clients: int) -> Budget:
    """What a run with the default settings promises (epsilon 8 for all that an artist releases)."""
    settings = Settings(artworks=Path("artworks"), out=Path("run"))
    return plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS)


@cache
def deployed_untrained(clients: int) -> Budget:
    """The same of a run that trains nothing, whose signatures have all of epsilon 8."""
    return untrained_budget(Settings(artworks=Path("artworks"), out=Path("run")), clients)


def release(layout: Layout, *, clients: int, iteration: int = 1) -> Mechanism:
    """What a default run's iteration would be if the server asked for the tensors of `layout` instead."""
    cohort = deployed(clients).cohort
    return plan(
        mode=cohort.mode,
        unit=cohort.unit,
        layout=layout,
        noise_multiplier=cohort.multipliers[iteration - 1],
        clients=cohort.clients,
        corrupt=cohort.corrupt,
        min_survivors=cohort.min_survivors,
        max_artworks=cohort.max_artworks,
        noise=cohort.noise,
        rotation_seed=shake_256(b"rotation").digest(32),
    )
