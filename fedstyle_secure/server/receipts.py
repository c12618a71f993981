"""Receipts that artists give with their uploads: kept for them, and brought back with the next announcement.

RCP-1  Of a receipt the server knows that it is 32 bytes: it says nothing of an artist but to the artist.
"""

from ..announcement import NO_RECEIPT, RECEIPT_BYTES


class ReceiptDesk:
    """Takes the receipt off every answer of a session.

    Attributes:
        receipts: The newest of each mailbox that gave one.
    """

    def __init__(self) -> None:
        self.receipts: dict[str, bytes] = {}

    def take(self, mailbox: str, reply: bytes) -> bytes:
        """Keep the reply's receipt; return the reply without."""
        receipt = reply[:RECEIPT_BYTES]
        if len(receipt) == RECEIPT_BYTES and receipt != NO_RECEIPT:
            self.receipts[mailbox] = receipt
        return reply[RECEIPT_BYTES:]
