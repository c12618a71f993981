"""How near the nearest is, in three words: a ranking names somebody for a white picture too.

NER-1  What is near is learned on public artists, who are not in the catalogue: of their works as strangers', and of
       signatures that they would have published. No client's work decides a word.
NER-2  A word is all that is said of a score. Words are for whoever holds the catalogue, and could compute scores from
       it; a metered reading room says none, since many questions would make a score of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ..errors import InputError

FORMAT: Final = "fedstyle-nearness-1"
NEARNESS_FILE: Final = "nearness.json"
_MOST_BYTES: Final = 4096


class Word(StrEnum):
    """What is said of the nearest signature."""

    NEAR = "near"
    """Of strangers, one in ten comes so near."""
    OPEN = "maybe"
    """As near as strangers come, and as far as artists are from their own signatures."""
    NOBODY = "nobody here paints like this"
    """Of works of artists who are in a catalogue, one in ten is so far from its own signature."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Where the words begin.

    Attributes:
        bounds: By number of pictures in a question, the scores below which nobody is near, and from which somebody is.
    """

    bounds: Mapping[int, tuple[float, float]]

    def __post_init__(self) -> None:
        for count, (low, high) in self.bounds.items():
            if count < 1 or not -1 <= low <= high <= 1:
                raise InputError(f"nearness asks for scores in their order, got {low} and {high} for {count} pictures")

    def word(self, score: float, pictures: int) -> Word | None:
        """What to say of the nearest signature; None where nothing was learned of questions with so few pictures."""
        known = [count for count in self.bounds if count <= pictures]
        if not known:
            return None
        low, high = self.bounds[max(known)]
        return Word.NOBODY if score < low else Word.NEAR if score >= high else Word.OPEN

    def encode(self) -> bytes:
        """The content of the file beside a catalogue."""
        bounds = {str(count): list(pair) for count, pair in self.bounds.items()}
        return (json.dumps({"format": FORMAT, "bounds": bounds}, indent=1) + "\n").encode()

    @classmethod
    def load(cls, folder: Path) -> "Nearness":
        """Read what lies beside a catalogue; without it nothing is said.

        Raises:
            InputError: Damaged, with the path.
        """
        path = folder / NEARNESS_FILE
        try:
            if not path.exists():
                return cls({})
            with path.open("rb") as file:
                content = json.loads(file.read(_MOST_BYTES))
            if content["format"] == FORMAT:
                bounds = content["bounds"].items()
                return cls({int(count): (float(low), float(high)) for count, (low, high) in bounds})
        except (InputError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InputError(f"{path} is damaged: {error}") from error
        raise InputError(f"{path} is not of format {FORMAT}")
