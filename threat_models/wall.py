"""TM-9 on the wall: somebody between the artists and the platform adds to a coordinate of a masked input."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fedstyle_secure.aggregation.summing import Aggregate
from fedstyle_secure.announcement import RECEIPT_BYTES
from fedstyle_secure.engines.courier import Engine, Wait
from protocols.envelope import ENVELOPE_SIZE
from protocols.secagg.messages import MaskedInputResponse

from .town import Federation

_ADDED = 7
_BYTE = 8
_NOTHING = b""


@dataclass(frozen=True)
class _Wall:
    """An engine that changes one artist's masked input on its way; an empty one does not arrive.

    Attributes:
        engine: What else it does.
        mailbox: Whose reply is changed.
        change: What becomes of it.
    """

    engine: Engine
    mailbox: str
    change: Callable[[bytes], bytes]

    def exchange(self, requests: Mapping[str, bytes], *, name: str, wait: Wait) -> Iterator[tuple[str, bytes]]:
        """Delivers all replies but for that one as they are."""
        for mailbox, reply in self.engine.exchange(requests, name=name, wait=wait):
            is_input = reply[ENVELOPE_SIZE + RECEIPT_BYTES :][:1] == bytes((MaskedInputResponse.TAG,))
            if changed := self.change(reply) if mailbox == self.mailbox and is_input else reply:
                yield mailbox, changed


def forge_coordinates(artists: int) -> tuple[int, int]:
    """Add seven to the last coordinate of one artist's masked input, for so many artists in turn.

    What an artist uploads is the same in every federation here, so the sum must be, to the bit, that of all artists or
    that of all but the one.

    Returns:
        How many sums are neither, and how many there are.
    """
    wrong = sums = 0
    everybody, bits = _run("nobody", bytes)
    if everybody is None:
        raise AssertionError("an honest session must complete, or this attack shows nothing")
    for mailbox in (f"artist {number}/session" for number in range(artists)):
        (forged, _), (others, _) = _run(mailbox, partial(_forged, bits // _BYTE)), _run(mailbox, lambda _: _NOTHING)
        if forged is not None:
            sums += 1
            wrong += not any(_is_same(forged, exact) for exact in (everybody, others) if exact is not None)
    return wrong, sums


def _run(mailbox: str, change: Callable[[bytes], bytes]) -> tuple[Aggregate | None, int]:
    """What an iteration came to, and the bits of a coordinate."""
    with TemporaryDirectory(prefix="threat-") as folder:
        federation = Federation(folder=Path(folder), multipliers=(0.0,))
        (outcome,) = federation.loop(engine=_Wall(federation.engine, mailbox, change))
    return outcome.aggregate, outcome.mechanism.modulus_bits


def _forged(width: int, reply: bytes) -> bytes:
    coordinate = (int.from_bytes(reply[-width:], "little") + _ADDED) % (1 << _BYTE * width)
    return reply[:-width] + coordinate.to_bytes(width, "little")


def _is_same(one: Aggregate, other: Aggregate) -> bool:
    return all(np.array_equal(one.tensors[name], tensor) for name, tensor in other.tensors.items())
