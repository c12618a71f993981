"""Every threat by its number: found where it lies, with those that wait for what they attack.

REG-1  A threat is a module ``tmNN_short_name`` of this package with a `CLAIM` of that number, an `attack` and a
       predicate `defended`; two modules of one number, or a module that lacks any, are refused by name.
REG-2  A number without a module, which does not wait either, is missing: `missing` names it, and nothing holds while
       it is.
"""

import inspect
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType

from .claim import Attack, Claim, Defended

NUMBERS = tuple(range(1, 28))
"""Every threat's number."""

_MODULE = re.compile(r"tm(\d\d)_[a-z0-9_]+")


class RegisterError(Exception):
    """The register contradicts itself: a defect of this package, never of the code it attacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threat:
    """A claim, the program that attacks it, and where it applies.

    Attributes:
        claim: What is stated.
        attack: What measures it.
        defended: Which deployments it speaks of.
        module: Where both are, by full name.
    """

    claim: Claim
    attack: Attack
    defended: Defended
    module: str

    @property
    def condition(self) -> str:
        """What `defended` asks, in words."""
        return inspect.getdoc(self.defended) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A threat to something that does not exist yet.

    Attributes:
        number: 18 for TM-18.
        title: A few words.
        adversary: Who would attack, and with what.
        reason: What it waits for, and what is tested meanwhile.
    """

    number: int
    title: str
    adversary: str
    reason: str

    @property
    def id(self) -> str:
        """TM-n."""
        return f"TM-{self.number}"


WAITING = (
    Waiting(
        number=26,
        title="hostile pages",
        adversary="a page of another origin, or a name or a picture that is made to be shown on a page",
        reason="not yet applicable: it attacks pages that are served; reports show names as text (tests/report)",
    ),
)
"""Threats that cannot be attacked yet."""


@cache
def threats() -> dict[int, Threat]:
    """All threats that have a module, by number, in order.

    Raises:
        RegisterError: a module is no threat, or has another's number (REG-1).
    """
    package = import_module(__package__)
    names = [name for _, name, _ in pkgutil.iter_modules(package.__path__) if name.startswith("tm")]
    found: dict[int, Threat] = {}
    for name in sorted(names):
        threat = read_threat(import_module(f"{package.__name__}.{name}"))
        if threat.claim.number in found:
            raise RegisterError(f"{threat.module} and {found[threat.claim.number].module} are both {threat.claim.id}")
        found[threat.claim.number] = threat
    return found


def read_threat(module: ModuleType) -> Threat:
    """Takes claim, attack and predicate out of a module.

    Raises:
        RegisterError: names what is wrong with it (REG-1).
    """
    name = module.__name__.rpartition(".")[2]
    matched = _MODULE.fullmatch(name)
    if not matched:
        raise RegisterError(f"{module.__name__}: a threat's module is called tm, two digits, _ and a short name")
    claim, attack, defended = (getattr(module, wanted, None) for wanted in ("CLAIM", "attack", "defended"))
    if not isinstance(claim, Claim) or not callable(attack) or not callable(defended):
        raise RegisterError(f"{module.__name__} lacks a CLAIM, an attack or a defended: it must define all three")
    if claim.number != int(matched[1]) or claim.number not in NUMBERS:
        raise RegisterError(f"{module.__name__} claims to be {claim.id}: the number in its name must be the same")
    for off in (claim.off_for_power, *claim.ablated_sets):
        if unknown := sorted(off - claim.defenses.keys()):
            raise RegisterError(f"{claim.id} leaves out {unknown}, which are none of its defenses")
    return Threat(claim=claim, attack=attack, defended=defended, module=module.__name__)


def missing() -> list[str]:
    """Ids of threats that have no module and do not wait (REG-2)."""
    known = threats().keys() | {waiting.number for waiting in WAITING}
    return [f"TM-{number}" for number in NUMBERS if number not in known]
