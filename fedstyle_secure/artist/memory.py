"""What an artist has to remember, by name: read when it starts, written before an answer leaves (`store`).

MMR-1  What an answer rests on is in the store before the answer leaves, in one write: the session's state with the
       answer itself, and with an upload its cohort and its receipt.
MMR-2  What an artist releases alone is begun here before it is charged, and finished in one write with what was paid
       for: what was charged since it began, and not finished, is paid for already.
"""

from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..aggregation.masking import Stage, number_of
from ..aggregation.session import Cohorts
from ..announcement import NO_RECEIPT
from ..encoder.whitening import Whitening
from ..training.moments import Prototype
from .home import SIGNATURE
from .store import Store, StoreError

_IDENTITY_BYTES: Final = 32
_COHORT, _SUMMED, _BEGUN = "cohort/", "summed/", "begun/"


class Memory:
    """One artist's state in a store.

    Args:
        store: Of this artist alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def codeword(self, first: int) -> int:
        """The secret anchor: the one kept, or `first`, which is kept from now on."""
        kept = self._store.read("codeword")
        if kept is not None:
            return int.from_bytes(kept, "big")
        self._store.write({"codeword": first.to_bytes(8, "big")})
        return first

    def prototype(self) -> Prototype | None:
        """The artist's own style as it was released to itself."""
        tensors = self._tensors("prototype")
        return None if tensors is None else Prototype(tensors["direction"], float(tensors["trust"][0]))

    def keep_prototype(self, prototype: Prototype, name: str) -> None:
        """Remember it, and that the release of this name is finished (MMR-2)."""
        data = save({"direction": prototype.direction, "trust": np.array([prototype.trust])})
        self._store.write({"prototype": data, _BEGUN + name: None})

    def signature(self, publication: str) -> NDArray[np.float32] | None:
        """The one that was made for a publication."""
        tensors = self._tensors(SIGNATURE + publication)
        return None if tensors is None else tensors["vector"].astype(np.float32)

    def keep_signature(self, vector: NDArray[np.float32], publication: str, name: str) -> None:
        """Remember it under its publication, if that has a name, and that its release is finished (MMR-2)."""
        kept: dict[str, bytes | None] = {SIGNATURE + publication: save({"vector": vector})} if publication else {}
        self._store.write({**kept, _BEGUN + name: None})

    def begin_release(self, name: str, head: str) -> str:
        """The ledger's head when a release of this name began that is not finished yet; `head` for one that begins."""
        kept = self._store.read(_BEGUN + name)
        if kept is not None:
            return kept.decode()
        self._store.write({_BEGUN + name: head.encode()})
        return head

    def whitening(self) -> Whitening | None:
        """The style space that was pinned."""
        tensors = self._tensors("whitening")
        return None if tensors is None else Whitening(center=tensors["center"], projection=tensors["projection"])

    def announcement(self) -> bytes | None:
        """The one that was agreed to last."""
        return self._store.read("announcement")

    def keep_announcement(self, data: bytes, whitening: Whitening) -> None:
        """Remember what was agreed to, and the style space, which stays; a session before it is over."""
        values: dict[str, bytes | None] = {"announcement": data, "session": None}
        if self._store.read("whitening") is None:
            values["whitening"] = save({"center": whitening.center, "projection": whitening.projection})
        self._store.write(values)

    def session(self) -> tuple[bytes, bytes] | None:
        """The key and the newest snapshot of the session that goes on."""
        key, snapshot = self._store.read("session key"), self._store.read("session")
        return None if key is None or snapshot is None else (key, snapshot)

    def last_session(self) -> int:
        """Highest number of a session that was taken part in, 0 for none."""
        return int.from_bytes(self._store.read("last session") or b"", "big")

    def receipt(self) -> bytes:
        """What went out with the last upload."""
        return self._store.read("receipt") or NO_RECEIPT

    def cohorts(self) -> Cohorts:
        """Those that were uploaded to."""
        cohorts = Cohorts()
        for name in self._store.names(_COHORT):
            members = self._store.read(name) or b""
            cohorts.add([members[at : at + _IDENTITY_BYTES] for at in range(0, len(members), _IDENTITY_BYTES)])
        return cohorts

    def summed(self) -> set[bytes]:
        """Ids of the sessions that were seen to their end."""
        return {bytes.fromhex(name.removeprefix(_SUMMED)) for name in self._store.names(_SUMMED)}

    def keep_session(
        self,
        stage: Stage,
        snapshot: bytes,
        *,
        key: bytes,
        session_id: bytes,
        roster: frozenset[bytes],
        receipt: bytes,
    ) -> None:
        """Remember how far a session is, and what this stage adds (MMR-1).

        Args:
            stage: What is about to be answered.
            snapshot: The client's state, with the answer.
            key: What it is encrypted under.
            session_id: Which session it is; read at its end.
            roster: Who is in it; read with the upload, as is the receipt.
            receipt: Goes out with the upload.
        """
        values: dict[str, bytes | None] = {"session": snapshot}
        if stage is Stage.KEYS_ADVERTISED:
            values |= {"session key": key, "last session": number_of(snapshot).to_bytes(8, "big")}
        if stage is Stage.INPUT_MASKED:
            members = b"".join(sorted(roster))
            values |= {_COHORT + sha256(members).hexdigest(): members, "receipt": receipt}
        if stage is Stage.UNMASKED:
            values[_SUMMED + session_id.hex()] = b""
        self._store.write(values)

    def _tensors(self, name: str) -> dict[str, NDArray[np.floating]] | None:
        data = self._store.read(name)
        if data is None:
            return None
        try:
            return load(data)
        except SafetensorError as error:
            raise StoreError(f"the artist's state holds a {name} that is none: restore a copy") from error
