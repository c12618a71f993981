"""A Flower federation on this machine: what it costs to go over Flower, and that the sums are the same.

Nodes are threads of this process, as artists of a run are; the fleet, its TLS and all that passes are as they are
between machines.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..courier import Engine
from ..http import HttpEngine
from ..kept import KeptJournal
from ..memory import MemoryEngine
from .channel import Credentials
from .fleet import Fleet
from .mail import GridJournal
from .node import SuperLink, run_node

_HERE: Final = "127.0.0.1"


@contextmanager
def open_local(mailboxes: MemoryEngine) -> Iterator[Engine]:
    """An engine over a fleet on loopback, with a node for each owner of mailboxes ``OWNER/...``."""
    failures = list[Exception]()

    def answer(mailbox: str, letter: bytes) -> bytes | None:
        try:
            return mailboxes.answer(mailbox, letter)
        except Exception as error:  # a mistake of ours, which a node's thread must not keep to itself
            failures.append(error)
            return None

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if failures:
            raise failures[0]

    logging.getLogger("flwr").setLevel(logging.WARNING)  # it tells each letter, on standard error
    owners = list(dict.fromkeys(owner_of(mailbox) for mailbox in mailboxes.names))
    with TemporaryDirectory(prefix="fedstyle-flower-") as name:
        folder = Path(name)
        own = Credentials.make(_HERE)
        own.save(folder / "superlink")
        nodes = {}
        for number, owner in enumerate(owners):
            nodes[owner] = Credentials.make(f"node-{number}")
            nodes[owner].save(folder / f"node-{number}")
        certificates = [node.certificate for node in nodes.values()]
        leave, threads = threading.Event(), list[threading.Thread]()
        with (
            KeptJournal(folder / "journal.sqlite") as kept,
            Fleet(_HERE, 0, folder / "superlink", certificates) as fleet,
        ):
            keys = {mailbox: nodes[owner_of(mailbox)].public_key for mailbox in mailboxes.names}
            for number, node in enumerate(nodes.values()):
                superlink = SuperLink.pinned(f"{_HERE}:{fleet.port}", folder / f"node-{number}", own.certificate)
                arguments = (superlink, node, answer, leave)
                threads.append(threading.Thread(target=run_node, args=arguments, daemon=True))
            for thread in threads:
                thread.start()
            try:
                yield HttpEngine(GridJournal(fleet.grid, kept, keys, sleep))
            finally:
                leave.set()
                for thread in threads:
                    thread.join()


def owner_of(mailbox: str) -> str:
    """Whose mailbox it is."""
    return mailbox.rpartition("/")[0]
