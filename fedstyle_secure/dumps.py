"""What a process leaves when it crashes.

DMP-1  A process that may hold keys leaves no core dump, and no other process of the same user looks into its memory.
"""

import ctypes
import resource
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <sys/prctl.h>


def forbid_dumps() -> None:
    """Ask the system for no dump of this process (DMP-1), whatever its user has allowed; a program's first act.

    Elsewhere than on Linux only the limit on dumps is set.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
