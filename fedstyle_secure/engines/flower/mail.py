"""Letters over a Flower grid, whoever operates the SuperLink behind it: a journal whose exchanges nodes answer.

FLO-1  A message to a node is one letter and the name of its mailbox, its answer is one letter: no model, no code and no
       configuration of Flower's goes either way.
FLO-2  What a node says counts once for each mailbox, and only if it is of that form; nothing it says ends an exchange.
FLO-3  A node that went away and came back is asked again: what it is sent is the same letter, byte for byte.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid
from google.protobuf.message import DecodeError

from ..http import Exchange, Reply
from ..kept import KeptJournal

LETTER: Final = "letter"
"""Name of the one record in a message, and of the bytes in it."""
MAILBOX: Final = "mailbox"
NOTHING: Final = b""
"""What a mailbox that has nothing to say answers: nobody need wait for a reply (HTT-3)."""
_PULSE: Final = 0.1
_NONSENSE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError, DecodeError)
"""What Flower raises where a node's answer is not what Flower's own would be."""
_LIFETIME: Final = 24 * 3600.0
"""Seconds after which a SuperLink forgets a letter that nobody fetched."""


def pack(letter: bytes, mailbox: str = "") -> RecordDict:
    """The content of a message (FLO-1)."""
    return RecordDict({LETTER: ConfigRecord({LETTER: letter, MAILBOX: mailbox})})


def unpack(content: RecordDict) -> tuple[bytes, str] | None:
    """Letter and mailbox of a message; None if it is anything else (FLO-1)."""
    record = content.get(LETTER)
    if len(content) != 1 or not isinstance(record, ConfigRecord) or set(record) != {LETTER, MAILBOX}:
        return None
    letter, mailbox = record[LETTER], record[MAILBOX]
    return (letter, mailbox) if isinstance(letter, bytes) and isinstance(mailbox, str) else None


class GridJournal:
    """What a grid carries, kept on disk: `HttpEngine` over this is the engine over Flower.

    Args:
        grid: Of a run, in this process.
        kept: Where exchanges are kept.
        nodes: Of each mailbox, the public key of the node that has it, as Flower encodes it.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        grid: Grid,
        kept: KeptJournal,
        nodes: Mapping[str, bytes],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._grid, self._kept, self._nodes, self._sleep = grid, kept, nodes, sleep
        self._exchange, self._requests = 0, dict[str, bytes]()
        self._asked: dict[str, str] = {}  # mailbox to when its node had come, as far as it was asked
        self._waiting: dict[str, str] = {}  # id of a message to the mailbox it was for

    def open(self, name: str, requests: Mapping[str, bytes]) -> Exchange:
        """Begin an exchange, or go on with it: whoever has not replied is asked."""
        found = self._kept.open(name, requests)
        self._exchange, self._asked, self._waiting = found.id, {}, {}
        self._requests = {}
        if found.closed_at is None:
            replied = self._kept.replied(found.id)
            self._requests = {mailbox: request for mailbox, request in requests.items() if mailbox not in replied}
            self._ask()
        return found

    def replies(self, exchange: int, after: int) -> Sequence[Reply]:
        """Some of the replies above a number, in order."""
        return self._kept.replies(exchange, after)

    def close(self, exchange: int) -> int:
        """Take no more replies; the number of the last one."""
        return self._kept.close(exchange)

    def wait(self, seconds: float) -> None:
        """Ask who has come or come back, and take what was answered."""
        self._sleep(min(seconds, _PULSE))
        self._ask()
        for message_id, mailbox in list(self._waiting.items()):
            try:
                answers = list(self._grid.pull_messages([message_id]))
            except _NONSENSE:
                del self._waiting[message_id]
                self._keep(mailbox, NOTHING)
                continue
            for answer in answers:
                del self._waiting[message_id]
                self._take(mailbox, answer)

    def _ask(self) -> None:
        """One letter for each node that is there and was not asked since it came (FLO-3)."""
        there = {node.public_key: node for node in self._grid.get_nodes()}
        for mailbox, letter in self._requests.items():
            node = there.get(self._nodes[mailbox])
            if node is None or self._asked.get(mailbox) == node.last_activated_at:
                continue
            message = Message(pack(letter, mailbox), node.node_id, MessageType.QUERY, ttl=_LIFETIME)
            for message_id in self._grid.push_messages([message]):
                if message_id:
                    self._waiting[message_id] = mailbox
                    self._asked[mailbox] = node.last_activated_at

    def _take(self, mailbox: str, answer: Message) -> None:
        """Keep what a node answered (FLO-2); an error of Flower's own says no more than that it is not there."""
        if answer.has_error():
            return
        found = unpack(answer.content)
        self._keep(mailbox, NOTHING if found is None else found[0])

    def _keep(self, mailbox: str, letter: bytes) -> None:
        if self._requests.pop(mailbox, None) is not None:
            self._kept.record(self._exchange, mailbox, letter)
