"""Getting public pages of a platform, once each: nothing is sent but the path.

FET-1  Encrypted to the pinned authority, or to the web's where none is pinned; in the clear only within this machine.
FET-2  No more is read than a page may have, and nothing is waited for without an end.
"""

import http.client
from typing import Final
from urllib.parse import urlsplit

from ..errors import InputError
from ..names import shown
from .routes import Status, decode_error
from .tls import client_context

MAX_PAGE: Final = 64 << 20
_SECONDS: Final = 30.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class MissingError(InputError):
    """There is no such page (any more)."""


class Fetcher:
    """Gets pages of one platform.

    Args:
        address: ``https://HOST:PORT``, or ``http://`` on this machine.
        certificates: Of the authority that is trusted, PEM; empty for those of the web.

    Raises:
        InputError: No such address, or no certificates.
    """

    def __init__(self, address: str, certificates: str = "") -> None:
        parts = urlsplit(address)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        if not self._host or not (parts.scheme == "https" or (parts.scheme == "http" and self._host in _LOOPBACK)):
            raise InputError(f"{shown(address)[:80]} is no address of a platform, which begins with https://")
        self._address = address
        self._context = client_context(certificates) if parts.scheme == "https" else None

    def get(self, path: str) -> bytes:
        """The body of a page.

        Raises:
            MissingError: There is none.
            InputError: It cannot be had; says why.
        """
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS)
            if self._context is None
            else http.client.HTTPSConnection(self._host, self._port, timeout=_SECONDS, context=self._context)
        )
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read(MAX_PAGE + 1)
        except (OSError, http.client.HTTPException) as error:
            raise InputError(
                f"{self._address} cannot be reached ({error or type(error).__name__}): try later"
            ) from error
        finally:
            connection.close()
        if response.status == Status.MISSING:
            raise MissingError(f"{self._address} has no page {path}")
        if response.status != Status.DONE or len(body) > MAX_PAGE:
            raise InputError(f"{self._address} refused {path}: {shown(decode_error(body))[:300]}")
        return body
