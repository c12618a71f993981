"""Named randomness: the same seed and names give the same numbers in every run and process (never Python's `hash`)."""

from hashlib import sha256

import numpy as np

from ..errors import InputError


def named_rng(seed: int, *names: str | int) -> np.random.Generator:
    """A generator for one purpose, independent of the generators for all other names.

    Raises:
        InputError: The seed is negative.
    """
    if seed < 0:
        raise InputError(f"a seed is a whole number >= 0, got {seed}")
    label = "\0".join(str(name) for name in names).encode("utf-8", "surrogatepass")
    return np.random.default_rng([seed, int.from_bytes(sha256(label).digest(), "big")])
