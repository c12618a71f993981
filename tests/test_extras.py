"""Optional libraries: a missing one, and one of a version that was not tried, are told in one sentence."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from fedstyle_secure import extras
from fedstyle_secure.errors import InputError
from fedstyle_secure.extras import EXTRAS, load_extra

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def installed(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    def version(name: str) -> str:
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(extras, "version", version)


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_extra_is_one_sentence_with_the_command(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, None)
    with pytest.raises(InputError) as refusal:
        load_extra(extra, "json", option=f"--engine {extra}")
    assert str(refusal.value) == (f"--engine {extra} needs an optional extra: pip install 'fedstyle-secure[{extra}]'")


@pytest.mark.parametrize("found", ["1.40.3", "1.43.0", "2.0", "0.99rc1", "unknown"])
def test_ext1_a_version_that_was_not_tried_is_refused_with_the_range(
    found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(monkeypatch, found)
    with pytest.raises(InputError) as refusal:
        load_extra("flower", "json", option="--engine flower")
    assert str(refusal.value) == (
        f"--engine flower was tried with flwr>=1.41,<1.43, and flwr {found} is installed: "
        "pip install 'fedstyle-secure[flower]'"
    )


def test_what_fits_is_loaded_and_what_cannot_be_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "1.42.0")
    assert load_extra("flower", "json", option="--engine flower").__name__ == "json"
    with pytest.raises(InputError, match=r"cannot be loaded here \(No module named 'nowhere'\): pip install"):
        load_extra("flower", "nowhere", option="--engine flower")


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_installed_by_the_command_is_within_the_range(extra: str) -> None:
    wanted = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"][extra]
    for library, requirement in zip(EXTRAS[extra], wanted, strict=True):
        assert requirement in {library.range, f"{library.name}==1.42.0"}
