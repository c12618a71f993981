"""An artist's own commands: join a platform, take part, see what was spent, sign, leave, recover."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live
from rich.text import Text

from ..dumps import forbid_dumps
from ..errors import FedStyleError, InputError
from .options import Json
from .screen import plain, screen

if TYPE_CHECKING:
    from ..artist.agent import Word
    from ..artist.client import Line
    from ..artist.home import Home
    from ..artworks.artwork import Gallery
    from ..encoder.encoder import Encoder

artist_app = typer.Typer(
    name="artist",
    help="Take part as an artist: artworks, key and budget stay on this machine.",
    no_args_is_help=True,
)

artist_app.callback()(forbid_dumps)

_PAGE: Final = "FEDSTYLE_PAGE"
"""Hands the page on to the same agent begun anew; nobody sets it."""

HomeOption = Annotated[Path | None, typer.Option("--home", help="The artist's folder (default: in your state folder).")]
NestedOption = Annotated[bool, typer.Option(help="Take pictures in folders inside the folder, too.")]
WeightsOption = Annotated[
    Path | None, typer.Option(help="Weights file of an encoder that does not come with this program.")
]


def _home(home: Path | None) -> Path:
    from ..durable import user_state

    return user_state() / "artist" if home is None else home


@artist_app.command("join")
def join_platform(
    invitation: Annotated[Path, typer.Argument(help="The file that the operator gave you.")],
    artworks: Annotated[Path, typer.Option(help="Folder of your pictures; they are read here and go nowhere.")],
    home: HomeOption = None,
    name: Annotated[str | None, typer.Option(help="To be found by (default: the folder's name).")] = None,
    link: Annotated[str | None, typer.Option(help="Public address to show with your name, https://...")] = None,
    fingerprint: Annotated[
        str | None, typer.Option(help="The platform's, as the operator told you; without it you are asked.")
    ] = None,
    terms: Annotated[
        Path | None, typer.Option(help="Terms to begin with, instead of the proposed ones; you may change them later.")
    ] = None,
    nested: NestedOption = False,
    weights: WeightsOption = None,
    as_json: Json = False,
) -> None:
    """Join a platform: make a key, read your artworks once, write terms.toml for you to change."""
    from ..artist.home import Home
    from ..artist.joining import join, read_invitation
    from ..artist.termsfile import StandingTerms, write_terms

    invited = read_invitation(invitation)
    if terms is not None:
        StandingTerms.read(terms)
    text = write_terms() if terms is None else terms.read_text(encoding="utf-8")
    with closing(Home.make(_home(home), text)) as opened:
        pins, gallery = join(
            opened,
            invited,
            artworks,
            name=name,
            link=link,
            nested=nested,
            weights=weights,
            confirm=lambda shown: _confirm(invited.address, shown, fingerprint),
            screen=screen,
        )
        folder = opened.folder
    read = len(gallery.portfolios[0].artworks)
    screen.warn_left_out([{"file": one.file, "reason": one.reason} for one in gallery.left_out])
    if as_json:
        screen.json({"home": str(folder), "address": pins.address, "name": pins.name, "artworks": read})
        return
    screen.show(Text.assemble("Joined ", plain(pins.address), " as ", plain(pins.name), f" with {read} artworks."))
    screen.show(Text.assemble("Read and change your terms: ", plain(str(folder / "terms.toml"))))
    screen.show(Text.assemble("Copy to another machine: ", plain(str(folder / "ledger" / "recovery.json"))))
    screen.show("Then take part: fedstyle artist run")


def _confirm(address: str, shown: str, told: str | None) -> None:
    """See that the artist knows the platform (ENL-3)."""
    if told is not None:
        if "".join(told.split()).casefold() != "".join(shown.split()).casefold():
            raise InputError(
                f"the invitation is of a platform with the fingerprint {shown}, and not of the one that you named: ask "
                "the operator which is theirs"
            )
        return
    if not sys.stdin.isatty():
        raise InputError(f"name the platform's fingerprint with --fingerprint: the invitation's is {shown}")
    screen.show(Text.assemble(plain(address), " has the fingerprint ", (shown, "bold")))
    if not typer.confirm("Is it what the operator told you?", err=True):
        raise FedStyleError("nothing was joined: ask the operator for the fingerprint, by another way than the file")


@artist_app.command()
def run(
    home: HomeOption = None,
    accept_roster: Annotated[
        str, typer.Option(help="Name of a roster with many newcomers that you agree to, as a refusal named it.")
    ] = "",
) -> None:
    """Take part within your terms, until Ctrl-C. Stopped or killed at any moment, it goes on where it was.

    It prints the address of your page, which is served to this machine alone: keep that address to yourself.
    """
    from ..artist.agent import Agent
    from ..artist.home import Home
    from ..desks.artist import artist_desk
    from ..desks.door import Pass, serving

    handed_on = os.environ.pop(_PAGE, None)
    pass_ = Pass.new() if handed_on is None else Pass.decode(handed_on)
    with closing(Home.open(_home(home))) as opened, _telling() as tell:
        agent = Agent(opened, tell=tell, agreed_to=accept_roster)
        with serving(artist_desk(opened, agent), pass_, on_fault=lambda error: screen.warn(repr(error))) as page:
            if handed_on is None:
                screen.tell(f"your page, for you alone: {page.address}")
            agent.run(until=lambda: agent.has_finished)
    screen.finish()
    os.environ[_PAGE] = page.pass_.encode()  # the page stays where it is, and whose it is
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606  (itself again: what training loaded is let go of)


@contextmanager
def _telling() -> Iterator[Callable[["Word"], None]]:
    """A line that changes in a terminal, and plain lines elsewhere."""
    live = Live(console=screen.notes, refresh_per_second=2, transient=True) if screen.notes.is_terminal else None
    last: list[tuple[str, str]] = []

    def tell(word: "Word") -> None:
        if live is not None:
            live.update(plain(_sentence(word)))
        if word.problem and word.problem not in {problem for _, problem in last[-1:]}:
            screen.warn(word.problem)
        elif live is None and [word.state] != [state for state, _ in last[-1:]]:
            screen.tell(_sentence(word))
        last[:] = [(word.state, word.problem)]

    with live or nullcontext():
        yield tell


def _sentence(word: "Word") -> str:
    training = f", training {word.training}" if word.training else ""
    refused = f", {word.refused} refused" if word.refused else ""
    return f"{word.state}{training}: {word.answered} answers sent since the start{refused}"


@artist_app.command()
def status(home: HomeOption = None, as_json: Json = False) -> None:
    """What your agent did last, and what it refused."""
    from ..artist.account import read_ledger, spending
    from ..artist.home import read_pins, read_status
    from ..artist.showcase import Showcase

    folder = _home(home)
    pins, word, spent = read_pins(folder), read_status(folder), spending(read_ledger(folder))
    facts = {
        "home": str(folder),
        "address": pins.address,
        "fingerprint": pins.fingerprint,
        "name": pins.name,
        "identity": pins.identity.hex(),
        "agent": word or None,
        "spent": spent,
        "shown": (shown := len(Showcase.read(folder).works)),
    }
    if as_json:
        screen.json(facts)
        return
    table = screen.table("", "")
    table.add_row("platform", plain(f"{pins.address}  {pins.fingerprint}"))
    table.add_row("you", plain(f"{pins.name}, key {pins.identity.hex()[:16]}"))
    if word:
        when = datetime.fromtimestamp(word.get("time", 0), UTC).strftime("%Y-%m-%d %H:%M UTC")
        table.add_row("agent", plain(f"{word.get('state')}, training {word.get('training')} ({when})"))
        table.add_row("refused", plain(str(word.get("refused", 0))))
        for one in word.get("refusals", []):
            table.add_row("", plain(str(one.get("reason"))))
        if word.get("problem"):
            table.add_row("problem", plain(str(word["problem"])))
    else:
        table.add_row("agent", "has not run yet: fedstyle artist run")
    table.add_row("spent", plain(_spoken(spent)))
    table.add_row("shown", f"{shown} works, which join your next signature at no cost" if shown else "no works")
    screen.show(table)


@artist_app.command()
def budget(home: HomeOption = None, as_json: Json = False) -> None:
    """What was ever released of your artworks here, and what it cost in each view."""
    from ..artist.account import read_ledger, spending
    from ..privacy.mechanism import View

    ledger = read_ledger(_home(home))
    spent = spending(ledger)
    releases = [
        {
            "release": release.name,
            "iteration": release.iteration,
            "session": release.session.number if release.session else None,
        }
        for release in ledger.releases
    ]
    if as_json:
        screen.json({"spent": spent, "releases": releases, "ledger": str(ledger.path)})
        return
    table = screen.table("view", "epsilon spent", title=f"at delta {ledger.delta:g}; limit {ledger.limit:g}")
    for view in View:
        table.add_row(view.value, _number(spent[view.value]))
    screen.show(table)
    lines = screen.table("release", "iteration", "session")
    for one in releases:
        lines.add_row(*(plain("" if part is None else str(part)) for part in one.values()))
    screen.show(lines)


def _spoken(spent: dict[str, float | None]) -> str:
    parts = (f"{_number(spent[view])} {view}" for view in ("aggregate", "local"))
    return f"epsilon {', '.join(parts)}; limit {_number(spent['limit'])} at delta {spent['delta']:g}"


def _number(value: float | None) -> str:
    return "no bound" if value is None else f"{value:.3g}"


@contextmanager
def opened_home(home: Path | None) -> Iterator["Home"]:
    """A home that no agent is running in."""
    from ..artist.home import Home

    with closing(Home.open(_home(home))) as opened:
        yield opened


def _line(home: "Home") -> "Line":
    """To the platform that was joined."""
    from ..artist.client import Line
    from ..artist.home import read_pins

    pins = read_pins(home.folder)
    return Line(pins.address, pins.certificates, on_trouble=screen.tell)


@artist_app.command()
def sign(
    home: HomeOption = None,
    withdraw: Annotated[bool, typer.Option(help="Take the published signature out of the catalogue instead.")] = False,
) -> None:
    """Publish a signature of the last training, so that buyers find you; it costs epsilon, and stays public."""
    from ..artist.acts import act
    from ..artist.engagement import Engagement
    from ..wire.enrolment import Withdraw

    with opened_home(home) as opened, _line(opened) as line:
        if withdraw:
            leaf = act(opened, line, Withdraw())
            screen.show(f"Withdrawn (entry {leaf} of the log): you are not in the next catalogue.")
        else:
            leaf = Engagement(opened, line).sign()
            screen.show(f"Signed (entry {leaf} of the log): buyers find you in the next catalogue.")


@artist_app.command()
def leave(home: HomeOption = None) -> None:
    """Leave the platform: your key is retired and your signature withdrawn; your ledger stays with you."""
    from ..artist.acts import act
    from ..wire.enrolment import Leave

    with opened_home(home) as opened, _line(opened) as line:
        leaf = act(opened, line, Leave())
    screen.show(f"Left (entry {leaf} of the log). What was released stays released; your ledger keeps counting it.")


@artist_app.command()
def renew(
    home: HomeOption = None,
    drop_training: Annotated[
        bool, typer.Option("--drop-training", help="Drop out of the training that was agreed to, if it still goes on.")
    ] = False,
) -> None:
    """Retire your key, and go on with a new one: same artist, artworks, terms and ledger."""
    from ..artist import acts
    from ..artist.engagement import Engagement
    from ..artist.home import read_pins

    with opened_home(home) as opened:
        with _line(opened) as line:
            training = Engagement(opened, line).unfinished
            if training is not None and not drop_training:
                raise InputError(
                    f"training {training.number}, which you agreed to, has told no outcome: wait for it, or add "
                    "--drop-training, since a new key is on no roster before the next one"
                )
            leaf = acts.renew(opened, line)
        identity = read_pins(opened.folder).identity
    screen.show(f"Your new key is {identity.hex()[:16]} (entry {leaf} of the log); the old one speaks no more.")
    screen.show("You take part again with the next roster, which changes when enough artists do at once.")


@artist_app.command("add")
def add_artworks(
    artworks: Annotated[Path, typer.Argument(help="Folder of your pictures, new ones among them.")],
    home: HomeOption = None,
    nested: NestedOption = False,
    weights: WeightsOption = None,
    as_json: Json = False,
) -> None:
    """Add artworks; what was looked at before counts once, what you show not at all. They share the ledger's limit."""
    from ..artist.portfolio import add_artworks
    from ..artworks.reader import read_portfolio

    with opened_home(home) as opened:
        with screen.stage("Reading artworks", None):
            gallery = read_portfolio(artworks, nested=nested)
        fresh, total = _look_at(add_artworks, opened, gallery, weights)
    if as_json:
        screen.json({"new": fresh, "artworks": total})
        return
    screen.show(f"{fresh} new artworks, {total} in all; they count from the next model update on.")


@artist_app.command()
def showcase(
    works: Annotated[
        Path | None, typer.Argument(help="Folder of pictures that you show anyway, in place of those named before.")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Show none; artworks of yours among them count again.")] = False,
    home: HomeOption = None,
    nested: NestedOption = False,
    weights: WeightsOption = None,
    as_json: Json = False,
) -> None:
    """Let works that you show anyway join your next signatures, at no cost.

    Name only what anybody can see already: no noise covers it. Works that are among your artworks, too, are none of
    them as long as they are shown.
    """
    from ..artist.portfolio import hide_works, show_works
    from ..artist.showcase import read_showcase

    if (works is None) != drop:
        raise InputError("name the folder of works that you show, or --drop to show none: one of the two")
    with opened_home(home) as opened:
        if works is None:
            count, taken, left = 0, 0, hide_works(opened)
        else:
            with screen.stage("Reading works", None):
                gallery = read_showcase(works, nested=nested)
            count = len(gallery.portfolios[0].artworks)
            taken, left = _look_at(show_works, opened, gallery, weights)
    if as_json:
        screen.json({"shown": count, "in_both": taken, "artworks": left})
        return
    apart = f"; {taken} of your artworks are among them, and private no more" if taken else ""
    screen.show(f"{count} works join your next signature{apart}. {left} artworks are private.")


def _look_at(
    keep: Callable[["Home", "Gallery", "Encoder", Callable[[int], None]], tuple[int, int]],
    home: "Home",
    gallery: "Gallery",
    weights: Path | None,
) -> tuple[int, int]:
    """Have pictures looked at by the pinned encoder, and kept."""
    from ..artist.home import read_pins
    from ..artist.portfolio import choose_encoder
    from ..encoder.encoder import title_of

    encoder = choose_encoder(read_pins(home.folder).space.encoder, home.terms.encoders, weights)
    with screen.stage(title_of(encoder), len(gallery.portfolios[0].artworks)) as advance:
        kept = keep(home, gallery, encoder, advance)
    screen.warn_left_out([{"file": one.file, "reason": one.reason} for one in gallery.left_out])
    return kept


@artist_app.command("confirm-log")
def confirm_log(
    home: HomeOption = None,
    name: Annotated[
        str | None, typer.Option(help="The new log's name, as the operator told you; without it you are asked.")
    ] = None,
) -> None:
    """After a loss an operator began the log anew: see what it says, and pin it if you were told why."""
    from ..artist.epochs import confirm_epoch, look_for_epoch
    from ..artist.home import read_pins

    with opened_home(home) as opened:
        pins = read_pins(opened.folder)
        with _line(opened) as line:
            epoch = look_for_epoch(opened, line)
        origin = epoch.newest.origin
        screen.show(
            Text.assemble(
                plain(f"The log {pins.space.log_origin}, of which you saw {epoch.seen} entries, ended with "),
                plain(f"{epoch.opening.size}. It begins anew as {origin}, with {epoch.newest.size} entries now, "),
                "your own among them. What was entered last may be lost: withdrawals, keys that were retired.",
            )
        )
        _agree_to_log(origin, name)
        confirm_epoch(opened, epoch)
    screen.show(
        Text.assemble(
            "Confirmed ", plain(origin), "; what was shown is kept in ", plain(str(opened.folder / "evidence"))
        )
    )


def _agree_to_log(origin: str, told: str | None) -> None:
    """See that the artist heard of a new epoch from its operator (EPO-1)."""
    if told is None and not sys.stdin.isatty():
        raise InputError(f"name the new log with --name, if the operator told you of it: it is {origin}")
    if told not in {None, origin}:
        raise InputError(f"the new log is {origin}, and not the one that you named: ask the operator which is theirs")
    if told is None and not typer.confirm("Did the operator tell you, by another way, why it begins anew?", err=True):
        raise FedStyleError("nothing was confirmed: your agent takes part in nothing of the new log")


@artist_app.command()
def recover(
    file: Annotated[
        Path | None, typer.Argument(help="recovery.json of the lost machine; none if it is lost too.")
    ] = None,
    home: HomeOption = None,
    complete: Annotated[
        bool, typer.Option(help="Nothing was released after the file was written: count no more than it says.")
    ] = False,
) -> None:
    """After `join` on a new machine: count what the lost one released, or all of it as spent."""
    from ..artist import recovery

    content = None
    if file is not None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise InputError(f"the recovery file {file} cannot be read: {error.strerror}") from error
    with opened_home(home) as opened:
        ledger = recovery.recover(opened.ledger_path, content, opened.terms, is_complete=complete)
    spent = ledger.spent(ledger.view)
    screen.show(f"Epsilon {spent:.3g} of {ledger.limit:g} counts as spent, in {len(ledger.releases)} releases.")
