"""The rivals: each does what its paper says, and none moves where there is nothing to learn from."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from fedstyle_secure.training.baselines import BASELINES
from fedstyle_secure.training.baselines.fedavg import FedAvg
from fedstyle_secure.training.baselines.fedprox import FedProx
from fedstyle_secure.training.baselines.moon import Moon
from fedstyle_secure.training.baselines.network import Weights, represent, softmax_loss, start
from fedstyle_secure.training.baselines.task import Recipe, Task, Upload
from fedstyle_secure.training.updates import Support

ARTISTS, ARTWORKS, VIEWS, D, H = 4, 6, 2, 10, 3


class PlainSum:
    """Adds up, and remembers what it was told."""

    def __init__(self) -> None:
        self.supports: list[Support] = []
        self.uploads: list[Sequence[Upload]] = []

    def total(self, uploads: Sequence[Upload], support: Support) -> dict[str, np.ndarray]:
        self.supports.append(support)
        self.uploads.append(uploads)
        return {name: np.sum([upload[name] for upload in uploads], axis=0, dtype=np.float64) for name in uploads[0]}


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def make_task(rounds: int = 3, artists: int = ARTISTS, seed: int = 0, subjects: float = 0.0) -> Task:
    """Artists around their styles; with `subjects`, four features are about these, for training to ignore."""
    rng = np.random.default_rng(seed)
    loudness = 0.4 + subjects * (np.arange(D) < 4)
    styles = rng.normal(size=(artists + 2, 1, 1, D))
    inputs = [
        unit(style + loudness * rng.normal(size=(ARTWORKS + number, VIEWS, D))) for number, style in enumerate(styles)
    ]
    head = np.linalg.qr(rng.normal(size=(D, H)))[0].T.astype(np.float32)
    return Task(head=head, artists=inputs[:artists], public=inputs[artists:], rounds=rounds, seed=seed)


RECIPE = Recipe(learning_rate=1.0, local_steps=3)


@pytest.mark.parametrize("name", BASELINES)
def test_every_rival_gives_heads_of_the_common_shape_and_is_repeatable(name: str) -> None:
    task = make_task()
    heads = BASELINES[name].fit(task, RECIPE, PlainSum())
    shared = name in {"fedavg", "fedprox", "moon", "centralised"}
    assert heads.shape == (1 if shared else ARTISTS, H, D)
    assert heads.dtype == np.float32
    assert np.array_equal(heads, BASELINES[name].fit(make_task(), RECIPE, PlainSum()))
    assert not np.allclose(heads, task.head[None])
    assert "arXiv" in BASELINES[name].reference or BASELINES[name].uploads is None


@pytest.mark.parametrize("name", BASELINES)
def test_every_rival_exchanges_what_it_declares(name: str) -> None:
    exchange = PlainSum()
    BASELINES[name].fit(make_task(), RECIPE, exchange)
    declared = BASELINES[name].uploads
    assert exchange.supports == ([] if declared is None else [declared] * 3)


def test_over_an_artists_own_labels_alone_a_softmax_learns_nothing() -> None:
    task = make_task(artists=1)
    heads = FedAvg().fit(task, RECIPE, PlainSum())
    assert np.array_equal(heads[0], task.head)


def test_averaging_one_local_step_is_a_step_on_all_artworks_at_once() -> None:
    task = make_task(rounds=1)
    (head,) = FedAvg().fit(task, Recipe(learning_rate=0.5, local_steps=1), PlainSum())
    weights = start(task, classes=ARTISTS)
    moving = Weights(weights.head.clone().requires_grad_(), weights.classifier)
    inputs = torch.cat([torch.from_numpy(rows).flatten(0, 1) for rows in task.artists])
    labels = torch.repeat_interleave(
        torch.arange(ARTISTS), torch.tensor([rows.shape[0] * VIEWS for rows in task.artists])
    )
    softmax_loss(moving, inputs, labels).mean().backward()
    assert moving.head.grad is not None
    assert np.allclose(head, (weights.head - 0.5 * moving.head.grad).numpy(), atol=1e-6)


def test_an_average_counts_artworks_and_not_artists() -> None:
    exchange = PlainSum()
    task = make_task(rounds=1)
    FedAvg().fit(task, RECIPE, exchange)
    assert [float(upload["count"][0]) for upload in exchange.uploads[0]] == [len(rows) for rows in task.artists]
    doubled = Task(
        head=task.head,
        artists=[task.artists[0], np.concatenate([task.artists[1]] * 3), *task.artists[2:]],
        public=task.public,
        rounds=1,
        seed=task.seed,
    )
    towards = [FedAvg().fit(each, RECIPE, PlainSum())[0] for each in (task, doubled)]
    alone = FedAvg().train_locally(
        start(task, ARTISTS), start(task, ARTISTS), torch.from_numpy(task.artists[1]).flatten(0, 1), 1, RECIPE
    )
    distance = [float(np.linalg.norm(head - alone.head.numpy())) for head in towards]
    assert distance[1] < distance[0]


def test_fedprox_stays_nearer_to_the_shared_weights() -> None:
    task, many = make_task(rounds=1), Recipe(learning_rate=1.0, local_steps=40)
    moves = [np.linalg.norm(kind().fit(task, many, PlainSum())[0] - task.head) for kind in (FedAvg, FedProx)]
    assert moves[1] < moves[0]
    weights = start(task, ARTISTS)
    here = Weights(weights.head + 1, weights.classifier)
    penalty = FedProx().penalty(here, weights, weights, torch.zeros(1, D))
    assert float(penalty) == pytest.approx(0.1 / 2 * H * D)


def test_moon_prefers_the_shared_representation_to_the_previous_one() -> None:
    task = make_task()
    shared = start(task, ARTISTS)
    previous = Weights(-shared.head, shared.classifier)
    inputs = torch.from_numpy(task.artists[0]).flatten(0, 1)
    near, far = (Moon().penalty(here, shared, previous, inputs) for here in (shared, previous))
    assert float(near) == pytest.approx(np.log1p(np.exp(-2 / 0.5)), rel=1e-5)
    assert float(near) < float(far)


def test_fedproto_pulls_an_artist_towards_its_prototype_and_sends_one_row_of_a_table() -> None:
    task, exchange = make_task(rounds=2), PlainSum()
    BASELINES["fedproto"].fit(task, RECIPE, exchange)
    for label, upload in enumerate(exchange.uploads[0]):
        rows = np.flatnonzero(np.abs(upload["prototypes"]).sum(axis=1))
        assert rows.tolist() == [label]
    fresh = BASELINES["fedproto"].fit(make_task(rounds=1), RECIPE, PlainSum())
    inputs = torch.from_numpy(task.artists[2]).flatten(0, 1)
    mean = represent(torch.from_numpy(fresh[2]), inputs).mean(dim=0).numpy()
    assert np.allclose(exchange.uploads[0][2]["prototypes"][2], mean, atol=1e-6)


def test_all_together_artworks_come_nearer_to_their_own_artist_than_to_others() -> None:
    task = make_task(rounds=5, subjects=2.0)
    (head,) = BASELINES["centralised"].fit(task, Recipe(learning_rate=0.3, local_steps=10), PlainSum())
    gains = []
    for artist, rows in enumerate(task.artists):
        others = np.concatenate([other for number, other in enumerate(task.artists) if number != artist])
        gains.append(separation(head, rows, others) - separation(task.head, rows, others))
    assert np.mean(gains) > 0.1


def test_alone_an_artists_artworks_come_nearer_to_each_other_than_to_public_ones() -> None:
    task = make_task(rounds=5, subjects=2.0)
    heads = BASELINES["local-only"].fit(task, Recipe(learning_rate=0.3, local_steps=10), PlainSum())
    public = np.concatenate(task.public)
    pairs = zip(task.artists, heads, strict=True)
    gains = [separation(head, rows, public) - separation(task.head, rows, public) for rows, head in pairs]
    assert np.mean(gains) > 0.1


def separation(head: np.ndarray, rows: np.ndarray, others: np.ndarray) -> float:
    """By how much own artworks are nearer to their mean than others are."""
    own, other = (unit(part.reshape(-1, D) @ head.T) for part in (rows, others))
    mean = unit(own.mean(axis=0))
    return float((own @ mean).mean() - (other @ mean).mean())
