"""Search in a finished run: a picture in, ranked artists out, all on the machine of whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from ..artworks.reader import read_artwork
from ..catalogue.index import StyleIndex
from ..catalogue.search import SearchResult, search
from ..config import Settings
from ..encoder.backbones import Backbone, BackboneSpec, load_backbone, wrap_small
from ..encoder.features import extract
from ..encoder.model import StyleModel, read_model
from ..encoder.small import SMALL, SmallEncoder
from ..errors import InputError
from .files import CATALOGUE_FOLDER, ENCODER_FILE, MODEL_FILE, SUMMARY_FILE, read_summary


@dataclass(frozen=True, slots=True, eq=False)
class OpenRun:
    """A run that is ready to answer."""

    backbone: Backbone
    model: StyleModel
    index: StyleIndex

    def search(self, image: Path, *, top: int) -> Sequence[SearchResult]:
        """Rank artists for one image file.

        Raises:
            InputError: The image cannot be read, or `top` is below 1.
        """
        features = extract([read_artwork(image)], self.backbone, views=0)
        return search(self.index, self.model.embed(features.views[:, 0]), top)[0]


def open_run(run: Path) -> OpenRun:
    """Load a run's model, backbone and catalogue.

    Raises:
        InputError: Not a run, damaged, nobody signed, or the backbone's weights are not the ones the run was made with.
    """
    settings = read_settings(run)
    if not (run / CATALOGUE_FOLDER).exists():
        raise InputError(f"{run} has no catalogue: its artists published no signatures; train without --no-sign")
    backbone, model = open_model(run, settings)
    return OpenRun(backbone, model, StyleIndex.load(run / CATALOGUE_FOLDER))


def open_model(run: Path, settings: Settings) -> tuple[Backbone, StyleModel]:
    """Load a run's backbone and model.

    Raises:
        InputError: Damaged, or the backbone's weights are not the ones the run was made with.
    """
    model = read_model(run / MODEL_FILE)
    backbone = _load(run, settings)
    if model.encoder != f"{settings.encoder}@{backbone.digest()}":
        raise InputError(f"the weights of encoder {settings.encoder} are not the ones {run} was made with")
    return backbone, model


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


def _load(run: Path, settings: Settings) -> Backbone:
    if settings.encoder != SMALL:
        return load_backbone(
            BackboneSpec(name=settings.encoder, weights=settings.weights, download=settings.download_weights)
        )
    encoder = SmallEncoder()
    try:
        encoder.load_state_dict(load_file(run / ENCODER_FILE))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InputError(f"cannot read the small encoder {run / ENCODER_FILE}: {error}") from error
    return wrap_small(encoder)
