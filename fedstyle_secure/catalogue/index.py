"""The library: every published signature, in the order of the artists' names, and its two files.

IDX-1  A catalogue is written beside its place and renamed when whole.
IDX-2  What is read allocates no more than the files are long; sizes are checked before contents.
IDX-3  An artist is in it once, however the name is written: names are compared folded (NAM-2).
"""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..encoder.signature_space import are_unit
from ..errors import InputError
from ..names import MAX_NAME_BYTES, fold, told_apart
from .neighbors import EXACT_LIMIT, Neighbors
from .signature import Signature, SignatureSpace
from .strangers import MOST, handicaps

FORMAT: Final = "fedstyle-catalogue-2"
SIGNATURES_FILE: Final = "signatures.safetensors"
ARTISTS_FILE: Final = "artists.json"

_PROJECTION, _VECTORS, _STRANGERS = "projection", "vectors", "strangers"
_JSON_OVERHEAD: Final = 1024
_BYTES_PER_NAME: Final = 6 * MAX_NAME_BYTES + 8  # every byte escaped as \u00XX, plus quotes, comma and indent


class StyleIndex:
    """Signatures of all artists who opted in, ready to be searched.

    Args:
        space: Where the signatures live.
        signatures: At most one for each artist, in any order.
        strangers: Public works in that space, float32 unit vectors [m, d], whose nearness is held against a signature;
            None for none.
        exact_limit: Up to how many signatures numpy searches; faiss beyond.

    Raises:
        InputError: A signature of another length, two of one artist, or strangers who are no unit vectors there or
            too many.
    """

    def __init__(
        self,
        space: SignatureSpace,
        signatures: Iterable[Signature],
        *,
        strangers: NDArray[np.float32] | None = None,
        exact_limit: int = EXACT_LIMIT,
    ) -> None:
        ordered = sorted(signatures, key=lambda signature: signature.artist)
        names: dict[str, str] = {}
        for signature in ordered:
            if (twin := names.get(fold(signature.artist))) is not None:
                raise InputError(
                    f"{' and '.join(told_apart([twin, signature.artist]))} are one artist, with more than one "
                    "signature; keep one"
                )
            names[fold(signature.artist)] = signature.artist
        for signature in ordered:
            if len(signature.vector) != space.dimensions:
                raise InputError(
                    f"the signature of {signature.artist!r} has {len(signature.vector)} numbers, "
                    f"the catalogue's space has {space.dimensions}; publish it anew"
                )
        vectors = np.empty((len(ordered), space.dimensions), dtype=np.float32)
        for row, signature in zip(vectors, ordered, strict=True):
            row[:] = signature.vector
        vectors.setflags(write=False)
        strangers = np.zeros((0, space.dimensions), dtype=np.float32) if strangers is None else strangers
        if strangers.ndim != 2 or strangers.shape[1] != space.dimensions or len(strangers) > MOST:
            raise InputError(
                f"strangers are at most {MOST} vectors of {space.dimensions} numbers, got shape {strangers.shape}"
            )
        if not are_unit(strangers):
            raise InputError("strangers must be finite vectors of length 1; scale them first")
        self.space = space
        self.artists = tuple(signature.artist for signature in ordered)
        self.vectors = vectors
        self.strangers = strangers
        self._names = names
        self.neighbors = Neighbors(vectors, handicaps(vectors, strangers), exact_limit=exact_limit)

    def __len__(self) -> int:
        return len(self.artists)

    def find(self, artist: str) -> str | None:
        """The name as the artist gave it, however it is written here; None where there is no such artist."""
        return self._names.get(fold(artist))

    def with_signature(self, signature: Signature) -> "StyleIndex":
        """The catalogue with one more artist.

        Raises:
            InputError: The artist is in it already, or the signature is of another length.
        """
        return StyleIndex(self.space, [*self._signatures(), signature], strangers=self.strangers)

    def without(self, artist: str) -> "StyleIndex":
        """The catalogue without one artist.

        Raises:
            InputError: The artist is not in it.
        """
        name = self.find(artist)
        if name is None:
            raise InputError(f"the catalogue has no artist {artist!r}; it has {', '.join(self.artists) or 'none'}")
        others = [signature for signature in self._signatures() if signature.artist != name]
        return StyleIndex(self.space, others, strangers=self.strangers)

    def _signatures(self) -> list[Signature]:
        return [Signature(name, row) for name, row in zip(self.artists, self.vectors, strict=True)]

    def encode(self) -> dict[str, bytes]:
        """The catalogue's files, by name."""
        names = json.dumps({"format": FORMAT, "artists": self.artists}, indent=1, ensure_ascii=False)
        tensors = {_PROJECTION: self.space.projection, _VECTORS: self.vectors, _STRANGERS: self.strangers}
        return {SIGNATURES_FILE: save(tensors, {"format": FORMAT}), ARTISTS_FILE: f"{names}\n".encode()}

    def save(self, folder: Path) -> None:
        """Write the catalogue as a new folder.

        Raises:
            InputError: The folder exists, or cannot be written.
        """
        if folder.exists():
            raise InputError(f"the catalogue {folder} exists already; choose another folder or remove it first")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            try:
                for name, content in self.encode().items():
                    (draft / name).write_bytes(content)
                draft.chmod(0o755)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        except OSError as error:
            raise InputError(f"the catalogue cannot be written to {folder} ({error}); check the path") from error

    @classmethod
    def load(cls, folder: Path) -> "StyleIndex":
        """Read a catalogue, trusting none of its bytes.

        Raises:
            InputError: Missing or damaged, with the path of the file.
        """
        projection, vectors, strangers = _read_tensors(folder / SIGNATURES_FILE)
        path = folder / ARTISTS_FILE
        artists = _read_artists(path, expected=len(vectors))
        try:
            space = SignatureSpace(projection)
            signatures = [Signature(name, row) for name, row in zip(artists, vectors, strict=True)]
            return cls(space, signatures, strangers=strangers)
        except InputError as error:
            raise InputError(f"{folder}: {error}") from error


def _read_tensors(path: Path) -> tuple[NDArray[np.float32], ...]:
    """Projection [e, d], vectors [n, d], strangers [m, d]; shapes and types are told by the header, before numbers."""
    names = (_PROJECTION, _VECTORS, _STRANGERS)
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("format") != FORMAT or set(file.keys()) != set(names):
                raise InputError(f"{path} is not a {FORMAT} file")
            for name in names:
                part = file.get_slice(name)
                if part.get_dtype() != "F32" or len(part.get_shape()) != 2:
                    raise InputError(f"{path}: {name} must be a float32 matrix")
            projection, vectors, strangers = map(file.get_tensor, names)
    except (SafetensorError, OSError) as error:
        raise InputError(f"cannot read the signatures {path}: {error}") from error
    if projection.shape[1] != vectors.shape[1]:
        raise InputError(f"{path}: vectors of {vectors.shape[1]} numbers in a space of {projection.shape[1]}")
    return projection, vectors, strangers


def _read_artists(path: Path, *, expected: int) -> list[str]:
    try:
        if path.stat().st_size > _JSON_OVERHEAD + expected * _BYTES_PER_NAME:
            raise InputError(f"{path} is longer than the names of {expected} artists can be")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the artists' names {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} is not a {FORMAT} file")
    artists = content.get("artists")
    if not isinstance(artists, list) or not all(isinstance(name, str) for name in artists):
        raise InputError(f"{path}: artists must be a list of names")
    if len(artists) != expected:
        raise InputError(f"{path} names {len(artists)} artists for {expected} signatures")
    return artists
