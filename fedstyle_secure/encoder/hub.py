"""Weights from a model's hub: one that is not there is told within seconds, in a sentence, not in a library's log."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants

from ..errors import InputError
from .spec import BackboneSpec

_SECONDS: Final = 5.0


@contextmanager
def from_hub(spec: BackboneSpec) -> Iterator[None]:
    """Around whatever may fetch weights; does nothing where nothing may be fetched.

    Raises:
        InputError: They cannot be fetched, and are not there from an earlier time.
    """
    if not spec.download:
        yield
        return
    logger = logging.getLogger("huggingface_hub")
    level, is_offline = logger.level, constants.HF_HUB_OFFLINE
    logger.setLevel(logging.CRITICAL)
    # Asked for its cache alone, the library does not try a hub again and again that is not there.
    constants.HF_HUB_OFFLINE = is_offline or not _is_there(urlsplit(constants.ENDPOINT).hostname or "")
    try:
        yield
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0].partition(". ")[0]
        raise InputError(
            f"the weights of encoder {spec.name} cannot be fetched ({reason}): check the network, or give a file of "
            "them with --weights"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = is_offline
        logger.setLevel(level)


def _is_there(host: str) -> bool:
    """Whether a hub answers; behind a proxy only the library can tell."""
    if getproxies():
        return True
    try:
        socket.create_connection((host, 443), timeout=_SECONDS).close()
    except OSError:
        return False
    return True
