"""Where what can be computed again is kept on a machine, for its user alone."""

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """The product's folder in the user's cache folder; it may not exist yet."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")
    return Path(base) / "fedstyle-secure"


def make_private(folder: Path) -> None:
    """Make a folder, and what is missing above it, with mode 0700; one that exists keeps its own.

    Raises:
        OSError: It cannot be made.
    """
    for each in (*reversed(folder.parents), folder):
        each.mkdir(mode=0o700, exist_ok=True)
