"""The server's side receives protocol bytes and sums, nothing else: shown by types, by imports and by running it."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray

import fedstyle_secure
import protocols
from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.aggregation.summing import aggregate as run_session
from fedstyle_secure.announcement import ACKNOWLEDGMENT, RECEIPT_BYTES
from fedstyle_secure.engines.courier import Engine, Wait
from fedstyle_secure.engines.memory import MemoryEngine
from fedstyle_secure.privacy.sizing import Mode
from fedstyle_secure.server.alignment import Alignment
from protocols import Server, SessionParams, VectorSpec
from protocols.envelope import ENVELOPE_SIZE
from protocols.masking import Crew
from protocols.secagg.messages import AdvertiseKeysRequest, Response, response_type

ROOTS = {"fedstyle_secure": Path(fedstyle_secure.__file__).parent, "protocols": Path(protocols.__file__).parent}
PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

SERVER_ROOMS = [
    "fedstyle_secure.server.iterations",
    "fedstyle_secure.server.robust",
    "fedstyle_secure.server.alignment",
    "fedstyle_secure.aggregation.summing",
]
HOUSE_OF_AN_ARTIST = {
    "fedstyle_secure.artist",
    "fedstyle_secure.encoder.features",
    "fedstyle_secure.encoder.backbones",
    "fedstyle_secure.training.objective",
    "fedstyle_secure.privacy.ledger",
    "fedstyle_secure.privacy.pipeline",
    "fedstyle_secure.experiments",
    "fedstyle_secure.runs",
    "fedstyle_secure.artworks",
}


def test_nothing_but_its_own_engine_loads_syft() -> None:
    """A contract says so of imports; this, of any name in any file, however it is loaded."""
    libraries = ("syft", "syft_crypto_python", "syft_datasets", "syft_job", "syft_permissions", "syft_rds")
    for root in ROOTS.values():
        for path in root.rglob("*.py"):
            if path.parent == root / "engines" / "syft":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                assert not {name.partition(".")[0] for name in names} & set(libraries), path
                if isinstance(node, ast.ImportFrom) and node.level:  # the engine is asked for by name alone
                    assert not (node.module or "").startswith("engines.syft") or _is_for_types(path, node), path


def _is_for_types(path: Path, node: ast.ImportFrom) -> bool:
    """Whether an import is made for who checks types only."""
    blocks = (each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.If))
    typing = [each for each in blocks if ast.unparse(each.test) == "TYPE_CHECKING"]
    return any(each.lineno <= node.lineno <= (each.end_lineno or 0) for each in typing)


# By types


def allowed(hint: object) -> bool:
    """Integers, bytes, mappings, tuples and sets of them, and nothing."""
    if get_origin(hint) in (dict, Mapping, tuple, frozenset):
        return all(allowed(part) for part in get_args(hint) if part is not Ellipsis)
    return hint in (int, bytes, type(None))


def public_methods(kind: type) -> dict[str, object]:
    """Every public callable and property, and the constructor."""
    everything = {name: value for base in reversed(kind.__mro__[:-1]) for name, value in vars(base).items()}
    members = {name: value for name, value in everything.items() if not name.startswith("_") or name == "__init__"}
    functions = {
        name: value.fget if isinstance(value, property) else value
        for name, value in members.items()
        if inspect.isfunction(value) or isinstance(value, property)
    }
    assert set(functions) == set(members) - {"__slots__"}
    return functions


def test_the_server_takes_and_gives_integers_and_bytes_and_sums():
    methods = public_methods(Server)
    assert set(methods) == {
        "__init__",
        "start",
        "receive",
        "close_round",
        "survivors",
        "unopened",
        "wrong_shares",
        "liars",
        "aggregate",
    }
    for name, function in methods.items():
        hints = get_type_hints(function)
        result = hints.pop("return")
        assert set(hints) == set(inspect.signature(function).parameters) - {"self"}, "an argument without a type"
        if name == "__init__":
            assert hints == {"params": SessionParams, "crew": Crew}, "public facts, and threads to work with"
        else:
            assert all(allowed(hint) for hint in hints.values()), (name, hints)
        if name == "aggregate":
            assert result == dict[str, NDArray[np.int64]]
        else:
            assert allowed(result), (name, result)


def test_what_the_server_is_started_with_is_public_facts():
    hints = get_type_hints(SessionParams)
    assert hints.pop("vectors") == tuple[VectorSpec, ...]
    assert set(get_type_hints(VectorSpec).values()) == {str, int}
    for name, hint in hints.items():
        assert allowed(hint), (name, hint)


def test_an_engine_moves_bytes_by_name():
    for kind in (Engine, MemoryEngine):
        hints = get_type_hints(kind.exchange)
        assert hints == {
            "requests": Mapping[str, bytes],
            "name": str,
            "wait": Wait,
            "return": Iterator[tuple[str, bytes]],
        }
    assert set(get_type_hints(Wait).values()) == {float, int}


def test_the_session_hands_over_sums_and_alignment_takes_nothing_else():
    assert get_type_hints(run_session)["return"] is Aggregate
    assert set(get_type_hints(Aggregate)) == {"tensors", "noise", "survivors", "digest"}
    hints = get_type_hints(Alignment.advance)
    hints.pop("return")
    assert [hint.__name__ for hint in hints.values()] == ["StyleModel", "Aggregate"]


# By imports


def source_of(module: str) -> Path | None:
    package, *parts = module.split(".")
    if package not in ROOTS:
        return None
    base = ROOTS[package].joinpath(*parts)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def imports_of(module: str) -> set[str]:
    """Modules of this project that a module's source names, `from .x import y` with y a module included."""
    path = source_of(module)
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return {name for name in found if source_of(name) is not None}


def reachable(module: str) -> set[str]:
    seen, waiting = set(), {module}
    while waiting:
        seen |= waiting
        waiting = set().union(*(imports_of(name) for name in waiting)) - seen
    return seen - {module}


def inside(modules: set[str], packages: set[str]) -> set[str]:
    return {module for module in modules if any(f"{module}.".startswith(f"{package}.") for package in packages)}


@pytest.mark.parametrize("module", SERVER_ROOMS)
def test_the_servers_rooms_reach_nothing_of_an_artists_house(module):
    """Not even through a third module."""
    assert inside(reachable(module), HOUSE_OF_AN_ARTIST) == set()


def test_the_imports_are_really_followed():
    assert "fedstyle_secure.privacy.mechanism" in reachable("fedstyle_secure.server.iterations")
    assert "protocols.secagg.server" in reachable("fedstyle_secure.aggregation.summing")
    assert inside(reachable("fedstyle_secure.artist.artist"), HOUSE_OF_AN_ARTIST)


def test_the_protocols_server_never_reaches_a_client():
    assert inside(reachable("protocols.secagg.server"), {"protocols.secagg.client"}) == set()
    assert inside(reachable("protocols.secagg.server"), {"fedstyle_secure"}) == set()
    assert inside(reachable("protocols.secagg.client"), {"protocols.secagg.server"}) == set()


def test_the_import_contracts_are_kept(capsys, monkeypatch):
    pytest.importorskip("importlinter")
    from importlinter.application.use_cases import SUCCESS, lint_imports
    from importlinter.configuration import configure

    if not PYPROJECT.is_file():
        pytest.skip("the contracts stand in pyproject.toml, which an installed wheel does not have")
    monkeypatch.chdir(PYPROJECT.parent)
    configure()
    outcome = lint_imports(config_filename=str(PYPROJECT), cache_dir=None)
    assert outcome is SUCCESS, capsys.readouterr().out


# By running


class RecordingEngine:
    """The embedded engine, writing down everything that artists send."""

    def __init__(self, inner: MemoryEngine) -> None:
        self._inner = inner
        self.exchanges: list[tuple[dict[str, bytes], dict[str, bytes]]] = []

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        replies: dict[str, bytes] = {}
        for mailbox, reply in self._inner.exchange(requests, name=name, wait=wait):
            replies[mailbox] = reply
            yield mailbox, reply
        self.exchanges.append((dict(requests), replies))


@pytest.mark.parametrize("mode", list(Mode))
def test_everything_artists_send_is_in_the_letterbox(mode, town):
    federation = town.federation(mode=mode, multipliers=(0.0 if mode is Mode.NONE else 1.0,) * 2)
    federation.engine = RecordingEngine(federation.engine)
    assert [outcome.problem for outcome in federation.run()] == ["", ""]

    params, seen = None, []
    for requests, replies in federation.engine.exchanges:
        for mailbox, reply in replies.items():
            assert type(reply) is bytes
            request, reply = requests[mailbox][ENVELOPE_SIZE:], reply[ENVELOPE_SIZE:]  # noqa: PLW2901
            if mailbox.endswith("/announcement"):
                assert reply == ACKNOWLEDGMENT
                continue
            response = reply[RECEIPT_BYTES:]
            if request[0] == AdvertiseKeysRequest.TAG:
                params = AdvertiseKeysRequest.decode(request).params
            kind = response_type(response)
            assert kind.decode(response, params).encode(params) == response
            seen.append(kind)
    assert set(seen) == set(get_args(Response))
    assert len(seen) == 2 * 5 * federation.clients


def test_what_artists_keep_is_in_nothing_they_send(town):
    """In the clear, a feature or a key would show as its bytes."""
    federation = town.federation(multipliers=(0.0,))
    federation.engine = RecordingEngine(federation.engine)
    federation.run()
    sent = b"".join(reply for _, replies in federation.engine.exchanges for reply in replies.values())
    for artist in federation.artists.values():
        for row in artist.features.views.reshape(-1, town.RAW):
            assert row[:2].tobytes() not in sent
        assert artist.enrolment.identity.private_bytes_raw() not in sent
