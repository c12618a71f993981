"""A model card (Mitchell et al., FAT* 2019) and a data sheet (Gebru et al., CACM 2021), written from a run.

CRD-1  Every figure comes from the run as it is (FCT-1); whatever a run holds is data, and is escaped for Markdown.
CRD-2  Everyone may see both, so they hold what was released and charged for, and what was public before: no number of
       artworks, no score on held-out ones, no warning about what was read, no seed, and no path of whoever ran it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from ..names import shown, told_apart
from ..privacy.mechanism import View
from ..privacy.promises import Promises
from ..report.account import spending_in_words
from ..report.charts import bound
from ..report.facts import Facts
from .facts import gather
from .folder import changing, opened, whole_or_nothing

CARD_FILE, SHEET_FILE = "MODEL_CARD.md", "DATA_SHEET.md"

_AGREED: Final = (
    "privacy",
    "epsilon",
    "delta",
    "unit",
    "noise",
    "sampling_rate",
    "iterations",
    "encoder",
    "views",
    "drop_rate",
    "min_cohort",
    "corrupt",
    "protocol",
    "buckets",
    "min_artworks",
    "max_artworks",
    "sign",
)
"""Settings that all parties know: terms, sizes, and public bounds on portfolios."""
_ACTIVE: Final = re.compile(r"([\\`*_{}\[\]()<>#+!|~&:.@$=])")  # CommonMark 2.4, and what begins a link in GitHub's
_VIEWS: Final = {View.AGGREGATE: "aggregate", View.LOCAL: "local", View.WORST_CASE: "worst case"}


def write_cards(run: Path, *, out: Path | None = None, tell: Callable[[str], None]) -> tuple[Path, Path]:
    """Write both documents, into the run's folder or a new one.

    Args:
        run: Folder of a finished run.
        out: Folder to write to, which must not exist; None for the run's own, where older ones are replaced.
        tell: Is told whom this waits for.

    Returns:
        The paths of the model card and of the data sheet.

    Raises:
        InputError: Not a run, or the folder exists or cannot be written.
        LedgerError: A ledger is missing, was altered or rolled back.
    """
    if out is not None:
        with whole_or_nothing(out) as folder:
            for name, content in _documents(run).items():
                (folder / name).write_bytes(content)
        return out / CARD_FILE, out / SHEET_FILE
    with changing(run, "fedstyle card", tell) as change:
        change.commit(_documents(run))
    return run / CARD_FILE, run / SHEET_FILE


def _documents(run: Path) -> dict[str, bytes]:
    with opened(run):
        facts, _ = gather(run)
    return {CARD_FILE: model_card(facts).encode(), SHEET_FILE: data_sheet(facts).encode()}


def model_card(facts: Facts) -> str:
    """The model card of a run, in Markdown."""
    return _document("Model card: a federated style model", _card_parts(facts))


def data_sheet(facts: Facts) -> str:
    """The data sheet of the artworks a run learned from, in Markdown."""
    return _document("Data sheet: the artworks a style model learned from", _sheet_parts(facts))


def escape(text: str) -> str:
    """Data as one line of plain Markdown text: nothing in it is markup, a link, or a new cell of a table."""
    return _ACTIVE.sub(r"\\\1", shown(text))


def _card_parts(facts: Facts) -> Mapping[str, str]:
    settings, privacy = facts.settings, facts.privacy
    encoder = escape(settings.get("encoder", "unknown"))
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in facts.versions.items())
    return {
        "Model details": _bullets(
            f"A style model: a frozen public encoder ({encoder}), a public whitening, an alignment and a linear head "
            "learned from many artists without collecting their artworks.",
            f"Trained in {facts.aggregation.get('completed', 0):g} sessions of secure aggregation, privacy mode "
            f"{escape(privacy.mode)}, among {facts.artists} artists; {len(facts.public_artists)} more were declared "
            "public.",
            f"Software: {versions or 'unknown'}. License of the software: Apache-2.0; see the data sheet for the art.",
        ),
        "Intended use": (
            "Finding artists by style: a buyer asks with a picture, the catalogue answers with a ranking of artists "
            "who chose to be found. Users are platforms, buyers, and artists who want to be found.\n\n"
            "**It must not be used**\n\n"
            + _bullets(
                "to attribute a work to an artist, or as evidence of forgery, plagiarism or infringement: a rank says "
                "whose published style is nearest among those who signed, not who made a work;",
                "to train, steer or reward generators that imitate the artists in it;",
                "to identify or unmask artists who are anonymous, use a pseudonym, or did not publish a signature;",
                "to infer anything about an artist as a person: origin, health, politics, age;",
                "to decide automatically who is shown, paid or removed, without someone who looks.",
            )
        ),
        "Factors": (
            "Accuracy varies with the number of artworks of an artist, with how much artists share a school or a "
            "medium, and with how far their art is from the public art that the encoder and whitening were made from. "
            "Photographs of works differ by camera and light. Encoders trained on Western photographs may tell styles "
            "apart less well elsewhere; this run does not measure that."
        ),
        "Metrics": (
            f"Of a ranking of all {facts.artists} artists: how often the right one comes first (accuracy@1) or among "
            "the first five (recall@5), the mean reciprocal rank, and macro-F1, in which small portfolios count as "
            "much as large ones."
        ),
        "Evaluation data": "None is public: artworks that were held out belong to the artists who took part.",
        "Training data": (
            f"Artworks of {facts.artists} artists, which stayed with them; public artworks of "
            f"{len(facts.public_artists)} artists. The data sheet says more."
        ),
        "Quantitative analyses": (
            "No accuracy stands here: scores on held-out artworks are protected by no noise and charged to no ledger. "
            "They are for the experimenter's eyes, in the report of the run. Whoever holds the catalogue can measure "
            "it on works that may be shown."
        ),
        "Privacy": _privacy_text(facts),
        "Ethical considerations": (
            "Style is close to an artist's livelihood. Whoever signs can be found by style by everyone who holds the "
            "catalogue, and a signature that was copied cannot be called back: leaving removes it from the next "
            "catalogue, not from copies. What the model learned from an artist stays in it, bounded by the epsilon "
            "above. Nobody should be signed who did not ask to be."
        ),
        "Caveats and recommendations": _bullets(
            "Artists' programs bound what they upload; under masks nobody else can check that. A dishonest artist can "
            "distort the model.",
            "An epsilon is a bound on what can be learned, not a measurement of it; smaller is better, and 8 is not "
            "small.",
            "Ask again with several works before concluding anything, and show more than one answer.",
        ),
    }


def _sheet_parts(facts: Facts) -> Mapping[str, str]:
    settings = {name: value for name, value in facts.settings.items() if name in _AGREED}
    shown = [f"| {escape(name)} | {escape(value)} |" for name, value in settings.items()]
    asked = "*To be answered by whoever holds the artworks; the run cannot know:*"
    crops = "nothing is trained, and no crop is made"
    if facts.settings.get("iterations") != "0":
        crops = f"{escape(settings.get('views', '?'))} random crops of each training artwork are added, some mirrored"
    return {
        "Motivation": (
            "Artworks were brought together, each at its artist's own place, to learn what tells styles apart and to "
            f"find artists by it.\n\n{asked} who asked for it, and who paid for it?"
        ),
        "Composition": _bullets(
            f"Artworks of {facts.artists} artists who took part: at least {escape(settings.get('min_artworks', '?'))} "
            f"each, of which at most {escape(settings.get('max_artworks', '?'))} train. How many there are is private.",
            f"Artworks of {len(facts.public_artists)} more artists, declared public and protected by nothing: "
            f"{', '.join(map(escape, told_apart(facts.public_artists)))}.",
            "An instance is one picture: pixels, what they depict where an index says so, and as label the artist.",
            "Metadata, file names and paths are dropped when a picture is read.",
        )
        + f"\n\n{asked} are there duplicates, minors' works, works that show people who can be recognized, or works "
        "that may offend?",
        "Collection process": (
            "Every artist keeps the artworks; a run reads them in place and collects none. What leaves an artist is a "
            f"masked sum with noise, and a signature if the artist signs.\n\n{asked} how were the works made or "
            "photographed, did every artist consent, to what, and how can they revoke it?"
        ),
        "Preprocessing": (
            f"Pictures are decoded to sRGB, cropped to a square and resized; {crops}. Colors are left alone, because "
            "palette is style. A frozen public encoder looks at each as it is and mirrored, and turns it into style "
            "statistics; nothing else is used."
        ),
        "Uses": (
            "For learning and searching style, and for measuring both. They must not be used to train generators, to "
            "attribute works, or to identify artists who did not sign: see the model card."
        ),
        "Distribution": (
            "The run distributes a model and the signatures of artists who opted in, not artworks."
            f"\n\n{asked} under which licenses are the artworks, and may they be shown?"
        ),
        "Maintenance": (
            "An artist joins without retraining (`fedstyle catalogue add`), and leaves (`fedstyle catalogue remove`): "
            "the signature is gone from the next catalogue, the ledger of what was released is kept."
            f"\n\n{asked} who maintains the artworks, and who answers artists?"
        ),
        "Settings of the run": "\n".join(("| setting | value |", "|---|---|", *shown)),
    }


def _privacy_text(facts: Facts) -> str:
    privacy = facts.privacy
    promises = Promises.read(asdict(privacy) | {"clients": facts.artists})
    rows = [
        f"| {name} | {bound(privacy.epsilon[view])} | {promises.trusts(view)} | "
        f"{promises.in_words(view, privacy.epsilon[view])} |"
        for view, name in _VIEWS.items()
    ]
    protected = "one artwork" if privacy.unit == "artwork" else "all that one artist contributed"
    return (
        f"Differential privacy of {protected}, at delta {privacy.delta:g}. {' '.join(spending_in_words(privacy))} "
        "Three views, never one without the others:\n\n"
        + "\n".join(("| view | epsilon | trusts | what it promises |", "|---|---|---|---|", *rows))
    )


def _document(title: str, parts: Mapping[str, str]) -> str:
    text = "\n\n".join([f"# {title}", *(f"## {name}\n\n{part}" for name, part in parts.items())])
    return f"{text}\n"


def _bullets(*items: str) -> str:
    return "\n".join(f"* {item}" for item in items)
