"""Keep freed memory inside the process: convolutions on a CPU run several times faster with glibc's allocator."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_freed_memory() -> bool:
    """Ask glibc not to hand large blocks back to the system after each use.

    Every page handed back must be zeroed by the kernel before its next use; feature maps are megabytes, made and freed
    thousands of times. A program calls this once at its start; importing the library never does.

    Returns:
        Whether it took effect; False outside Linux with glibc, where nothing is changed.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
