"""WEB-1, as far as headers say it; that browsers hold to them is seen in tests/browser/test_ground.py."""

from fedstyle_secure.web.answers import COMPUTES, POLICY, page
from fedstyle_secure.web.html import tag


def rules(text):
    return dict(rule.split(" ", 1) for rule in text.split("; "))


def test_a_page_runs_files_of_its_own_server_and_nothing_else():
    assert rules(POLICY) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert rules(COMPUTES) == rules(POLICY) | {"script-src": "'self' 'wasm-unsafe-eval'"}


def test_a_page_is_sent_with_all_that_guards_it_and_kept_nowhere():
    answer = page(tag("p", "words & <more>"), status=404)
    assert (answer.status, answer.body) == (404, b"<p>words &amp; &lt;more&gt;</p>")
    assert answer.headers == {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
