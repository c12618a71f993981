"""Randomness that can be had again: stands where artists use os.urandom."""

from hashlib import shake_256
from itertools import count

from fedstyle_secure.privacy.randomness import RandomBytes


def scripted(name: str) -> RandomBytes:
    """Repeatable bytes, different at each call."""
    calls = count()
    return lambda size: shake_256(f"{name} {next(calls)}".encode()).digest(size)
