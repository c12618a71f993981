"""What all pages stand on, in a browser: WEB-1, and that the harness itself finds what is wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fedstyle_secure.web.answers import Answer, page
from fedstyle_secure.web.files import THEME, Assets
from fedstyle_secure.web.html import Html, tag
from fedstyle_secure.web.layout import document, section
from tests.browser.looking import LOOKS, PLAIN, check_page, serious_findings, tab_to, visiting

pytestmark = pytest.mark.browser

SCRIPT = "document.querySelector('output').textContent = 'ran ' + crossOriginIsolated;\n"
INTRUDER = Html("<script>document.title = 'intruded'</script><img src=x onerror=\"document.title = 'intruded'\">")


@contextmanager
def served(body: Html, folder: Path) -> Iterator[str]:
    """A page as an artist's agent serves it: by the standard library."""
    script = folder / "tiny-page.js"
    script.write_text(SCRIPT)
    assets = Assets((*THEME, script))
    document_ = document("A page", assets, body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = page(document_) if self.path == "/" else assets.answer(self.path)
            answer = answer or Answer(b"", "text/plain", 404)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def body(*children: Html) -> Html:
    return tag("main", tag("h1", "A page"), tag("output"), tag("button", "Press"), *children)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_page_looks_right_and_its_script_runs_isolated(chromium, tmp_path, look):
    with served(body(section("A chapter", "Words.")), tmp_path) as address, visiting(chromium, look) as context:
        shown = context.new_page()
        shown.goto(address)
        shown.get_by_text("ran true").wait_for()
        check_page(shown)
        tab_to(shown, "Press")


def test_nothing_inline_runs_and_nothing_is_asked_of_others(chromium, tmp_path):
    with served(body(INTRUDER), tmp_path) as address, visiting(chromium) as context:
        shown, refused = context.new_page(), []
        shown.on("console", lambda message: refused.append(message.text))
        shown.goto(address)
        shown.get_by_text("ran true").wait_for()
        assert shown.title() == "A page"
        assert shown.evaluate("fetch('http://127.0.0.1:9/').catch(() => 'refused')") == "refused"
        assert any("connect-src" in each for each in refused)


def test_what_is_wrong_with_a_page_is_found(chromium, tmp_path):
    wrong = tag("div", tag("img", src="x", width=2000, height=9))
    with served(body(wrong), tmp_path) as address, visiting(chromium, PLAIN) as context:
        shown = context.new_page()
        shown.goto(address)
        assert any("image-alt" in each for each in serious_findings(shown))
        with pytest.raises(AssertionError, match="wider than the window"):
            check_page(shown)
        with pytest.raises(AssertionError, match="not reached by Tab"):
            tab_to(shown, "Nothing of this name")
