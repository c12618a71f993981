"""Researchers' jobs: what a researcher asks of one artist, and what the artist makes of it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..bounds import EPSILON, Bounds
from ..errors import FedStyleError, InputError
from .artist import HomeOption, artist_app, opened_home
from .options import Json, number
from .screen import plain, screen

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ..artist.home import Home
    from ..artist.jobs import Job
    from ..engines.syft.desks import ArtistDesk, ResearcherDesk

research_app = typer.Typer(
    name="research", help="Ask single artists for private answers, as a researcher.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option("--folder", help="Folder that both sides see: a shared disk, a drive's client.")]
Researcher = Annotated[str, typer.Option("--researcher", help="The researcher's key, as `fedstyle research key` says.")]
Artist = Annotated[str, typer.Argument(help="The artist's key, as `fedstyle artist status` says.")]
Own = Annotated[Path | None, typer.Option("--home", help="The researcher's folder (default: in your state folder).")]
JobName = Annotated[str, typer.Argument(help="Of the job, as `fedstyle artist jobs` says.")]


@research_app.command("key")
def show_key(home: Own = None) -> None:
    """Your key, made here if there is none: give it to artists by another way than the folder."""
    screen.show(_key(_own(home)).public_key().public_bytes_raw().hex())


@research_app.command("ask")
def ask_artist(
    artist: Artist,
    job: Annotated[str, typer.Argument(help="Type of the job: count or steadiness.")],
    epsilon: Annotated[float, number("What the answer may cost the artist.", EPSILON)],
    folder: Folder,
    repetition: Annotated[int, number("To ask for the same again.", Bounds(1, 1_000_000))] = 1,
    home: Own = None,
) -> None:
    """Ask an artist for a job by its name. The artist decides; nothing of yours runs there."""
    from ..artist.jobs import JobRequest

    request = JobRequest(type=job, epsilon=epsilon, number=repetition)
    name = f"{job}-{epsilon:g}-{repetition}"
    _researcher_desk(folder, home, artist).ask(_identity(artist), name, request.encode())
    screen.show(plain(f"Asked for {name}: fedstyle research answers {artist[:16]}..."))


@research_app.command("answers")
def show_answers(artist: Artist, folder: Folder, home: Own = None, as_json: Json = False) -> None:
    """What became of all that you asked of an artist."""
    from ..artist.jobs import JOB_TYPES, JobAnswer

    jobs: list[dict[str, Any]] = []
    for name, status, content in _researcher_desk(folder, home, artist).answers(_identity(artist)):
        answer = JobAnswer.decode(content) if content else None
        bins = () if answer is None else JOB_TYPES[answer.request.type].bins
        numbers = None if answer is None else dict(zip(bins, answer.numbers, strict=True))
        jobs.append({"job": name, "status": status, "numbers": numbers, "delta": answer and answer.delta})
    if as_json:
        screen.json({"jobs": jobs})
        return
    table = screen.table("job", "status", "answer", "at delta")
    for one in jobs:
        spoken = ", ".join(f"{name}: {value:.1f}" for name, value in (one["numbers"] or {}).items())
        table.add_row(plain(one["job"]), plain(one["status"]), plain(spoken), "" if not spoken else f"{one['delta']:g}")
    screen.show(table)


@artist_app.command("jobs")
def show_jobs(researcher: Researcher, folder: Folder, home: HomeOption = None, as_json: Json = False) -> None:
    """What a researcher asks of you: what each answer would tell, on artworks that nobody made, and what it costs."""
    from ..artist.jobs import preview

    with opened_home(home) as opened:
        desk = _artist_desk(opened, folder, researcher)
        shown: list[dict[str, Any]] = []
        for name, data in desk.requests().items():
            try:
                job = _read(researcher, data)
            except InputError as error:
                screen.warn(f"{name}: {error}; refuse it: fedstyle artist refuse")
                continue
            seen = preview(opened, job.request)
            shown.append({
                "job": name,
                "type": job.request.type,
                "epsilon": job.request.epsilon,
                "tells": seen.about,
                "mock_exact": dict(zip(seen.bins, seen.exact, strict=True)),
                "mock_answer": dict(zip(seen.bins, seen.noisy, strict=True)),
                "spent": seen.spent,
                "spent_after": seen.after,
                "limit": seen.limit,
            })  # fmt: skip
    if as_json:
        screen.json({"jobs": shown})
        return
    for one in shown:
        table = screen.table("of 30 mock artworks", "exact", "answer", title=plain(f"{one['job']}: {one['tells']}"))
        for name, exact in one["mock_exact"].items():
            table.add_row(name, f"{exact:g}", f"{one['mock_answer'][name]:.1f}")
        table.caption = (
            f"epsilon {one['spent']:.3g} is spent, {one['spent_after']:.3g} of {one['limit']:g} would be; "
            f"fedstyle artist approve {one['job']} {one['type']}"
        )
        screen.show(table)
    if not shown:
        screen.show("Nothing is asked of you.")


@artist_app.command("approve")
def approve_job(
    job: JobName,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="Type of the job: you approve of it by its name.")],
    researcher: Researcher,
    folder: Folder,
    home: HomeOption = None,
    without_sandbox: Annotated[
        bool, typer.Option("--without-sandbox", help="Run the job without bubblewrap: it sees what this program sees.")
    ] = False,
) -> None:
    """Charge your ledger, compute the answer apart from everything else, and send it."""
    from ..artist.jobs import perform
    from ..artist.sandbox import ensure_sandbox, run_apart

    if not without_sandbox:
        ensure_sandbox()
    with opened_home(home) as opened:
        desk = _artist_desk(opened, folder, researcher)
        asked = _read(researcher, _asked(desk, job))
        run = partial(run_apart, without_sandbox=without_sandbox)
        answer = perform(opened, asked, approved=kind, run=run)
        desk.answer(job, answer.encode())
    screen.show(plain(f"Answered {job}, at epsilon {asked.request.epsilon:g}: fedstyle artist budget"))


@artist_app.command("refuse")
def refuse_job(job: JobName, researcher: Researcher, folder: Folder, home: HomeOption = None) -> None:
    """Refuse a job, without a reason and at no cost."""
    with opened_home(home) as opened:
        desk = _artist_desk(opened, folder, researcher)
        _asked(desk, job)
        desk.refuse(job)
    screen.show(plain(f"Refused {job}."))


def _asked(desk: "ArtistDesk", job: str) -> bytes:
    requests = desk.requests()
    if job not in requests:
        known = f"open are {', '.join(sorted(requests))}" if requests else "nothing is asked of you"
        raise InputError(f"there is no open job {job[:80]!r}: {known}")
    return requests[job]


def _read(researcher: str, data: bytes) -> "Job":
    from ..artist.jobs import Job, JobRequest

    return Job(request=JobRequest.decode(data), researcher=_identity(researcher))


def _artist_desk(home: "Home", folder: Path, researcher: str) -> "ArtistDesk":
    key = _identity(researcher)
    boxes, desks = _load("boxes"), _load("desks")
    box = boxes.ArtistBox(folder, home.folder / "syft" / researcher[:16], home.identity, key)
    desk: ArtistDesk = desks.ArtistDesk(box, key)
    return desk


def _researcher_desk(folder: Path, home: Path | None, artist: str) -> "ResearcherDesk":
    own, key = _own(home), _identity(artist)
    boxes, desks = _load("boxes"), _load("desks")
    desk: ResearcherDesk = desks.ResearcherDesk(boxes.VisitorBox(folder, own / artist[:16], _key(own), [key]))
    return desk


def _load(module: str) -> Any:
    from ..extras import load_extra

    return load_extra("syft", f"fedstyle_secure.engines.syft.{module}", option="jobs over a shared folder")


def _own(home: Path | None) -> Path:
    from ..durable import user_state

    return user_state() / "researcher" if home is None else home


def _key(home: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ..durable import locked, make_key, read_key
    from ..encoder.folders import make_private

    try:
        make_private(home)
        with locked(home / ".lock"):
            path = home / "researcher.key"
            return Ed25519PrivateKey.from_private_bytes(read_key(path) if path.exists() else make_key(path))
    except OSError as error:
        raise FedStyleError(f"{home} cannot hold a researcher's key: {error}") from error


def _identity(key: str) -> bytes:
    try:
        identity = bytes.fromhex(key)
    except ValueError:
        identity = b""
    if len(identity) != 32 or identity.hex() != key:
        raise InputError(f"a key is 64 hexadecimal digits, got {key[:80]!r}")
    return identity
