"""The page of a study of new and leaving artists."""

from collections.abc import Mapping
from typing import Any, Final

from ..web.html import Html
from ..web.layout import paragraph, section, table
from .charts import bound, percentage
from .results import counted
from .study import row, spread_of, study_page

_NAMES: Final = {
    "no_training": "No training, exact prototypes",
    "exact": "FedStyle, exact prototypes",
    "signatures": "FedStyle, published signatures (what a buyer gets)",
}


def render_changes(results: Mapping[str, Any]) -> Html:
    """The whole page."""
    found, others, artists = results["found"], results["others"], results["artists"]
    joining = section(
        "Joining without training",
        paragraph(
            "Newcomers encode their artworks with the finished model, charge a ledger of their own, and sign. Everyone "
            "is then searched for among all, with held-out artworks: accuracy@1. Compare each row with the one without "
            "training, because one group of artists may be easier to find than the other."
        ),
        table(
            ("", "took part", "joined later"),
            [
                row(title, *(_cell(found[group][name]) for group in ("participants", "newcomers")))
                for name, title in _NAMES.items()
            ],
        ),
        paragraph(
            f"Epsilon in the aggregate view: {_bound(results, 'participants')} of a participant for training and "
            f"signature, {_bound(results, 'newcomers')} of a newcomer for the signature alone.",
            class_="note",
        ),
    )
    leaving = section(
        "Leaving",
        paragraph(
            f"{counted(artists['leavers'], 'participant')} left. What changes for those who took part and stay: the "
            "catalogue has fewer signatures to mistake them for. What the model learned stays in it; a model trained "
            "again without the leavers shows what they had given."
        ),
        table(
            ("", "accuracy@1 of those who stay"),
            [
                row("Catalogue before, published signatures", _cell(others["before"])),
                row("Catalogue after, published signatures", _cell(others["after"])),
                row("The model, exact prototypes of those who stay", _cell(others["model"])),
                row("Trained again without the leavers, the same", _cell(others["model_retrained"])),
            ],
        ),
    )
    return study_page(
        name="new artists and leaving artists",
        claim=results["sentence"],
        lead=(
            f"{artists['participants']} artists trained, {artists['newcomers']} joined, {artists['leavers']} left; "
            f"{counted(results['seeds'], 'run')}; each draws its own split, newcomers and leavers."
        ),
        sections=[joining, leaving],
        command=results["command"],
    )


def _cell(spread: Mapping[str, float]) -> str:
    return spread_of(percentage(spread["mean"]), spread["std"])


def _bound(results: Mapping[str, Any], group: str) -> str:
    epsilon = results["epsilon"][group]["aggregate"]
    return "unbounded" if epsilon is None else bound(epsilon)
