"""RND-1: no seeded generator in a noise path, and no source that runs short."""

import ast
from pathlib import Path

import numpy as np
import pytest

from fedstyle_secure import privacy
from fedstyle_secure.errors import PrivacyError
from fedstyle_secure.privacy.randomness import random_bytes, random_words

FORBIDDEN = {"rand", "randn", "normal", "default_rng", "RandomState", "randint", "random_sample", "seed", "manual_seed"}


def test_no_noise_path_uses_a_seeded_generator() -> None:
    used = set()
    for file in Path(privacy.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        used |= {(file.name, node.attr) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert not imported & {"random", "torch"}
    assert {(file, name) for file, name in used if name in FORBIDDEN} == set()


def test_words_are_the_bytes_of_the_source() -> None:
    words = random_words(3, lambda size: bytes(range(size)))
    assert words.dtype == np.uint64
    assert words.tobytes() == bytes(range(24))


@pytest.mark.parametrize("given", [0, 7, 9, 16])
def test_a_source_of_another_length_is_refused(given: int) -> None:
    with pytest.raises(PrivacyError, match=f"returned {given} bytes where 8"):
        random_bytes(8, lambda _: bytes(given))
