"""`protocols` computes and does nothing else: no socket, clock, disk, log, thread, randomness; layers point one way."""

import ast
from pathlib import Path

import pytest

import protocols

ROOT = Path(protocols.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
PURE = {
    "abc",
    "array",
    "collections",
    "collections.abc",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "re",
    "struct",
    "types",
    "typing",
}
LAYERS = [
    "errors",
    "primitives",
    "codec",
    "params",
    "envelope",
    "wire",
    "held",
    "cohorts",
    "graph",
    "vault",
    "rounds",
    "masking",
    "policy",
    "answering",
    "secagg",
    "speakonce",
    "audit",
]


def imports_of(path: Path) -> list[tuple[int, str]]:
    """(level, module) for every import; level 0 is absolute."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
            if not node.module:
                found += [(node.level, alias.name) for alias in node.names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_pure_modules_are_imported(path):
    outside = [name for level, name in imports_of(path) if level == 0]
    assert [name for name in outside if name not in PURE and name.split(".")[0] not in ("numpy", "cryptography")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_is_read_from_the_system(path):
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}
    assert not [call for call in calls if ".random" in call or call.endswith((".generate", ".urandom"))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_layers_point_one_way(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts == ("__init__",):
        return
    own = LAYERS.index(parts[0])
    for level, name in imports_of(path):
        if level == 0 or (level == 1 and len(parts) == 2):
            continue  # a sibling
        assert LAYERS.index(name.split(".")[0]) < own if name else True


def test_client_and_server_are_strangers():
    for path, other in (("client", "server"), ("server", "client")):
        assert not [name for _, name in imports_of(ROOT / "secagg" / f"{path}.py") if other in name.split(".")]


def test_primitives_are_strangers():
    for path in (ROOT / "primitives").glob("*.py"):
        siblings = {name for level, name in imports_of(path) if level == 1}
        assert siblings == ({"field"} if path.stem == "shamir" else set())
