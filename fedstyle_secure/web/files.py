"""Files that pages are made of: style sheets and scripts, served under paths that change when they do.

FIL-1  What is served is what was shipped: names are looked up in a table that is made at start, never on disk.
"""

import gzip
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ..errors import InputError
from .answers import COMPUTES, Answer

ASSETS: Final = "/assets/"
_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
_PACKED: Final = ".gz"
FOR_EVER: Final = "public, max-age=31536000, immutable"

THEME: Final = (Path(__file__).parent / "theme.css",)
"""The style sheet that every page has."""


class Assets:
    """Files of pages; each is served under a path that holds a digest of all of them, and so may be kept for ever.

    Scripts may import each other by their relative names, since all of them move together.

    Args:
        paths: Files, told apart by their names; one that ends in ``.gz`` is sent as it is, and is what it holds.

    Attributes:
        digests: SHA-256 of each file, unpacked, 32 bytes.
        sizes: Its bytes.

    Raises:
        InputError: Two have one name, or one is of a kind that pages have no use for.
        OSError: One cannot be read.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        files = {path.name: path.read_bytes() for path in sorted(paths, key=lambda path: path.name)}
        plain = {
            name.removesuffix(_PACKED): gzip.decompress(content) if name.endswith(_PACKED) else content
            for name, content in files.items()
        }
        if len(plain) != len(paths) or any(Path(name).suffix not in _KINDS for name in plain):
            raise InputError(f"files of pages have names of their own that end in {', '.join(_KINDS)}")
        self.digests: Mapping[str, bytes] = MappingProxyType(
            {name: sha256(content).digest() for name, content in plain.items()}
        )
        self.sizes: Mapping[str, int] = MappingProxyType({name: len(content) for name, content in plain.items()})
        together = sha256(b"".join(name.encode() + b"\0" + digest for name, digest in self.digests.items()))
        self._folder = f"{ASSETS}{together.hexdigest()[:32]}/"
        self._files = files

    def path(self, name: str) -> str:
        """Where a file is served."""
        if name not in self.digests:
            raise KeyError(name)
        return self._folder + name

    def answer(self, path: str) -> Answer | None:
        """The file under a path; None where there is none (FIL-1)."""
        name = path.removeprefix(self._folder)
        if name == path or name not in self.digests:
            return None
        kind, packed = _KINDS[Path(name).suffix], self._files.get(name + _PACKED)
        if packed is not None:
            return Answer(packed, kind, caching=FOR_EVER, encoding="gzip")
        return Answer(self._files[name], kind, caching=FOR_EVER, policy=COMPUTES)
