"""The seal on types which only one room may make, so that "we forgot to clip" is an error and not a number.

SEA-1  `ClippedUpdate`, `QuantizedUpdate` and `NoisyUpdate` cannot be built, copied or altered
       without the seal, and only the modules that do the work hold it. (Python lets whoever insists import it anyway:
       the seal stops accidents, and searching for ``seal=SEAL`` shows every maker.)
"""

from typing import Final

import numpy as np

from ..errors import PrivacyError

SEAL: Final = object()


def check_seal(seal: object, made_by: str) -> None:
    """Refuse a value which was not made by the function named `made_by`.

    Raises:
        PrivacyError: If `seal` is not the package's own.
    """
    if seal is not SEAL:
        raise PrivacyError(f"this update was built by hand, so its guarantee is void: only {made_by} makes it")


def freeze(array: np.ndarray) -> None:
    """Make an array read-only, so that a sealed value stays what it was when it was sealed."""
    array.setflags(write=False)
