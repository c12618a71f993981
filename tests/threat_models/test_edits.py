from importlib import import_module
from pathlib import Path

import pytest

from fedstyle_secure.durable import locked
from fedstyle_secure.platform.store.exchanges import _oldest
from protocols.params import Terms
from protocols.secagg.client import _sign_survivors
from threat_models.adversaries.defenses import LEAKS
from threat_models.edits import Edit, applied, off
from threat_models.register import Threat, threats

EDIT = Edit("protocols.secagg.client:_sign_survivors", "if state.index not in survivors:", "if False:")


def test_an_edit_lasts_as_long_as_its_context() -> None:
    before = _sign_survivors.__code__
    with applied([EDIT]):
        assert _sign_survivors.__code__ is not before
    assert _sign_survivors.__code__ is before


def test_an_edit_reaches_what_a_decorator_wraps(tmp_path: Path) -> None:
    """Both have one text, and only one of them runs it: an edit of the wrapper took nothing away."""
    path = tmp_path / "ledger"
    with applied([Edit("fedstyle_secure.durable:locked", "yield descriptor", "yield -1")]), locked(path) as file:
        assert file == -1
    with locked(path) as file:
        assert file >= 0


def test_an_edit_reaches_what_is_made_once() -> None:
    """EDI-3: else the attack would meet the defense, or whoever comes after it would meet none."""
    before = str(_oldest())
    with applied([Edit("fedstyle_secure.platform.store.exchanges:_oldest", ".limit(1)", "")]):
        assert "LIMIT" not in str(_oldest())
    assert str(_oldest()) == before


def test_an_edit_is_taken_back_whatever_happens() -> None:
    before = _sign_survivors.__code__
    with pytest.raises(ZeroDivisionError), applied([EDIT]):
        raise ZeroDivisionError
    assert _sign_survivors.__code__ is before


@pytest.mark.parametrize("text", ["if state.index in survivors:", "survivors"])
def test_an_edit_whose_text_is_not_there_exactly_once_takes_nothing_away(text: str) -> None:
    before = _sign_survivors.__code__
    with pytest.raises(LookupError, match="times"), applied([Edit(EDIT.place, text, "")]):
        pass
    assert _sign_survivors.__code__ is before


def test_two_defenses_may_share_an_edit_and_all_may_be_gone_at_once() -> None:
    with applied([EDIT, EDIT]):
        pass
    before = Terms.majority.fget.__code__
    with applied(edit for ablation in LEAKS for edit in ablation.edits):
        assert Terms.majority.fget.__code__ is not before
    assert Terms.majority.fget.__code__ is before


@pytest.mark.parametrize("threat", threats().values(), ids=lambda threat: threat.claim.id)
def test_every_defense_of_every_threat_is_where_it_was(threat: Threat) -> None:
    """Attacks take minutes; that code moved away from under one of them is told at once."""
    edits = vars(import_module(threat.module)).get("_EDITS", {})
    for name in edits.keys() & threat.claim.defenses.keys():
        with off({name}, edits):
            pass


def test_a_defense_that_nobody_can_take_away_is_an_error() -> None:
    before = _sign_survivors.__code__
    with off({"door"}, {"door": (EDIT,), "window": ()}):
        assert _sign_survivors.__code__ is not before
    with pytest.raises(KeyError, match="roof"), off({"roof"}, {"door": (EDIT,)}):
        pass
