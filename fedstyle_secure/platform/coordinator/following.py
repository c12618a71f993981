"""How far trainings are, in plain values, for whoever follows them; and the word that ends one.

FLW-1  That an operator ends a training is entered into the log, once, in the transaction that asks for it.
"""

from typing import Any

from ...errors import InputError
from ...transparency.leaves import Stopped
from ..store.database import Database
from ..store.log import enter
from ..store.trainings import (
    State,
    Training,
    all_trainings,
    attempts_of,
    find_training,
    is_stopped,
    request_stop,
    waiting_for,
)


def find(database: Database, number: int | None) -> Training:
    """The training of a number; None for the newest.

    Raises:
        InputError: There is none.
    """
    with database.reading() as connection:
        trainings = all_trainings(connection)
    found = [each for each in trainings if number in {None, each.number}]
    if not found:
        numbers = ", ".join(str(each.number) for each in trainings) or "none"
        raise InputError(f"there is no training {'' if number is None else number}; there are: {numbers}")
    return found[-1]


def stop(database: Database, number: int) -> None:
    """Have a training end; whoever leads it sees it. What it has come to so far is its outcome (FLW-1).

    Raises:
        InputError: There is no such training, or it is over.
        StorageError: The database cannot be used now.
    """
    with database.writing() as connection:
        training = find_training(connection, number)
        if training is None or training.state not in {State.OFFERED, State.RUNNING}:
            raise InputError(f"there is no training {number} that could be ended: it is over, or there never was one")
        if not is_stopped(connection, number):
            request_stop(connection, number)
            enter(connection, Stopped(training=training.facts.digest))


def describe(database: Database, training: Training) -> dict[str, Any]:
    """A training in plain values, of which none names an artist."""
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
        "protocol": facts.plan.protocol.value,
        "mode": facts.plan.mode.value,
        "unit": facts.plan.unit.value,
    }
