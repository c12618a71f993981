"""Commands that train nothing do not wait for the libraries of training: told by what a process has loaded."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fedstyle_secure.runs import train as run
from tests import stand_ins

TRAINING = {"torch", "timm", "torchvision", "opacus"}
ACCOUNTING = {"dp_accounting", "scipy", "protocols"}
TABLES = {"matplotlib", "pyarrow", "faiss", "maude", "ray"}

# The command line as a user starts it; what it has loaded goes to standard error.
COMMAND = """
import sys
from fedstyle_secure.cli.main import main
try:
    main()
finally:
    print(sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by the real encoder, beside its artworks."""
    folder = tmp_path_factory.mktemp("startup")
    art = stand_ins.paint(folder / "art", artists=9, artworks=4)
    run.train(stand_ins.settings(art, folder / "run", iterations=1, public=3, all_agreed=True))
    return folder


@pytest.mark.parametrize(
    ("command", "without"),
    [
        (("search", "run", "PICTURE", "--json"), TRAINING | ACCOUNTING | TABLES),
        (("report", "run"), TRAINING | TABLES),
        (("card", "run", "--json"), TRAINING | TABLES),
        (("catalogue", "remove", "run", "ARTIST", "--json"), TRAINING | TABLES),
        (("budget", "plan", "--artists", "40", "--artworks", "20", "--json"), TRAINING | TABLES),
        (("budget", "show", "run", "--json"), TRAINING | TABLES),
        (("--version",), TRAINING | ACCOUNTING | TABLES),
        (("train", "--help"), TRAINING | ACCOUNTING | TABLES),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_loads_no_library_that_it_does_not_need(
    command: tuple[str, ...], without: set[str], trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    picture = next(trained.glob("art/*/*.png"))
    artists = json.loads((tmp_path / "run" / "summary.json").read_text())["ledgers"]["artists"]
    given = {"PICTURE": str(picture), "ARTIST": next(iter(artists))}
    words = [given.get(word, word) for word in command]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.splitlines()[-1].strip("[]").replace("'", "").split(", "))
    assert "fedstyle_secure" in loaded
    assert loaded & without == set()
    if command[0] == "search":
        assert "onnxruntime" in loaded
        assert [found["rank"] for found in json.loads(done.stdout)["results"]] == [1, 2, 3, 4, 5]


def test_what_trains_does_load_them(trained: Path) -> None:
    """Shows that the test above can see a library."""
    words = ["-c", COMMAND, "train", "--artworks", trained / "art", "--out", trained / "new", "--all-agreed"]
    few = ["--iterations", "1", "--views", "1"]
    done = subprocess.run([sys.executable, *words, *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"'torch'", "'opacus'"} <= set(done.stderr.splitlines()[-1].strip("[]").split(", "))
