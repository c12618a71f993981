"""A counter in the reading room: so many questions for each buyer, so many names in an answer.

MTR-1  A buyer's questions are counted before they are answered, and those beyond the limit are not answered at all.
MTR-2  An answer names at most `top` artists. A full ranking tells more than a buyer needs: ranks of many questions give
       a signature away as scores do, only more slowly.

For whoever searches a catalogue on behalf of others. A buyer who holds the catalogue's files needs no permission, and
what those files hold is public (`signature`, PUB-1).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import search as reading_room
from .index import StyleIndex


@dataclass(slots=True, kw_only=True, eq=False)
class MeteredSearch:
    """Searches for one buyer.

    Attributes:
        index: The catalogue.
        questions: How many the buyer may ask in all.
        top: Most artists that an answer names.
        asked: How many were asked.
    """

    index: StyleIndex
    questions: int
    top: int
    asked: int = field(default=0, init=False)

    def search(self, embeddings: NDArray[np.float32], top: int) -> list[reading_room.SearchResults]:
        """Like `search.search`, within the limits.

        Raises:
            InputError: More names than an answer may have, more questions than are left, or as `search` does.
        """
        if top > self.top:
            raise InputError(f"an answer names at most {self.top} artists, not {top}: ask for fewer")
        questions = len(np.atleast_2d(embeddings))
        left = self.questions - self.asked
        if questions > left:
            raise InputError(f"{left} of {self.questions} questions are left, not {questions}: ask for fewer")
        self.asked += questions
        return reading_room.search(self.index, embeddings, top)
