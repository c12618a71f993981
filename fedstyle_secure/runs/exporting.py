"""What the buyer's page computes with: ONNX Runtime for browsers, and the platform's encoder as it is drawn here.

XPT-1  The network of the page is the file that everybody's ONNX Runtime computes here; the runtime is one version of
       its package, known by its digest.
"""

import gzip
from pathlib import Path
from typing import Final

from ..encoder.folders import make_private, user_cache
from ..encoder.opening import lite0_graph
from ..encoder.spec import LITE0, LITE0_WEIGHTS
from ..errors import InputError
from ..platform.pages.buyer import LOADER, NETWORK, RUNTIME
from ..web.registry import Package, read_package
from ..writing import write_whole

RUNTIME_PACKAGE: Final = Package(
    "onnxruntime-web",
    "1.30.0",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)


def export_web(encoder: str, folder: Path, *, packages: Path | None = None) -> list[Path]:
    """Write the files of the buyer's page that do not come with this package.

    Args:
        encoder: The platform's, as ``name@sha256``.
        folder: Where to write them; made if it is not there.
        packages: Where archives of packages are kept; None for the user's cache.

    Returns:
        The files.

    Raises:
        InputError: The encoder is another than `lite0`, or the runtime cannot be had.
    """
    if encoder != f"{LITE0}@{LITE0_WEIGHTS}":
        raise InputError(
            f"the buyer's page computes {LITE0} alone, and this platform's encoder is {encoder.partition('@')[0]}: "
            "buyers search with `fedstyle search --platform`"
        )
    kept = packages if packages is not None else user_cache() / "packages"
    make_private(kept)
    runtime = read_package(RUNTIME_PACKAGE, [f"dist/{LOADER}", f"dist/{RUNTIME}"], kept)
    folder.mkdir(exist_ok=True)
    contents = {
        LOADER: runtime[f"dist/{LOADER}"],
        f"{RUNTIME}.gz": _packed(runtime[f"dist/{RUNTIME}"]),
        f"{NETWORK}.gz": _packed(lite0_graph()),
    }
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]


def _packed(content: bytes) -> bytes:
    """Packed to the same bytes every time."""
    return gzip.compress(content, 6, mtime=0)
