"""What is known of a run, as typed values: the one place where the report touches plain ones."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import InputError

FORMAT: Final = "fedstyle-run-1"
VIEWS: Final = ("aggregate", "local", "worst_case")
REFERENCES: Final = (1, 3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Quality of one way to rank artists; each number between 0 and 1."""

    accuracy_at_1: float
    recall_at_5: float
    mrr: float
    macro_f1: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Searches among published signatures, by number of pictures; None where so many were never held out."""

    references: Mapping[int, Scores | None]
    no_training: Mapping[int, Scores | None]

    @property
    def counts(self) -> Sequence[int]:
        """Numbers of pictures that were tried, fewest first."""
        return [count for count, scores in self.references.items() if scores is not None]

    @property
    def is_trained(self) -> bool:
        """Whether the run trained anything; where it did not, both searches are the same one."""
        return self.references != self.no_training


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """What was promised; an epsilon is infinite where nothing was.

    Attributes:
        mode: Where noise came from.
        unit: What is protected.
        delta: Probability at which epsilon is stated.
        epsilon: By view, of the artist who has spent most: all that its ledger holds by now.
        before: By view, the most that a ledger held before this run.
        at_end: By view, the most that a ledger held when the run ended.
        limit: Of the run; None without one.
        limits: Of the artists by now, from the lowest.
        fresh: Whether ledgers were begun for this run alone, whatever was released before.
        corrupt: Artists that may work with the server.
        min_survivors: Artists that must stay.
    """

    mode: str
    unit: str
    delta: float
    epsilon: Mapping[str, float]
    before: Mapping[str, float]
    at_end: Mapping[str, float]
    limit: float | None
    limits: Sequence[float]
    fresh: bool
    corrupt: int
    min_survivors: int

    @property
    def view(self) -> str:
        """The view that is limited."""
        return "local" if self.mode == "local" else "aggregate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One iteration, and what an artist had spent after it."""

    iteration: int
    outcome: str
    survivors: int
    epsilon: Mapping[str, float]

    @property
    def is_completed(self) -> bool:
        """Whether a sum came out."""
        return self.outcome == "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One query: whose work it was, the first artists named, and the position of the right one."""

    artist: str
    ranking: Sequence[str]
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What held-out artworks told, for an experimenter's eyes. `buyer` is None where nobody published a signature."""

    queries: int
    retrieval: Scores
    no_training: Scores
    random_head: Scores
    buyer: Buyer | None
    examples: Sequence[Example]

    @property
    def signatures(self) -> Scores | None:
        """What a buyer with one picture gets."""
        return None if self.buyer is None else self.buyer.references[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A run as it is.

    Attributes:
        artists: Who took part.
        left: How many of the run's artists are in its catalogue no more.
        joined: How many are in it who took no part.
        measured: What held-out artworks told; None where nothing was held out.
    """

    artists: int
    left: int
    joined: int
    public_artists: Sequence[str]
    artworks: int
    measured: Measured | None
    privacy: Privacy
    bytes_up: float
    bytes_down: float
    aggregation: Mapping[str, float]
    seconds: Mapping[str, float]
    history: Sequence[Step]
    settings: Mapping[str, str]
    command: str
    versions: Mapping[str, str]
    warnings: Sequence[str]
    left_out: Sequence[tuple[str, str]] = ()
    """File and reason of each picture that was there and was not taken."""


def read_facts(values: Mapping[str, object], where: str) -> Facts:
    """Check a run's plain values.

    Args:
        values: As ``summary.json`` has them, with what has become of the run since.
        where: The file they come from, for messages.

    Raises:
        InputError: Of another format, or a value is missing or of the wrong type; says which.
    """
    root = _Section(values, where)
    if root.text("format") != FORMAT:
        raise InputError(f"{where} is of format {root.text('format')!r}, this version reports on {FORMAT}")
    communication = root.section("communication")
    return Facts(
        artists=root.count("artists"),
        left=root.count("left"),
        joined=root.count("joined"),
        public_artists=root.texts("public_artists"),
        artworks=root.count("artworks"),
        measured=_measured(root) if root.count("queries") else None,
        privacy=_privacy(root.section("privacy")),
        bytes_up=communication.number("bytes_up_per_artist"),
        bytes_down=communication.number("bytes_down_per_artist"),
        aggregation=root.section("aggregation").numbers(),
        seconds=root.section("seconds").numbers(),
        history=[_step(step) for step in root.sections("history")],
        settings=root.section("settings").shown(),
        command=root.text("command"),
        versions=root.section("versions").shown(),
        warnings=root.texts("warnings"),
        left_out=[(each.text("file"), each.text("reason")) for each in root.sections("left_out")],
    )


class _Section:
    """One JSON object whose values are checked as they are taken out."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise InputError(f"{where} must be an object with named values")
        self._values, self._where = values, where

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def number(self, key: str) -> float:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, "a number")
        return float(value)

    def bound(self, key: str) -> float:
        """A number, or infinity where it is null."""
        return math.inf if self._take(key) is None else self.number(key)

    def count(self, key: str) -> int:
        value = self.number(key)
        if value < 0 or value != int(value):
            raise self._wrong(key, "a whole number, at least 0")
        return int(value)

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str):
            raise self._wrong(key, "text")
        return value

    def texts(self, key: str) -> list[str]:
        values = self._items(key)
        if not all(isinstance(value, str) for value in values):
            raise self._wrong(key, "a list of texts")
        return [str(value) for value in values]

    def numbers_of(self, key: str) -> list[float]:
        values = self._items(key)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
            raise self._wrong(key, "a list of numbers")
        return [float(str(value)) for value in values]

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def section(self, key: str) -> "_Section":
        return _Section(self._take(key), f"{self._where}: {key}")

    def sections(self, key: str) -> list["_Section"]:
        return [
            _Section(value, f"{self._where}: {key}, entry {number}") for number, value in enumerate(self._items(key), 1)
        ]

    def numbers(self) -> dict[str, float]:
        return {key: self.number(key) for key in self._values}

    def shown(self) -> dict[str, str]:
        """All values, written the way a person would."""
        words = {None: "none", True: "yes", False: "no"}
        return {
            key: words[value] if value is None or isinstance(value, bool) else str(value)
            for key, value in self._values.items()
        }

    def _items(self, key: str) -> list[object]:
        value = self._take(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return value

    def _take(self, key: str) -> object:
        if key not in self._values:
            raise InputError(f"{self._where} has no {key!r}; write the run anew")
        return self._values[key]

    def _wrong(self, key: str, wanted: str) -> InputError:
        return InputError(f"{self._where}: {key!r} must be {wanted}, got {self._values[key]!r}")


def _measured(root: _Section) -> Measured:
    return Measured(
        queries=root.count("queries"),
        retrieval=_scores(root.section("retrieval")),
        no_training=_scores(root.section("no_training")),
        random_head=_scores(root.section("random_head")),
        buyer=_buyer(root.section("buyer")) if root.has("buyer") else None,
        examples=[_example(example) for example in root.sections("examples")],
    )


def _scores(section: _Section) -> Scores:
    return Scores(
        accuracy_at_1=section.number("accuracy_at_1"),
        recall_at_5=section.number("recall_at_5"),
        mrr=section.number("mrr"),
        macro_f1=section.number("macro_f1"),
        chance=section.number("chance"),
    )


def _buyer(section: _Section) -> Buyer:
    return Buyer(references=_by_pictures(section, "references"), no_training=_by_pictures(section, "no_training"))


def _by_pictures(section: _Section, key: str) -> dict[int, Scores | None]:
    found = section.section(key)
    return {count: _scores(found.section(str(count))) if found.has(str(count)) else None for count in REFERENCES}


def _epsilons(section: _Section) -> dict[str, float]:
    return {view: section.bound(view) for view in VIEWS}


def _privacy(section: _Section) -> Privacy:
    return Privacy(
        mode=section.text("mode"),
        unit=section.text("unit"),
        delta=section.number("delta"),
        epsilon=_epsilons(section.section("epsilon")),
        before=_epsilons(section.section("before")),
        at_end=_epsilons(section.section("at_end")),
        limit=section.number("limit") if section.has("limit") else None,
        limits=section.numbers_of("limits"),
        fresh=section.flag("fresh"),
        corrupt=section.count("corrupt"),
        min_survivors=section.count("min_survivors"),
    )


def _step(section: _Section) -> Step:
    return Step(
        iteration=section.count("iteration"),
        outcome=section.text("outcome"),
        survivors=section.count("survivors"),
        epsilon=_epsilons(section.section("epsilon")),
    )


def _example(section: _Section) -> Example:
    return Example(artist=section.text("artist"), ranking=section.texts("ranking"), position=section.count("position"))
