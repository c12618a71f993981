"""Painters of one atelier, painted and encoded one by one, and kept on disk as features: each is encoded once.

STU-1  Features are read back only where they were made in the same way; a file appears when it is whole.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, NamedTuple

from safetensors import SafetensorError
from safetensors.numpy import load, save

from ..artworks.artwork import Portfolio
from ..artworks.atelier import Hand, make_hands, paint_subject
from ..artworks.splits import split_by_content
from ..artworks.subjects import SUBJECTS
from ..encoder.encoder import Encoder
from ..encoder.features import StyleFeatures, extract
from ..errors import FedStyleError, InputError
from ..writing import write_whole

FORMAT: Final = "fedstyle-studio-2"
STUDIO_FILE, FEATURES_FOLDER = "studio.json", "features"

_TRAINING, _HELD_OUT = "training", "held_out"


class Painter(NamedTuple):
    """One painter's raw features, all views; queries have the unaltered one alone."""

    name: str
    training: StyleFeatures
    held_out: StyleFeatures


@dataclass(frozen=True, slots=True, kw_only=True)
class StudioPlan:
    """How every painter's features are made.

    Attributes:
        artworks: Pictures of a client, at most as many as there are subjects.
        public: Painters that are declared public, the first of the atelier.
        public_artworks: Pictures of a public painter.
        views: Augmented views of a picture.
        encoder: Name of the encoder and digest of its weights.
        seed: Of the atelier and of the split by subject.
    """

    artworks: int
    public: int
    public_artworks: int
    views: int
    encoder: str
    seed: int

    def __post_init__(self) -> None:
        for option, count in (("--artworks", self.artworks), ("public artworks", self.public_artworks)):
            if not 4 <= count <= len(SUBJECTS):
                raise InputError(f"{option} must lie between 4 and the {len(SUBJECTS)} subjects, got {count}")
        if self.public < 1 or self.views < 1:
            raise InputError(f"--public and --views must be at least 1, got {self.public} and {self.views}")


class Studio:
    """Paints, encodes, remembers.

    Args:
        folder: Where features are kept; made if missing, and taken up again if it holds those of the same plan.
        plan: How features are made.
        encoder: A frozen public network.

    Raises:
        InputError: The folder holds something else.
    """

    def __init__(self, folder: Path, plan: StudioPlan, encoder: Encoder) -> None:
        self._folder, self._plan, self._encoder = folder, plan, encoder
        self._hands: tuple[Hand, ...] = ()
        content = (json.dumps({"format": FORMAT} | asdict(plan), indent=2) + "\n").encode()
        try:
            if folder.exists() and any(folder.iterdir()):
                _check_same(folder, content)
                return
            (folder / FEATURES_FOLDER).mkdir(parents=True, exist_ok=True)
            write_whole(folder / STUDIO_FILE, content)
        except OSError as error:
            raise InputError(f"{folder} cannot hold an experiment ({error.strerror}); check the path") from error

    def prepare(self, painters: int, on_progress: Callable[[int], None]) -> None:
        """Make the features of the first painters that are not on disk yet.

        Args:
            painters: How many, public ones included.
            on_progress: Called with 1 after each painter.

        Raises:
            FedStyleError: The disk failed.
        """
        self._hands = make_hands(painters, seed=self._plan.seed)
        for number, hand in enumerate(self._hands):
            path = self._path(number)
            if not path.exists():
                training, held_out = self._encode(hand, is_public=number < self._plan.public)
                try:
                    write_whole(path, save({_TRAINING: training.views, _HELD_OUT: held_out.views}))
                except OSError as error:
                    raise FedStyleError(f"features cannot be written to {path} ({error.strerror})") from error
            on_progress(1)

    def painter(self, number: int) -> Painter:
        """Read back the features of a painter that was prepared.

        Raises:
            InputError: The file is missing or damaged.
        """
        path = self._path(number)
        try:
            tensors = load(path.read_bytes())
            return Painter(self._hands[number].artist, *(StyleFeatures(tensors[key]) for key in (_TRAINING, _HELD_OUT)))
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(
                f"cannot read the features {path} ({error}); remove the file to have it made again"
            ) from error

    def _path(self, number: int) -> Path:
        return self._folder / FEATURES_FOLDER / f"{number:05d}.safetensors"

    def _encode(self, hand: Hand, *, is_public: bool) -> tuple[StyleFeatures, StyleFeatures]:
        plan = self._plan
        subjects = list(SUBJECTS)[: plan.public_artworks if is_public else plan.artworks]
        portfolio = Portfolio(hand.artist, tuple(paint_subject(hand, name, seed=plan.seed) for name in subjects))
        if is_public:
            features = extract(portfolio.artworks, self._encoder, views=plan.views)
            return features, StyleFeatures(features.views[:, :1])
        (training,), (held_out,) = split_by_content([portfolio], seed=plan.seed)
        return (
            extract(training.artworks, self._encoder, views=plan.views),
            extract(held_out.artworks, self._encoder, views=0),
        )


def _check_same(folder: Path, content: bytes) -> None:
    """Whether a folder holds features of the same plan (STU-1)."""
    path = folder / STUDIO_FILE
    if not path.exists():
        raise InputError(
            f"{folder} exists and holds no experiment to continue; choose another --out, or remove it first"
        )
    if path.read_bytes() != content:
        raise InputError(
            f"{folder} holds an experiment with other settings, as {path} tells; "
            "choose another --out, or the same settings"
        )
