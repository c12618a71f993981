"""``fedstyle platform train``: what an operator does about trainings."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..bounds import BUCKETS, DROP_RATE, EPSILON, ITERATIONS, Bounds
from ..config import Settings, read_toml
from ..errors import InputError
from .options import Json, number
from .screen import screen

if TYPE_CHECKING:
    from ..platform.store.database import Database
    from ..platform.store.trainings import Training

train_app = typer.Typer(name="train", help="Start, stop and follow trainings.", no_args_is_help=True)

_SECONDS = Bounds(1, 30 * 24 * 3600)
_ATTEMPTS = Bounds(1, 20)
_SEED_BYTES = 32
_NOT_LOOKED_AT: Final[dict[str, object]] = {"artworks": "artworks", "out": "run"}  # a training has neither

FolderOption = Annotated[Path, typer.Option("--platform", help="The platform's folder.")]
HERE = Path()
NumberArgument = Annotated[
    int | None, typer.Argument(metavar="[N]", help="Number of a training (default: the newest).")
]


@train_app.command()
def start(
    platform: FolderOption = HERE,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with settings of a run, over what the artists' terms say.")
    ] = None,
    iterations: Annotated[int | None, number("Model updates.", ITERATIONS)] = None,
    epsilon: Annotated[
        float | None, number("Limit on all an artist releases (default: the smallest of the artists' own).", EPSILON)
    ] = None,
    drop_rate: Annotated[float, number("Fraction of artists that may be missing.", DROP_RATE)] = 0.25,
    buckets: Annotated[int | None, number("Sums the cohort is cut into; 1, or at least 3.", BUCKETS)] = None,
    attempts: Annotated[int, number("How often an iteration is tried; each upload is charged.", _ATTEMPTS)] = 2,
    announcement_seconds: Annotated[
        int, number("How long artists have for an offer, an announcement and an outcome.", _SECONDS)
    ] = 3600,
    round_seconds: Annotated[int, number("How long they have for a round of a session.", _SECONDS)] = 300,
    as_json: Json = False,
) -> None:
    """Propose a training to all artists who can take part; whoever serves the platform leads it."""
    from .. import canonical
    from ..platform.coordinator.generations import propose_roster
    from ..platform.coordinator.starting import start_training
    from ..platform.logbook import Logbook
    from ..platform.signer import Signer
    from ..platform.store.trainings import active_identities, read_foundation, statements_of
    from ..runs.offering import draft_training, least_corrupt, stated
    from ..server.foundation import Foundation
    from ..wire.messages import Statement

    given = {"iterations": iterations, "epsilon": epsilon, "drop_rate": drop_rate, "buckets": buckets}
    own = ({} if config is None else read_toml(config)) | {
        name: value for name, value in given.items() if value is not None
    }
    with _opened(platform) as database:
        with database.reading() as connection:
            laid = read_foundation(connection)
            if laid is None:
                raise InputError("this platform has no style space: `fedstyle platform init` makes it")
            everybody = [
                canonical.decode(Statement, data)
                for data in statements_of(connection, list(active_identities(connection)))
            ]
            agreed = stated(everybody, Foundation.decode(laid).model.encoder) | own
            proposal = propose_roster(connection, Settings.from_values(_NOT_LOOKED_AT | agreed).min_cohort)
        clients = len(proposal.members)
        settings = Settings.from_values(_NOT_LOOKED_AT | {"corrupt": least_corrupt(everybody, clients)} | agreed)
        draft = draft_training(
            settings,
            Foundation.decode(laid),
            clients=clients,
            seed=os.urandom(_SEED_BYTES),  # public, and drawn when everybody has enrolled
            announcement_seconds=announcement_seconds,
            round_seconds=round_seconds,
            attempts=attempts,
        )
        Logbook(database, Signer(platform))  # a log begins with its own first entry, whoever enters another
        training = start_training(database, Foundation.decode(laid), proposal, draft)
        facts = _described(database, training)
    if proposal.gone or proposal.waiting:
        screen.warn(
            f"{proposal.gone} on the roster have left and drop out of every session, {proposal.waiting} wait to join: "
            f"either changes when {draft.plan.min_cohort} do at once"
        )
    _show(facts, as_json=as_json)


@train_app.command()
def stop(training: NumberArgument = None, platform: FolderOption = HERE, as_json: Json = False) -> None:
    """End a training; what it has come to so far is its outcome."""
    from ..platform.store.trainings import request_stop

    with _opened(platform) as database:
        found = _find(database, training)
        with database.writing() as connection:
            request_stop(connection, found.number)
        facts = _described(database, _find(database, found.number))
    _show(facts, as_json=as_json)


@train_app.command()
def show(training: NumberArgument = None, platform: FolderOption = HERE, as_json: Json = False) -> None:
    """Say how far a training is, what it waits for, and what it costs."""
    with _opened(platform) as database:
        facts = _described(database, _find(database, training))
    _show(facts, as_json=as_json)


@contextmanager
def _opened(folder: Path) -> Iterator["Database"]:
    from ..platform.settings import PlatformFolder
    from ..platform.store.database import Database

    place = PlatformFolder(folder)
    database = Database.open(place.database_url(place.settings()))
    try:
        yield database
    finally:
        database.close()


def _find(database: "Database", number_: int | None) -> "Training":
    from ..platform.store.trainings import all_trainings

    with database.reading() as connection:
        trainings = all_trainings(connection)
    found = [each for each in trainings if number_ in {None, each.number}]
    if not found:
        numbers = ", ".join(str(each.number) for each in trainings) or "none"
        raise InputError(f"there is no training {'' if number_ is None else number_}; there are: {numbers}")
    return found[-1]


def _described(database: "Database", training: "Training") -> dict[str, Any]:
    """A training in plain values, of which none names an artist."""
    from ..platform.store.trainings import attempts_of, waiting_for

    with database.reading() as connection:
        attempts = attempts_of(connection, training.number)
        waiting = waiting_for(connection, training.number)
    facts = training.facts
    return {
        "training": training.number,
        "digest": facts.digest.hex(),
        "generation": facts.generation,
        "artists": len(facts.roster),
        "state": training.state.value,
        "stopping": training.stop,
        "problem": training.problem,
        "agreed": training.agreed,
        "iterations": len(facts.plan.multipliers),
        "over": len({attempt.iteration for attempt in attempts if attempt.survivors}),
        "attempts": [
            {
                "iteration": each.iteration,
                "survivors": each.survivors,
                "sum": each.sum_digest.hex(),
                "problem": each.problem,
            }
            for each in attempts
        ],
        "waiting": None
        if waiting is None
        else {"for": waiting.name, "asked": waiting.asked, "replied": waiting.replied},
        "epsilon": {"aggregate": facts.asked.aggregate, "local": facts.asked.local, "delta": facts.asked.delta},
        "mode": facts.plan.mode.value,
        "unit": facts.plan.unit.value,
    }


def _show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        screen.json(facts)
        return
    waiting, epsilon = facts["waiting"], facts["epsilon"]
    table = screen.table("training", str(facts["training"]))
    rows = {
        "state": "stopping" if facts["stopping"] and facts["state"] in {"offered", "running"} else facts["state"],
        "generation": f"{facts['generation']}, {facts['artists']} artists",
        "agreed": "-" if facts["agreed"] is None else str(facts["agreed"]),
        "iterations with a sum": f"{facts['over']} of {facts['iterations']}",
        "waits for": f"{waiting['for']}: {waiting['replied']} of {waiting['asked']} replied" if waiting else "-",
        "costs": f"{facts['mode']} per {facts['unit']}: {_epsilon(epsilon)}",
        **({"problem": facts["problem"]} if facts["problem"] else {}),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    screen.show(table)
    if facts["attempts"]:
        tried = screen.table("iteration", "survivors", "sum", "problem")
        for each in facts["attempts"]:
            tried.add_row(str(each["iteration"]), str(each["survivors"]), each["sum"][:16], each["problem"])
        screen.show(tried)


def _epsilon(epsilon: dict[str, Any]) -> str:
    told = "without bound" if epsilon["aggregate"] is None else f"epsilon {epsilon['aggregate']:.2f}"
    return f"{told} at delta {epsilon['delta']:g} in the aggregate"
