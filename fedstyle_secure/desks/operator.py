"""An operator's page: artists, a training as it goes and what the next one costs, catalogue, log, health.

OPP-1  What is done here is done as the commands do it, and each act is a line of the platform's own log, whatever came
       of it; what a training begins or ends with is in the transparency log as well (TRA-1, FLW-1).
OPP-2  A training costs what was shown: it is planned again when it is agreed to, and asked again if it came out
       otherwise (DSK-1).
OPP-3  It has a door of its own (DRS-1): the platform's public port has none of its routes, and it none of theirs.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..bounds import (
    ATTEMPTS,
    BUCKETS,
    DROP_RATE,
    EPSILON,
    INVITATION_DAYS,
    ITERATIONS,
    WINDOW_SECONDS,
    Bounds,
)
from ..errors import InputError
from ..names import check_name
from ..platform.coordinator import following
from ..platform.coordinator.starting import start_training
from ..platform.inviting import hand_invitation, listed_artists, revoke_invitations
from ..platform.logs import platform_logger
from ..platform.service import Service
from ..platform.store.lease import leading_epoch
from ..platform.store.signatures import public_signatures
from ..platform.store.trainings import all_trainings, silent_artists, waiting_for
from ..runs.offering import Planned, plan_training
from ..transparency.checkpoints import Checkpoint
from ..web.html import Html
from . import operator_parts as drawn
from .desk import Act, Desk, Done, Fields, Question
from .door import Pass, serving
from .parts import ASSETS

_NUMBERS: Final = Bounds(1, 1 << 62)


@contextmanager
def operator_page(service: Service, tell: Callable[[str], None]) -> Iterator[None]:
    """Serve the page of a platform's operator as long as the block runs.

    Args:
        service: The platform, open.
        tell: Is told the page's address.

    Raises:
        InputError: Its port is taken.
    """
    log = platform_logger()
    with serving(
        operator_desk(service),
        Pass.new(service.settings.operator_port),
        on_fault=lambda error: log.error("the operator's page failed", exc_info=error),
    ) as page:
        tell(f"the operator's page, for you alone: {page.address}")
        yield


def operator_desk(service: Service, clock: Callable[[], float] = time.time) -> Desk:
    """The page of an operator.

    Args:
        service: The platform, open.
        clock: Seconds since 1970.
    """
    begun = clock()
    acts = {
        "start": Act(lambda fields: _ask_start(service, fields), lambda fields: _start(service, fields)),
        "stop": Act(lambda fields: _ask_stop(service, fields), lambda fields: _stop(service, fields)),
        "invite": Act(_ask_invite, lambda fields: _invite(service, fields)),
        "revoke": Act(_ask_revoke, lambda fields: _revoke(service, fields)),
    }
    return Desk(
        shell=drawn.shell_of_operator(),
        assets=ASSETS,
        parts={
            "health": lambda: _health(service, begun, clock()),
            "training": lambda: _training(service, clock()),
            "artists": lambda: drawn.artists(listed_artists(service.folder)),
            "catalogue": lambda: _catalogue(service),
            "log": lambda: _log(service),
        },
        acts={name: Act(act.ask, _written_down(name, act.do)) for name, act in acts.items()},
    )


def _written_down(name: str, do: Callable[[Fields], Done]) -> Callable[[Fields], Done]:
    """An act that leaves a line, without what was filled in: that may name an artist (OPP-1, LGG-1)."""

    def done(fields: Fields) -> Done:
        log = platform_logger()
        try:
            made = do(fields)
        except Exception:
            log.warning("operator", act=name, outcome="failed")
            raise
        log.info("operator", act=name, outcome="done")
        return made

    return done


def _health(service: Service, begun: float, now: float) -> Html:
    with service.database.reading() as connection:
        epoch = leading_epoch(connection, int(now))
    return drawn.health(service.settings, epoch, now - begun, service.metrics.now())


def _training(service: Service, now: float) -> Html:
    with service.database.reading() as connection:
        trainings = all_trainings(connection)
    if not trainings:
        return drawn.no_training()
    newest = trainings[-1]
    with service.database.reading() as connection:
        waiting, silent = waiting_for(connection, newest.number), silent_artists(connection, newest.number)
    return drawn.training(following.describe(service.database, newest), newest, waiting, silent, now)


def _catalogue(service: Service) -> Html:
    with service.database.reading() as connection:
        return drawn.catalogue(public_signatures(connection))


def _log(service: Service) -> Html:
    note, entries = service.logbook.snapshot()
    checkpoint = Checkpoint.open(note, origin=service.logbook.origin, key=service.signer.log_key)
    return drawn.log(note, entries, checkpoint)


def _ask_start(service: Service, fields: Fields) -> Question:
    planned, windows = _planned(service, fields), _windows(fields)
    return drawn.question_of(planned.draft, planned.proposal, windows)


def _start(service: Service, fields: Fields) -> Done:
    planned = _planned(service, fields)
    training = start_training(service.database, planned.foundation, planned.proposal, planned.draft)
    return Done(told=f"Training {training.number} is started: artists are asked whether they take part.")


def _planned(service: Service, fields: Fields) -> Planned:
    """What would be started now (OPP-2)."""
    own = {
        "iterations": _number(fields, "iterations", ITERATIONS, int),
        "epsilon": _number(fields, "epsilon", EPSILON, float),
        "drop_rate": _number(fields, "drop_rate", DROP_RATE, float),
        "buckets": _number(fields, "buckets", BUCKETS, int),
    }
    return plan_training(
        service.database,
        {name: value for name, value in own.items() if value is not None},
        **_windows(fields),
    )


def _windows(fields: Fields) -> dict[str, int]:
    """How long artists have, and how often an iteration is tried."""
    bounds = {"attempts": ATTEMPTS, "announcement_seconds": WINDOW_SECONDS, "round_seconds": WINDOW_SECONDS}
    given = {name: _number(fields, name, bound, int) for name, bound in bounds.items()}
    missing = next((name for name, value in given.items() if value is None), None)
    if missing is not None:
        raise InputError(f"{missing.replace('_', ' ')}: fill in a number")
    return {name: int(value) for name, value in given.items() if value is not None}


def _number(fields: Fields, name: str, bounds: Bounds, kind: type[int] | type[float]) -> Any:
    """What was filled in, None for nothing."""
    text = fields.get(name, "").strip()
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise InputError(f"{name.replace('_', ' ')}: {text!r:.40} is not {what}") from None
    bounds.check(name.replace("_", " "), value)
    return value


def _ask_stop(service: Service, fields: Fields) -> Question:
    return drawn.question_of_stopping(following.find(service.database, _training_number(fields)).number)


def _stop(service: Service, fields: Fields) -> Done:
    number = _training_number(fields)
    following.stop(service.database, number)
    return Done(told=f"Training {number} ends: what it has come to so far is its outcome.")


def _training_number(fields: Fields) -> int:
    number = _number(fields, "training", _NUMBERS, int)
    if number is None:
        raise InputError("training: say which")
    return int(number)


def _ask_invite(fields: Fields) -> Question:
    return drawn.question_of_inviting(_label(fields), _days(fields))


def _invite(service: Service, fields: Fields) -> Done:
    label = _label(fields)
    content, fingerprint = hand_invitation(service.folder, label, days=_days(fields))
    return Done(
        told=f"The invitation is for {label} alone; tell them the fingerprint another way: {fingerprint}",
        file=(f"{label}.invitation", content.decode()),
    )


def _ask_revoke(fields: Fields) -> Question:
    return drawn.question_of_revoking(_label(fields))


def _revoke(service: Service, fields: Fields) -> Done:
    label = _label(fields)
    return Done(told=f"Invitations revoked for {label}: {revoke_invitations(service.folder, label)}")


def _days(fields: Fields) -> int | None:
    days = _number(fields, "days", INVITATION_DAYS, int)
    return None if days is None else int(days)


def _label(fields: Fields) -> str:
    label = fields.get("label", "").strip()
    if not label:
        raise InputError("name: say what you call the artist")
    check_name(label)
    return label
