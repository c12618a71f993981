"""Search in a run, or in what was published of it: pictures in, ranked artists out, on the machine of whoever asks.

FND-1  Whoever holds the public part of a run needs nothing else of it: no summary, no settings, no path of another
       machine. Weights that it does not hold are known by their digest, wherever they lie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..artworks.folders import find_pictures
from ..artworks.reader import read_artwork
from ..catalogue.index import StyleIndex
from ..catalogue.nearness import Nearness, Word
from ..catalogue.search import OwnerView, SearchResult, gather
from ..config import Settings
from ..encoder.encoder import Encoder
from ..encoder.features import extract
from ..encoder.model import StyleModel, read_model
from ..encoder.opening import open_encoder
from ..encoder.spec import MADE, BackboneSpec
from ..errors import InputError
from .files import CATALOGUE_FOLDER, ENCODER_FILE, MODEL_FILE, SUMMARY_FILE, read_summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to one question.

    Attributes:
        pictures: What was asked with.
        results: Artists, by rank.
        nearness: How near the first of them is; None where the run did not learn to tell.
    """

    pictures: Sequence[Path]
    results: Sequence[SearchResult]
    nearness: Word | None

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        results = [{"rank": result.rank, "artist": result.artist} for result in self.results]
        return {"pictures": [str(path) for path in self.pictures], "nearness": self.nearness, "results": results}


@dataclass(frozen=True, slots=True, eq=False)
class OpenRun:
    """A run that is ready to answer."""

    encoder: Encoder
    model: StyleModel
    index: StyleIndex
    nearness: Nearness

    def search(self, pictures: Sequence[Path], *, top: int) -> Found:
        """Rank artists for one or more pictures by one hand, which are asked with together.

        Raises:
            InputError: A picture cannot be read, or `top` is below 1.
        """
        features = extract([read_artwork(picture) for picture in pictures], self.encoder, views=0)
        together = gather(self.model.embed(features.views[:, 0]), len(pictures))[0]
        answers = OwnerView(self.index).search(together, top)[0]
        return Found(
            pictures=pictures,
            results=[SearchResult(rank=found.rank, artist=found.artist) for found in answers],
            nearness=self.nearness.word(answers[0].score, len(pictures)),
        )


def questions(paths: Sequence[Path]) -> list[list[Path]]:
    """What is asked with what: pictures are one hand's and asked with together, those in a folder one by one.

    Raises:
        InputError: A folder beside something else, or without pictures.
    """
    folders = [path for path in paths if path.is_dir()]
    if not folders:
        return [list(paths)]
    if len(paths) > 1:
        raise InputError(
            f"{folders[0]} is a folder, whose pictures are asked about one by one: give nothing else beside it"
        )
    found = find_pictures(folders[0], folders[0], nested=False).files[""]
    if not found:
        raise InputError(f"{folders[0]} holds no pictures to ask with")
    return [[path] for path in found]


def open_run(run: Path, *, weights: Path | None = None) -> OpenRun:
    """Load a run's model, encoder and catalogue.

    Args:
        run: Folder of a run, or of what was published of it, that is open.
        weights: File of the encoder's weights; None for those that come with it, or where the run found them.

    Raises:
        InputError: Not a run, damaged, nobody signed, or the encoder's weights are not the ones the run was made with.
    """
    if not (run / CATALOGUE_FOLDER).exists():
        raise InputError(f"{run} has no catalogue: its artists published no signatures; train without --no-sign")
    encoder, model = open_model(run, weights=weights)
    catalogue = run / CATALOGUE_FOLDER
    return OpenRun(encoder, model, StyleIndex.load(catalogue), Nearness.load(catalogue))


def open_model(run: Path, *, weights: Path | None = None) -> tuple[Encoder, StyleModel]:
    """Load a run's encoder and model.

    Raises:
        InputError: Damaged, or the encoder's weights are not the ones the run was made with.
    """
    model = read_model(run / MODEL_FILE)
    name, _, digest = model.encoder.partition("@")
    encoder = open_encoder(_find_weights(run, name, digest, weights))
    if model.encoder != encoder.name:
        raise InputError(
            f"the weights of encoder {name} are not the ones {run} was made with, whose digest begins with "
            f"{digest[:16]}: give those with --weights"
        )
    return encoder, model


def _find_weights(run: Path, name: str, digest: str, weights: Path | None) -> BackboneSpec:
    """Which network, and where its weights are (FND-1)."""
    if name in MADE and weights is None and (run / ENCODER_FILE).exists():
        return BackboneSpec(name=name, weights=run / ENCODER_FILE)
    if name not in MADE and not name.startswith(("timm:", "torchvision:")):
        if weights is not None:
            raise InputError(f"encoder {name} comes with its weights: drop --weights")
        return BackboneSpec(name=name)
    if weights is not None:
        return BackboneSpec(name=name, weights=weights)
    if (run / SUMMARY_FILE).exists():
        settings = read_settings(run)
        if settings.download_weights or (settings.weights is not None and settings.weights.exists()):
            return settings.backbone
    raise InputError(
        f"{run} does not hold the weights of encoder {name}: give their file with --weights; the digest of what is in "
        f"it begins with {digest[:16]}"
    )


def read_settings(run: Path) -> Settings:
    """What a run was made with.

    Raises:
        InputError: Not a run, or damaged.
    """
    values = read_summary(run).get("settings")
    if not isinstance(values, dict):
        raise InputError(f"{run / SUMMARY_FILE} is damaged: it names no settings")
    try:
        return Settings.from_values(values)
    except InputError as error:
        raise InputError(f"{run / SUMMARY_FILE} is damaged: {error}") from error
