"""Run a case of the vectors through the library, from nothing but its JSON.

`OPERATIONS` says what each operation's inputs are and what comes out.
"""

from collections.abc import Callable, Mapping

from fedstyle_secure.errors import InputError
from protocols.errors import FaultyClientError, PolicyViolationError, ProtocolError, SessionAborted
from protocols.graph import Adversary, Graph, check, parameters
from protocols.params import SessionParams
from protocols.secagg import messages

from . import parties
from .log import LOG_STEPS
from .materials import DIGESTS
from .notation import bytes_of, integer_of, json_of
from .steps import STEPS
from .window import WINDOW_STEPS


def outcome(operation: str, inputs: Mapping) -> dict:
    """What the library makes of a case: `{"success": True, "outputs": ...}`, or the error and what it tells."""
    try:
        return {"success": True, "outputs": OPERATIONS[operation](inputs)}
    except ProtocolError as error:
        told: dict[str, object] = {}
        if isinstance(error, PolicyViolationError):
            told["rule"] = error.rule.value
        elif isinstance(error, FaultyClientError):
            told["client"] = error.index
        elif isinstance(error, SessionAborted):
            told["reason"] = error.reason.name
        return {"success": False, "error": type(error).__name__, **told}
    except InputError as error:
        return {"success": False, "error": type(error).__name__}


# Parameters


def _params(inputs: Mapping) -> dict:
    params = SessionParams(
        identities=tuple(map(bytes_of, inputs["identities"])),
        vectors=tuple(map(parties.spec_of, inputs["vectors"])),
        server_key=bytes_of(inputs["server_key"]),
        **{name: bytes_of(inputs[name]) for name in DIGESTS},
        **{
            name: integer_of(inputs[name])
            for name in ("version", "session", "iteration", "degree", "threshold", "corrupt", "min_survivors")
        },
    )
    return {"encoding": params.encode().hex(), **_derived(params)}


def _decode_params(inputs: Mapping) -> dict:
    params = SessionParams.decode(bytes_of(inputs["encoding"]))
    if params.encode().hex() != inputs["encoding"]:
        raise AssertionError("two encodings of the same parameters")
    return {**json_of(params), **_derived(params)}


def _derived(params: SessionParams) -> dict:
    return {
        "roster_root": params.roster_root.hex(),
        "session_id": params.session_id.hex(),
        "confirmations": params.confirmations,
    }


# The graph


def _graph(inputs: Mapping) -> dict:
    graph = _graph_over(inputs)
    return {
        "graph_digest": graph.digest.hex(),
        "order": list(graph.order),
        "neighbors": {str(index): sorted(graph.neighbors(index)) for index in sorted(graph.order)},
    }


def _neighbors(inputs: Mapping) -> dict:
    return {"neighbors": sorted(_graph_over(inputs).neighbors(inputs["index"]))}


def _graph_over(inputs: Mapping) -> Graph:
    digests = {int(index): bytes_of(digest) for index, digest in inputs["digests"].items()}
    return Graph.over(bytes_of(inputs["session_id"]), inputs["degree"], digests)


def _parameters(inputs: Mapping) -> dict:
    found = parameters(
        inputs["clients"],
        corrupt=inputs["corrupt"],
        dropout=inputs["dropout"],
        adversary=Adversary(inputs["adversary"]),
        security_bits=inputs["security_bits"],
        correctness_bits=inputs["correctness_bits"],
    )
    return {name: getattr(found, name) for name in ("degree", "threshold", "corrupt", "min_survivors")}


def _check_graph(inputs: Mapping) -> dict:
    check(
        inputs["clients"],
        degree=inputs["degree"],
        threshold=inputs["threshold"],
        corrupt=inputs["corrupt"],
        adversary=Adversary(inputs["adversary"]),
        dropouts=inputs["dropouts"],
        security_bits=inputs["security_bits"],
    )
    return {}


# Messages


def _decode(inputs: Mapping) -> dict:
    data = bytes_of(inputs["bytes"])
    kind = getattr(messages, inputs["message"])
    if kind is messages.AdvertiseKeysRequest:
        message = kind.decode(data)
        encoded = message.encode()
    else:
        message = kind.decode(data, SessionParams.decode(bytes_of(inputs["params"])))
        encoded = message.encode(SessionParams.decode(bytes_of(inputs["params"])))
    if encoded != data:
        raise AssertionError("two encodings of the same message")
    return json_of(message)


def _request_type(inputs: Mapping) -> dict:
    return {"message": messages.request_type(bytes_of(inputs["bytes"])).__name__}


def _response_type(inputs: Mapping) -> dict:
    return {"message": messages.response_type(bytes_of(inputs["bytes"])).__name__}


OPERATIONS: dict[str, Callable[[Mapping], dict]] = {
    "params": _params,
    "decode_params": _decode_params,
    "graph": _graph,
    "neighbors": _neighbors,
    "parameters": _parameters,
    "check_graph": _check_graph,
    "decode": _decode,
    "request_type": _request_type,
    "response_type": _response_type,
    "session": parties.session,
    "client": parties.client,
    "server": parties.server,
    **STEPS,
    **WINDOW_STEPS,
    **LOG_STEPS,
}
