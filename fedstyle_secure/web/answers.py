"""How a page is answered, whatever serves it: a web framework on a platform, the standard library at an artist's.

    answer = page(document("Title", assets, body))
    Response(answer.body, answer.status, answer.headers)            # starlette, FastAPI
    handler.send_response(answer.status)                            # http.server
    for name, value in answer.headers.items():
        handler.send_header(name, value)

WEB-1  A page runs scripts and takes styles from its own server's files alone: nothing inline, nothing from elsewhere;
       what it asks of the network goes to its own server. No other page frames it, opens it as its own or reads it,
       and nobody is told where its visitor came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .html import Html

_POLICY: Final = {
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
_COMPUTES: Final = "'self' 'wasm-unsafe-eval'"
"""Of a page that compiles WebAssembly, which is no JavaScript from texts."""


def policy(*, computes: bool = False) -> str:
    """The content security policy of a page (WEB-1).

    Args:
        computes: Whether it runs WebAssembly.
    """
    rules = _POLICY | ({"script-src": _COMPUTES} if computes else {})
    return "; ".join(f"{name} {value}" for name, value in rules.items())


HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
)
"""Of everything that is served to a browser; the two of `Cross-Origin` let a page share memory between its threads."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a browser.

    Attributes:
        body: What is sent.
        kind: Its media type.
        status: Of HTTP.
        caching: Whether and for how long it may be kept.
        policy: Content security policy; scripts in a worker have their own, and are no page.
    """

    body: bytes
    kind: str
    status: int = 200
    caching: str = "no-store"
    policy: str = policy()

    @property
    def headers(self) -> dict[str, str]:
        """All that it is sent with, its length aside."""
        return {
            **HEADERS,
            "Content-Type": self.kind,
            "Content-Security-Policy": self.policy,
            "Cache-Control": self.caching,
        }


def page(document: Html, *, status: int = 200, computes: bool = False, caching: str = "no-store") -> Answer:
    """A page as it is sent.

    Args:
        document: The whole page.
        status: Of HTTP.
        computes: Whether it runs WebAssembly.
        caching: Whether it may be kept; pages with something private are not (default).
    """
    return Answer(document.encode(), "text/html; charset=utf-8", status, caching, policy(computes=computes))
