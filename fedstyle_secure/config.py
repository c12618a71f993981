"""Settings of a run: from the command line, from one TOML file, or both; checked once, here."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from . import bounds
from .aggregation.kinds import Protocol as Protocol  # noqa: PLC0414  (a setting like the others)
from .bounds import Bounds
from .encoder.device import Device
from .encoder.spec import LITE0, BackboneSpec
from .encoder.whitening import Space
from .engines.opening import EngineName
from .errors import InputError
from .privacy.clipping import Unit
from .privacy.mechanism import View
from .privacy.sizing import Mode, Noise

UPDATES: Final = 6
"""Model updates, where there are any and nobody says how many."""

OFFERED_DROP_RATE, OFFERED_ATTEMPTS = 0.25, 2
ANNOUNCEMENT_SECONDS, ROUND_SECONDS = 3600, 300
"""Of a platform's training, where its operator says nothing: part of the artists that may be missing, how often an
update is tried, and how long artists have for an announcement and for a round."""


class Split(StrEnum):
    """How artworks are held out for queries."""

    ARTIST = "artist"
    """At random within each artist."""
    CONTENT = "content"
    """The same subjects for every artist, so that subjects cannot help: needs an index that names contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides a run; what each setting is stands beside it, and is its option's help.

    Raises:
        InputError: A number is out of its bounds, or settings contradict each other.
    """

    artworks: Annotated[Path, "Folder with one folder of artworks for each artist."]
    nested: Annotated[
        bool, "Take pictures in folders inside an artist's folder, too: all that is in it is this artist's."
    ] = False
    out: Annotated[Path, "Folder to write the run to; must not exist."]
    public: Annotated[
        tuple[str, ...] | int | None,
        bounds.PUBLIC_ARTISTS,
        "Artists who agreed that their artworks are protected by nothing; or how many, drawn by lot (a run asks for "
        "--all-agreed).",
    ] = None
    public_art: Annotated[Path | None, "A folder of public artists instead of --public."] = None
    showcase: Annotated[
        Path | None, "Folders of works that clients show already, by artist: they join signatures and cost nothing."
    ] = None
    all_agreed: Annotated[bool, "Every artist agreed to be drawn by lot as a public one: nobody is by silence."] = False
    split: Annotated[
        Split, "Hold out queries by artist, at random, or by content: the same subjects for all, from an index."
    ] = Split.ARTIST
    hold_out: Annotated[
        float, bounds.HOLD_OUT, "Share held out to measure with; 0 in a deployment, where all works train and sign."
    ] = 0.3
    privacy: Annotated[Mode, "Where noise comes from. none: NOTHING IS PROTECTED, for comparison only."] = (
        Mode.DISTRIBUTED
    )
    epsilon: Annotated[
        float,
        bounds.EPSILON,
        "Limit on all an artist ever releases, earlier runs included, in the view that the mode trusts.",
    ] = 8.0
    delta: Annotated[float, bounds.DELTA, "Probability that epsilon is stated at."] = 1e-5
    unit: Annotated[Unit, "What is protected."] = Unit.ARTWORK
    noise: Annotated[Noise, "Law of the integer noise shares."] = Noise.GAUSSIAN
    sampling_rate: Annotated[
        float, bounds.SAMPLING_RATE, "Chance of each artwork to take part in a training iteration."
    ] = 1.0
    iterations: Annotated[
        int | None,
        bounds.ITERATIONS,
        "Model updates; 0 trains nothing (default: 6, or 0 where a rehearsal on public artists finds that better).",
    ] = None
    space: Annotated[
        Space | None,
        "Style space of public art: principal directions, or within, by what differs less within artists "
        "(default: what a rehearsal finds better; principal without one).",
    ] = None
    signature_share: Annotated[
        float | None,
        bounds.SIGNATURE_SHARE,
        "A signature's share of mu squared where there is training (default: 0.5); without training it has all.",
    ] = None
    signature_length: Annotated[
        int | None, bounds.SIGNATURE_LENGTH, "Numbers of a signature (default: as many as its noise is worth)."
    ] = None
    encoder: Annotated[
        str, "lite0, tuned (lite0 made to tell public artists apart), small, timm:NAME or torchvision:NAME."
    ] = LITE0
    weights: Annotated[Path | None, "Local weights file of a timm or torchvision encoder."] = None
    download_weights: Annotated[bool, "Allow fetching pretrained weights."] = False
    device: Annotated[
        Device, "Where the encoder computes; auto: the processor unless another network gains by more."
    ] = Device.AUTO
    features_cache: Annotated[
        Path | None, "Folder that keeps features of artworks from run to run (default: in your cache folder)."
    ] = None
    views: Annotated[int, bounds.VIEWS, "Augmented views of each artwork, K."] = 4
    drop_rate: Annotated[
        float,
        bounds.DROP_RATE,
        "Fraction of artists that may vanish, and here do, in each iteration.",
    ] = 0.0
    min_cohort: Annotated[int, bounds.MIN_COHORT, "Fewest artists a sum may cover."] = 5
    corrupt: Annotated[
        int | None, bounds.CORRUPT, "Artists assumed to work with the server (default: a tenth, at least one)."
    ] = None
    protocol: Annotated[
        Protocol, "Artists are called together for five rounds, or speak once and a committee of them answers later."
    ] = Protocol.SECAGG
    engine: Annotated[EngineName, "What moves sealed envelopes between the server and artists; sums are the same."] = (
        EngineName.MEMORY
    )
    buckets: Annotated[
        int,
        bounds.BUCKETS,
        "Sums the cohort is cut into, of --min-cohort artists each; from 3 on their median bears poison.",
    ] = 1
    min_artworks: Annotated[int, bounds.MIN_ARTWORKS, "Fewest artworks of an artist."] = 4
    max_artworks: Annotated[
        int, bounds.ARTWORKS, "Public bound on an artist's training artworks; more are left out."
    ] = 500
    transcripts: Annotated[
        Path | None, "Folder to write what the server saw of each session to, outside --out; must not exist."
    ] = None
    ledgers: Annotated[
        Path | None, "Folder of the artists' ledgers, carried from run to run (default: in your state folder)."
    ] = None
    fresh_ledgers: Annotated[
        bool, "Begin ledgers at zero, in the run's folder: NOTHING THAT WAS RELEASED BEFORE IS COUNTED."
    ] = False
    sign: Annotated[bool, "Artists publish a private signature, without which nobody finds them."] = True
    seed: Annotated[int, bounds.SEED, "Makes learning reproducible. Never touches keys, masks or privacy noise."] = 0

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            if setting.bounds is not None and isinstance(value := getattr(self, name), int | float):
                setting.bounds.check(option_of(name), value)
        checks = (
            (
                self.noise is Noise.GAUSSIAN or self.privacy is not Mode.NONE,
                f"--noise {self.noise} is for a run with noise: leave it out with --privacy none",
            ),
            (
                self.sampling_rate == 1 or (self.unit, self.noise) == (Unit.ARTWORK, Noise.GAUSSIAN),
                "--sampling-rate below 1 needs --unit artwork and --noise gaussian: nothing else is accounted for",
            ),
            (
                self.buckets != 2,
                f"--buckets must be 1 (one sum) or at least 3 (the median of two is their mean), got {self.buckets}",
            ),
            (
                self.encoder.startswith(("timm:", "torchvision:")) or not (self.weights or self.download_weights),
                f"encoder {self.encoder} has its own weights: drop --weights and --download-weights",
            ),
            (
                self.sign or self.iterations != 0,
                "--iterations 0 with --no-sign would neither train nor publish anything: drop one of the two",
            ),
            (not (self.ledgers and self.fresh_ledgers), "give either --ledgers or --fresh-ledgers, not both"),
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
        unknown = sorted(set(values) - set(SETTINGS))
        if unknown:
            raise InputError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(SETTINGS))}")
        missing = [f"--{name}" for name in ("artworks", "out") if name not in values]
        if missing:
            raise InputError(f"missing {' and '.join(missing)}: a run needs artworks and a folder to write to")
        arguments: dict[str, Any] = {name: SETTINGS[name].convert(name, value) for name, value in values.items()}
        return cls(**arguments)

    @property
    def backbone(self) -> BackboneSpec:
        """Which public network, and where its weights come from."""
        return BackboneSpec(name=self.encoder, weights=self.weights, download=self.download_weights)

    @property
    def updates(self) -> int:
        """Model updates that are planned for, before a rehearsal may choose none."""
        return UPDATES if self.iterations is None else self.iterations

    @property
    def limited_view(self) -> View:
        """The view whose epsilon is limited: the strongest that the mode's noise bears."""
        return View.LOCAL if self.privacy is Mode.LOCAL else View.AGGREGATE

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one setting may be.

    Attributes:
        kind: Its type.
        is_optional: Whether it may be None.
        about: Its help, with the default.
        bounds: Of a number.
    """

    kind: Any
    is_optional: bool
    about: str
    bounds: Bounds | None

    @classmethod
    def read(cls, name: str, hint: object) -> "Setting":
        """From a field's name and its annotation."""
        declared, *notes = get_args(hint)
        about = next(note for note in notes if isinstance(note, str))
        default = Settings.__dataclass_fields__[name].default
        if isinstance(default, bool | str | int | float):
            spoken = f"{default:g}" if isinstance(default, float) else str(default).lower()
            about = f"{about.removesuffix('.')} (default: {spoken})."
        options = get_args(declared) or (declared,)
        return cls(
            kind=next(option for option in options if option is not type(None)),
            is_optional=type(None) in options,
            about=about,
            bounds=next((note for note in notes if isinstance(note, Bounds)), None),
        )

    def convert(self, name: str, value: object) -> object:
        """A plain value of its type.

        Raises:
            InputError: It is of another type.
        """
        target = self.kind
        if value is None and self.is_optional:
            return None
        if get_origin(target) is tuple:
            return _names_or_count(name, value)
        if target is float and isinstance(value, int) and not isinstance(value, bool):
            if self.bounds is not None:
                self.bounds.check(option_of(name), value)  # an integer may be too large for a float
            return float(value)
        if isinstance(value, str) and target is not str and issubclass(target, str | Path):
            try:
                return target(value)
            except ValueError as error:
                raise InputError(f"{name} must be one of {', '.join(target)}, got {value!r}") from error
        if not isinstance(value, target) or (target is int and isinstance(value, bool)):
            raise InputError(f"{name} must be of type {target.__name__}, got {value!r}")
        return value


SETTINGS: Final = {
    name: Setting.read(name, hint) for name, hint in get_type_hints(Settings, include_extras=True).items()
}


def _names_or_count(setting: str, value: object) -> tuple[str, ...] | int:
    """Names, or how many; one text that is a number is how many."""
    match value:
        case int() if not isinstance(value, bool):
            return value
        case str(name) | [str(name)] if name.isascii() and name.isdigit():
            return int(name)
        case str(name):
            return (name,)
        case [*names] if names and all(isinstance(name, str) for name in names):
            return tuple(map(str, names))
    raise InputError(f"{setting} must be names of artists, or how many of them, got {value!r}")


def option_of(name: str) -> str:
    """What a setting is called on the command line."""
    return f"--{name.replace('_', '-')}"


def read_toml(path: Path) -> dict[str, object]:
    """Read settings from a TOML file; its names are those of `Settings`, with dashes or capitals if one likes.

    Raises:
        InputError: Missing, or not TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"settings file {path} is not TOML: {error}") from error
    return {name.casefold().replace("-", "_"): value for name, value in values.items()}
