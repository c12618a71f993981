"""Search in a finished run: a picture in, ranked artists out, all on the machine of whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..artworks.reader import read_artwork
from ..catalogue.index import StyleIndex
from ..catalogue.search import SearchResult, search
from ..config import Settings
from ..encoder.encoder import Encoder
from ..encoder.features import extract
from ..encoder.model import StyleModel, read_model
from ..encoder.opening import open_encoder, open_weights
from ..encoder.spec import SMALL
from ..errors import InputError
from .files import CATALOGUE_FOLDER, ENCODER_FILE, MODEL_FILE, SUMMARY_FILE, read_summary


@dataclass(frozen=True, slots=True, eq=False)
class OpenRun:
    """A run that is ready to answer."""

    encoder: Encoder
    model: StyleModel
    index: StyleIndex

    def search(self, image: Path, *, top: int) -> Sequence[SearchResult]:
        """Rank artists for one image file.

        Raises:
            InputError: The image cannot be read, or `top` is below 1.
        """
        features = extract([read_artwork(image)], self.encoder, views=0)
        return search(self.index, self.model.embed(features.views[:, 0]), top)[0]


def open_run(run: Path) -> OpenRun:
    """Load a run's model, encoder and catalogue.

    Raises:
        InputError: Not a run, damaged, nobody signed, or the encoder's weights are not the ones the run was made with.
    """
    settings = read_settings(run)
    if not (run / CATALOGUE_FOLDER).exists():
        raise InputError(f"{run} has no catalogue: its artists published no signatures; train without --no-sign")
    encoder, model = open_model(run, settings)
    return OpenRun(encoder, model, StyleIndex.load(run / CATALOGUE_FOLDER))


def open_model(run: Path, settings: Settings) -> tuple[Encoder, StyleModel]:
    """Load a run's encoder and model.

    Raises:
        InputError: Damaged, or the encoder's weights are not the ones the run was made with.
    """
    model = read_model(run / MODEL_FILE)
    encoder = _load(run, settings)
    if model.encoder != encoder.name:
        raise InputError(f"the weights of encoder {settings.encoder} are not the ones {run} was made with")
    return encoder, model


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


def _load(run: Path, settings: Settings) -> Encoder:
    if settings.encoder != SMALL:
        return open_encoder(settings.backbone)
    try:
        weights = load_file(run / ENCODER_FILE)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the small encoder {run / ENCODER_FILE}: {error}") from error
    return open_weights(SMALL, weights)
