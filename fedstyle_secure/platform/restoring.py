"""After a database was put back from a backup: the log's tail is brought back, or a person begins the log anew.

RST-1  Entries are taken back only if they are those that were signed last, all of them, and the database's own begin
       them: nobody is shown another history.
RST-2  What they say is done: withdrawn signatures are in no catalogue, retired identities speak no more; a signature
       that only the lost part of the database held is entered as withdrawn.
RST-3  A new epoch is another log by name; it says out of what it came, and repeats what the database holds.
"""

import time
from collections.abc import Sequence

from ..errors import InputError
from ..transparency.leaves import Retired, decode
from ..transparency.tree import Tree
from .logbook import Logbook
from .signer import Said, Signer
from .store.artists import retire_entered
from .store.database import Database
from .store.log import bring_back
from .store.signatures import settle_signatures


def restore_log(database: Database, signer: Signer, entries: Sequence[bytes]) -> int:
    """Bring back what a restored database lacks of the log (RST-1, RST-2).

    Args:
        database: The restored one; nobody else may be at work on it.
        signer: Knows what was signed last.
        entries: Of the log, from the first one on, from whoever read it: `fedstyle log verify` keeps them.

    Returns:
        How many were missing.

    Raises:
        InputError: These are not the entries that were signed, or the database holds others.
        StorageError: The database cannot be used now; nothing was changed.
    """
    said = signer.said
    log = list(entries[: said.size])
    if len(log) < said.size or Tree(log).root() != said.root:
        raise InputError(
            f"these are not the {said.size} entries of the log {said.origin!r} that were signed last: find somebody "
            "who read the log later, or begin a new epoch with `fedstyle log begin`"
        )
    leaves = [decode(entry) for entry in log]
    with database.writing() as connection:
        missing = bring_back(connection, said.epoch, log)
        retired = {leaf.commitment for leaf in leaves if isinstance(leaf, Retired)}
        retire_entered(connection, retired, now=int(time.time()))
        settle_signatures(connection, leaves)
    return len(missing)


def begin_log_anew(database: Database, signer: Signer) -> Said:
    """Begin the next epoch of a log that cannot be gone on with (RST-3): a person's decision.

    Returns:
        The new log, as it was signed first.

    Raises:
        StorageError: The database cannot be used now; run it again.
    """
    signer.begin_epoch()
    Logbook(database, signer).checkpoint()
    return signer.said
