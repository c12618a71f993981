"""The line to a platform: one connection at a time, outwards, by the standard library alone.

LIN-1  The authority of the invitation is trusted and nobody else (TLS-1); who answers is known by the signature of what
       it answers, not by the line.
LIN-2  What was sent is sent again, byte for byte, until the platform has answered it: a line that fails, a platform
       that is busy, away or broken (429, 5xx) ask for patience, never for another answer.
LIN-3  No more is read of an answer than it may be long, and nothing is waited for without an end.
"""

import http.client
import os
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from ..errors import FedStyleError, InputError
from ..names import shown
from ..wire.routes import CONTENT_TYPE, LARGEST_REQUEST, POLL_SECONDS, REPEATABLE, Route, Status, decode_error
from ..wire.tls import client_context

FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds to wait before something is sent again: at first, and at most; between them it doubles."""
_BROKEN: Final = 500
"""Least HTTP status by which a platform, or a proxy before it, says that it is not as it should be."""
_SILENCE: Final = POLL_SECONDS + 20
"""Seconds without a byte after which the line is given up."""
_NOT_YET_VALID, _EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED


class LineError(FedStyleError):
    """The platform cannot be spoken to, and waiting does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status.
        body: At most `LARGEST_REQUEST` bytes.
        wait: Seconds that the platform asks to wait; 0 for none.
    """

    status: int
    body: bytes
    wait: float

    @property
    def reason(self) -> str:
        """The platform's sentence about what it refused, as it can be shown."""
        return shown(decode_error(self.body))[:500]


class Line:
    """Calls one platform.

    Args:
        address: ``https://HOST:PORT``.
        certificates: The only authority that is trusted, PEM; empty for those of the web.
        on_trouble: Is told, in a sentence, when the platform cannot be reached, and when it can again.
        sleep: Waits so many seconds.
        random: Bytes from the operating system, for waits that do not fall together.

    Raises:
        InputError: The address is none, or the certificates are none.
    """

    def __init__(
        self,
        address: str,
        certificates: str,
        *,
        on_trouble: Callable[[str], None] = lambda _sentence: None,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" or parts.hostname is None:
            raise InputError(f"{shown(address)[:80]} is no address of a platform, which begins with https://")
        self._address, self._host, self._port = address, parts.hostname, parts.port or http.client.HTTPS_PORT
        self._context = client_context(certificates)
        self._on_trouble, self._sleep, self._random = on_trouble, sleep, random
        self._connection: http.client.HTTPSConnection | None = None
        self._is_in_trouble = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, route: Route, envelope: bytes) -> Answer:
        """Send an envelope until the platform has answered it (LIN-2).

        Returns:
            An answer that repeating does not change.

        Raises:
            LineError: The certificate is not the pinned authority's.
        """
        return self._until_answered("POST", route.value, envelope)

    def get(self, path: str) -> Answer:
        """Fetch something public.

        Raises:
            LineError: As `post`.
        """
        return self._until_answered("GET", path, None)

    def _until_answered(self, method: str, path: str, body: bytes | None) -> Answer:
        failures = 0
        while True:
            try:
                answer = self._call(method, path, body)
            except ssl.SSLCertVerificationError as error:
                raise LineError(self._why_untrusted(error)) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                self._trouble(f"{self._address} cannot be reached ({error or type(error).__name__}); trying again")
                wait = 0.0
            else:
                if answer.status not in REPEATABLE and answer.status < _BROKEN:
                    self._relief()
                    return answer
                self._trouble(f"{self._address} asks for patience: {answer.reason}")
                wait = answer.wait
            self._sleep(self._pause(failures, wait))
            failures += 1

    def _call(self, method: str, path: str, body: bytes | None) -> Answer:
        """One request and its answer (LIN-3)."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=_SILENCE, context=self._context
            )
        headers = {} if body is None else {"Content-Type": CONTENT_TYPE}
        self._connection.request(method, path, body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read(LARGEST_REQUEST + 1)
        if len(content) > LARGEST_REQUEST:
            raise http.client.HTTPException(f"an answer of more than {LARGEST_REQUEST} bytes")
        return Answer(status=response.status, body=content, wait=_seconds(response.getheader("Retry-After")))

    def _pause(self, failures: int, wait: float) -> float:
        """At least what the platform asks for; beyond it anything up to a bound that doubles: no two agents alike."""
        most = min(LONGEST_WAIT, FIRST_WAIT * (1 << min(failures, 16)))
        return min(wait, LONGEST_WAIT) + most * int.from_bytes(self._random(4), "big") / (1 << 32)

    def _trouble(self, sentence: str) -> None:
        self._is_in_trouble = True
        self._on_trouble(sentence)

    def _relief(self) -> None:
        if self._is_in_trouble:
            self._is_in_trouble = False
            self._on_trouble(f"{self._address} answers again")

    def _why_untrusted(self, error: ssl.SSLCertVerificationError) -> str:
        now = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        if error.verify_code in {_NOT_YET_VALID, _EXPIRED}:
            return (
                f"the certificate of {self._address} is not valid now, and this machine's clock says {now}: set the "
                "clock if it is wrong, else ask the operator to renew the certificate"
            )
        return (
            f"{self._address} shows a certificate that the authority of your invitation did not make "
            f"({error.verify_message}): somebody else answers there, or the platform was set up anew; ask the "
            "operator, and join again only with an invitation from them"
        )


def _seconds(header: str | None) -> float:
    """Of a Retry-After header; 0 for anything but seconds."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else 0.0


def ensure(answer: Answer, what: str) -> bytes:
    """The body of an answer that did what was asked.

    Args:
        answer: From `Line.post` or `Line.get`.
        what: What was asked, for the sentence.

    Raises:
        LineError: It was refused; with the platform's reason.
    """
    if answer.status != Status.DONE:
        raise LineError(f"the platform refused {what} ({answer.status}): {answer.reason}")
    return answer.body
