"""Receipts that artists give with their uploads: kept for them, and brought back with the next announcement.

RCP-1  Of a receipt the server knows that it is 32 bytes: it says nothing of an artist but to the artist.
"""

from collections.abc import Mapping

from ..announcement import NO_RECEIPT, RECEIPT_BYTES


class ReceiptDesk:
    """Takes the receipt off every answer of a session.

    Attributes:
        receipts: The newest of each mailbox that gave one.
    """

    def __init__(self) -> None:
        self.receipts: dict[str, bytes] = {}

    def take(self, replies: Mapping[str, bytes]) -> dict[str, bytes]:
        """Keep each reply's receipt; return the replies without."""
        given = {name: reply[:RECEIPT_BYTES] for name, reply in replies.items()}
        self.receipts |= {
            name: receipt for name, receipt in given.items() if len(receipt) == RECEIPT_BYTES and receipt != NO_RECEIPT
        }
        return {name: reply[RECEIPT_BYTES:] for name, reply in replies.items()}
