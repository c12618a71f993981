"""The test vectors in vectors/ and what they are made with: `python -m tests.vectors` writes them (`make vectors`).

Every secret of a client is an argument, so a whole session is a function of fixed bytes. `replay` runs a case through
the library, `independent` is a second implementation to check it against.
"""

from collections.abc import Callable
from pathlib import Path

from .boxes import boxes
from .cases import Json, text_of
from .graph import graph
from .keys import keys
from .masks import masks
from .messages import messages
from .params import params
from .sessions import sessions
from .shares import shares
from .speakonce import speakonce
from .transparency import transparency

ROOT = Path(__file__).resolve().parents[2]
VECTORS: dict[str, Callable[[], Json]] = {
    "vectors/params.json": params,
    "vectors/graph.json": graph,
    "vectors/keys.json": keys,
    "vectors/boxes.json": boxes,
    "vectors/masks.json": masks,
    "vectors/shares.json": shares,
    "vectors/messages.json": messages,
    "vectors/sessions.json": sessions,
    "vectors/speakonce.json": speakonce,
    "vectors/transparency.json": transparency,
}


def render(name: str) -> str:
    """The text of one vector file."""
    return text_of(VECTORS[name]()) + "\n"
