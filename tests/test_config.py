"""Settings: every check, from a TOML file, and options before the file."""

import dataclasses
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fedstyle_secure.cli import main as cli
from fedstyle_secure.cli import training
from fedstyle_secure.config import SETTINGS, Settings, Split, option_of, read_toml
from fedstyle_secure.errors import InputError
from fedstyle_secure.privacy.clipping import Unit
from fedstyle_secure.privacy.sizing import Mode

NEEDED = {"artworks": "art", "out": "run"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 0.0),
        ("epsilon", -1.0),
        ("epsilon", 32.1),
        ("epsilon", 10**400),
        ("views", 10**9),
        pytest.param("views", 10**5000, id="5001 digits"),
        ("epsilon", math.inf),
        ("epsilon", math.nan),
        ("delta", 0.0),
        ("delta", 1.0),
        ("delta", -1e-5),
        ("delta", math.nan),
        ("iterations", -1),
        ("views", 0),
        ("drop_rate", -0.1),
        ("drop_rate", 1.0),
        ("drop_rate", math.nan),
        ("min_cohort", 1),
        ("corrupt", -1),
        ("buckets", 0),
        ("buckets", 2),
        ("min_artworks", 1),
        ("max_artworks", 0),
        ("signature_share", 0.01),
        ("signature_share", 0.95),
        ("signature_length", 0),
        ("signature_length", 385),
        ("public", 0),
        ("seed", 1 << 63),
        ("seed", -(1 << 63)),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_options_name(name, value):
    option = "--" + name.replace("_", "-")
    with pytest.raises(InputError, match=rf"^{option} must .*, got"):
        Settings.from_values(NEEDED | {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epsilon", 1e-3),
        ("epsilon", 32.0),
        ("delta", 1e-15),
        ("delta", 0.5),
        ("iterations", 0),
        ("views", 64),
        ("drop_rate", 0.0),
        ("drop_rate", 0.99),
        ("min_cohort", 2),
        ("corrupt", 0),
        ("buckets", 1),
        ("buckets", 3),
        ("min_artworks", 2),
        ("max_artworks", 1),
        ("signature_share", 0.9),
        ("signature_length", 384),
        ("space", "within"),
        ("public", 1),
        ("seed", -5),
        ("seed", (1 << 63) - 1),
    ],
)
def test_a_value_at_the_edge_is_accepted(name, value):
    assert getattr(Settings.from_values(NEEDED | {name: value}), name) == value


@pytest.mark.parametrize(
    ("given", "meant"),
    [(3, 3), ("3", 3), (["3"], 3), ("Ada", ("Ada",)), (["Ada", "4"], ("Ada", "4")), ("Ada,Bo", ("Ada,Bo",))],
)
def test_public_artists_are_names_or_how_many(given, meant):
    assert Settings.from_values(NEEDED | {"public": given}).public == meant


def test_public_artists_are_counted_or_a_folder_but_not_both():
    assert Settings.from_values(NEEDED | {"public_art": "shared"}).public_art == Path("shared")
    with pytest.raises(InputError, match="either --public or --public-art"):
        Settings.from_values(NEEDED | {"public": 3, "public_art": "shared"})


def test_ledgers_are_carried_on_or_fresh_but_not_both():
    with pytest.raises(InputError, match="either --ledgers or --fresh-ledgers"):
        Settings.from_values(NEEDED | {"ledgers": "kept", "fresh_ledgers": True})


@pytest.mark.parametrize("missing", [["artworks"], ["out"], ["artworks", "out"]])
def test_what_every_run_needs_is_asked_for_by_name(missing):
    given = {name: value for name, value in NEEDED.items() if name not in missing}
    with pytest.raises(InputError, match="missing " + " and ".join(f"--{name}" for name in missing)):
        Settings.from_values(given)


def test_an_unknown_setting_is_named_with_those_there_are():
    with pytest.raises(InputError, match=r"unknown setting 'epsilom'; known are .*epsilon"):
        Settings.from_values(NEEDED | {"epsilom": 3})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epsilon", "8", "type float"),
        ("epsilon", True, "type float"),
        ("iterations", 2.0, "type int"),
        ("iterations", "2", "type int"),
        ("iterations", True, "type int"),
        ("sign", 1, "type bool"),
        ("sign", "yes", "type bool"),
        ("encoder", 7, "type str"),
        ("artworks", 7, "type Path"),
        ("artworks", ["a"], "type Path"),
        ("weights", 7, "type Path"),
        ("public", 2.5, "names of artists, or how many of them"),
        ("public", True, "names of artists, or how many of them"),
        ("public", [], "names of artists, or how many of them"),
        ("epsilon", None, "type float"),
        ("split", "artists", "one of artist, content"),
        ("privacy", "some", "one of distributed, local, none"),
        ("unit", "", "one of artwork, artist"),
        ("unit", 3, "type Unit"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name, value, expected):
    with pytest.raises(InputError, match=f"^{name} must be (of )?{expected}, got {value!r}".replace("[", r"\[")):
        Settings.from_values(NEEDED | {name: value})


@given(
    st.dictionaries(
        st.sampled_from(list(SETTINGS)),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text("ab-./", max_size=5), st.lists(st.integers())
        ),
    )
)
def test_any_values_give_settings_or_one_clear_error(values):
    try:
        settings = Settings.from_values(NEEDED | values)
    except InputError:
        return
    json.dumps(settings.as_dict(), allow_nan=False)


def test_plain_values_become_their_types():
    settings = Settings.from_values(
        NEEDED | {"epsilon": 3, "split": "content", "privacy": "local", "unit": "artist", "weights": None}
    )
    assert (settings.artworks, settings.out) == (Path("art"), Path("run"))
    assert (type(settings.epsilon), settings.epsilon) == (float, 3.0)
    assert (settings.split, settings.privacy, settings.unit) == (Split.CONTENT, Mode.LOCAL, Unit.ARTIST)
    assert settings.weights is None


def to_toml(values: dict) -> str:
    """Numbers, booleans and strings are written as in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


CHANGED = {
    "artworks": "somewhere/art",
    "out": "runs/one",
    "public": 4,
    "showcase": "shown",
    "all_agreed": True,
    "split": "content",
    "hold_out": 0.2,
    "privacy": "none",
    "epsilon": 3.5,
    "delta": 1e-6,
    "unit": "artist",
    "iterations": 2,
    "encoder": "timm:resnet18",
    "weights": "weights.pth",
    "download_weights": True,
    "device": "cuda",
    "features_cache": "kept/features",
    "views": 2,
    "drop_rate": 0.25,
    "min_cohort": 7,
    "corrupt": 2,
    "protocol": "speakonce",
    "engine": "flower",
    "buckets": 3,
    "space": "within",
    "signature_share": 0.6,
    "signature_length": 99,
    "min_artworks": 3,
    "max_artworks": 60,
    "transcripts": "seen",
    "ledgers": "kept",
    "sign": False,
    "nested": True,
    "seed": 11,
}


def test_settings_survive_a_toml_file(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(to_toml(CHANGED), encoding="utf-8")
    settings = Settings.from_values(read_toml(path))
    assert settings.as_dict() == CHANGED | {
        "public_art": None,
        "noise": "gaussian",
        "sampling_rate": 1.0,
        "fresh_ledgers": False,
    }
    defaults = Settings.from_values(NEEDED)
    assert [name for name in CHANGED if getattr(settings, name) == getattr(defaults, name)] == []

    path.write_text(to_toml({k: v for k, v in settings.as_dict().items() if v is not None}), encoding="utf-8")
    assert Settings.from_values(read_toml(path)) == settings


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"noise": "skellam", "privacy": "none"},
            "--noise skellam is for a run with noise: leave it out with --privacy none",
        ),
        ({"noise": "skellam", "sampling_rate": 0.5}, "--sampling-rate below 1 needs"),
        ({"unit": "artist", "sampling_rate": 0.5}, "--sampling-rate below 1 needs --unit artwork and --noise gaussian"),
        ({"sampling_rate": 0.0}, "--sampling-rate must lie between 0.001 and 1, got 0.0"),
        ({"sampling_rate": 1.5}, "between 0.001 and 1, got 1.5"),
        ({"noise": "laplace"}, "noise must be one of gaussian, skellam, got 'laplace'"),
    ],
)
def test_noise_and_sampling_that_no_accounting_covers_are_refused(changes, problem):
    with pytest.raises(InputError, match=problem):
        Settings.from_values(NEEDED | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"noise": "skellam"},
        {"noise": "skellam", "privacy": "local"},
        {"sampling_rate": 0.5},
        {"sampling_rate": 0.5, "privacy": "local"},
    ],
)
def test_noise_and_sampling_can_be_chosen(changes):
    settings = Settings.from_values(NEEDED | changes)
    assert {name: settings.as_dict()[name] for name in changes} == changes


def test_names_in_a_file_may_have_dashes(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("drop-rate = 0.5\nmin_cohort = 3\n", encoding="utf-8")
    assert read_toml(path) == {"drop_rate": 0.5, "min_cohort": 3}


def test_a_file_is_read_as_other_programs_write_it(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbfEpsilon = 3\r\nDROP-RATE = 0.5\r\n")
    assert read_toml(path) == {"epsilon": 3, "drop_rate": 0.5}


@pytest.mark.parametrize(
    "content", [b"a = " + b"[" * 5000, b"a = " + b"9" * 5000, b"epsilon = ", b"epsilon", b"\xff\xfe", b"a = 1\na = 2"]
)
def test_a_file_that_is_not_toml_is_refused_with_its_name(content, tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"run\.toml is not TOML: ."):
        read_toml(path)


def test_a_missing_file_and_a_folder_are_refused_with_their_names(tmp_path):
    with pytest.raises(InputError, match=r"gone\.toml: No such file"):
        read_toml(tmp_path / "gone.toml")
    with pytest.raises(InputError, match="cannot read the settings file"):
        read_toml(tmp_path)


def test_a_table_in_a_file_is_an_unknown_setting(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[training]\nepsilon = 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="unknown setting 'training'"):
        Settings.from_values(NEEDED | read_toml(path))


def test_an_option_beats_the_file_and_the_file_beats_the_default(tmp_path, monkeypatch):
    path = tmp_path / "run.toml"
    path.write_text(to_toml(NEEDED | {"epsilon": 3.0, "iterations": 2, "sign": True}), encoding="utf-8")
    seen = []
    monkeypatch.setattr(training, "train_and_show", lambda settings, **_shown: seen.append(settings))
    result = CliRunner().invoke(cli.app, ["train", "--config", str(path), "--epsilon", "5", "--no-sign"])
    assert result.exit_code == 0, result.output
    (settings,) = seen
    assert (settings.epsilon, settings.sign) == (5.0, False)
    assert settings.iterations == 2
    assert settings.views == Settings.from_values(NEEDED).views


def test_every_setting_is_an_option_of_the_command_line():
    result = CliRunner().invoke(cli.app, ["train", "--help"], env={"COLUMNS": "300", "TERM": "dumb"})
    for name in SETTINGS:
        assert option_of(name) in result.output, name


def test_settings_cannot_be_changed_afterwards():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.from_values(NEEDED).epsilon = 100.0
