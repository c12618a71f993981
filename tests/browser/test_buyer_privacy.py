"""What a platform learns of a buyer: PAG-1 to PAG-3, and that what was withdrawn is gone from browsers too (TM-17)."""

import json
import re
from collections import Counter
from hashlib import sha256
from html import unescape

import numpy as np
import pytest

from fedstyle_secure.platform.store.signatures import publish_signature
from fedstyle_secure.wire.catalogue import Manifest
from tests.browser.gallery import listed
from tests.browser.looking import visiting
from tests.browser.test_buyer import DROP, asked, found, opened, ready

pytestmark = pytest.mark.browser

BYTES = "path => fetch(path).then(async (answer) => [...new Uint8Array(await answer.arrayBuffer())])"
WINDOW = 12
"""Bytes of a picture or of an embedding that nobody guesses."""


def said(request):
    """Everything that a request says."""
    headers = b"".join(name + value for name, value in request.headers)
    return request.method.encode() + request.url + headers + request.body


def visit(chromium, gallery, pictures):
    """All that the platform hears of a visitor who asks with these pictures in every way there is."""
    elsewhere, start = [], len(gallery.heard)
    with visiting(chromium) as context:
        context.on("request", lambda request: elsewhere.append(request.url))
        page = opened(context, gallery)
        page.locator("body[data-kept]").wait_for()
        quiet = len(gallery.heard)
        asked(page, *pictures)
        for kind in ("drop", "paste"):
            page.evaluate(DROP, {"kind": kind, "name": "image.png", "bytes": list(pictures[0].read_bytes())})
            found(page)
        page.locator("#found button").first.click()
        page.get_by_role("heading", name="Who paints like").wait_for()
        page.wait_for_timeout(300)
        assert len(gallery.heard) == quiet, f"heard after pictures were given: {gallery.heard[quiet:]}"
        page.reload()
        ready(page)
        page.wait_for_timeout(300)
    own = (gallery.address, f"blob:{gallery.address}", "data:")
    assert [url for url in elsewhere if not url.startswith(own)] == []
    return gallery.heard[start:]


def test_pag1_nothing_of_a_picture_reaches_the_platform_and_all_visitors_are_alike(chromium, gallery):
    questions = list(gallery.questions.values())
    one, other = (visit(chromium, gallery, pictures) for pictures in (questions[0][:1], questions[5][:2]))
    assert Counter((each.method, each.url) for each in one) == Counter((each.method, each.url) for each in other)
    assert {each.method for each in one + other} == {"GET"}
    assert {each.body for each in one + other} == {b""}
    heard = b"\n".join(map(said, one + other))
    for picture in (questions[0][0], *questions[5][:2]):
        for secret in (picture.read_bytes(), gallery.embed(picture).tobytes(), picture.name.encode()):
            width = min(WINDOW, len(secret))
            pieces = (secret[start : start + width] for start in range(0, len(secret) - width + 1, width))
            assert not any(piece in heard for piece in pieces if len(set(piece)) > 4), picture


@pytest.mark.parametrize("use", ["network", "signatures"])
def test_pag2_another_file_than_the_catalogue_names_is_not_used(chromium, gallery, use):
    def altered(route):
        answer = route.fetch()
        named = json.loads(unescape(re.search('data-facts="([^"]+)"', answer.text())[1]))["files"][use]["sha256"]
        fact = "sha256&quot;: &quot;"  # its path may hold the digest too, and stays
        route.fulfill(response=answer, body=answer.text().replace(fact + named, fact + "0" * 64))

    with visiting(chromium) as context:
        page = context.new_page()
        page.route(gallery.address, altered)
        page.goto(gallery.address)
        page.get_by_role("alert").get_by_text("is another file than the catalogue names").wait_for()
        assert page.locator("body[data-ready]").count() == 0


def test_pag2_the_signed_catalogue_names_what_the_page_uses(chromium, gallery):
    with visiting(chromium) as context:
        page = opened(context, gallery)
        facts = json.loads(page.locator("main").get_attribute("data-facts"))
        manifest = page.evaluate("fetch('/v1/catalogue').then((answer) => answer.text())").encode()
        contents = Manifest.open(manifest, platform_key=gallery.platform_key).contents
        named = {each.sha256.hex() for each in contents.page}
        newest = contents.collections[-1]
        named |= {each.hex() for each in (newest.model, newest.space, newest.signatures, newest.nearness)}
        assert {each["sha256"] for each in facts["files"].values()} <= named
        for path in facts["kept"][1:]:
            content = page.evaluate(BYTES, path)
            assert sha256(bytes(content)).hexdigest() in named, path


def test_pag3_no_score_is_shown(chromium, gallery):
    picture = next(iter(gallery.questions.values()))[0]
    with visiting(chromium) as context:
        page = opened(context, gallery)
        asked(page, picture)
        words = page.locator("main").inner_text() + page.locator("main").get_attribute("data-facts")
        scores = gallery.python.index.vectors @ gallery.python.index.space.apply(gallery.embed(picture))
        for score in np.abs(scores):
            assert f"{score:.3f}"[1:] not in words


def test_who_withdrew_is_gone_from_the_page_and_from_what_a_browser_keeps(chromium, gallery):
    name = list(gallery.questions)[-1]
    with visiting(chromium) as context:
        page = opened(context, gallery)
        page.locator("body[data-kept]").wait_for()
        assert name in page.locator("#artists").text_content()
        artist = gallery.withdraw(name)
        try:
            page.reload()
            ready(page)
            page.wait_for_function("() => document.body.dataset.kept !== undefined")
            assert name not in page.content()
            kept = page.evaluate(
                """async () => {
                    const words = [];
                    for (const name of await caches.keys()) {
                        const cache = await caches.open(name);
                        for (const request of await cache.keys())
                            if (!/onnx|wasm/.test(request.url)) words.push(await (await cache.match(request)).text());
                    }
                    return words.join();
                }"""
            )
            assert "signatures" in kept
            assert name not in kept
        finally:
            with gallery.database.writing() as connection:
                index = gallery.python.index
                row = index.artists.index(name)
                publish_signature(connection, artist, listed(name, index.vectors[row], row))
