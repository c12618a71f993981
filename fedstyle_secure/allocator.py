"""What glibc's allocator does with freed memory: convolutions want it kept, a server wants large bodies given back."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # <malloc.h>
_LARGE = 128 << 10


def keep_freed_memory() -> bool:
    """Ask glibc not to hand large blocks back to the system after each use.

    Every page handed back must be zeroed by the kernel before its next use; feature maps are megabytes, made and freed
    thousands of times. A program calls this once at its start; importing the library never does.

    Returns:
        Whether it took effect; False outside Linux with glibc, where nothing is changed.
    """
    return _set(_M_MMAP_MAX, 0) and _set(_M_TRIM_THRESHOLD, 2**31 - 1)


def return_freed_memory() -> bool:
    """Ask glibc to hand every block of 128 kB and more back to the system when it is freed.

    Left alone it begins to keep them with the first that is freed, in as many pieces as there were threads. A program
    calls this once at its start.

    Returns:
        Whether it took effect; False outside Linux with glibc, where nothing is changed.
    """
    return _set(_M_MMAP_THRESHOLD, _LARGE)


def _set(parameter: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(parameter, value))
