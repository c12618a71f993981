"""The text of docs/threats.md: claims, the figures that were last recorded, and the texts in docs/texts."""

from collections.abc import Iterable
from pathlib import Path

from threat_models.claim import Arm, Claim, Limit
from threat_models.register import WAITING, Threat, threats
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
        *(_section(threat, recorded.get(threat.claim.number)) for threat in threats().values()),
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
    shown = (f"{each.figure}: {arm.figures[each.figure]:.4g}{f' {each.unit}' if each.unit else ''}" for each in limits)
    return "<br>".join(map(_cell, shown))


def _verdict(recorded: Recorded | None) -> str:
    return "not recorded" if recorded is None else recorded.verdict.in_words


def _section(threat: Threat, recorded: Recorded | None) -> str:
    claim = threat.claim
    tags = ", ".join([*(f"LINDDUN {tag}" for tag in claim.linddun), *(f"STRIDE {tag}" for tag in claim.stride)])
    facts = (
        ("Adversary", claim.adversary),
        ("At stake", claim.assets),
        ("Promise", claim.promise),
        ("Assumption", claim.assumption),
        ("Applies if", threat.condition),
        ("Residual risk", claim.residual),
        ("Tests", ", ".join(f"`{test}`" for test in claim.tests)),
        ("Tags", tags),
    )
    defenses = [f"  * `{name}`: {place}" for name, place in claim.defenses.items()]
    lines = [*(f"* **{name}.** {text}" for name, text in facts if text), "* **Defenses.**", *defenses]
    return "\n\n".join((f"### {claim.id}: {claim.title}", "\n".join(lines), _arms(claim, recorded)))


def _arms(claim: Claim, recorded: Recorded | None) -> str:
    """One column for each figure: what it must be in the first two arms, and what it was in all."""
    if recorded is None:
        return "Not recorded: `make threats` measures it."
    figures = list(dict.fromkeys(limit.figure for limit in (*claim.power, *claim.protected)))
    rows = [[f"arm ({recorded.effort})", *figures, "as it must"], ["---"] * (len(figures) + 2)]
    musts = {"power": claim.power, "protected": claim.protected}
    for arm in recorded.verdict.arms:
        if arm.name in musts:
            bounds = {limit.figure: limit.bounds for limit in musts[arm.name]}
            rows.append(
                [f"*{arm.name} must be*", *(f"*{bounds[name]}*" if name in bounds else "" for name in figures), ""]
            )
        measured = (f"{arm.figures[name]:.4g}" if name in arm.figures else "" for name in figures)
        rows.append([arm.name, *measured, "yes" if arm.holds else "**no**"])
    table = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows)
    (shipped,) = (arm for arm in recorded.verdict.arms if arm.name == "protected")
    others = [f"{name} {value:.4g}" for name, value in shipped.figures.items() if name not in figures]
    return "\n\n".join((table, *([f"Also measured, as shipped: {'; '.join(others)}."] if others else [])))


def _waiting() -> str:
    rows = [f"| {each.id} | {each.title} | {_cell(each.adversary)} | {_cell(each.reason)} |" for each in WAITING]
    return "\n".join(("| id | threat | adversary | why not yet |", "|---|---|---|---|", *rows))


def _anchor(claim: Claim) -> str:
    """The anchor that a heading gets on code hosts: small letters, spaces to hyphens, punctuation dropped."""
    heading = f"{claim.id}: {claim.title}".lower()
    return "".join(c for c in heading.replace(" ", "-") if c.isalnum() or c in "-_")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
