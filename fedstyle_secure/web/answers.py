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


def _written(rules: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in rules.items())


POLICY: Final = _written(_POLICY)
"""The content security policy of a page (WEB-1)."""
COMPUTES: Final = _written(_POLICY | {"script-src": "'self' 'wasm-unsafe-eval'"})
"""That of a page or a worker that compiles WebAssembly, which makes no script of a text."""
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
        policy: Content security policy; a script that is started as a worker has its own, not its page's.
        encoding: How the body is packed; None for not at all.
    """

    body: bytes
    kind: str
    status: int = 200
    caching: str = "no-store"
    policy: str = POLICY
    encoding: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """All that it is sent with, its length aside."""
        return {
            **HEADERS,
            "Content-Type": self.kind,
            "Content-Security-Policy": self.policy,
            "Cache-Control": self.caching,
            **({"Content-Encoding": self.encoding} if self.encoding is not None else {}),
        }


def page(document: Html, *, status: int = 200, policy: str = POLICY, caching: str = "no-store") -> Answer:
    """A page as it is sent.

    Args:
        document: The whole page.
        status: Of HTTP.
        policy: What may run in it.
        caching: Whether it may be kept; pages with something private are not (default).
    """
    return Answer(document.encode(), "text/html; charset=utf-8", status, caching, policy)
