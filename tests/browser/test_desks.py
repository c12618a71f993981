"""The artist's page and the operator's, as people use them in a browser; and what other pages there can do to them."""

import http.server
import json
import shutil
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest

from fedstyle_secure.desks.door import Pass, serving
from fedstyle_secure.desks.operator import operator_desk
from fedstyle_secure.desks.parts import ASSETS
from fedstyle_secure.platform.store.artists import find_identity
from fedstyle_secure.platform.store.exchanges import keep_reply, note_opening, open_exchange
from fedstyle_secure.platform.store.lease import take_lease
from fedstyle_secure.platform.store.log import enter
from fedstyle_secure.platform.store.signatures import publish_signature
from fedstyle_secure.platform.store.trainings import Attempt, add_attempt, begin_iterations, find_training
from fedstyle_secure.transparency.leaves import Session
from fedstyle_secure.wire.catalogue import Listed
from tests.artist import stage
from tests.artist.street import Authority, open_street
from tests.browser.looking import LOOKS, check_page, draw, tab_to, visiting
from tests.desks.knock import Caller
from tests.desks.scenes import charge_sessions, finish_training, gallery, running, sign_here
from tests.platform import house
from tests.platform.letters import answer, artist_key, asked, public

pytestmark = pytest.mark.browser

REASON = (
    "training 2 is refused: 6 of 14 artists on its roster are new, more than roster_growth allows: ask the operator "
    "who they are, then `fedstyle artist run --accept-roster a3f1-77c0`"
)


@pytest.fixture
def artist(tmp_path, art, monkeypatch):
    """An artist whose training is over, in a catalogue with others, and whose agent runs."""
    authority = Authority()
    with open_street(tmp_path / "street", authority) as street:
        home = stage.settle(tmp_path / "home", art, monkeypatch, address=street.address, certificates=authority.pem)
        with closing(home):
            finish_training(home, street, authority.pem)
            charge_sessions(home)
            with gallery(tmp_path / "platform", home, street) as shown:
                sign_here(home, shown)
                home.store.write({"refusals": refusals()})
                with running(home) as at:
                    at.street = street
                    yield at


def refusals() -> bytes:
    return json.dumps({"count": 3, "last": [{"time": 1_780_000_000, "reason": REASON}]}).encode()


def opened(context, caller):
    """The page, once all of its parts are there."""
    page = context.new_page()
    page.goto(f"http://{caller.own}/#{caller.token}")
    page.wait_for_function("() => document.querySelectorAll('[data-part]').length > 0")
    page.wait_for_function("() => !document.querySelector('[data-part][aria-busy]')", timeout=120_000)
    return page


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_an_artist_sees_what_was_spent_and_how_buyers_see_it(chromium, artist, look):
    with visiting(chromium, look) as context:
        page = opened(context, artist.caller)
        for words in ("Training 1", "Aggregate view", "finds you first", "roster_growth", "Fingerprint"):
            page.get_by_text(words).first.wait_for()
        check_page(page)
        draw(page, f"artist-{look}")
        page.get_by_role("button", name="Publish ...").click()
        page.get_by_role("dialog").wait_for()
        check_page(page)
        assert artist.caller.token not in page.url  # nor in a picture of the screen
        page.reload()
        page.get_by_text("Aggregate view").first.wait_for()


def test_an_artist_publishes_withdraws_and_leaves_by_keyboard_alone(chromium, artist):
    with visiting(chromium) as context:
        page = opened(context, artist.caller)
        for button, title, yes, told in (
            ("Publish ...", "Publish your signature of training 1?", "Publish it", "Signed (entry 9"),
            ("Withdraw ...", "Withdraw your signature?", "Withdraw it", "Withdrawn (entry 9"),
            ("Leave ...", "Leave https://127.0.0.1", "Leave for good", "Left (entry 9"),
        ):
            tab_to(page, button)
            page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog", name=title)
            dialog.wait_for()
            page.keyboard.press("Escape")  # not yet
            dialog.wait_for(state="hidden")
            assert page.evaluate("() => document.activeElement.textContent") == button
            before = len(artist.street.came)
            page.keyboard.press("Enter")
            dialog.wait_for()
            assert not [path for path, body in artist.street.came[before:] if path.startswith("/v1/leave")]
            tab_to(page, yes)
            page.keyboard.press("Enter")
            page.get_by_role("status").get_by_text(told).wait_for(timeout=60_000)
        artist.thread.join(timeout=60)
    assert artist.ended[0].startswith("you left https://127.0.0.1")


def test_whoever_has_another_token_is_told_what_to_do(chromium, artist):
    with visiting(chromium) as context:
        page = context.new_page()
        page.goto(f"http://{artist.caller.own}/#{Pass.new().token}")
        page.get_by_role("alert").get_by_text("use the one that was printed").wait_for()
        assert page.get_by_text("Aggregate view").count() == 0
        check_page(page)


def test_a_page_whose_program_ended_says_so(chromium, art, tmp_path, monkeypatch):
    authority = Authority()
    with open_street(tmp_path / "street", authority) as street, visiting(chromium) as context:
        home = stage.settle(tmp_path / "home", art, monkeypatch, address=street.address, certificates=authority.pem)
        with closing(home):
            with running(home) as at:
                page = opened(context, at.caller)
                page.get_by_text("No training was offered to you yet").wait_for()
            page.get_by_role("alert").get_by_text("start `fedstyle artist run`").wait_for(timeout=60_000)
            check_page(page)


ATTACK = """<!doctype html><title>a page of somebody else's</title>
<iframe name="framed" src="http://{own}/"></iframe>
<form method="post" action="http://{own}/acts/leave" enctype="text/plain" target="framed">
<input name='{{"answer": "x", "y": "' value='"}}'></form>
<script type="module">
const seen = [];
const about = {{ Authorization: "Bearer {token}", "Content-Type": "application/json" }};
const tries = {{
  read: () => fetch("http://{own}/parts/budget", {{ headers: about }}),
  plain: () => fetch("http://{own}/"),
  blind: () => fetch("http://{own}/acts/leave", {{ method: "POST", mode: "no-cors", body: "{{}}" }}),
  press: () => fetch("http://{own}/acts/leave", {{ method: "POST", headers: about, body: "{{}}" }}),
  script: () => import("http://{own}{script}"),
}};
for (const [name, attempt] of Object.entries(tries)) {{
  try {{
    const answer = await attempt();
    seen.push(`${{name}}: ${{answer.type === "opaque" ? "opaque" : await answer.text()}}`);
  }} catch (error) {{
    seen.push(`${{name}}: refused`);
  }}
}}
document.forms[0].submit();
document.title = seen.join("; ");
</script>"""


def framed(page) -> str:
    """What the hostile page's frame shows."""
    return page.frames[1].evaluate("() => document.body?.innerText ?? ''")


@contextmanager
def hostile_page(text: str):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_drs3_a_page_of_another_origin_reads_nothing_and_presses_nothing(chromium, artist, host):
    """Even one that knows the token, on this very machine."""
    pressed = []
    original = artist.agent.aside
    artist.agent.aside = lambda: pressed.append(1) or original()
    own = artist.caller.own
    text = ATTACK.format(own=own, token=artist.caller.token, script=ASSETS.path("desk-page.js"))
    with hostile_page(text) as port, visiting(chromium) as context:
        page = context.new_page()
        page.goto(f"http://{host}:{port}/")
        page.wait_for_function("() => document.title.includes('script:')")
        assert page.title() == "read: refused; plain: refused; blind: refused; press: refused; script: refused"
        time.sleep(0.5)
        assert "Your work" not in framed(page)
    assert pressed == []
    assert not [path for path, _ in artist.street.came if path == "/v1/leave"]
    assert artist.thread.is_alive()


def test_drs2_a_name_that_is_made_to_point_here_opens_nothing(chromium, artist):
    """DNS rebinding: to the browser the page is of that name's own origin, and may read whatever is answered."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    rules = "--host-resolver-rules=MAP rebound.example 127.0.0.1"
    browser = chromium.browser_type.launch(executable_path=path, args=["--no-sandbox", rules])
    try:
        page = browser.new_page()
        answer = page.goto(f"http://rebound.example:{artist.caller.port}/#{artist.caller.token}")
        assert answer.status == 403
        heard = page.evaluate(
            "token => fetch('/parts/budget', {headers: {Authorization: `Bearer ${token}`}}).then(a => a.text())",
            artist.caller.token,
        )
        assert "under no other name" in heard
    finally:
        browser.close()


@pytest.fixture
def operator(tmp_path, shared_town):
    """A platform with nine artists, of whom some published, and a second training in the middle of a session."""
    folder = house.make(tmp_path / "platform", shared_town)
    house.join(folder, *range(9))
    with (
        house.serving(folder) as served,
        serving(operator_desk(served.service), Pass.new(), on_fault=print) as page,
    ):
        caller = Caller(page.pass_.port, page.pass_.token)
        caller.do("start", PLAN)
        make_lively(served.service)
        caller.do("invite", {"label": "zoe"})
        yield caller


PLAN = {"iterations": "4", "drop_rate": "0.25", "attempts": "2", "announcement_seconds": "600", "round_seconds": "300"}


def make_lively(service) -> None:
    """As it is while a training goes."""
    rng = np.random.default_rng(3)
    with service.database.writing() as connection:
        take_lease(connection, holder=bytes(16), now=int(time.time()), seconds=3600)
        training = find_training(connection, 1)
        begin_iterations(connection, 1, agreed=8, start=training.start)
        for iteration, survivors, problem in (
            (1, 0, "5 of 9 artists answered in time, 7 are needed"),
            (1, 8, ""),
            (2, 9, ""),
        ):
            digest = bytes([16 * iteration + survivors]) * 32 if survivors else b""
            add_attempt(
                connection,
                1,
                Attempt(iteration=iteration, survivors=survivors, sum_digest=digest, problem=problem),
                b"",
            )
            enter(
                connection,
                Session(
                    digest=bytes([iteration + survivors]) * 32, training=training.facts.digest, survivors=survivors
                ),
            )
        exchange = open_exchange(connection, training=1, name="session 4 round 2", requests=asked(9), reply_limit=1000)
        note_opening(connection, exchange.id, now=int(time.time()) - 41)
        for number in (0, 1, 3, 4, 5, 6, 8):
            keep_reply(connection, *answer(number))
        for number in range(6):
            vector = rng.normal(size=64)
            artist = find_identity(connection, public(artist_key(number))).artist
            listed = Listed(
                training=b"t" * 32,
                name=f"Artist number {number}",
                link=f"https://artist-{number}.example/works" if number % 2 else None,
                vector=(vector / np.linalg.norm(vector)).astype("<f4").tobytes(),
            )
            publish_signature(connection, artist, listed)


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_an_operator_sees_a_training_as_it_goes(chromium, operator, look):
    with visiting(chromium, look) as context:
        page = opened(context, operator)
        for words in (
            "Training 1 is running",
            "of 300 s left",
            "5 of 9 artists answered",
            "Artist number 3",
            "Checkpoint",
        ):
            page.get_by_text(words).first.wait_for()
        check_page(page)
        draw(page, f"operator-{look}")


def test_an_operator_starts_stops_and_invites_by_keyboard_alone(chromium, tmp_path, shared_town):
    folder = house.make(tmp_path / "platform", shared_town)
    house.join(folder, *range(8))
    with (
        house.serving(folder) as served,
        serving(operator_desk(served.service), Pass.new(), on_fault=print) as address,
        visiting(chromium, replace(LOOKS[2])) as context,
    ):
        page = opened(context, Caller(address.pass_.port, address.pass_.token))
        tab_to(page, "Updates")
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Start a training of 2 updates?")
        dialog.wait_for(timeout=60_000)
        dialog.get_by_text("Epsilon, aggregate").wait_for()
        check_page(page)
        draw(page, "operator-start", whole=False)
        tab_to(page, "Start it")
        page.keyboard.press("Enter")
        page.get_by_text("Training 1 is started").wait_for(timeout=60_000)
        page.get_by_text("Training 1 is offered.").wait_for(timeout=60_000)
        tab_to(page, "Stop ...")
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="Stop training 1?").wait_for()
        tab_to(page, "Stop it")
        page.keyboard.press("Enter")
        page.get_by_text("Training 1 is stopping.").wait_for(timeout=60_000)
        tab_to(page, "Name")
        page.keyboard.type("zoe")
        page.keyboard.press("Enter")
        page.get_by_role("dialog", name="Invite zoe?").wait_for()
        with page.expect_download() as download:
            tab_to(page, "Make the invitation")
            page.keyboard.press("Enter")
        assert download.value.suggested_filename == "zoe.invitation"
        tab_to(page, "Name")
        page.keyboard.type("ada")
        tab_to(page, "Days")
        page.keyboard.type("many")
        page.keyboard.press("Enter")
        page.get_by_role("alert").get_by_text("days: 'many' is not a whole number").wait_for()
