"""Whole runs in every mode, what they write, and what must never be in it (RUN-1, RUN-2)."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from PIL import Image

from fedstyle_secure.aggregation.kinds import Protocol
from fedstyle_secure.artist.showcase import with_showcase
from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.catalogue.index import StyleIndex
from fedstyle_secure.config import Settings
from fedstyle_secure.encoder.encoder import Encoder
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.encoder.model import StyleModel
from fedstyle_secure.encoder.signature_space import LEAST_DIMENSIONS
from fedstyle_secure.encoder.whitening import Space
from fedstyle_secure.engines.courier import Wait
from fedstyle_secure.engines.memory import MemoryEngine, Unreachable
from fedstyle_secure.errors import FedStyleError, InputError, PrivacyError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.ledger import Ledger
from fedstyle_secure.privacy.mechanism import View
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.runs import choosing, rehearsal
from fedstyle_secure.runs import train as run
from fedstyle_secure.runs.progress import Silent
from fedstyle_secure.training.codebook import Codebook, new_codebook
from tests import stand_ins
from tests.command_line import Call

pytestmark = pytest.mark.usefixtures("quick")

SCORES = {"accuracy_at_1", "recall_at_5", "mrr", "macro_f1", "chance"}
PROMISED = {
    "retrieval": SCORES,
    "no_training": SCORES,
    "random_head": SCORES,
    "buyer": {"references", "no_training", "epsilon"},
    "privacy": {"mode", "unit", "delta", "epsilon"},
    "communication": {"bytes_up_per_artist", "bytes_down_per_artist"},
    "aggregation": {"sessions", "completed", "aborted", "survivors_min", "survivors_max"},
    "seconds": {"features", "training", "aggregation", "search"},
}


def numbers(value: object) -> list[float]:
    """All numbers anywhere in JSON."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.parametrize("unit", list(Unit))
@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_and_unit_runs_and_keeps_its_limit(mode: Mode, unit: Unit, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    summary = run.train(stand_ins.settings(art, out, privacy=mode, unit=unit, drop_rate=0.15, epsilon=6.0))
    assert json.loads((out / "summary.json").read_text()) == summary
    assert (summary["artists"], len(summary["public_artists"]), summary["artworks"]) == (8, 4, 48)
    for name, keys in PROMISED.items():
        assert set(summary[name]) >= keys
    assert all(math.isfinite(number) for number in numbers(summary))
    assert summary["aggregation"] | {"sessions": 2, "completed": 2, "aborted": 0} == summary["aggregation"]
    assert summary["aggregation"]["survivors_max"] <= 8
    assert summary["aggregation"]["survivors_min"] >= summary["privacy"]["min_survivors"] == 7
    assert summary["warnings"] == []
    epsilon = summary["privacy"]["epsilon"]
    # 24 public artworks have no more directions; fewer than a signature has at least, whatever the noise.
    assert StyleIndex.load(out / "catalogue").space.dimensions == 23 < LEAST_DIMENSIONS
    if mode is Mode.NONE:
        assert set(epsilon.values()) == {None}
    else:
        limited = "local" if mode is Mode.LOCAL else "aggregate"
        assert 5.5 < epsilon[limited] <= 6.0
        assert epsilon["aggregate"] < epsilon["local"] <= epsilon["worst_case"]
    ledgers = sorted((out / "ledger").glob("*.jsonl"))
    assert len(ledgers) == 8
    opened = [Ledger.open(path, limit=math.inf, delta=1e-5, view=View.AGGREGATE) for path in ledgers]
    # Who drops out before its upload is not charged; the summary tells what those have spent who never did.
    assert {len(ledger.releases) for ledger in opened} <= {3, 4}
    paid = [ledger for ledger in opened if len(ledger.releases) == 4]
    assert len(paid) >= 6
    for view in View:
        spent = math.inf if epsilon[view.value] is None else pytest.approx(epsilon[view.value], abs=1e-3)
        assert all(ledger.epsilon(view) == spent for ledger in paid)
        assert all(ledger.epsilon(view) <= paid[0].epsilon(view) for ledger in opened)


def test_a_run_in_buckets_keeps_its_limit_and_sums_them_all(art: Path, tmp_path: Path) -> None:
    settings = stand_ins.settings(art, tmp_path / "run", public=3, buckets=3, min_cohort=3, corrupt=0, epsilon=6.0)
    summary = run.train(settings)
    assert summary["aggregation"] | {"completed": 2, "survivors_min": 9, "survivors_max": 9} == summary["aggregation"]
    assert summary["privacy"]["min_survivors"] == 3
    assert 5.5 < summary["privacy"]["epsilon"]["aggregate"] <= 6.0
    assert summary["warnings"] == []


def test_artists_who_speak_once_train_the_same_model_and_what_the_server_saw_is_their_sums(
    art: Path, tmp_path: Path, call: Call
) -> None:
    seen = tmp_path / "seen"
    for kind, out in ((Protocol.SECAGG, "rounds"), (Protocol.SPEAKONCE, "once")):
        folder = seen if kind is Protocol.SPEAKONCE else None
        settings = stand_ins.settings(
            art, tmp_path / out, privacy=Mode.NONE, seed=3, protocol=kind, transcripts=folder, drop_rate=0.0
        )
        summary = run.train(settings)
        assert summary["aggregation"] | {"completed": 2, "survivors_min": 8} == summary["aggregation"]
    once, rounds = ((tmp_path / out / "model.safetensors").read_bytes() for out in ("once", "rounds"))
    assert once == rounds
    assert {json.loads(file.read_text())["format"] for file in seen.iterdir()} == {"speakonce-transcript/1"}
    code, out, _ = call("audit", "transcript", seen, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["holds"] is True
    assert [session["survivors"] for session in found["sessions"]] == [list(range(8))] * 2


def test_training_beats_a_random_head_and_follows_the_seed(art: Path, tmp_path: Path) -> None:
    settings = stand_ins.settings(art, tmp_path / "a", privacy=Mode.NONE, seed=3)
    first = run.train(settings)
    again = run.train(replace(settings, out=tmp_path / "b"))
    other = run.train(replace(settings, out=tmp_path / "c", seed=1))
    assert first["retrieval"]["mrr"] > first["random_head"]["mrr"]
    assert first["retrieval"]["accuracy_at_1"] > first["random_head"]["accuracy_at_1"] > first["retrieval"]["chance"]
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in "abc"]
    assert models[0] == models[1] != models[2]
    same = ("retrieval", "no_training", "random_head", "examples")
    assert [first[name] for name in same] == [again[name] for name in same]
    assert first["examples"] != other["examples"]


@pytest.mark.parametrize("mode", [Mode.DISTRIBUTED, Mode.LOCAL])
def test_no_seed_touches_privacy_noise(mode: Mode, art: Path, tmp_path: Path) -> None:
    # So much budget that the update stands out of its noise: where it does not, alignment keeps the old model. In mode
    # local that is one run of some eighty, and never three.
    settings = stand_ins.settings(art, tmp_path / "run", privacy=mode, iterations=1, epsilon=32.0)
    outs = [tmp_path / name for name in ("a", "b", "c")]
    for out in outs:
        run.train(replace(settings, out=out))
    assert len({(out / "model.safetensors").read_bytes() for out in outs}) > 1
    assert len({(out / "catalogue" / "signatures.safetensors").read_bytes() for out in outs}) == 3


def test_who_is_public_is_told_before_anything_is_encoded(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Listener(Silent):
        def tell(self, sentence: str) -> None:
            told.append(sentence)

    def look(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(choosing, "extract", look)
    settings = stand_ins.settings(art, tmp_path / "run", public=("ADA-amber",), all_agreed=False)
    with pytest.raises(KeyboardInterrupt):
        run.train(settings, progress=Listener())
    assert told[1:] == ["declared public, protected by nothing: ada-amber; everyone else is a client"]


def test_what_a_client_shows_joins_its_signature_and_costs_nothing(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def listen(place: str) -> Callable[..., NDArray[np.float64]]:
        return lambda summed, noise, shown: seen.append((place, len(shown))) or with_showcase(summed, noise, shown)

    monkeypatch.setattr("fedstyle_secure.artist.artist.with_showcase", listen("published"))
    monkeypatch.setattr("fedstyle_secure.runs.buyer.with_showcase", listen("played"))
    public = tuple(path.name for path in sorted(art.iterdir())[:4] if path.is_dir())
    client = sorted(path for path in art.iterdir() if path.is_dir())[-1]
    pictures = [Image.open(path).rotate(90) for path in sorted(client.glob("*.png"))[:3]]
    (tmp_path / "shown" / client.name).mkdir(parents=True)
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / "shown" / client.name / f"{number}.png")
    settings = {"public": public, "all_agreed": False, "showcase": tmp_path / "shown"}
    summary = run.train(stand_ins.settings(art, tmp_path / "run", iterations=1, **settings))
    assert seen == [("published", 3), ("played", 3)], "with training and without, for one client of eight"
    assert summary["privacy"]["epsilon"]["aggregate"] == pytest.approx(8.0, rel=0.02)
    charged = {path.name: len(path.read_text().splitlines()) for path in (tmp_path / "run" / "ledger").glob("*.jsonl")}
    assert len(set(charged.values())) == 1, "nobody is charged for more than others are"


def test_nothing_private_is_in_a_run(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = [bytes([number]) * 8 + b"identity private key...." for number in range(8)]
    keys, raw, codewords = iter([b"the platform's own key..........", *seeds]), [], []
    draw, extract = Codebook.draw, choosing.extract

    def look(*arguments: object, **options: object) -> StyleFeatures:
        raw.append(extract(*arguments, **options))
        return raw[-1]

    def draw_and_tell(codebook: Codebook, random: Callable[[int], bytes]) -> int:
        codewords.append((codebook, draw(codebook, random)))
        return codewords[-1][1]

    monkeypatch.setattr(choosing, "extract", look)
    monkeypatch.setattr(Codebook, "draw", draw_and_tell)
    monkeypatch.setattr(
        run,
        "Ed25519PrivateKey",
        type("Keys", (), {"generate": lambda: Ed25519PrivateKey.from_private_bytes(next(keys))}),
    )
    out = tmp_path / "run"
    run.train(stand_ins.settings(art, out, iterations=1))
    assert len(codewords) == 8
    private = {f"key {number}": seed for number, seed in enumerate(seeds)}
    for number, (codebook, codeword) in enumerate(codewords):
        private[f"codeword {number}"] = np.asarray(codebook.anchors[codeword]).tobytes()
    for number, features in enumerate(raw[4:]):  # the first four are public
        for row, views in enumerate(features.views):
            private[f"features {number}.{row}"] = views[0, :6].tobytes()
    content = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for name, secret in private.items():
        spellings = (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")[:-1])
        for path, data in content.items():
            assert not any(spelling in data for spelling in spellings), f"{name} is in {path}"
    public = np.concatenate([features.views[:, 0] for features in raw[:4]]).mean(0, dtype=np.float64)
    # What is public is found by the same search, so the search works.
    assert public.astype(np.float32)[:6].tobytes() in content[out / "model.safetensors"]
    assert b"codeword" not in b"".join(content.values())


def test_ledgers_do_not_tell_how_many_artworks_an_artist_has(tmp_path: Path) -> None:
    art = stand_ins.paint(tmp_path / "art", artists=8, artworks=8)
    (art / "index.csv").unlink()
    for number, folder in enumerate(sorted(art.iterdir())):
        for path in sorted(folder.iterdir())[: number % 5]:
            path.unlink()
    run.train(stand_ins.settings(art, tmp_path / "run", public=3, iterations=1))
    ledgers = [path.read_text().splitlines() for path in sorted((tmp_path / "run" / "ledger").glob("*.jsonl"))]
    releases = [[json.loads(line)["release"] for line in lines] for lines in ledgers]
    assert len(releases) == 5
    assert all(release == releases[0] for release in releases)
    assert set(releases[0][0]) == {"name", "iteration", "events", "delta_slack", "session"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"epsilon": 1e-3}, PrivacyError),
        ({"delta": 1e-12}, PrivacyError),
        ({"corrupt": 7}, InputError),
        ({"drop_rate": 0.5}, InputError),
    ],
)
def test_what_cannot_be_kept_is_refused_before_any_feature(
    changes: dict[str, object], error: type[Exception], art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_ins.forbid_looking(monkeypatch)
    with pytest.raises(error):
        run.train(stand_ins.settings(art, tmp_path / "new" / "run", **changes))
    assert stand_ins.listing(tmp_path) == {}


def refuse_in(monkeypatch: pytest.MonkeyPatch, refused: Callable[[int], bool]) -> None:
    """Make every artist refuse the announcements that `refused` says, counted over the whole run from 0."""
    announcements = count()
    consent = run.Artist.receive_announcement

    def receive(artist: run.Artist, data: bytes) -> bytes:
        if refused(next(announcements)):
            artist._session = None
            raise PrivacyError("this artist had enough")
        return consent(artist, data)

    monkeypatch.setattr(run.Artist, "receive_announcement", receive)


def test_a_run_in_which_no_session_completes_fails(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_in(monkeypatch, lambda _number: True)
    with pytest.raises(FedStyleError) as refusal:
        run.train(stand_ins.settings(art, tmp_path / "run"))
    message = str(refusal.value)
    assert message.startswith("none of 2 sessions completed, so nothing was learned: iteration 1: ")
    assert message.endswith("; 8 artists refused, the first because this artist had enough")
    assert stand_ins.listing(tmp_path) == {}


def test_an_aborted_session_is_warned_of(art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_in(monkeypatch, lambda number: 8 <= number < 11)  # three of eight in the second iteration
    summary = run.train(stand_ins.settings(art, tmp_path / "run", iterations=3, privacy=Mode.NONE))
    (warning,) = summary["warnings"]
    assert warning.startswith("1 of 3 sessions aborted and changed nothing: iteration 2: ")
    assert warning.endswith("; 3 artists refused, the first because this artist had enough")
    assert (summary["aggregation"]["completed"], summary["aggregation"]["aborted"]) == (2, 1)
    assert summary["history"][1]["outcome"].startswith("aborted: ")


def test_a_run_is_never_overwritten_not_even_a_link(art: Path, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="exists already"):
        run.train(stand_ins.settings(art, tmp_path / "run"))
    assert (tmp_path / "run").is_symlink()


def test_an_engine_records_refusals_and_no_silence() -> None:
    def refuse(data: bytes) -> bytes:
        raise PrivacyError(f"no to {data.decode()}")

    def vanish(_data: bytes) -> bytes:
        raise Unreachable

    def fail(_data: bytes) -> bytes:
        raise LookupError("other")

    engine = MemoryEngine({"a": refuse, "b": vanish, "c": fail, "d": bytes.upper}, refusals=(LookupError,))
    wait = Wait(deadline=1.0, enough=1, grace=0.0)
    assert dict(engine.exchange({"a": b"one", "b": b"x", "d": b"y"}, name="", wait=wait)) == {"d": b"Y"}
    assert dict(engine.exchange({"c": b"x", "a": b"two"}, name="", wait=wait)) == {}
    assert engine.refusals == {"a": "no to two", "c": "other"}
    assert engine.bytes_to == {"a": 6, "b": 1, "c": 1, "d": 1}
    assert engine.bytes_from == {"a": 0, "b": 0, "c": 0, "d": 1}


def test_settings_are_written_as_they_can_be_read(art: Path, tmp_path: Path) -> None:
    settings = stand_ins.settings(art, tmp_path / "run", privacy=Mode.NONE, iterations=1, sign=False)
    summary = run.train(settings)
    assert Settings.from_values(json.loads(json.dumps(summary["settings"]))) == settings
    assert "buyer" not in summary
    assert not (tmp_path / "run" / "catalogue").exists()


def test_a_run_that_holds_nothing_out_trains_and_signs_with_all_works(art: Path, tmp_path: Path) -> None:
    summary = run.train(stand_ins.settings(art, tmp_path / "run", hold_out=0.0))
    assert (summary["artworks"], summary["queries"]) == (8 * stand_ins.ARTWORKS, 0)
    assert not SCORES & {key for part in summary.values() if isinstance(part, dict) for key in part}
    assert "examples" not in summary
    assert len(StyleIndex.load(tmp_path / "run" / "catalogue")) == 8


def test_a_second_run_encodes_nothing_whatever_its_seed(
    art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FCA-1: its split is another, and so are the crops of queries and training works that changed sides."""
    images: list[str] = []
    encode = stand_ins.Eye.encode

    def count_and_encode(eye: stand_ins.Eye, image: NDArray[np.float32]) -> NDArray[np.float32]:
        images.append(eye.name)
        return encode(eye, image)

    monkeypatch.setattr(stand_ins.Eye, "encode", count_and_encode)
    cache = tmp_path / "features"

    def train(name: str, **changes: object) -> int:
        images.clear()
        run.train(stand_ins.settings(art, tmp_path / name, iterations=1, features_cache=cache, **changes))
        return len(images)

    assert train("first") > 0
    assert train("again") == 0
    of_changed_sides = train("other seed", seed=1)
    assert of_changed_sides < len(list(art.rglob("*.png")))
    assert train("other seed again", seed=1, epsilon=2.0) == 0


@pytest.mark.parametrize(("iterations", "crops"), [(0, 0), (1, 2)])
def test_crops_are_encoded_only_where_a_head_trains_on_them(
    iterations: int, crops: int, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is never trained has no part in an embedding."""
    asked: list[int] = []
    extract = choosing.extract

    def note(artworks: Sequence[Artwork], encoder: Encoder, *, views: int, **rest: object) -> StyleFeatures:
        asked.extend([views] * len(artworks))
        return extract(artworks, encoder, views=views, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(choosing, "extract", note)
    run.train(stand_ins.settings(art, tmp_path / "run", iterations=iterations, views=2))
    assert max(asked) == crops
    model = StyleModel.decode((tmp_path / "run" / "model.safetensors").read_bytes())
    assert (model.residual > 0) == (iterations > 0)


def test_an_untrained_space_within_artists_is_wider_as_nothing_is_summed_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DIMENSIONS", 12)
    monkeypatch.setattr(rehearsal, "UNTRAINED_DIMENSIONS", 20)
    rng = np.random.default_rng(0)
    public = [StyleFeatures(rng.normal(size=(6, 2, 40)).astype(np.float32)) for _ in range(8)]
    sizes = {}
    for space in Space:
        for is_trained in (True, False):
            model = run.public_model(
                public, new_codebook(), pooled_size=4, encoder="test@0", seed=0, space=space, is_trained=is_trained
            )
            sizes[space, is_trained] = model.whitening.dimensions
    assert sizes.pop((Space.WITHIN, False)) == 20
    assert set(sizes.values()) == {12}
