"""Optional libraries: which versions were tried, and the sentence where one is missing or another.

EXT-1  A library outside of what was tried is refused before anything begins, with the range and the command that
       installs it: engines reach into what their libraries do not promise to keep.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Final

from .errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One that is not installed by itself.

    Attributes:
        name: Of its distribution.
        least: Oldest version that was tried.
        below: First version that was not.
    """

    name: str
    least: tuple[int, int]
    below: tuple[int, int]

    @property
    def range(self) -> str:
        """As pip spells it."""
        return f"{self.name}>={_spelled(self.least)},<{_spelled(self.below)}"

    def fits(self, version: str) -> bool:
        """Whether a version was tried."""
        numbers = tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[:2])
        return self.least <= numbers < self.below


EXTRAS: Final = {
    "flower": (Library(name="flwr", least=(1, 41), below=(1, 43)),),
    "ray": (Library(name="ray", least=(2, 50), below=(3, 0)),),
    "syft": (
        Library(name="syft", least=(0, 10), below=(0, 11)),
        Library(name="syft-rds", least=(0, 6), below=(0, 7)),
    ),
}
"""Libraries of each extra that stands behind an engine."""


def load_extra(extra: str, module: str, *, option: str) -> ModuleType:
    """A module that needs an optional extra.

    Args:
        extra: Its name in `EXTRAS`.
        module: What to import.
        option: What asked for it, as on the command line.

    Raises:
        InputError: A library is missing, or of a version that was not tried.
    """
    install = f"pip install 'fedstyle-secure[{extra}]'"
    for library in EXTRAS[extra]:
        try:
            found = version(library.name)
        except PackageNotFoundError as error:
            raise InputError(f"{option} needs an optional extra: {install}") from error
        if not library.fits(found):
            raise InputError(
                f"{option} was tried with {library.range}, and {library.name} {found} is installed: {install}"
            )
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{option} needs an optional extra, which cannot be loaded here ({error}): {install}"
        ) from error


def _spelled(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
