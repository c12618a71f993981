"""What both sides know of a request before they look into it."""

import pytest

from fedstyle_secure.wire.routes import decode_error, encode_error


def test_a_refusal_is_one_sentence_and_comes_back():
    assert decode_error(encode_error('a "name" of Zoë')) == 'a "name" of Zoë'


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"error": 1}', b"[" * 100_000, b"\xff"])
def test_what_a_proxy_answers_is_a_sentence_too(body):
    assert decode_error(body) == f"an answer of {len(body)} bytes without a reason, not of a platform"
