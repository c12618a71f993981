"""An artist's page: what was spent, how buyers see it, what was refused; and to publish, to withdraw, to leave.

ARP-1  What is done here is done as the commands do it (`acts`, `Engagement`), by the agent that runs, between two of
       its own requests (AGE-6).
"""

from ..artist.account import (
    is_unsigned,
    last_outcome,
    last_training,
    price_signing,
    read_ledger,
    seen_log,
)
from ..artist.acts import act
from ..artist.agent import Agent
from ..artist.home import Home, read_pins, read_status
from ..artist.showcase import Showcase
from ..web.html import Html, tag
from ..web.layout import paragraph
from ..wire.enrolment import Leave, Withdraw
from . import artist_parts as drawn
from .desk import Act, Desk, Done, Question
from .mirror import look
from .parts import ASSETS, counted, deed, epsilon, form, part, shell


def artist_desk(home: Home, agent: Agent) -> Desk:
    """The page of an artist whose agent runs in this process.

    Args:
        home: The agent's, open.
        agent: Does what is asked for here.
    """
    pins = read_pins(home.folder)
    return Desk(
        shell=_shell(),
        assets=ASSETS,
        parts={
            "agent": lambda: drawn.agent(read_status(home.folder), last_training(home), last_outcome(home)),
            "budget": lambda: drawn.budget(read_ledger(home.folder)),
            "published": lambda: drawn.published(look(home), pins, is_waiting=is_unsigned(home)),
            "sessions": lambda: drawn.sessions(read_ledger(home.folder)),
            "refused": lambda: drawn.refused(read_status(home.folder)),
            "platform": lambda: drawn.platform(pins, seen_log(home)),
        },
        acts={
            "publish": Act(lambda _: _ask_publish(home), lambda _: _publish(agent)),
            "withdraw": Act(lambda _: _WITHDRAW, lambda _: _withdraw(agent)),
            "leave": Act(lambda _: _ask_leave(home), lambda _: _leave(agent)),
        },
    )


def _shell() -> Html:
    """The same for every artist."""
    deeds = tag(
        "div",
        deed(
            "Publish a signature of the last training: buyers find you in the next catalogue. It costs epsilon once, "
            "and stays public.",
            form("publish", "Publish ...", id_="publish"),
        ),
        deed(
            "Take the published signature out of the catalogue. You still take part.",
            form("withdraw", "Withdraw ...", id_="withdraw", style="quiet"),
        ),
        deed(
            "Leave the platform for good. Your ledger stays with you.",
            form("leave", "Leave ...", id_="leave", style="alarming"),
        ),
        class_="deeds",
    )
    return shell(
        "Your work at the platform",
        "Served by your own agent, to this machine alone. Your pictures, your key and your ledger stay here.",
        "Your agent does not answer: it ended, or was started anew. Look at its terminal, start `fedstyle artist run` "
        "if it is not running, and open the address that it prints.",
        [
            part("agent", "Your agent", every=2),
            part("budget", "What was spent", every=10),
            part("published", "How buyers see you"),
            tag("section", tag("h2", "What you can do"), tag("div", deeds, class_="body")),
            part("sessions", "What you took part in", every=10),
            part("refused", "What was refused", every=10),
            part("platform", "The platform", every=30),
        ],
    )


def _ask_publish(home: Home) -> Question:
    price = price_signing(home)
    view = price.view.value.replace("_", " ")
    cost = (
        "It was charged already, and costs nothing more."
        if price.after == price.spent
        else f"It costs you about {epsilon(price.after - price.spent)}: {epsilon(price.spent)} is spent, "
        f"{epsilon(price.after)} of {epsilon(price.limit)} will be ({view} view)."
    )
    if price.after > price.limit:
        cost = (
            f"{cost} That is more than you allow, so your ledger will refuse it; `epsilon` in terms.toml says how much."
        )
    shown = len(Showcase.read(home.folder).works)
    if shown and price.after > price.spent:
        cost = f"{cost} {counted(shown, 'work')} of your showcase will be in it, at no cost."
    stays = "Whoever copies the catalogue keeps the copy, even after you withdraw."
    return Question(
        title=f"Publish your signature of training {price.training}?",
        body=paragraph(f"{cost} {stays}"),
        yes="Publish it",
    )


_WITHDRAW = Question(
    title="Withdraw your signature?",
    body=paragraph(
        "Buyers do not find you in the next catalogue. What was copied stays copied, and what was spent spent."
    ),
    yes="Withdraw it",
)


def _ask_leave(home: Home) -> Question:
    address = read_pins(home.folder).address
    return Question(
        title=f"Leave {address}?",
        body=paragraph(
            "Your key is retired and never comes back, your signature is withdrawn, and your agent ends. What was "
            "released stays released; your ledger goes on counting it."
        ),
        yes="Leave for good",
    )


def _publish(agent: Agent) -> Done:
    from ..artist.engagement import Engagement

    with agent.aside() as (home, line):
        leaf = Engagement(home, line).sign()
    return Done(told=f"Signed (entry {leaf} of the log): buyers find you in the next catalogue.")


def _withdraw(agent: Agent) -> Done:
    with agent.aside() as (home, line):
        leaf = act(home, line, Withdraw())
    return Done(told=f"Withdrawn (entry {leaf} of the log): you are not in the next catalogue.")


def _leave(agent: Agent) -> Done:
    with agent.aside() as (home, line):
        leaf = act(home, line, Leave())
    return Done(
        told=f"Left (entry {leaf} of the log). What was released stays released; your ledger keeps counting it. "
        "Your agent ends now, and this page with it."
    )
