"""Settings of a run: from the command line, from one TOML file, or both; checked once, here."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from .encoder.device import Device
from .encoder.spec import LITE0, BackboneSpec
from .errors import InputError
from .privacy.clipping import Unit
from .privacy.sizing import Mode, Noise


class Split(StrEnum):
    """How artworks are held out for queries."""

    ARTIST = "artist"
    """At random within each artist."""
    CONTENT = "content"
    """The same subjects for every artist, so that subjects cannot help: needs an index that names contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a run.

    Attributes:
        artworks: Folder ``<artist>/<artwork>``.
        out: Folder the run is written to; must not exist.
        public: Artists of `artworks` that are declared public, by name; or how many of them, drawn by lot, which needs
            `all_agreed`; None means a third, drawn likewise.
        public_art: A folder of public artists instead.
        all_agreed: Says that every artist agreed to be drawn as public: nobody is by silence.
        split: How queries are held out.
        privacy: Where noise comes from.
        epsilon: Limit on everything an artist releases in the run, in the trusted view of the mode.
        delta: Probability at which epsilon is stated.
        unit: What is protected.
        noise: The law of the integer noise shares.
        sampling_rate: Probability with which each artwork takes part in a training iteration.
        iterations: Model updates.
        encoder: ``lite0``, ``small``, ``timm:NAME`` or ``torchvision:NAME``.
        weights: Local weights file for a timm or torchvision encoder.
        download_weights: Allow fetching pretrained weights.
        device: Where the encoder computes.
        features_cache: Folder that keeps features from run to run; None for the one in the user's cache folder.
        views: Augmented views of each artwork, K.
        drop_rate: Fraction of the cohort that may vanish in any iteration, and that the simulation makes vanish.
        min_cohort: Fewest artists a sum may cover.
        corrupt: Artists assumed to work with the server; None means a tenth, at least one.
        buckets: Sums that the cohort is cut into, each of `min_cohort` artists or more; their median bears poisoned
            uploads, and costs noise.
        min_artworks: Fewest artworks of an artist.
        max_artworks: Public bound on an artist's training artworks; more are left out.
        transcripts: Folder to write what the server saw of each session to, outside `out`; must not exist. None for
            nowhere.
        sign: Whether artists opt in to publish a private signature, without which nobody finds them.
        seed: Makes learning reproducible; never touches keys, masks or privacy noise.
    """

    artworks: Path
    out: Path
    public: tuple[str, ...] | int | None = None
    public_art: Path | None = None
    all_agreed: bool = False
    split: Split = Split.ARTIST
    privacy: Mode = Mode.DISTRIBUTED
    epsilon: float = 8.0
    delta: float = 1e-5
    unit: Unit = Unit.ARTWORK
    noise: Noise = Noise.GAUSSIAN
    sampling_rate: float = 1.0
    iterations: int = 6
    encoder: str = LITE0
    weights: Path | None = None
    download_weights: bool = False
    device: Device = Device.AUTO
    features_cache: Path | None = None
    views: int = 4
    drop_rate: float = 0.0
    min_cohort: int = 5
    corrupt: int | None = None
    buckets: int = 1
    min_artworks: int = 4
    max_artworks: int = 500
    transcripts: Path | None = None
    sign: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            (math.isfinite(self.epsilon) and self.epsilon > 0, f"--epsilon must be above 0, got {self.epsilon}"),
            (0 < self.delta < 1, f"--delta must lie between 0 and 1, got {self.delta}"),
            (0 < self.sampling_rate <= 1, f"--sampling-rate must be above 0 and at most 1, got {self.sampling_rate}"),
            (
                self.noise is Noise.GAUSSIAN or self.privacy is not Mode.NONE,
                f"--noise {self.noise} is for a run with noise: leave it out with --privacy none",
            ),
            (
                self.sampling_rate == 1 or (self.unit, self.noise) == (Unit.ARTWORK, Noise.GAUSSIAN),
                "--sampling-rate below 1 needs --unit artwork and --noise gaussian: nothing else is accounted for",
            ),
            (self.iterations >= 1, f"--iterations must be at least 1, got {self.iterations}"),
            (self.views >= 1, f"--views must be at least 1, got {self.views}"),
            (0 <= self.drop_rate < 1, f"--drop-rate must be at least 0 and below 1, got {self.drop_rate}"),
            (self.min_cohort >= 2, f"--min-cohort must be at least 2 to hide anyone, got {self.min_cohort}"),
            (self.corrupt is None or self.corrupt >= 0, f"--corrupt must be at least 0, got {self.corrupt}"),
            (
                self.buckets == 1 or self.buckets >= 3,
                f"--buckets must be 1 (one sum) or at least 3 (the median of two is their mean), got {self.buckets}",
            ),
            (self.min_artworks >= 2, f"--min-artworks must be at least 2, got {self.min_artworks}"),
            (self.max_artworks >= 1, f"--max-artworks must be at least 1, got {self.max_artworks}"),
            (not isinstance(self.public, int) or self.public >= 1, f"--public must be at least 1, got {self.public}"),
            (abs(self.seed) < 1 << 63, f"--seed must fit 64 bits, got {self.seed}"),
            (
                self.encoder.startswith(("timm:", "torchvision:")) or not (self.weights or self.download_weights),
                f"encoder {self.encoder} has its own weights: drop --weights and --download-weights",
            ),
            (self.public is None or self.public_art is None, "give either --public or --public-art, not both"),
            (
                self.transcripts is None
                or not (self.transcripts.is_relative_to(self.out) or self.out.is_relative_to(self.transcripts)),
                "--transcripts and --out must be two folders, neither inside the other",
            ),
        )
        for holds, problem in checks:
            if not holds:
                raise InputError(problem)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> "Settings":
        """Build from plain values, as TOML or a command line has them.

        Raises:
            InputError: An unknown name, a value of the wrong type, or one that is out of range.
        """
        types = get_type_hints(cls)
        unknown = sorted(set(values) - set(types))
        if unknown:
            raise InputError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(types))}")
        missing = [f"--{name}" for name in ("artworks", "out") if name not in values]
        if missing:
            raise InputError(f"missing {' and '.join(missing)}: a run needs artworks and a folder to write to")
        arguments: dict[str, Any] = {
            name: _who_is_public(value) if name == "public" else _convert(name, value, types[name])
            for name, value in values.items()
        }
        return cls(**arguments)

    @property
    def backbone(self) -> BackboneSpec:
        """Which public network, and where its weights come from."""
        return BackboneSpec(name=self.encoder, weights=self.weights, download=self.download_weights)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def read_toml(path: Path) -> dict[str, object]:
    """Read settings from a TOML file; its names are those of `Settings`, dashes allowed.

    Raises:
        InputError: Missing, or not TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"settings file {path} is not TOML: {error}") from error
    return {name.replace("-", "_"): value for name, value in values.items()}


def setting_names() -> list[str]:
    """Names of all settings."""
    return [item.name for item in fields(Settings)]


def _who_is_public(value: object) -> tuple[str, ...] | int | None:
    """Names, or how many; one text that is a number is how many."""
    match value:
        case None | int() if not isinstance(value, bool):
            return value
        case str(name) | [str(name)] if name.isascii() and name.isdigit():
            return int(name)
        case str(name):
            return (name,)
        case [*names] if names and all(isinstance(name, str) for name in names):
            return tuple(map(str, names))
    raise InputError(f"public must be names of artists, or how many of them, got {value!r}")


def _convert(name: str, value: object, wanted: Any) -> object:
    """One value to the type its setting declares; an optional setting takes None."""
    options = get_args(wanted) or (wanted,)
    if value is None and type(None) in options:
        return None
    target = next(option for option in options if option is not type(None))
    if target is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and target is not str and issubclass(target, str | Path):
        try:
            return target(value)
        except ValueError as error:
            raise InputError(f"{name} must be one of {', '.join(target)}, got {value!r}") from error
    if not isinstance(value, target) or (target is int and isinstance(value, bool)):
        raise InputError(f"{name} must be of type {target.__name__}, got {value!r}")
    return value
