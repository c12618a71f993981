"""Build the wheel and run the fast tests against it, away from the source tree: `python -m tests.wheel`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fedstyle_secure", "protocols", "threat_models")
# What reads the source tree itself, and so says nothing about a wheel.
SOURCE_TESTS = (
    "tests/test_ablations.py",
    "tests/test_architecture.py",
    "tests/test_audited.py",
    "tests/test_benchmarks.py",
    "tests/test_deploy.py",
    "tests/test_documents.py",
    "tests/test_examples.py",
    "tests/test_experiment_tables.py",
    "tests/test_readme.py",
    "tests/test_security_page.py",
    "tests/test_threats_page.py",
    "tests/test_vectors.py",
    "tests/platform/test_operations_page.py",
    "tests/threat_models/test_pictures.py",
    "tests/protocols/test_purity.py",
)


def main() -> None:
    """Exit with pytest's code."""
    with tempfile.TemporaryDirectory(prefix="fedstyle-wheel-") as name:
        scratch = Path(name)
        source, site = scratch / "source", scratch / "site"
        source.mkdir()
        for item in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
            copy = shutil.copytree if (ROOT / item).is_dir() else shutil.copy
            copy(ROOT / item, source / item)
        _run("-m", "build", "--wheel", "--outdir", str(scratch), str(source))
        (wheel,) = scratch.glob("*.whl")
        _run("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel))
        place = scratch / "place"
        shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", place)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(place)])}
        check = f"import {', '.join(PACKAGES)} as _; assert _.__file__.startswith({str(site)!r}), _.__file__"
        subprocess.run([sys.executable, "-c", check], cwd=place, env=environment, check=True)
        command = [sys.executable, "-m", "pytest", "-n", "2", "tests", *(f"--ignore={path}" for path in SOURCE_TESTS)]
        outcome = subprocess.run(command, cwd=place, env=environment, check=False)
    sys.exit(outcome.returncode)


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
