"""Defenses are switched off by name, for as long as the context lasts, or the arm is void."""

from types import SimpleNamespace
from unittest.mock import patch

import pytest

from threat_models.switches import off


def test_a_defense_is_off_inside_the_context_and_on_again_after_it() -> None:
    house = SimpleNamespace(door="shut", window="shut")
    switches = {"door": lambda: patch.object(house, "door", "open"), "window": lambda: patch.object(house, "window", 0)}
    with off({"door"}, switches):
        assert (house.door, house.window) == ("open", "shut")
    assert house.door == "shut"


def test_a_defense_is_on_again_after_an_attack_that_failed() -> None:
    house = SimpleNamespace(door="shut")
    with pytest.raises(OSError, match="stuck"), off({"door"}, {"door": lambda: patch.object(house, "door", "open")}):
        raise OSError("stuck")
    assert house.door == "shut"


def test_a_defense_without_a_switch_is_an_error() -> None:
    with pytest.raises(KeyError, match="roof"), off({"roof"}, {}):
        pass
