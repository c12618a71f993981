"""The parts of an operator's page, drawn from what is known: nothing is read or asked here."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ..config import ANNOUNCEMENT_SECONDS, OFFERED_ATTEMPTS, OFFERED_DROP_RATE, ROUND_SECONDS
from ..names import shown
from ..platform.coordinator.generations import Proposal
from ..platform.coordinator.starting import Draft
from ..platform.settings import Settings
from ..platform.store.artists import Listed as Artist
from ..platform.store.trainings import State, Training, Waiting
from ..transparency.checkpoints import Checkpoint
from ..transparency.leaves import decode
from ..web.html import Child, Html, join, tag
from ..web.layout import paragraph, section, table
from ..web.ornaments import Ornaments
from ..wire.catalogue import Listed as Signature
from .desk import Question
from .parts import epsilon, facts, field, form, mono, part, shell, sparing

_NEWEST: Final = 12
"""Entries of the log that are shown."""
_ORNAMENT: Final = 40


def shell_of_operator() -> Html:
    """The same for every operator."""
    start = form(
        "start",
        "What would it cost ...",
        field("iterations", "Updates", "model updates; none: as planned", inputmode="numeric", size="6"),
        field("epsilon", "Epsilon", "none: the smallest limit of the artists' own", inputmode="decimal", size="6"),
        field(
            "drop_rate",
            "Drop rate",
            "part of the artists that may be missing",
            value=OFFERED_DROP_RATE,
            inputmode="decimal",
        ),
        field("buckets", "Buckets", "sums the cohort is cut into; none: one", inputmode="numeric"),
        field(
            "attempts",
            "Attempts",
            "tries of an update; each upload is charged",
            value=OFFERED_ATTEMPTS,
            inputmode="numeric",
        ),
        field(
            "announcement_seconds",
            "Announcement",
            "seconds for an offer",
            value=ANNOUNCEMENT_SECONDS,
            inputmode="numeric",
        ),
        field("round_seconds", "Round", "seconds for a round of a session", value=ROUND_SECONDS, inputmode="numeric"),
        id_="start",
    )
    invite = form(
        "invite",
        "Invite ...",
        field("label", "Name", "what you call the artist; buyers never see it", required="", autocomplete="off"),
        field("days", "Days", "how long it may be used; none: as in platform.toml", inputmode="numeric", size="6"),
        id_="invite",
    )
    asked = paragraph(
        "It is planned and priced first, and asked once more before any artist hears of it.", class_="note"
    )
    return shell(
        "Your platform",
        "Served by the platform, to this machine alone. Nothing here shows an artwork, an upload or a key.",
        "The platform does not answer: it ended, or was started anew. Look at its terminal or its logs, and open the "
        "address that it prints.",
        [
            part("training", "Training", every=2),
            section("Next training", asked, start),
            part("artists", "Artists", every=10),
            section("Invite an artist", invite),
            part("catalogue", "Catalogue", every=30),
            part("log", "Log", every=10),
            part("health", "Health", every=5),
        ],
    )


def no_training() -> Html:
    """Before the first."""
    return paragraph("None was started yet.", class_="note")


def training(
    told: Mapping[str, Any], found: Training, waiting: Waiting | None, silent: Sequence[str], now: float
) -> Html:
    """The newest training as it goes.

    Args:
        told: It in plain values (`following.describe`).
        found: It as the store has it.
        waiting: What it waits for.
        silent: Who has not answered that yet.
        now: Seconds since 1970.
    """
    is_open = found.state in {State.OFFERED, State.RUNNING}
    state = "stopping" if found.stop and is_open else found.state.value
    title = paragraph(f"Training {found.number} is {state}.", class_="state")
    problem = paragraph(shown(found.problem), class_="problem") if found.problem else None
    known = facts(
        {
            "Artists on its roster": str(told["artists"]),
            "Agreed": "asked now" if found.agreed is None else str(found.agreed),
            "Updates with a sum": f"{told['over']} of {told['iterations']}",
            "Costs an artist": f"epsilon {epsilon(told['epsilon']['aggregate'])}",
            "Without masks": f"epsilon {epsilon(told['epsilon']['local'])}",
        }
    )
    stop = (
        form("stop", "Stop ...", id_="stop", style="alarming", training=str(found.number))
        if is_open and not found.stop
        else None
    )
    return join(title, problem, known, _waits(found, waiting, silent, now), _attempts(told["attempts"]), stop)


def _waits(found: Training, waiting: Waiting | None, silent: Sequence[str], now: float) -> Html | None:
    if waiting is None:
        return None
    is_round = waiting.name.startswith("session ")
    window = found.facts.round_seconds if is_round else found.facts.announcement_seconds
    left = None if waiting.opened is None else max(0, round(waiting.opened + window - now))
    time = f"at most {window} s" if left is None else f"{left} of {window} s left"
    missing = f" Not yet: {', '.join(map(shown, silent))}." if silent else ""
    bar = tag("progress", value=str(waiting.replied), max=str(waiting.asked), aria_label=f"replies to {waiting.name}")
    return tag(
        "div",
        paragraph(
            tag("strong", waiting.name[:1].upper() + waiting.name[1:]),
            f": {waiting.replied} of {waiting.asked} answered, {time}.{missing}",
        ),
        bar,
        class_="waits",
    )


def _attempts(attempts: Sequence[Mapping[str, Any]]) -> Html | None:
    if not attempts:
        return None
    rows = [
        tag(
            "tr",
            tag("th", str(each["iteration"]), scope="row"),
            tag("td", str(each["survivors"]) if each["survivors"] else "none"),
            tag("td", shown(each["problem"]), class_="text"),
            tag("td", mono(each["sum"][:16])),
        )
        for each in attempts
    ]
    return sparing(table(("update", "artists in the sum", "what was wrong", "sum"), rows))


def artists(listed: Sequence[Artist]) -> Html:
    """Everybody who was invited."""
    if not listed:
        return paragraph("Nobody yet: invite at least five, whom you know.", class_="note")
    enrolled = sum(each.identity is not None for each in listed)
    rows = [_artist(number, each) for number, each in enumerate(listed)]
    return join(
        paragraph(f"{enrolled} can take part, of {len(listed)} who were invited.", class_="note"),
        sparing(table(("artist", "found as", "state", "key"), rows)),
    )


def _artist(number: int, artist: Artist) -> Html:
    state: Child = "enrolled" if artist.identity else "left"
    if artist.identity is None and artist.name is None:
        state = join(
            "invited ", form("revoke", "Revoke ...", id_=f"revoke-{number}", style="quiet", label=artist.label)
        )
    return tag(
        "tr",
        tag("th", shown(artist.label), scope="row"),
        tag("td", shown(artist.name or "not yet"), class_="text"),
        tag("td", state, class_="text"),
        tag("td", mono(artist.identity.hex()[:16]) if artist.identity else "none"),
    )


def catalogue(signatures: Sequence[Signature]) -> Html:
    """What is published now; ornaments of the newest training's, which are comparable."""
    if not signatures:
        return paragraph("Nobody has published a signature: buyers find nobody.", class_="note")
    newest = [each for each in signatures if each.training == signatures[-1].training]
    vectors = np.array([np.frombuffer(each.vector, "<f4") for each in newest], dtype=np.float32)
    ornaments = Ornaments([each.name for each in newest], vectors)
    entries = []
    for each in signatures:
        drawn = ornaments.draw(each.name, size=_ORNAMENT) if each in newest else None
        picture = tag("svg", drawn, width=_ORNAMENT, height=_ORNAMENT, aria_hidden="true")
        link = tag("a", shown(each.link), href=each.link, rel="noreferrer noopener") if each.link else "no link"
        entries.append(tag("li", picture, tag("span", tag("b", shown(each.name)), tag("br"), link)))
    return join(
        ornaments.definitions(),
        paragraph(f"{len(signatures)} artists; buyers' pages and command lines fetch it whole.", class_="note"),
        tag("ul", *entries, class_="published"),
    )


def log(note: bytes, entries: Sequence[bytes], checkpoint: Checkpoint) -> Html:
    """The newest checkpoint and the newest entries."""
    first = max(0, len(entries) - _NEWEST)
    rows = [
        tag("tr", tag("th", str(first + index), scope="row"), tag("td", decode(entry).KIND))
        for index, entry in enumerate(entries[first:])
    ]
    return join(
        facts({"Entries": str(checkpoint.size), "Root": mono(b64encode(checkpoint.root).decode())}, are_long=True),
        tag("details", tag("summary", "Checkpoint, as it is signed"), tag("pre", tag("code", note.decode()))),
        tag("details", tag("summary", "The newest entries"), table(("entry", "kind"), rows[::-1])),
    )


def health(settings: Settings, epoch: int | None, seconds: float, counted: Mapping[str, float]) -> Html:
    """Whether all is well, in numbers."""
    leads = "a process leads trainings" if epoch is not None else "nobody leads trainings: wait a minute, else restart"
    known = {what.rstrip("."): f"{value:,.0f}" for what, value in counted.items()}
    return join(
        paragraph(f"The database answers; {leads}.", class_="state" if epoch is not None else "problem"),
        facts(
            {
                "Artists call": mono(settings.address),
                "It listens on": mono(settings.listen),
                "Up for": _duration(seconds),
                **known,
            },
            are_long=True,
        ),
    )


def question_of(draft: Draft, proposal: Proposal, windows: Mapping[str, int]) -> Question:
    """What a training would come to, before it is started."""
    asked, plan = draft.asked, draft.plan
    known = facts(
        {
            "Epsilon, aggregate": epsilon(asked.aggregate),
            "Epsilon, local": epsilon(asked.local),
            "Epsilon, worst case": epsilon(asked.worst_case),
            "At delta": f"{asked.delta:g}",
            "Artists": str(len(proposal.members)),
            "Updates": str(len(plan.multipliers)),
            "Needed for a sum": str(plan.min_survivors),
            "May be accomplices": str(plan.corrupt),
        }
    )
    lag = proposal.lag(plan.min_cohort)
    left_out = paragraph(f"{lag}.", class_="note") if lag else None
    body = join(
        paragraph(
            f"Each artist who takes part pays this, {plan.mode.value}, for each {plan.unit.value} of theirs. A retry "
            f"of an update ({windows['attempts']} tries) is charged again. Their own terms decide if they take part."
        ),
        known,
        left_out,
    )
    return Question(title=f"Start a training of {len(plan.multipliers)} updates?", body=body, yes="Start it")


def question_of_stopping(number: int) -> Question:
    """What ending a training comes to."""
    body = paragraph(
        "Artists are told of what it has come to so far, or that nothing came of it. What they were charged stays "
        "charged, and the log says that you ended it."
    )
    return Question(title=f"Stop training {number}?", body=body, yes="Stop it")


def question_of_inviting(label: str, days: int | None) -> Question:
    """What an invitation comes to."""
    period = "as long as platform.toml says" if days is None else f"{days} days"
    body = paragraph(
        f"You get a file for this artist alone, good for {period}, once. An older unused invitation of the same name "
        "can be used no more; if the artist is enrolled already, the new key takes the old one's place."
    )
    return Question(title=f"Invite {shown(label)}?", body=body, yes="Make the invitation")


def question_of_revoking(label: str) -> Question:
    """What revoking comes to."""
    body = paragraph("Whoever holds an unused invitation of this name can join with it no more.")
    return Question(title=f"Revoke the invitation of {shown(label)}?", body=body, yes="Revoke it")


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    return f"{minutes // 1440} d {minutes // 60 % 24} h {minutes % 60} min" if minutes else "less than a minute"
