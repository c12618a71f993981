import copy
import pickle

import pytest

from protocols import (
    AbortReason,
    FaultyClientError,
    FaultyServerError,
    LocalProtocolError,
    PolicyRule,
    PolicyViolationError,
    ProtocolError,
    RemoteError,
    SessionAborted,
    errors,
)


def test_the_tree_in_the_docstring_is_the_tree():
    drawn = {word for word in errors.__doc__.split() if word.endswith(("Error", "Aborted"))}
    defined = {
        name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, ProtocolError)
    }
    assert drawn == defined


def test_blame_is_part_of_the_type():
    assert issubclass(FaultyServerError, RemoteError)
    assert issubclass(FaultyClientError, RemoteError)
    assert not issubclass(LocalProtocolError, RemoteError)
    assert not issubclass(SessionAborted, RemoteError)


@pytest.mark.parametrize(
    "error",
    [
        FaultyClientError(3, "late"),
        SessionAborted(AbortReason.TOO_FEW_SURVIVORS, "2 of 3"),
        SessionAborted(AbortReason.INCONSISTENT_SHARES, "of client 2", frozenset({2})),
        PolicyViolationError(PolicyRule.MODEL, "another model"),
    ],
)
def test_errors_with_facts_survive_copying_and_pickling(error):
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  (our own bytes)
        assert type(twin) is type(error)
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)


def test_errors_say_who_and_why():
    assert str(FaultyClientError(3, "late")) == "client 3: late"
    assert str(SessionAborted(AbortReason.TOO_FEW_SHARINGS, "2 of 3")) == "too few clients shared their secrets: 2 of 3"
    assert str(PolicyViolationError(PolicyRule.MODEL, "another one")) == "policy rule model: another one"
    inconsistent = SessionAborted(AbortReason.INCONSISTENT_SHARES, "of client 2", frozenset({5, 2}))
    assert str(inconsistent).endswith(": of client 2; clients [2, 5] lied")
