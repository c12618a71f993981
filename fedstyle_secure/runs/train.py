"""One run, gate to reading room: artworks in, a trained model, a catalogue, ledgers and a report out.

RUN-1  A run is written to a hidden folder beside its place and renamed when it is whole: whatever stops it, Ctrl-C
       included, leaves nothing half-written.
RUN-2  `Settings.seed` decides roles, splits, codewords, the head's start and simulated dropouts. Keys, masks, shares,
       dithers and privacy noise come from the operating system, so two private runs differ; without privacy, none do.
RUN-3  A run goes on with the ledgers of its artists' works, and plans within what earlier runs left of the limit; fresh
       ones are begun only where that is asked for, and screen and pages say so.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from safetensors.numpy import save_file

from ..aggregation.letters import Purpose, answering
from ..aggregation.masking import REFUSALS, Enrolment, half_a_day
from ..aggregation.session import NO_LOG
from ..aggregation.windows import Beacon, OwnBeacon, Speaking
from ..artist.artist import Artist
from ..artist.store import MemoryStore
from ..artworks.artwork import Portfolio
from ..catalogue.index import StyleIndex
from ..catalogue.nearness import NEARNESS_FILE
from ..config import Protocol, Settings
from ..encoder.encoder import Encoder, title_of
from ..encoder.feature_cache import FeatureCache
from ..encoder.features import StyleFeatures
from ..encoder.folders import make_private, user_cache
from ..encoder.layers import Weights
from ..encoder.model import StyleModel
from ..encoder.opening import open_encoder, open_weights
from ..encoder.spec import MADE, SMALL
from ..encoder.whitening import Space, Whitening
from ..engines.memory import MemoryEngine
from ..engines.opening import window_of
from ..errors import FedStyleError
from ..privacy.ledger import Ledger
from ..privacy.releases import Release
from ..report import make_page
from ..server.checkpoint import Checkpoint
from ..server.foundation import Foundation
from ..server.iterations import Windows, run
from ..training.codebook import OUTPUTS as OUTPUTS  # noqa: PLC0414  (whoever plans a run gets it from here)
from ..training.codebook import Codebook, new_codebook
from .agreement import agree
from .budget import plan_budget
from .choosing import DIMENSIONS as DIMENSIONS  # noqa: PLC0414  (and that)
from .choosing import can_rehearse, choose, declaration, extract_each, hear
from .dataset import Dataset, derive_seed, read_dataset
from .dropouts import Dropouts
from .facts import derive
from .files import (
    CATALOGUE_FOLDER,
    ENCODER_FILE,
    MODEL_FILE,
    REPORT_FILE,
    SUMMARY_FILE,
    encode_summary,
)
from .folder import seal, whole_or_nothing
from .ledgers import claimed_ledgers
from .nearness import learn_nearness
from .opening import Parties, ensure_engine, open_engine
from .progress import Progress, Silent
from .rehearsal import untrained_dimensions
from .signing import sign
from .stages import Prepared, Trained, stopwatch
from .summary import summarize

RESIDUAL = 0.25
"""Weight of the head's output beside the aligned features."""

_VERSIONS = ("fedstyle-secure", "torch", "opacus", "cryptography", "dp-accounting")


def train(settings: Settings, *, command: str = "", progress: Progress | None = None) -> dict[str, Any]:
    """Run everything and write the run's folder.

    Args:
        settings: What to do.
        command: The command that reproduces the run, for the report.
        progress: Where to show how far it is.

    Returns:
        The summary, as written to ``summary.json``.

    Raises:
        InputError: The artworks or settings cannot make a run, or an extra is missing; nothing was written.
        PrivacyError: The budget cannot be kept; nothing was written.
        FedStyleError: No session completed, or the disk failed; nothing was written.
    """
    progress = progress or Silent()
    ensure_engine(settings.engine)
    wanted = settings.transcripts
    kept = nullcontext() if wanted is None else whole_or_nothing(wanted, option="--transcripts")
    with kept as transcripts, whole_or_nothing(settings.out) as folder:
        with progress.stage("Reading artworks", None):
            dataset = read_dataset(settings)
        with claimed_ledgers(settings, dataset.clients, folder, progress) as ledgers:
            before = {name: ledger.head for name, ledger in ledgers.items()}
            prepared = _prepare(settings, dataset, folder, progress, spent=[each.releases for each in ledgers.values()])
            trained, index = walk(prepared, ledgers, transcripts, progress)
            summary = summarize(prepared, trained, index, before)
            summary |= {"command": command, "versions": {name: version(name) for name in _VERSIONS}}
            (folder / MODEL_FILE).write_bytes(trained.model.encode())
            if index is not None:
                index.save(folder / CATALOGUE_FOLDER)
                nearness = learn_nearness(prepared, trained, index)
                (folder / CATALOGUE_FOLDER / NEARNESS_FILE).write_bytes(nearness.encode())
            (folder / SUMMARY_FILE).write_bytes(encode_summary(summary))
            page = make_page(derive(summary, folder, index), index)
            (folder / REPORT_FILE).write_text(page, encoding="utf-8")
        seal(folder)
    return summary


def _prepare(
    settings: Settings,
    dataset: Dataset,
    folder: Path,
    progress: Progress,
    *,
    spent: Collection[Sequence[Release]] = (),
) -> Prepared:
    """Plan, name who is public, encode; whatever cannot work is refused before the long work begins."""
    clients = len(dataset.training)
    budget = plan_budget(settings, clients=clients, dimensions=DIMENSIONS, outputs=OUTPUTS, spent=spent)
    progress.tell(declaration(dataset.public))
    seconds: dict[str, float] = {}
    with stopwatch(seconds, "features"):
        encoder = choose_encoder(settings, dataset.public, folder, progress)
        public, training, held_out, showcase = _extract_all(dataset, encoder, settings, progress)
    prepared = rehearsed(
        Prepared(
            settings=settings,
            dataset=dataset,
            budget=budget,
            codebook=new_codebook(),
            public=public,
            training=training,
            held_out=held_out,
            encoder=encoder.name,
            pooled_size=encoder.pooled_size,
            showcase=showcase,
            seconds=seconds,
        ),
        progress,
        spent=spent,
    )
    return _with_crops(prepared, encoder, progress) if prepared.is_trained else prepared


def rehearsed(prepared: Prepared, progress: Progress, *, spent: Collection[Sequence[Release]] = ()) -> Prepared:
    """With what served public artists best, wherever the settings leave it open."""
    settings = prepared.settings
    if not can_rehearse(settings, len(prepared.public)):
        settings = replace(settings, iterations=settings.updates)
        return replace(prepared, settings=settings, space=settings.space or Space.PRINCIPAL)
    public, pooled_size = prepared.public, prepared.pooled_size
    if settings.encoder in MADE:
        public, pooled_size = hear(settings, prepared.dataset.public, progress)
    with stopwatch(prepared.seconds, "rehearsal"):
        chosen = choose(
            settings, public, pooled_size=pooled_size, clients=len(prepared.training), spent=spent, progress=progress
        )
    return replace(
        prepared,
        settings=chosen.settings,
        budget=chosen.budget,
        space=chosen.space,
        rehearsal=[asdict(each) for each in chosen.played],
    )


def choose_encoder(settings: Settings, public: Sequence[Portfolio], folder: Path, progress: Progress) -> Encoder:
    """The encoder of a run; one that is made on public artists leaves its weights in the run's folder."""
    if settings.encoder not in MADE:
        return open_encoder(settings.backbone, settings.device)
    make = _train_small if settings.encoder == SMALL else _tune
    weights = make(public, derive_seed(settings.seed, settings.encoder), progress)
    save_file(dict(weights), folder / ENCODER_FILE)
    return open_weights(settings.encoder, weights, settings.device)


def _train_small(public: Sequence[Portfolio], seed: int, progress: Progress) -> Weights:
    from ..training.scratch import EPOCHS, train_small

    count = EPOCHS * sum(len(portfolio.artworks) for portfolio in public)
    with progress.stage("Training the small encoder on public artists", count) as advance:
        trained = train_small(public, seed=seed, on_progress=advance)
    return {name: tensor.numpy() for name, tensor in trained.state_dict().items()}


def _tune(public: Sequence[Portfolio], seed: int, progress: Progress) -> Weights:
    from ..training.tuning import STEPS, tune

    kept = user_cache() / "encoders"
    try:
        make_private(kept)
        with progress.stage("Tuning the encoder on public artists", STEPS) as advance:
            return tune(public, seed=seed, folder=kept, on_progress=advance)
    except OSError as error:
        raise FedStyleError(f"a tuned encoder cannot be kept in {kept}: {error.strerror}") from error


def _extract_all(
    dataset: Dataset, encoder: Encoder, settings: Settings, progress: Progress
) -> tuple[dict[str, StyleFeatures], ...]:
    """Raw features of public, training, held-out and shown artworks as they are, by artist."""
    roles = (dataset.public, dataset.training, dataset.held_out, dataset.showcase)
    return _extract_roles(roles, encoder, settings, progress, views=0)


def _with_crops(prepared: Prepared, encoder: Encoder, progress: Progress) -> Prepared:
    """With the views that a head trains on."""
    settings, roles = prepared.settings, (prepared.dataset.public, prepared.dataset.training)
    with stopwatch(prepared.seconds, "features"):
        public, training = _extract_roles(roles, encoder, settings, progress, views=settings.views)
    return replace(prepared, public=public, training=training)


def _extract_roles(
    roles: Sequence[Sequence[Portfolio]], encoder: Encoder, settings: Settings, progress: Progress, *, views: int
) -> tuple[dict[str, StyleFeatures], ...]:
    cache = FeatureCache(settings.features_cache)
    total = sum(len(portfolio.artworks) for portfolios in roles for portfolio in portfolios)
    with progress.stage(title_of(encoder, crops=views), total) as advance:
        return tuple(
            extract_each(portfolios, encoder, views=views, cache=cache, advance=advance) for portfolios in roles
        )


def first_model(prepared: Prepared) -> StyleModel:
    """The model of a run before any iteration."""
    return public_model(
        list(prepared.public.values()),
        prepared.codebook,
        pooled_size=prepared.pooled_size,
        encoder=prepared.encoder,
        seed=prepared.settings.seed,
        space=prepared.space,
        is_trained=prepared.is_trained,
    )


def public_model(
    public: Sequence[StyleFeatures],
    codebook: Codebook,
    *,
    pooled_size: int,
    encoder: str,
    seed: int,
    space: Space = Space.PRINCIPAL,
    is_trained: bool = True,
) -> StyleModel:
    """Whitening and a head warm-started, both on public artists alone.

    Args:
        public: Of each public artist, raw features, all views; where nothing is trained, crops do not count.
        codebook: Public anchors.
        pooled_size: How many of the last raw features are the pooled embedding.
        encoder: Name of the encoder and digest of its weights.
        seed: Decides the head's start.
        space: How public artists' features are whitened.
        is_trained: Whether anything will be; else there is no head.
    """
    whitening = Whitening.fit_space(
        space,
        [features.views[:, 0] for features in public],
        pooled_size=pooled_size,
        dimensions=DIMENSIONS if is_trained else untrained_dimensions(space, DIMENSIONS),
    )
    if not is_trained:
        return StyleModel.without_head(whitening, outputs=OUTPUTS, encoder=encoder)
    from ..training.objective import warm_start

    d = whitening.dimensions
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, "head")))
    head = np.linalg.qr(rng.normal(size=(max(d, OUTPUTS), OUTPUTS)))[0].T[:, :d].astype(np.float32)
    inputs = [whitening.apply(features.views[:, 1:]) for features in public]
    codewords = [int(codeword) for codeword in rng.permutation(len(codebook))[: len(inputs)]]
    return StyleModel(
        whitening=whitening,
        alignment=np.eye(d, dtype=np.float32),
        head=warm_start(head, inputs, codewords, codebook),
        residual=RESIDUAL,
        encoder=encoder,
    )


def walk(
    prepared: Prepared, ledgers: Mapping[str, Ledger], transcripts: Path | None, progress: Progress
) -> tuple[Trained, StyleIndex | None]:
    """From features to a trained model and a catalogue, charged to the artists' ledgers.

    Raises:
        FedStyleError: No session completed.
    """
    trained = _iterate(prepared, ledgers, transcripts, progress)
    trained.check()
    return trained, sign(prepared, trained) if prepared.settings.sign else None


def _iterate(
    prepared: Prepared, ledgers: Mapping[str, Ledger], transcripts: Path | None, progress: Progress
) -> Trained:
    """Enrol the artists and run all iterations through an engine."""
    settings, cohort = prepared.settings, prepared.budget.cohort
    start = first_model(prepared)
    platform = Ed25519PrivateKey.generate()
    beacon = OwnBeacon(os.urandom) if settings.protocol is Protocol.SPEAKONCE else None
    artists = _enrol(prepared, start, platform.public_key().public_bytes_raw(), ledgers, beacon)
    dropouts = Dropouts(
        list(artists),
        count=int(settings.drop_rate * len(artists)),
        seed=derive_seed(settings.seed, "drop"),
        ahead=0 if beacon is None else 1,
    )
    mailboxes = MemoryEngine(
        {
            f"{name}/announcement": _mailbox(artist, artist.receive_announcement, Purpose.ANNOUNCEMENT)
            for name, artist in artists.items()
        }
        | {
            f"{name}/session": dropouts.guard(name, _mailbox(artist, artist.receive_request, Purpose.SESSION))
            for name, artist in artists.items()
        },
        refusals=REFUSALS,
    )
    if prepared.budget.prototype_multiplier is not None:
        mechanism = prepared.budget.prototype_mechanism(start.whitening.dimensions)
        for artist in artists.values():
            artist.release_prototype(start, mechanism)
    public = [features.views for features in prepared.public.values()]
    window = window_of(settings.engine)
    outcomes, begun = [], perf_counter()
    parties = Parties(platform=platform, artists={name: each.enrolment.identity for name, each in artists.items()})
    with open_engine(settings.engine, mailboxes, parties) as engine:
        loop = run(
            checkpoint=Checkpoint(model=start, alignment=Foundation(model=start, public=public).alignment()),
            cohort=cohort,
            anchors_digest=prepared.codebook.digest,
            agreed=NO_LOG,
            identity=platform,
            identities=[artist.enrolment.identity.public_key().public_bytes_raw() for artist in artists.values()],
            engine=engine,
            artists=list(artists),
            on_session=dropouts.next_session,
            windows=Windows(announcement=window, round=window),
            transcripts=transcripts,
            speaking=None if beacon is None else Speaking(beacon=beacon, opening=half_a_day),
        )
        with progress.stage("Training iterations", len(cohort.multipliers)) as advance:
            for outcome in loop:
                outcomes.append(outcome)
                advance(1)
    training = sum(artist.training_seconds for artist in artists.values())
    prepared.seconds.update({"training": training, "aggregation": perf_counter() - begun - training})
    return Trained(start=start, outcomes=outcomes, artists=artists, engine=mailboxes)


def _mailbox(artist: Artist, answer: Callable[[bytes], bytes], purpose: Purpose) -> Callable[[bytes], bytes]:
    """Where an artist opens what its pinned platform signed, and signs what it answers."""
    return answering(answer, purpose, identity=artist.enrolment.identity, server_key=artist.terms.platform_key)


def _enrol(
    prepared: Prepared,
    start: StyleModel,
    platform_key: bytes,
    ledgers: Mapping[str, Ledger],
    beacon: Beacon | None,
) -> dict[str, Artist]:
    """Give every artist a key, the pinned platform, roster and style space, a secret codeword and its works' ledger."""
    settings, training = prepared.settings, prepared.training
    keys = {name: Ed25519PrivateKey.generate() for name in training}
    roster = frozenset(key.public_key().public_bytes_raw() for key in keys.values())
    terms = agree(settings, prepared.budget, start, platform_key)
    # A simulation must be repeatable, so here codewords follow the seed; an artist's own agent asks os.urandom.
    rng = np.random.Generator(np.random.PCG64(derive_seed(settings.seed, "codewords")))
    return {
        name: Artist(
            features=features,
            codebook=prepared.codebook,
            codeword=prepared.codebook.draw(rng.bytes),
            enrolment=Enrolment(identity=keys[name], roster=roster),
            terms=terms,
            agreed=NO_LOG,
            ledger=ledgers[name],
            store=MemoryStore(),
            random=os.urandom,
            beacon=beacon,
            whitening=start.whitening,
            showcase=prepared.showcase.get(name),
        )
        for name, features in training.items()
    }
