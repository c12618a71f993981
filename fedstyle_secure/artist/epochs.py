"""A log that its platform began anew, after a loss: pinned once a person has confirmed its name.

EPO-1  A new epoch is pinned only by the word of its artist, by the key that was pinned, and if it holds the artist's
       own entry; what was seen of the old log and what is shown of the new one stay as evidence, confirmed or not.
EPO-2  What contradicts what this artist saw is a fork, whatever a person says: an old log that is told shorter, or with
       another root, than it was signed before.
"""

import json
from dataclasses import dataclass, field, replace

from ..errors import FedStyleError
from ..transparency.checkpoints import Checkpoint
from ..transparency.leaves import Epoch, Joined, commit_identity, decode
from ..transparency.watch import Watch
from ..wire.log import LogReader
from ..wire.routes import Route
from .account import seen_log
from .client import Line, ensure
from .home import Home, log_note, read_pins


class EpochError(FedStyleError):
    """There is no new epoch that may be confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEpoch:
    """What a platform says of its log that begins anew.

    Attributes:
        opening: Its first entry: out of what it came.
        newest: Its newest checkpoint.
        seen: Entries of the old log that this artist saw.
        note: The newest checkpoint, signed.
    """

    opening: Epoch
    newest: Checkpoint
    seen: int
    note: bytes = field(repr=False)


def look_for_epoch(home: Home, line: Line) -> NewEpoch:
    """Read what the platform's log is called now, and hold it against what was seen (EPO-1, EPO-2).

    Raises:
        EpochError: It is called as it was, or contradicts what was seen; evidence is in the home.
        ProofError: It does not say what it should.
    """
    pins = read_pins(home.folder)
    note = ensure(line.get(Route.CHECKPOINT), Route.CHECKPOINT)
    name, _, number = pins.space.log_origin.rpartition("/")
    origin = note.partition(b"\n")[0].decode(errors="replace")
    shown = origin.removeprefix(f"{name}/")
    if not (shown.isascii() and shown.isdigit() and int(shown) > int(number)):
        raise EpochError(
            f"the platform's log is called {origin!r:.100}, and {pins.space.log_origin!r} is pinned: "
            "there is no new epoch to confirm"
        )
    watch, reader = (
        Watch(origin=origin, key=pins.log_key).take(note, ()),
        LogReader(lambda path: ensure(line.get(path), path)),
    )
    (entry,) = reader.entries(0, 1)
    opening = decode(entry)
    if not isinstance(opening, Epoch) or opening.number != int(shown):
        raise EpochError(f"the log {origin!r} does not begin as an epoch of its number does: ask the operator")
    watch.check(opening, reader.place(0, watch.size))
    own = Joined(commitment=commit_identity(pins.identity, pins.space.salt))
    watch.check(own, reader.place(pins.space.leaf, watch.size))
    seen = seen_log(home)
    evidence = {"seen": seen.note.decode(), "shown": note.decode(), "opening": entry.decode()}
    kept = home.keep_evidence("epoch", json.dumps(evidence, indent=1, ensure_ascii=False).encode() + b"\n")
    if opening.number == int(number) + 1 and _contradicts(opening, seen):
        raise EpochError(
            f"the log {origin!r} says that {seen.origin!r} ended with {opening.size} entries, and it was signed with "
            f"{seen.size} others: do not go on, and show others what is in {kept}"
        )
    return NewEpoch(opening=opening, newest=watch.newest, seen=seen.size, note=note)


def confirm_epoch(home: Home, epoch: NewEpoch) -> None:
    """Pin the new epoch: its checkpoint first, so that whoever has its name has seen it."""
    pins, origin = read_pins(home.folder), epoch.newest.origin
    home.store.write({log_note(origin): epoch.note})
    home.pin(replace(pins, space=replace(pins.space, log_origin=origin)))


def _contradicts(opening: Epoch, seen: Watch) -> bool:
    if not seen.size:
        return False
    return opening.size < seen.size or (opening.size == seen.size and opening.root != seen.newest.root)
