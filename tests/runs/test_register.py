"""BOW-1 to BOW-5: one ledger for one body of work, recognized by artworks and names, carried from run to run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent

from fedstyle_secure.artworks.artwork import Artwork, Portfolio
from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError
from fedstyle_secure.privacy.ledger import BudgetExceededError, Ledger, LedgerError
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.releases import Release, SessionMark
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.progress import Silent
from fedstyle_secure.runs.register import Register, default_folder
from fedstyle_secure.runs.spending import read_spending
from tests import stand_ins

RELEASE = Release(
    name="head", iteration=1, events={view: GaussianDpEvent(2.0) for view in View}, delta_slack=0.0
)  # epsilon 2.3 or so at 1e-5


def works(artist: str, *numbers: int) -> Portfolio:
    """Pictures that are told apart by their color."""
    return Portfolio(artist, tuple(Artwork(np.full((2, 2, 3), number, dtype=np.uint8)) for number in numbers))


def charge(register: Register, *portfolios: Portfolio, limit: float = 8.0, times: int = 1) -> dict[str, Ledger]:
    with register.claimed(portfolios, limit=limit, delta=1e-5, view=View.AGGREGATE) as ledgers:
        for ledger in ledgers.values():
            for _ in range(times):
                ledger.charge(RELEASE)
    return ledgers


def releases(register: Register, *portfolios: Portfolio) -> Sequence[int]:
    with register.claimed(portfolios, limit=8.0, delta=1e-5, view=View.AGGREGATE) as ledgers:
        return [len(ledgers[portfolio.artist].releases) for portfolio in portfolios]


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "ledgers")


def test_the_same_works_go_on_with_their_ledger(register: Register) -> None:
    charge(register, works("Ada", 1, 2), works("Bo", 3))
    assert releases(register, works("Ada", 1, 2), works("Bo", 3)) == [1, 1]
    assert releases(Register(register.folder), works("Bo", 3)) == [1]


@pytest.mark.parametrize(
    "portfolio",
    [
        works("Someone else", 1, 2),
        works("Someone else", 7, 8, 9, 2),
        works("Ada", 7, 8),
        works("ADA", 7),
        works("A\u200bda ", 7),
    ],
    ids=["other name", "one picture of many", "other pictures", "case", "marks and spaces"],
)
def test_a_name_or_one_picture_is_enough(portfolio: Portfolio, register: Register) -> None:
    charge(register, works("Ada", 1, 2))
    assert releases(register, portfolio) == [1]
    assert releases(register, works("Cleo", 5)) == [0]


def test_of_one_session_the_releases_of_both_bodies_count(register: Register) -> None:
    mark = SessionMark(number=1, session_id=b"s" * 32, roster=b"r" * 32, platform=b"p" * 32)
    with register.claimed([works("Ada", 1), works("Bo", 2)], limit=8.0, delta=1e-5, view=View.AGGREGATE) as ledgers:
        for ledger in ledgers.values():
            ledger.charge(replace(RELEASE, session=mark))
    assert releases(register, works("Both", 1, 2)) == [2]


def test_works_that_come_together_are_charged_for_all(register: Register) -> None:
    charge(register, works("Ada", 1), works("Bo", 2), times=2)
    charge(register, works("Both", 1, 2))
    for portfolio in (works("Ada", 1), works("Bo", 2), works("Cleo", 2), works("Both", 9)):
        assert releases(register, portfolio) == [5]
    with pytest.raises(BudgetExceededError):
        charge(register, works("Bo", 2), limit=5.0)
    with pytest.raises(InputError, match=r"Ada and Bo have works of one artist, by earlier runs"):
        charge(register, works("Ada", 1), works("Bo", 2))


@pytest.mark.parametrize(
    ("portfolios", "why"),
    [
        ((works("Ada", 1, 2), works("Bo", 2, 3)), "Ada and Bo hold the same picture"),
        ((works("Ada", 1), works("ada", 2)), "Ada and ada have one name"),
    ],
)
def test_in_one_run_no_two_artists_share_a_budget(
    portfolios: Sequence[Portfolio], why: str, register: Register
) -> None:
    with pytest.raises(InputError, match=why):
        charge(register, *portfolios)


def test_what_nothing_was_released_of_leaves_nothing(register: Register) -> None:
    charge(register, works("Ada", 1))
    before = stand_ins.listing(register.folder)
    with (
        pytest.raises(KeyboardInterrupt),
        register.claimed([works("Ada", 1, 5), works("Bo", 2)], limit=99.0, delta=1e-5, view=View.AGGREGATE),
    ):
        raise KeyboardInterrupt
    assert stand_ins.listing(register.folder) == before
    assert releases(register, works("Cleo", 5)) == [0]


@pytest.mark.parametrize("lost", ["ledger", "line", "list", "key"])
def test_a_ledger_that_was_lost_is_not_begun_anew(lost: str, register: Register) -> None:
    ledger = charge(register, works("Ada", 1), times=2)["Ada"]
    match lost:
        case "ledger":
            ledger.path.unlink()
        case "line":
            ledger.path.write_bytes(ledger.path.read_bytes().splitlines(keepends=True)[0])
        case "list":
            (register.folder / "bodies.json").unlink()
        case "key":
            ledger.path.with_suffix(".key").unlink()
    with pytest.raises(LedgerError):
        charge(register, works("Ada", 1))
    with pytest.raises(LedgerError):
        charge(register, works("Other name", 1))
    assert ledger.path.exists() == (lost != "ledger")


def test_an_older_list_does_not_hide_a_ledger(register: Register) -> None:
    charge(register, works("Ada", 1))
    older = (register.folder / "bodies.json").read_bytes()
    charge(register, works("Bo", 2))
    (register.folder / "bodies.json").write_bytes(older)
    with pytest.raises(LedgerError, match="does not say whose ledger"):
        charge(register, works("Bo", 2))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "fedstyle-bodies-1", "bodies": {"a": {}}}'])
def test_a_damaged_list_is_refused(content: bytes, register: Register) -> None:
    charge(register, works("Ada", 1))
    (register.folder / "bodies.json").write_bytes(content)
    with pytest.raises(LedgerError, match="is damaged"):
        charge(register, works("Ada", 1))


CLAIMER = """
import sys, time
import numpy as np
from pathlib import Path
from fedstyle_secure.runs.register import Register
from fedstyle_secure.privacy.mechanism import View
from tests.runs.test_register import works
with Register(Path(sys.argv[1])).claimed([works("Ada", 1)], limit=8.0, delta=1e-5, view=View.AGGREGATE):
    print("holds", flush=True)
    time.sleep(300)
"""


def test_a_body_of_work_is_charged_by_one_command_at_a_time(register: Register) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLAIMER, register.folder], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        try:
            with pytest.raises(InputError, match="another command is charging the works of Someone: wait"):
                charge(register, works("Someone", 1))
            charge(register, works("Bo", 2))
        finally:
            process.kill()
    charge(register, works("Ada", 1))


def test_ledgers_belong_to_their_owner_alone(register: Register) -> None:
    charge(register, works("Ada", 1))
    assert register.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in register.folder.iterdir()} == {0o600}


def test_ledgers_are_kept_in_the_users_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "fedstyle-secure" / "ledgers"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says the specification
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".local" / "state" / "fedstyle-secure" / "ledgers"


class Listener(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)


def train(art: Path, out: Path, progress: Silent | None = None, **changes: object) -> dict[str, object]:
    return run.train(stand_ins.settings(art, out, iterations=1, **changes), progress=progress)


@pytest.mark.usefixtures("quick")
def test_a_second_run_on_the_same_art_goes_on_with_its_ledgers(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, said = tmp_path / "ledgers", Listener()
    train(art, tmp_path / "a", ledgers=kept, progress=said)
    assert said.told[0] == "nothing is known to have been spent on these artworks before"
    moved = Path(shutil.copytree(art, tmp_path / "elsewhere"))
    said, before = Listener(), stand_ins.listing(kept)
    with monkeypatch.context() as patch:
        stand_ins.forbid_looking(patch)
        with pytest.raises(PrivacyError) as refusal:
            train(moved, tmp_path / "b", ledgers=kept, progress=said)
    assert "epsilon 8.00 was spent on these artworks before, which leaves nothing of --epsilon 8" in str(refusal.value)
    assert "raise it, or count nothing that was released before with --fresh-ledgers" in str(refusal.value)
    assert said.told[0].startswith("before this run epsilon 8.00 was spent on works of ")
    assert stand_ins.listing(kept) == before
    second = train(moved, tmp_path / "b", ledgers=kept, epsilon=12.0)
    assert 11.7 < second["privacy"]["epsilon"]["aggregate"] <= 12.0
    assert second["privacy"]["before"]["aggregate"] == pytest.approx(8.0, abs=1e-3)
    assert second["history"][0]["epsilon"]["aggregate"] > 8.0
    for folder in ("a", "b"):
        for account in read_spending(tmp_path / folder)["artists"].values():
            assert account["epsilon"] == pytest.approx(second["privacy"]["epsilon"], abs=1e-3)
            assert len(account["releases"]) == 6
            assert account["limit"] == 12.0
    third = train(art, tmp_path / "c")  # fresh ledgers, asked for
    assert third["privacy"]["before"]["aggregate"] == 0
    assert third["privacy"]["fresh"]


@pytest.mark.usefixtures("quick")
def test_what_follows_another_law_of_noise_is_planned_within_what_is_left(art: Path, tmp_path: Path) -> None:
    kept = tmp_path / "ledgers"
    train(art, tmp_path / "a", ledgers=kept, epsilon=3.0, noise=Noise.SKELLAM)
    second = train(art, tmp_path / "b", ledgers=kept, epsilon=6.0)
    assert second["privacy"]["before"]["aggregate"] <= 3.0
    assert 5.0 < second["privacy"]["epsilon"]["aggregate"] <= 6.0


@pytest.mark.usefixtures("quick")
def test_a_run_that_fails_says_what_it_charged(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    kept, said = tmp_path / "ledgers", Listener()
    monkeypatch.setattr(run, "make_page", fail)
    with pytest.raises(FedStyleError, match="No space left"):
        train(art, tmp_path / "a", ledgers=kept, progress=said)
    assert "what was charged stays charged" in said.told[-1]
    assert "up to epsilon 8.00 on the works of 8 artists" in said.told[-1]
    assert {len(json.loads(line)) for path in kept.glob("*.jsonl") for line in path.read_text().splitlines()}
    monkeypatch.undo()
    stand_ins.install(monkeypatch)
    with pytest.raises(PrivacyError, match=r"epsilon 8\.00 was spent"):
        train(art, tmp_path / "a", ledgers=kept)


@pytest.mark.usefixtures("quick")
def test_a_run_without_privacy_touches_no_ledger_that_is_kept(art: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--fresh-ledgers"):
        train(art, tmp_path / "a", ledgers=tmp_path / "ledgers", privacy=Mode.NONE)
    assert stand_ins.listing(tmp_path) == {}
