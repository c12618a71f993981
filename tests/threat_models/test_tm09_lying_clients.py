"""TM-9: a coordinate that somebody on the wall added to is in no sum, unless envelopes are not verified."""

from threat_models import tm09_lying_clients
from threat_models.edits import off
from threat_models.wall import forge_coordinates


def test_a_forged_coordinate_is_in_no_sum() -> None:
    assert forge_coordinates(1) == (0, 1)


def test_without_the_envelopes_signature_it_is() -> None:
    with off({tm09_lying_clients._SIGNED}, tm09_lying_clients._EDITS):
        assert forge_coordinates(1) == (1, 1)
