"""Each claim speaks of the deployments that were attacked, and of none whose decisive parameter is another."""

from dataclasses import replace
from pathlib import Path

import pytest

from fedstyle_secure.config import Settings
from threat_models.deployment import Deployment
from threat_models.register import threats

DEFAULT = Deployment(
    settings=Settings(artworks=Path("artworks"), out=Path("run")),
    clients=8,
    corrupt=1,
    min_survivors=8,
    degree=7,
    threshold=5,
    artworks=30,
)
ARTIST, ARTWORK = {"unit": "artist"}, {"unit": "artwork"}

# For each threat: what a deployment needs besides the defaults, and what takes its claim away.
DECISIVE = [
    (1, {}, {"min_survivors": 1}),
    (2, {}, {"corrupt": 5}),
    (3, {}, {"threshold": 4}),
    (3, {}, {"corrupt": 3}),
    (4, {}, {"min_survivors": 2}),
    (5, {}, {"pinned": False}),
    (6, {}, {"corrupt": 0}),
    (6, {}, {"privacy": "none"}),
    (6, {}, {"min_survivors": 1}),
    (7, ARTIST, ARTWORK),
    (7, ARTIST, {"clients": 9}),
    (7, ARTIST, {"buckets": 3}),
    (7, ARTIST, {"epsilon": 8.1}),
    (8, ARTIST, ARTWORK),
    (8, ARTIST, {"delta": 1e-4}),
    (9, {}, {"corrupt": 3}),
    (10, {"privacy": "none", "buckets": 5}, {"buckets": 1}),
    (10, {"privacy": "none", "buckets": 5}, {"corrupt": 3}),
    (10, {"privacy": "none", "buckets": 5}, {"privacy": "distributed"}),
    (11, {}, {"epsilon": 9.0}),
    (11, {}, {"sign": False}),
    (12, {}, {"iterations": 1}),
    (12, {}, {"sampling_rate": 0.5}),
    (13, {}, {"privacy": "none"}),
    (13, {}, {"noise": "skellam"}),
    (14, {"epsilon": 3.0}, {"epsilon": 4.0}),
    (14, {"epsilon": 3.0}, {"artworks": 29}),
    (15, {}, {"artworks": 29}),
    (15, {}, {"sign": False}),
    (16, {"questions": 64}, {"questions": None}),
    (16, {"questions": 64}, {"questions": 65}),
    (16, {"questions": 64}, {"top": 6}),
    (17, {}, {"questions": 64}),
    (22, {"unit": "artist"}, {"unit": "artwork"}),
    (22, {"unit": "artist"}, {"epsilon": 9.0}),
    (22, {"unit": "artist"}, {"sign": False}),
    (22, {"unit": "artist"}, {"clients": 7}),
    (23, {}, {"min_survivors": 2}),
    (27, {}, {"privacy": "none"}),
]


def deploy(**changes: object) -> Deployment:
    """The default deployment with some parameters of its own and some of its settings replaced."""
    own = {name: value for name, value in changes.items() if name in Deployment.__slots__}
    values = DEFAULT.settings.as_dict() | {name: value for name, value in changes.items() if name not in own}
    return replace(DEFAULT, settings=Settings.from_values(values), **own)


def test_every_threat_has_a_parameter_that_decides() -> None:
    assert {number for number, _, _ in DECISIVE} == set(threats()) - {
        18,
        19,
        20,
        21,
        24,
        25,
    }  # a platform's machine has none


@pytest.mark.parametrize(("number", "needs", "bad"), DECISIVE)
def test_a_claim_applies_until_a_decisive_parameter_is_bad(number: int, needs: dict, bad: dict) -> None:
    defended = threats()[number].defended
    assert defended(deploy(**needs))
    assert not defended(deploy(**needs | bad))


def test_a_deployment_is_planned_as_a_run_plans_it() -> None:
    planned = Deployment.plan(replace(DEFAULT.settings, min_artworks=43), 8)
    assert planned == replace(DEFAULT, settings=planned.settings)
