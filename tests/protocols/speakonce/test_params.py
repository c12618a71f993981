"""What no window's parameters may be, made here or sent."""

import pytest

from protocols import ParametersError
from protocols.errors import MalformedMessageError
from protocols.speakonce.params import WindowParams


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"prekeys": ()}, "one for each of the 6 identities"),
        ({"beacon": b"short"}, "beacon: 32 bytes"),
        ({"degree": 3}, "degree 3: an even number, or 5"),
        ({"quorum": 3}, "quorum"),
        ({"floor": 1}, "floor"),
    ],
)
def test_parameters_that_make_no_window_are_refused(village, changes, sentence):
    with pytest.raises(ParametersError, match=sentence):
        village.params(6, **changes)


def test_parameters_that_no_constructor_takes_are_no_message(village):
    honest = village.params().encode()
    reasons = set()
    for place in range(len(honest)):
        bent = honest[:place] + bytes([honest[place] ^ 0xFF]) + honest[place + 1 :]
        try:
            assert WindowParams.decode(bent) != village.params()
        except MalformedMessageError as error:
            reasons.add(type(error.__cause__))
    assert ParametersError in reasons
