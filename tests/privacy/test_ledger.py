"""LED-1 to LED-8: refused before writing, durable, tamper-evident, crashes counted as spent, one key, one session."""

import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from dp_accounting import (
    DpEvent,
    GaussianDpEvent,
    LaplaceDpEvent,
    NonPrivateDpEvent,
    PoissonSampledDpEvent,
    ZCDpEvent,
)

from fedstyle_secure.errors import InputError, PrivacyError
from fedstyle_secure.privacy import ledger as ledger_module
from fedstyle_secure.privacy.accounting import epsilon, epsilon_of_mu, gaussian_mu, is_within, mu_of
from fedstyle_secure.privacy.ledger import BudgetExceededError, Ledger, LedgerError, key_path
from fedstyle_secure.privacy.mechanism import Mechanism, View
from fedstyle_secure.privacy.releases import Release, SessionMark

DELTA = 1e-5
MULTIPLIER = math.sqrt(5) / mu_of(8.0, DELTA / 2)
"""Five releases of this noise spend epsilon 8 (a little less)."""


def release(iteration: int = 0, multiplier: float = MULTIPLIER, *, name: str = "head") -> Release:
    events: dict[View, DpEvent] = dict.fromkeys(View, GaussianDpEvent(multiplier / 3))
    return Release(
        name=name, iteration=iteration, events=events | {View.AGGREGATE: GaussianDpEvent(multiplier)}, delta_slack=1e-12
    )


def opened(path: Path, *, limit: float = 8.0, view: View = View.AGGREGATE, known_head: str | None = None) -> Ledger:
    return Ledger.open(path, limit=limit, delta=DELTA, view=view, known_head=known_head)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frida.jsonl"


@pytest.fixture
def charged(path: Path) -> Path:
    """A ledger with three releases."""
    ledger = opened(path)
    for iteration in range(3):
        ledger.charge(release(iteration))
    return path


def test_charges_add_up_until_the_limit_and_the_next_one_is_refused(path: Path) -> None:
    ledger = opened(path)
    for iteration in range(5):
        ledger.charge(release(iteration))
    assert 7.5 < ledger.spent(View.AGGREGATE) <= 8.0
    before = path.read_bytes()
    with pytest.raises(BudgetExceededError, match=r"artist frida has spent epsilon 7\.\d+ of 8 in the aggregate view"):
        ledger.charge(release(5))
    assert path.read_bytes() == before
    assert len(ledger.releases) == 5
    ledger.charge(release(6, multiplier=50.0))


def test_a_release_over_the_limit_writes_nothing(path: Path) -> None:
    with pytest.raises(BudgetExceededError, match=r"head of iteration 0 would make it \d+"):
        opened(path).charge(release(multiplier=0.1))
    assert path.read_bytes() == b""


def test_only_the_limited_view_is_limited(path: Path) -> None:
    ledger = opened(path, view=View.AGGREGATE)
    ledger.charge(release())
    assert ledger.spent(View.LOCAL) > 8.0 > ledger.spent(View.AGGREGATE)
    with pytest.raises(BudgetExceededError, match="in the local view"):
        opened(path, view=View.LOCAL).charge(release(1))


def test_reports_by_pld_equal_the_closed_form(charged: Path) -> None:
    ledger = opened(charged)
    ledger.charge(release(3, name="signature", multiplier=9.0))
    for view in View:
        assert ledger.epsilon(view) == pytest.approx(ledger.spent(view), abs=1e-3)
    assert ledger.epsilon(View.WORST_CASE) == ledger.epsilon(View.LOCAL) > ledger.epsilon(View.AGGREGATE)


def test_a_report_follows_later_charges(charged: Path) -> None:
    ledger = opened(charged)
    before = ledger.epsilon(View.AGGREGATE)
    ledger.charge(release(3))
    assert ledger.epsilon(View.AGGREGATE) > before


def test_failure_probabilities_add_up_and_count(path: Path) -> None:
    ledger = opened(path, limit=100.0)
    risky = Release(name="head", iteration=0, events=release().events, delta_slack=0.4 * DELTA)
    ledger.charge(risky)
    ledger.charge(risky)
    mu = gaussian_mu([release().events[View.AGGREGATE]] * 2)
    assert ledger.spent(View.AGGREGATE) == pytest.approx(epsilon_of_mu(mu, 0.2 * DELTA), rel=1e-6)
    with pytest.raises(BudgetExceededError, match="would make it inf"):
        ledger.charge(risky)


def test_reopening_reads_everything_back(charged: Path) -> None:
    ledger = opened(charged)
    assert [entry.iteration for entry in ledger.releases] == [0, 1, 2]
    assert ledger.releases[0] == release(0)
    again = opened(charged)
    assert again.head == ledger.head
    assert again.spent(View.LOCAL) == ledger.spent(View.LOCAL)
    again.charge(release(3))
    again.charge(release(4))
    with pytest.raises(BudgetExceededError):
        opened(charged).charge(release(5))


def test_a_charge_is_on_disk_before_it_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            synced.append(path.read_bytes())
        fsync(descriptor)

    monkeypatch.setattr(ledger_module.os, "fsync", watch)
    ledger = opened(path)
    for iteration in range(2):
        ledger.charge(release(iteration))
        assert len(synced) == iteration + 1
        assert synced[-1] == path.read_bytes()
    assert all(file.stat().st_mode & 0o077 == 0 for file in (path, key_path(path)))


def test_a_line_torn_at_any_byte_counts_as_spent(
    charged: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module.os, "fsync", lambda _: None)  # hundreds of repairs: keep the disk out of it
    whole = charged.read_bytes()
    spent, head = opened(charged).spent(View.AGGREGATE), opened(charged).head
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    for end in range(start + 1, len(whole)):
        charged.write_bytes(whole[:end])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            ledger = opened(charged)
        assert "torn line" in caplog.text
        assert len(ledger.releases) == 3
        if end == len(whole) - 1:
            assert ledger.spent(View.AGGREGATE) == spent
            assert ledger.head == head
            assert charged.read_bytes() == whole
        else:
            assert ledger.spent(View.AGGREGATE) == math.inf
            with pytest.raises(BudgetExceededError, match="spent epsilon inf"):
                ledger.charge(release(9, multiplier=1e6))
    repaired = charged.read_bytes()
    assert opened(charged).releases == ledger.releases
    assert charged.read_bytes() == repaired
    assert sorted(file.name for file in charged.parent.iterdir()) == ["frida.jsonl", "frida.key"]


def test_a_torn_first_line_counts_as_spent(path: Path) -> None:
    opened(path)
    path.write_bytes(b"\0" * 100)
    assert opened(path).epsilon(View.LOCAL) == math.inf


def test_any_changed_byte_is_seen(charged: Path) -> None:
    whole = charged.read_bytes()
    for index in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[index] ^= 1
        charged.write_bytes(changed)
        try:
            ledger = opened(charged)
        except LedgerError:
            continue
        assert ledger.spent(View.AGGREGATE) == math.inf  # the last newline: a torn line


def test_lines_removed_swapped_or_doubled_are_seen(charged: Path) -> None:
    first, second, third = charged.read_bytes().splitlines(keepends=True)
    for lines in (
        [second, third],
        [first, third],
        [first, third, second],
        [first, second, second, third],
        [b"\n", first],
    ):
        charged.write_bytes(b"".join(lines))
        with pytest.raises(LedgerError, match=r"frida\.jsonl line \d"):
            opened(charged)


def test_another_ledgers_lines_are_refused(charged: Path) -> None:
    other = charged.with_name("georgia.jsonl")
    opened(other)
    other.write_bytes(charged.read_bytes())
    with pytest.raises(LedgerError, match=r"georgia\.jsonl line 1 was altered, .* or was written under another key"):
        opened(other)


def test_a_forged_line_with_less_spending_needs_its_whole_chain_rewritten(charged: Path) -> None:
    lines = [json.loads(line) for line in charged.read_text().splitlines()]
    lines[0]["release"]["events"]["aggregate"]["noise_multiplier"] = 1e9
    charged.write_text("".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines))
    with pytest.raises(LedgerError, match="line 1 was altered"):
        opened(charged)


def test_a_rollback_is_seen_against_a_head_kept_elsewhere(charged: Path) -> None:
    older, head = charged.read_bytes(), opened(charged).head
    opened(charged).charge(release(3))
    newer = opened(charged, known_head=head).head
    charged.write_bytes(older)
    opened(charged)
    with pytest.raises(LedgerError, match="rolled back"):
        opened(charged, known_head=newer)
    charged.unlink()
    with pytest.raises(LedgerError, match="rolled back"):
        opened(charged, known_head=head)


def test_what_another_process_charged_counts(charged: Path) -> None:
    first, second = opened(charged), opened(charged)
    first.charge(release(3))
    second.charge(release(4))
    assert [entry.iteration for entry in second.releases] == [0, 1, 2, 3, 4]
    with pytest.raises(BudgetExceededError, match=r"spent epsilon 7\.\d+ of 8"):
        first.charge(release(5))


def test_a_ledger_put_back_while_it_is_open_is_noticed_at_the_next_charge(charged: Path) -> None:
    older = charged.read_bytes()
    ledger = opened(charged)
    ledger.charge(release(3))
    charged.write_bytes(older)
    with pytest.raises(LedgerError, match="no longer holds the lines it held"):
        ledger.charge(release(4))
    assert charged.read_bytes() == older


def test_a_full_disk_refuses_the_charge_and_keeps_the_ledger(charged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, ledger, write = charged.read_bytes(), opened(charged), os.write
    monkeypatch.setattr(ledger_module.os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    with pytest.raises(LedgerError, match="free some disk space"):
        ledger.charge(release(3))
    assert charged.read_bytes() == before
    monkeypatch.setattr(ledger_module.os, "write", write)
    ledger.charge(release(3))
    assert opened(charged).head == ledger.head


def test_a_failed_write_takes_nothing_away_that_a_stranger_to_locks_wrote(
    charged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, write = opened(charged), os.write

    def interfere(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data[:20])
        with charged.open("ab") as file:
            file.write(b"a stranger's line\n")
        return written

    monkeypatch.setattr(ledger_module.os, "write", interfere)
    with pytest.raises(LedgerError, match="free some disk space"):
        ledger.charge(release(3))
    assert charged.read_bytes().endswith(b"a stranger's line\n")


def test_a_ledger_that_cannot_be_written_refuses_the_charge(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nothing may be released"):
        opened(tmp_path / "missing" / "frida.jsonl")
    ledger = opened(tmp_path / "frida.jsonl")
    ledger.path.unlink()
    ledger.path.mkdir()
    with pytest.raises(LedgerError, match="nothing may be released"):
        ledger.charge(release())


def test_a_cohorts_charges_take_little_time(tmp_path: Path) -> None:
    ledgers = [opened(tmp_path / f"artist{number}.jsonl") for number in range(35)]
    start = time.process_time()
    for iteration in range(20):
        for ledger in ledgers:
            ledger.charge(release(iteration, multiplier=3 * MULTIPLIER))
    assert time.process_time() - start < 2.0  # about 0.1 s; the limit only catches a composition at each charge


def test_no_limit_still_writes_everything_down(path: Path) -> None:
    ledger = opened(path, limit=math.inf)
    bare = Release(name="head", iteration=0, events=dict.fromkeys(View, NonPrivateDpEvent()), delta_slack=0.0)
    ledger.charge(bare)
    ledger.charge(release(1))
    assert opened(path).epsilon(View.AGGREGATE) == ledger.spent(View.AGGREGATE) == math.inf
    with pytest.raises(BudgetExceededError):
        opened(path, limit=1e9).charge(release(2))


def test_a_mechanism_is_charged_in_all_views(make_mechanism: Callable[..., Mechanism], path: Path) -> None:
    mechanism = make_mechanism(noise_multiplier=5.0)
    entry = Release.of(mechanism, name="head", iteration=4)
    assert entry.events == {view: mechanism.event(view) for view in View}
    assert entry.delta_slack == mechanism.delta_slack
    ledger = opened(path)
    ledger.charge(entry)
    assert opened(path).releases == (entry,)


@pytest.mark.parametrize(
    "event", [PoissonSampledDpEvent(0.2, GaussianDpEvent(1.2)), ZCDpEvent(rho=0.125, xi=1e-6), GaussianDpEvent(2.0)]
)
def test_every_kind_of_cost_is_limited_written_down_and_read_back(path: Path, event: DpEvent) -> None:
    """LED-2 where there is no closed form."""
    ledger = opened(path, limit=4.0)
    spends = Release(name="head", iteration=1, events=dict.fromkeys(View, event), delta_slack=1e-12)
    while is_within([event] * (len(ledger.releases) + 1), 4.0, DELTA, delta_slack=1e-9):
        ledger.charge(spends)
    with pytest.raises(BudgetExceededError, match=r"artist frida has spent epsilon .* of 4 in the aggregate view"):
        ledger.charge(spends)
    allowed = len(ledger.releases)
    assert allowed > 1
    assert epsilon([event] * allowed, DELTA, delta_slack=allowed * 1e-12) <= 4.0 * (1 + 1e-5)
    assert epsilon([event] * (allowed + 1), DELTA, delta_slack=(allowed + 1) * 1e-12) > 4.0
    again = opened(path, limit=4.0)
    assert (again.releases, again.head) == (ledger.releases, ledger.head)
    assert again.spent(View.LOCAL) == pytest.approx(again.epsilon(View.LOCAL), abs=1e-3)


def test_a_receipt_names_the_newest_line_to_whoever_holds_the_key(path: Path) -> None:
    """LED-5."""
    ledger, stranger = opened(path), opened(path.with_name("georgia.jsonl"))
    receipts = [ledger.receipt]
    backups = [b""]
    for iteration in range(3):
        ledger.charge(release(iteration, 20.0))
        receipts.append(ledger.receipt)
        backups.append(path.read_bytes())
    assert len({*receipts, bytes.fromhex(ledger.head), bytes.fromhex(ledger.start)}) == 6
    assert {len(receipt) for receipt in receipts} == {32}
    assert all(ledger.knows(receipt) for receipt in receipts)
    assert not any(stranger.knows(receipt) for receipt in receipts)
    for age, backup in enumerate(backups):
        path.write_bytes(backup)
        restored = opened(path)
        assert [restored.knows(receipt) for receipt in receipts] == [number <= age for number in range(4)]


def mark(number: int = 1, *, platform: bytes = bytes(32)) -> SessionMark:
    return SessionMark(number=number, session_id=bytes([number] * 32), roster=bytes(32), platform=platform)


def in_session(number: int, iteration: int = 1, *, platform: bytes = bytes(32)) -> Release:
    return replace(release(iteration), session=mark(number, platform=platform))


def test_a_session_is_charged_once_in_whatever_process(path: Path) -> None:
    """LED-7."""
    first, second = opened(path), opened(path)
    first.charge(in_session(1))
    before = path.read_bytes()
    for ledger in (first, second, opened(path)):
        ledger.charge(in_session(1))
    assert path.read_bytes() == before
    for other in (in_session(1, 2), replace(in_session(1), name="moments"), replace(in_session(1), delta_slack=0.0)):
        with pytest.raises(LedgerError, match=r"names head as the release of session 1: .* cannot be charged"):
            second.charge(other)
    assert path.read_bytes() == before
    second.charge(in_session(2))  # a retry of the iteration is another session
    second.charge(release(1))  # and what belongs to no session has no name to be known by
    second.charge(release(1))
    assert [entry.session and entry.session.number for entry in opened(path).releases] == [1, 2, None, None]


def test_a_session_charged_to_the_limit_may_be_charged_again(path: Path) -> None:
    ledger = opened(path)
    for number in range(1, 6):
        ledger.charge(in_session(number))
    ledger.charge(in_session(5))
    with pytest.raises(BudgetExceededError):
        ledger.charge(in_session(6))


def test_asking_whether_a_charge_would_be_refused_writes_nothing(path: Path) -> None:
    ledger = opened(path)
    for number in range(1, 6):
        ledger.check(in_session(number))
        ledger.charge(in_session(number))
    before = path.read_bytes()
    ledger.check(in_session(5))  # charged already
    for refused, error in ((in_session(6), BudgetExceededError), (replace(in_session(5), name="x"), LedgerError)):
        with pytest.raises(error):
            ledger.check(refused)
    assert path.read_bytes() == before


def test_a_ledger_knows_how_far_each_platforms_numbers_have_risen(path: Path) -> None:
    ledger, other = opened(path), bytes([7] * 32)
    assert (ledger.last_iteration(bytes(32)), ledger.last_session(bytes(32))) == (0, 0)
    ledger.charge(in_session(4, 3))
    ledger.charge(in_session(5, 2))
    ledger.charge(in_session(9, 8, platform=other))
    ledger.charge(release(30))
    again = opened(path)
    assert (again.last_iteration(bytes(32)), again.last_session(bytes(32))) == (3, 5)
    assert (again.last_iteration(other), again.last_session(other)) == (8, 9)


def test_a_session_is_marked_by_whole_names() -> None:
    for change in ({"number": 0}, {"number": 1.0}, {"session_id": b""}, {"roster": bytes(31)}, {"platform": bytes(33)}):
        with pytest.raises(InputError, match="a session has a number from 1"):
            replace(mark(), **change)


def test_a_history_written_anew_under_another_key_does_not_open(charged: Path) -> None:
    """LED-3: whoever can write the file cannot write a cheaper past."""
    forged = opened(charged.with_name("forged.jsonl"), limit=math.inf)
    for entry in opened(charged).releases:
        forged.charge(replace(entry, events=dict.fromkeys(View, GaussianDpEvent(1e9))))
    charged.write_bytes(forged.path.read_bytes())
    with pytest.raises(LedgerError, match="line 1 was altered"):
        opened(charged)


def test_a_ledger_is_known_by_its_key_whatever_its_name(charged: Path) -> None:
    """LED-8."""
    ledger = opened(charged)
    moved = charged.rename(charged.with_name("frida-kahlo.jsonl"))
    with pytest.raises(LedgerError, match=r"has lost its key: put the copy of .*frida-kahlo\.key back"):
        opened(moved)
    assert not key_path(moved).exists()
    key_path(charged).rename(key_path(moved))
    assert (opened(moved).start, opened(moved).head) == (ledger.start, ledger.head)
    assert opened(charged).start != ledger.start


@pytest.mark.parametrize("text", [b"", b"00" * 32, b"00" * 31 + b"\n", b"AB" * 32 + b"\n", b"\xff" * 64 + b"\n"])
def test_a_damaged_key_is_refused(charged: Path, text: bytes) -> None:
    key_path(charged).write_bytes(text)
    with pytest.raises(LedgerError, match=r"frida\.key is no key file"):
        opened(charged)


def test_a_key_that_others_can_read_is_refused(charged: Path) -> None:
    key_path(charged).chmod(0o640)
    with pytest.raises(LedgerError, match="can be read by others than its owner: chmod 600"):
        opened(charged)


def test_a_ledger_of_the_first_format_is_named_as_such(path: Path) -> None:
    path.write_text('{"digest":"00","release":{"name":"head"}}\n', encoding="utf-8")
    for open_it in (Ledger.open, Ledger.read):
        with pytest.raises(LedgerError, match="was written before ledgers had keys"):
            open_it(path, limit=8.0, delta=DELTA, view=View.AGGREGATE)
    assert not key_path(path).exists()


def test_reading_changes_no_file(charged: Path) -> None:
    charged.write_bytes(charged.read_bytes()[:-5])
    before = {file: file.read_bytes() for file in charged.parent.iterdir()}
    torn = Ledger.read(charged, limit=8.0, delta=DELTA, view=View.AGGREGATE)
    assert torn.epsilon(View.LOCAL) == math.inf
    assert {file: file.read_bytes() for file in charged.parent.iterdir()} == before
    assert opened(charged).releases == torn.releases
    with pytest.raises(LedgerError, match="cannot be used"):
        Ledger.read(charged.with_name("nobody.jsonl"), limit=8.0, delta=DELTA, view=View.AGGREGATE)


def test_releases_that_hide_a_view_or_a_cost_are_refused() -> None:
    events = release().events
    with pytest.raises(InputError, match="not in every view"):
        Release(name="head", iteration=0, events={View.AGGREGATE: events[View.AGGREGATE]}, delta_slack=0.0)
    with pytest.raises(PrivacyError, match="cannot be written down"):
        Release(name="head", iteration=0, events=dict.fromkeys(View, LaplaceDpEvent(1.0)), delta_slack=0.0)
    for iteration, slack in ((-1, 0.0), (0, -1e-9), (0, 1.0), (0, math.nan)):
        with pytest.raises(InputError, match="delta_slack"):
            Release(name="head", iteration=iteration, events=events, delta_slack=slack)


@pytest.mark.parametrize(("limit", "delta"), [(0.0, DELTA), (-1.0, DELTA), (math.nan, DELTA), (8.0, 0.0), (8.0, 1.0)])
def test_limits_that_mean_nothing_are_refused(path: Path, limit: float, delta: float) -> None:
    with pytest.raises(InputError, match="limit above 0"):
        Ledger.open(path, limit=limit, delta=delta, view=View.LOCAL)
