"""The embedded engine: mailboxes are functions in this process, nobody waits and nothing is kept."""

from collections.abc import Callable, Iterator, Mapping

from ..errors import FedStyleError
from .courier import Wait


class Unreachable(Exception):  # noqa: N818 - a circumstance, not a mistake
    """Raised by a mailbox whose owner has vanished; the engine reports no reply."""


class MemoryEngine:
    """Mailboxes in one process.

    Args:
        mailboxes: For each name, what answers a request. A mailbox that raises `Unreachable`, or refuses with a typed
            error of its own, gives no reply: to the server both are a dropout.
        refusals: Further types of error that are refusals.

    Attributes:
        names: Of all mailboxes, in order.
        refusals: What each mailbox that ever refused said last, first refusal first; for the experimenter's eyes, no
            server sees it.
        bytes_to: Bytes put into each mailbox.
        bytes_from: Bytes that came back from it.
    """

    def __init__(self, mailboxes: Mapping[str, Callable[[bytes], bytes]], refusals: tuple[type[Exception], ...] = ()):
        self._mailboxes = dict(mailboxes)
        self.names = tuple(self._mailboxes)
        self._refusing: tuple[type[Exception], ...] = (FedStyleError, *refusals)
        self.refusals: dict[str, str] = {}
        self.bytes_to: dict[str, int] = dict.fromkeys(mailboxes, 0)
        self.bytes_from: dict[str, int] = dict.fromkeys(mailboxes, 0)

    def exchange(
        self,
        requests: Mapping[str, bytes],
        *,
        name: str,  # noqa: ARG002  (nothing is kept under it)
        wait: Wait,  # noqa: ARG002  (nobody waits)
    ) -> Iterator[tuple[str, bytes]]:
        """Deliver each request when the reply before it was taken."""
        for mailbox, request in requests.items():
            reply = self.answer(mailbox, request)
            if reply is not None:
                yield mailbox, reply

    def answer(self, mailbox: str, request: bytes) -> bytes | None:
        """What a mailbox says to a request; None for nothing. Other engines deliver here what they carried."""
        self.bytes_to[mailbox] += len(request)
        try:
            reply = self._mailboxes[mailbox](request)
        except Unreachable:
            return None
        except self._refusing as error:
            self.refusals[mailbox] = str(error)
            return None
        self.bytes_from[mailbox] += len(reply)
        return reply
