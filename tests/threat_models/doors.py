"""A claim about a door with a lock and a chain, for tests of the framework, and the attack it expects."""

from threat_models.claim import Claim, Effort, Limit


def make_claim(number: int = 1, **changes: object) -> Claim:
    facts = {
        "number": number,
        "title": "a door",
        "adversary": "a thief",
        "assets": "a vase",
        "assumption": "the door is closed",
        "promise": "nobody enters",
        "defenses": {"lock": "door.py", "chain": "door.py"},
        "power": (Limit(figure="entries", at_least=1),),
        "protected": (Limit(figure="entries", at_most=0),),
        "residual": "windows",
        "tests": (),
    }
    return Claim(**(facts | changes))


def closed(_deployment: object) -> bool:
    """The door is closed."""
    return True


def honest(without: frozenset[str], _effort: Effort) -> dict[str, float]:
    """A thief enters wherever the lock or the chain is missing."""
    return {"entries": len(without)}
