import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import InvalidShareError
from protocols.primitives import field

elements = st.integers(0, field.PRIME - 1) | st.sampled_from([0, 1, 2**256 - 1, 2**256, field.PRIME - 1])


def is_probable_prime(number: int) -> bool:
    """Miller-Rabin with 40 bases."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 42):
        power = pow(base, odd, number)
        squares = {pow(power, 2**k, number) for k in range(twos)}
        if power != 1 and number - 1 not in squares:
            return False
    return True


def test_the_modulus_is_the_smallest_prime_above_every_32_byte_secret():
    assert [k for k in range(298) if is_probable_prime(2**256 + k)] == [297]
    assert field.PRIME == 2**256 + 297


@given(elements)
def test_elements_survive_their_encoding(element):
    data = field.encode_element(element)
    assert len(data) == field.ELEMENT_SIZE
    assert field.decode_element(data) == element


@pytest.mark.parametrize("value", [field.PRIME, field.PRIME + 1, 2**264 - 1])
def test_a_value_beyond_the_field_is_refused(value):
    with pytest.raises(InvalidShareError):
        field.decode_element(value.to_bytes(field.ELEMENT_SIZE, "big"))


@pytest.mark.parametrize("size", [0, 32, 34])
def test_a_share_of_the_wrong_size_is_refused(size):
    with pytest.raises(InvalidShareError):
        field.decode_element(bytes(size))


@given(st.lists(elements.filter(bool), max_size=6))
def test_inverses_multiply_to_one(values):
    inverses = field.invert_all(values)
    assert [value * inverse % field.PRIME for value, inverse in zip(values, inverses, strict=True)] == [1] * len(values)


def test_uniform_bytes_are_reduced_in_blocks_of_64():
    data = b"\xff" * 64 + (5).to_bytes(64, "big")
    assert field.elements_from_uniform(data) == [(2**512 - 1) % field.PRIME, 5]
