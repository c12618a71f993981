import json
import sys

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks import engines, features, platform, scale, secagg
from benchmarks.cohort import MASKED_INPUT, ROUNDS, Cohort, Session, invite_securely

PROMISED = [
    "limit_mask_ms",
    "limit_mask_aes_128_ms",
    "client_mask_ms",
    "client_mask_over_limit",
    "client_keys_and_shares_ms",
    "server_unmask_ms",
    "server_limit_ms",
    "server_unmask_over_limit",
    "upload_bytes",
    "peak_server_mb",
]
COMMITTEE = ["committee_ms", "committee_bytes_down", "committee_bytes_up", "messages_per_client"]
HEADER = 34  # tag, version, session id


def complete(clients: int, *, dropouts: int = 1, length: int = 100, modulus_bits: int = 32) -> Cohort:
    return invite_securely(clients, degree=clients - 1, dropouts=dropouts, length=length, modulus_bits=modulus_bits)


def printed(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def run(capsys: pytest.CaptureFixture[str], module, options: str) -> dict:
    module.main([*options.split(), "--json"])
    return printed(capsys)


def test_a_measured_session_prints_the_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, secagg, "--clients 10 --degree 9 --length 1000 --dropout 0.2")
    assert list(result)[: len(PROMISED)] == PROMISED
    assert all(result[name] > 0 for name in PROMISED)
    assert [result[name] for name in COMMITTEE] == [0, 0, 0, 5]


@pytest.mark.parametrize(("bits", "size"), [(24, 3000), (32, 4000), (20, 2500)])
def test_an_upload_is_the_packed_vector_and_what_the_other_rounds_cost(
    capsys: pytest.CaptureFixture[str], bits: int, size: int
) -> None:
    result = run(capsys, secagg, f"--clients 10 --degree 9 --length 1000 --dropout 0.1 --modulus-bits {bits}")
    advertisement, boxes, signature, shares = 160, 4 + 9 * (4 + 82), 64, 8 + 9 * (4 + 33)
    nobody_named = 4 + 64
    assert result["upload_bytes"] == 5 * HEADER + size + advertisement + boxes + signature + shares + nobody_named


def test_the_complete_graph_leaves_one_mask_for_each_survivor_and_each_pair_with_a_dropout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run(capsys, secagg, "--clients 12 --degree 11 --length 10 --dropout 0.25")
    assert (result["client_masks"], result["server_masks"]) == (12, 9 + 3 * 9)


def test_a_sparse_graph_leaves_masks_with_neighbors_only(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, secagg, "--clients 40 --degree 16 --length 10 --dropout 0.05")
    # Two dropouts with 16 neighbors each, of which the other dropout may be one.
    assert result["client_masks"] == 17
    assert result["server_masks"] in {38 + 2 * 16, 38 + 2 * 15}


def test_without_a_threshold_the_lowest_that_a_client_accepts_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--clients 10 --degree 9 --length 10 --dropout 0.1"
    lowest = run(capsys, secagg, options)["threshold"]
    assert run(capsys, secagg, f"{options} --threshold {lowest}")["threshold"] == lowest
    with pytest.raises(SystemExit, match="threshold"):
        secagg.main([*options.split(), "--threshold", str(lowest - 1)])


@pytest.mark.parametrize(("bits", "dtype"), [(32, "<u4"), (24, "<u4"), (64, "<u8")])
def test_the_limit_adds_every_word_of_every_keystream(bits: int, dtype: str) -> None:
    words = secagg.limit(3, 1000, bits, block=512)
    cipher = Cipher(algorithms.AES256(bytes(32)), modes.CTR(bytes(16))).encryptor()
    stream = np.frombuffer(cipher.update(bytes(words.nbytes)), dtype)
    assert words.dtype == dtype
    assert words.tolist() == (stream + stream + stream).tolist()


def test_a_measured_window_prints_the_promised_keys_and_what_the_committee_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run(capsys, secagg, "--protocol speakonce --clients 20 --degree 19 --length 1000 --dropout 0.1")
    assert list(result)[: len(PROMISED)] == PROMISED
    assert all(result[name] > 0 for name in PROMISED)
    assert (result["members"], result["quorum"], result["messages_per_client"]) == (6, 4, 1)
    assert (result["client_masks"], result["server_masks"]) == (20, 18 + 18 * 2)
    boxes, commitments, roots = 6 * (20 * 33 + 16), 20 * 32, 6 * 32
    assert result["upload_bytes"] == HEADER + 160 + commitments + roots + boxes + 4000
    with pytest.raises(SystemExit):
        run(capsys, secagg, "--protocol speakonce --vs-flower")


def test_with_threads_masks_and_limit_are_spread_and_the_sum_is_still_checked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run(capsys, secagg, "--clients 10 --degree 9 --length 1000 --dropout 0.2 --threads 3")
    assert list(result)[: len(PROMISED)] == PROMISED
    with pytest.raises(SystemExit):
        run(capsys, secagg, "--threads 0")


def test_a_replayed_server_has_the_exact_sum_and_one_wrong_bit_is_seen() -> None:
    cohort = complete(8)
    recording = secagg.record(cohort, dropouts=1)
    _, server = secagg.replay(cohort, recording.responses)
    assert server.survivors == tuple(range(1, 8))
    cohort.check_aggregate(server)
    honest = recording.responses[MASKED_INPUT][3]
    recording.responses[MASKED_INPUT][3] = honest[:-1] + bytes([honest[-1] ^ 1])
    _, server = secagg.replay(cohort, recording.responses)
    with pytest.raises(SystemExit, match="the sum is wrong"):
        cohort.check_aggregate(server)


def test_the_server_needs_no_vector_for_another_client() -> None:
    few, many = (
        secagg.peak_of_server(cohort, secagg.record(cohort, dropouts=1).responses)
        for cohort in (complete(8, length=100_000), complete(24, length=100_000))
    )
    vector = 0.4
    assert 3 * vector < few < many < few + vector


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--degree 11 --dropout 0.5", "too few clients delivered"),
        ("--degree 7", "an even number"),
        ("--degree 12", "from 1 to 11"),
        ("--degree 11 --modulus-bits 4", "from 8 to 64"),
    ],
)
def test_a_session_that_cannot_be_ends_in_one_sentence(options: str, sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        secagg.main(["--clients", "12", "--length", "10", *options.split()])


def test_without_flower_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flwr", None)
    monkeypatch.delitem(sys.modules, "benchmarks.flower", raising=False)
    with pytest.raises(SystemExit, match=r"\[flower\]"):
        secagg.main(["--vs-flower", "--clients", "8", "--degree", "7", "--length", "10"])


def test_beside_flower_there_are_its_times_and_ratios(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("flwr")
    result = run(capsys, secagg, "--clients 8 --degree 7 --length 10 --dropout 0.13 --vs-flower")
    pairs = {"client_mask": "client_mask_ms", "client_shares": "client_keys_and_shares_ms"}
    for name, ours in (pairs | {"server_unmask": "server_unmask_ms"}).items():
        assert result[f"flower_{name}_ratio"] == pytest.approx(result[f"flower_{name}_ms"] / result[ours])


def test_each_cohort_has_a_row_with_every_round(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, scale, "--clients 12 40 --length 50 --dropout 0.1")
    assert [cohort["clients"] for cohort in result["cohorts"]] == [12, 40]
    assert "random bytes" in result["simulated"]
    for cohort in result["cohorts"]:
        assert cohort["peak_server_mb"] > 0
        for name in ("client_ms", "client_down_bytes", "client_up_bytes", "server_ms_per_client"):
            assert list(cohort[name]) == list(ROUNDS)


def test_among_a_crowd_a_client_exchanges_the_bytes_of_a_whole_session() -> None:
    clients, length = 40, 50
    costs = scale.one_of_many(clients, dropout=0.1, length=length)
    session = Session(scale.invite(clients, dropout=0.1, length=length), {36 + i: MASKED_INPUT for i in range(4)})
    turns = [turn for turn in session.turns() if turn.index == 0]
    assert list(costs.client_up_bytes.values()) == [len(turn.response) for turn in turns]
    assert list(costs.client_down_bytes.values()) == [turn.down for turn in turns]


def test_a_whole_session_survives_dropouts_before_every_round(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, scale, "--session 60 --length 50 --dropout 0.1")
    # Of six dropouts two leave before round 0, one each before rounds 1 and 2, and two after their input is in.
    assert result["survivors"] == 56
    assert result["degree"] == scale.invite(60, dropout=0.1, length=50).params.degree
    assert list(result["cpu_seconds"]) == ["setup", *ROUNDS, "check"]


def test_features_by_two_libraries_agree_and_are_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for repetitions in ("_ROUNDS", "_STARTS"):
        monkeypatch.setattr(features, repetitions, 1)
    result = run(capsys, features, "--artworks 1 --views 0")
    assert result.pop("difference") < 1e-5
    assert list(result)[:3] == ["torch_over_onnx", "onnx_ms", "torch_ms"]
    assert {"cached_ms", "first_onnx_s", "first_torch_s", "loaded_s"} <= result.keys()
    assert all(value > 0 for value in result.values())


def test_windows_of_many_clients_are_measured_and_summed(capsys):
    result = run(capsys, scale, "--protocol speakonce --clients 12 30 --length 50")
    assert [each["clients"] for each in result["windows"]] == [12, 30]
    assert all(each["upload_bytes"] > 200 and each["client_ms"] > 0 for each in result["windows"])
    whole = run(capsys, scale, "--protocol speakonce --session 20 --length 50 --dropout 0.1")
    assert whole["survivors"] == 18
    assert set(whole["cpu_seconds"]) == {"setup", "speak", "open boxes", "sign", "release", "check"}


def test_over_the_wire_a_cohort_comes_to_the_same_exact_sum(capsys):
    result = run(capsys, platform, "--artists 6 --length 1000 --turns 1")
    assert (result["artists"], result["length"]) == (6, 1000)
    assert result["added_seconds"] == pytest.approx(result["http_seconds"] - result["memory_seconds"])
    assert result["bytes_down"] >= result["bytes_down_in_memory"] > 1000
    assert result["bytes_up"] > result["bytes_up_in_memory"] > 1000
    assert all(value > 0 for name, value in result.items() if name not in {"added_seconds", "above_start_mb"})


def test_artists_who_wait_are_measured(capsys):
    result = run(capsys, platform, "--idle 5 --seconds 0.5")
    assert (result["idle_artists"], result["idle_seconds"] >= 0.5) == (5, True)
    assert result["idle_core_percent"] >= 0


def test_an_engine_takes_letters_of_both_sizes_there_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = run(capsys, engines, "memory --artists 3 --turns 2")
    assert found["artists"] == 3
    assert found["seconds"] > 0
    assert found["megabytes_per_second"] > 0
