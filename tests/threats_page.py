"""The text of docs/threats.md: claims, the figures that were last recorded, and the texts in docs/texts."""

from collections.abc import Iterable
from pathlib import Path

from threat_models.claim import Arm, Claim, Limit
from threat_models.register import WAITING, threats
from threat_models.results import Recorded, load

DOCS = Path(__file__).resolve().parents[1] / "docs"
RESULTS = DOCS / "threats.json"
_PICTURE = "images/reconstructions.png"


def threats_page() -> str:
    """The whole page.

    Raises:
        ResultsError: docs/threats.json is not about the claims of today.
    """
    claims = [threat.claim for threat in threats().values()]
    recorded = load(RESULTS, claims)
    parts = [
        "# Threats",
        _text("threats-lead"),
        *_picture(),
        "## At a glance",
        _glance(claims, recorded),
        "## Threat by threat",
        *(_section(claim, recorded.get(claim.number)) for claim in claims),
        "## Not yet applicable",
        _waiting(),
        "## Not promised",
        _text("threats-not-promised"),
    ]
    return "\n\n".join(parts) + "\n"


def _text(name: str) -> str:
    return (DOCS / "texts" / f"{name}.md").read_text(encoding="utf-8").strip()


def _picture() -> list[str]:
    if not (DOCS / _PICTURE).is_file():
        return []
    return [f"![Reconstructions without protection, with masks alone, and with masks and noise]({_PICTURE})"]


def _glance(claims: Iterable[Claim], recorded: dict[int, Recorded]) -> str:
    rows = [
        f"| [{claim.id}](#{_anchor(claim)}) | {_cell(claim.title)} | {_reached(claim, 'power', recorded)} "
        f"| {_reached(claim, 'protected', recorded)} | {_verdict(recorded.get(claim.number))} |"
        for claim in claims
    ]
    return "\n".join(("| id | threat | defenses off | as shipped | claim |", "|---|---|---|---|---|", *rows))


def _reached(claim: Claim, name: str, recorded: dict[int, Recorded]) -> str:
    if claim.number not in recorded:
        return "not recorded"
    (arm,) = (arm for arm in recorded[claim.number].verdict.arms if arm.name == name)
    return _measured(arm, claim.power if name == "power" else claim.protected)


def _measured(arm: Arm, limits: Iterable[Limit]) -> str:
    shown = (f"{each.figure} {arm.figures[each.figure]:.4g}{f' {each.unit}' if each.unit else ''}" for each in limits)
    return _cell(", ".join(shown))


def _verdict(recorded: Recorded | None) -> str:
    return "not recorded" if recorded is None else recorded.verdict.in_words


def _section(claim: Claim, recorded: Recorded | None) -> str:
    tags = ", ".join([*(f"LINDDUN {tag}" for tag in claim.linddun), *(f"STRIDE {tag}" for tag in claim.stride)])
    facts = (
        ("Adversary", claim.adversary),
        ("At stake", claim.assets),
        ("Promise", claim.promise),
        ("Assumption", claim.assumption),
        ("Residual risk", claim.residual),
        ("Tests", ", ".join(f"`{test}`" for test in claim.tests)),
        ("Tags", tags),
    )
    defenses = [f"  * `{name}`: {place}" for name, place in claim.defenses.items()]
    lines = [*(f"* **{name}.** {text}" for name, text in facts if text), "* **Defenses.**", *defenses]
    return "\n\n".join((f"### {claim.id}: {claim.title}", "\n".join(lines), _arms(claim, recorded)))


def _arms(claim: Claim, recorded: Recorded | None) -> str:
    if recorded is None:
        return "Not recorded: `make threats` measures it."
    rows = []
    for arm in recorded.verdict.arms:
        limits = claim.power if arm.name == "power" else claim.protected
        must = ", ".join(map(str, limits))
        must = f"not ({must})" if arm.name.startswith("without ") else must
        came_out = "yes" if arm.holds else "**no**"
        rows.append(f"| {_cell(arm.name)} | {_cell(must)} | {_measured(arm, limits)} | {came_out} |")
    head = f"| arm ({recorded.effort}) | must be | measured | as it must |", "|---|---|---|---|"
    return "\n".join((*head, *rows))


def _waiting() -> str:
    rows = [f"| {each.id} | {each.title} | {_cell(each.adversary)} | {_cell(each.reason)} |" for each in WAITING]
    return "\n".join(("| id | threat | adversary | why not yet |", "|---|---|---|---|", *rows))


def _anchor(claim: Claim) -> str:
    """The anchor that a heading gets on code hosts: small letters, spaces to hyphens, punctuation dropped."""
    heading = f"{claim.id}: {claim.title}".lower()
    return "".join(c for c in heading.replace(" ", "-") if c.isalnum() or c in "-_")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
