from itertools import pairwise

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from protocols.errors import LocalProtocolError
from protocols.primitives.prg import BLOCK_SIZE, Bundle, Keystream

SEED = bytes(range(32))


def test_the_stream_is_aes_256_of_a_counter_under_the_expanded_seed():
    key = HKDFExpand(SHA256(), 32, b"purpose").derive(SEED)
    blocks = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305  (one block at a time is the definition)
    counters = b"".join(counter.to_bytes(16, "big") for counter in range(100))
    assert Keystream(SEED, b"purpose").read(1600) == blocks.update(counters)


def test_reading_in_pieces_gives_the_same_stream():
    streams = [Keystream(SEED, b""), Keystream(SEED, b"other")]
    size = 2 * BLOCK_SIZE + 77
    wholes = [stream.read(size) for stream in streams]
    for first in (0, 1, 16, 4099):
        bundle, read = Bundle(streams, first), [b"", b""]
        for start, end in pairwise([first, first + 1, first + 18, first + BLOCK_SIZE, 2 * BLOCK_SIZE, size]):
            buffer = memoryview(bytearray(end - start))
            for number, _ in enumerate(bundle.read_each(buffer)):
                read[number] += buffer.tobytes()
        assert read == [whole[first:] for whole in wholes]


@pytest.mark.parametrize("bit", [0, 31, 32, 63, 64, 127, 128, 191, 192, 224, 255])
def test_every_bit_of_the_seed_counts(bit):
    other = (int.from_bytes(SEED, "big") ^ 1 << bit).to_bytes(32, "big")
    assert Keystream(SEED, b"").read(16) != Keystream(other, b"").read(16)


def test_seeds_that_fold_to_the_same_word_have_different_streams():
    # Equal sum, equal exclusive-or and equal set of 32-bit words: only the order differs.
    words = [SEED[start : start + 4] for start in range(0, 32, 4)]
    swapped = b"".join([words[1], words[0], *words[2:]])
    # Both words flipped in the same bit: equal exclusive-or again.
    flipped = (int.from_bytes(SEED, "big") ^ (1 << 255 | 1 << 223)).to_bytes(32, "big")
    streams = {Keystream(seed, b"").read(16) for seed in (SEED, swapped, flipped)}
    assert len(streams) == 3


def test_the_purpose_separates_streams():
    assert Keystream(SEED, b"a").read(16) != Keystream(SEED, b"b").read(16)


@pytest.mark.parametrize("size", [0, 4, 16, 31, 33])
def test_a_seed_of_another_size_is_refused(size):
    with pytest.raises(LocalProtocolError):
        Keystream(bytes(size), b"")


def test_every_residue_occurs_about_equally_often():
    stream = np.frombuffer(Keystream(SEED, b"residues").read(256 * 4096), np.uint8)
    counts = np.bincount(stream, minlength=256)
    # Chi-square with 255 degrees of freedom; the stream is fixed, so the test is not a matter of luck.
    assert 180 < float(((counts - 4096) ** 2 / 4096).sum()) < 340
