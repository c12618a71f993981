"""``fedstyle platform train``: what an operator does about trainings."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..bounds import ATTEMPTS, BUCKETS, DROP_RATE, EPSILON, ITERATIONS, WINDOW_SECONDS
from ..config import (
    ANNOUNCEMENT_SECONDS,
    OFFERED_ATTEMPTS,
    OFFERED_DROP_RATE,
    ROUND_SECONDS,
    Protocol,
    read_toml,
)
from .options import Json, number
from .screen import screen

if TYPE_CHECKING:
    from ..platform.store.database import Database

train_app = typer.Typer(name="train", help="Start, stop and follow trainings.", no_args_is_help=True)


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
    drop_rate: Annotated[float, number("Fraction of artists that may be missing.", DROP_RATE)] = OFFERED_DROP_RATE,
    buckets: Annotated[int | None, number("Sums the cohort is cut into; 1, or at least 3.", BUCKETS)] = None,
    protocol: Annotated[
        Protocol | None, typer.Option(help="Five rounds with everybody there, or one message in a window of hours.")
    ] = None,
    attempts: Annotated[
        int, number("How often an iteration is tried; each upload is charged.", ATTEMPTS)
    ] = OFFERED_ATTEMPTS,
    announcement_seconds: Annotated[
        int, number("How long artists have for an offer, an announcement and an outcome.", WINDOW_SECONDS)
    ] = ANNOUNCEMENT_SECONDS,
    round_seconds: Annotated[
        int, number("How long they have for a round of a session.", WINDOW_SECONDS)
    ] = ROUND_SECONDS,
    as_json: Json = False,
) -> None:
    """Propose a training to all artists who can take part; whoever serves the platform leads it."""
    from ..platform.coordinator.following import describe
    from ..platform.coordinator.starting import start_training
    from ..platform.logbook import Logbook
    from ..platform.signer import Signer
    from ..runs.offering import plan_training

    given = {
        "iterations": iterations,
        "epsilon": epsilon,
        "drop_rate": drop_rate,
        "buckets": buckets,
        "protocol": protocol,
    }
    own = ({} if config is None else read_toml(config)) | {
        name: value for name, value in given.items() if value is not None
    }
    with _opened(platform) as database:
        planned = plan_training(
            database,
            own,
            announcement_seconds=announcement_seconds,
            round_seconds=round_seconds,
            attempts=attempts,
        )
        proposal, draft = planned.proposal, planned.draft
        Logbook(database, Signer(platform))  # a log begins with its own first entry, whoever enters another
        training = start_training(database, planned.foundation, proposal, draft)
        facts = describe(database, training)
    if lag := proposal.lag(draft.plan.min_cohort):
        screen.warn(lag)
    _show(facts, as_json=as_json)


@train_app.command()
def stop(training: NumberArgument = None, platform: FolderOption = HERE, as_json: Json = False) -> None:
    """End a training; what it has come to so far is its outcome."""
    from ..platform.coordinator import following
    from ..platform.coordinator.following import describe, find

    with _opened(platform) as database:
        found = find(database, training)
        following.stop(database, found.number)
        facts = describe(database, find(database, found.number))
    _show(facts, as_json=as_json)


@train_app.command()
def show(training: NumberArgument = None, platform: FolderOption = HERE, as_json: Json = False) -> None:
    """Say how far a training is, what it waits for, and what it costs."""
    from ..platform.coordinator.following import describe, find

    with _opened(platform) as database:
        facts = describe(database, find(database, training))
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
