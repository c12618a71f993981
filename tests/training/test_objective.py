"""The objective is per artwork: its loss, its gradients and, through clipping, its influence.

The broken alternatives are written out here, to show that these tests would catch them.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fedstyle_secure.artist.rows import contribute
from fedstyle_secure.encoder.features import StyleFeatures
from fedstyle_secure.privacy.clipping import Unit, clip
from fedstyle_secure.training.codebook import Codebook
from fedstyle_secure.training.objective import (
    TEMPERATURE,
    StyleHead,
    anchor_loss,
    per_artwork_gradients,
    warm_start,
)
from fedstyle_secure.training.tensors import head_segment, moments_segment
from fedstyle_secure.training.updates import Contributions, Layout

D, H = 12, 4
CODEBOOK = Codebook.from_seed(b"objective", dimensions=H)
HEAD = np.random.default_rng(0).normal(size=(H, D)).astype(np.float32)
CODEWORD = 5


def unit_rows(*shape: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def artwork_loss(head: torch.Tensor, views: torch.Tensor, codeword: int) -> torch.Tensor:
    """One artwork's loss as the formula says it, view by view."""
    losses = []
    for view in views:
        z = head @ view
        z = z / z.norm()
        similarities = [torch.dot(z, torch.from_numpy(anchor)) / TEMPERATURE for anchor in CODEBOOK.anchors]
        losses.append(torch.logsumexp(torch.stack(similarities), 0) - similarities[codeword])
    return torch.stack(losses).mean()


def test_the_loss_is_the_formula_of_the_design():
    embeddings, codewords = unit_rows(3, 2, H), [0, 7, 31]
    found = anchor_loss(*map(torch.from_numpy, (embeddings, np.array(codewords), CODEBOOK.anchors)))
    for views, codeword, loss in zip(embeddings, codewords, found, strict=True):
        total = 0.0
        for z in views:
            weights = [math.exp(float(z @ anchor) / TEMPERATURE) for anchor in CODEBOOK.anchors]
            total -= math.log(weights[codeword] / sum(weights))
        assert float(loss) == pytest.approx(total / 2, rel=1e-5)


def test_the_head_projects_and_normalizes():
    inputs = unit_rows(3, 2, D)
    expected = inputs @ HEAD.T
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    found = StyleHead(torch.from_numpy(HEAD.copy()))(torch.from_numpy(inputs)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("artworks", "views"), [(1, 1), (1, 4), (5, 1), (6, 3)])
def test_opacus_gradients_equal_a_plain_autograd_loop(artworks, views):
    inputs = unit_rows(artworks, views, D)
    threads = torch.get_num_threads()
    found = per_artwork_gradients(HEAD, inputs, CODEWORD, CODEBOOK)
    assert torch.get_num_threads() == threads  # one while it worked
    assert (found.shape, found.dtype) == ((artworks, H, D), np.float32)
    for artwork, gradient in zip(inputs, found, strict=True):
        head = torch.from_numpy(HEAD.copy()).requires_grad_()
        artwork_loss(head, torch.from_numpy(artwork), CODEWORD).backward()
        np.testing.assert_allclose(gradient, head.grad.numpy(), atol=1e-5)


def test_inputs_are_left_as_they_were():
    head, inputs = HEAD.copy(), unit_rows(2, 3, D)
    before = inputs.copy()
    per_artwork_gradients(head, inputs, CODEWORD, CODEBOOK)
    np.testing.assert_array_equal(head, HEAD)
    np.testing.assert_array_equal(inputs, before)


# TRN-1


def test_an_artworks_gradient_does_not_change_when_other_artworks_change():
    inputs = unit_rows(6, 3, D)
    changed = np.concatenate([inputs[:1], unit_rows(9, 3, D, seed=1)])
    mine, still_mine = (per_artwork_gradients(HEAD, rows, CODEWORD, CODEBOOK)[0] for rows in (inputs, changed))
    np.testing.assert_allclose(mine, still_mine, atol=1e-6)
    assert np.linalg.norm(mine) > 0.1


def in_batch_gradients(inputs: np.ndarray, head: np.ndarray = HEAD) -> np.ndarray:
    """What this project must not do: SupCon, where every artwork stands in every other artwork's loss."""
    artworks, views, _ = inputs.shape
    others = 1 - torch.eye(artworks * views)
    gradients = []
    for artwork in range(artworks):
        weight = torch.from_numpy(head.copy()).requires_grad_()
        embedded = F.normalize(torch.from_numpy(inputs).flatten(0, 1) @ weight.T, dim=-1)
        logits = embedded @ embedded.T / TEMPERATURE - 1e9 * (1 - others)
        losses = -(logits.log_softmax(1) * others).mean(1)
        losses.view(artworks, views)[artwork].mean().backward()
        gradients.append(weight.grad.numpy())
    return np.stack(gradients)


def test_an_in_batch_loss_breaks_exactly_this():
    inputs = unit_rows(6, 3, D)
    changed = np.concatenate([inputs[:1], unit_rows(5, 3, D, seed=1)])
    assert np.abs(in_batch_gradients(inputs)[0] - in_batch_gradients(changed)[0]).max() > 1e-3


# Influence through clipping


def near_duplicates_and_an_outlier(artworks: int, views: int, *, seed: int) -> np.ndarray:
    """The worst case for a loss that mixes artworks; random artworks would let it look fine."""
    rng = np.random.default_rng(seed)
    middle, outlier = unit_rows(2, D, seed=seed)
    rows = middle + 0.01 * rng.normal(size=(artworks, views, D))
    rows[-1] = outlier + 0.01 * rng.normal(size=(views, D))
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def clipped_sum(gradients: np.ndarray) -> np.ndarray:
    layout = Layout((head_segment(D, H, 1.0),))
    return clip(Contributions.join({"head": gradients}, layout.segments), Unit.ARTWORK, max_artworks=100).values


def test_removing_one_artwork_moves_a_clipped_in_batch_sum_by_many_clip_norms():
    inputs, head = near_duplicates_and_an_outlier(24, 2, seed=0), 0.01 * HEAD
    broken = [clipped_sum(in_batch_gradients(rows, head)) for rows in (inputs, inputs[:-1])]
    assert np.linalg.norm(broken[0] - broken[1]) > 5
    ours = [clipped_sum(per_artwork_gradients(head, rows, CODEWORD, CODEBOOK)) for rows in (inputs, inputs[:-1])]
    assert 0.99 < np.linalg.norm(ours[0] - ours[1]) <= 1


def contribution_of(town, features, *, segments, head_scale=1.0):
    model = town.model()
    model = town.bend(model, head=(head_scale * model.head).astype(np.float32))
    mechanism = town.mechanism(Layout(segments))
    return contribute(features, model, mechanism, town.codebook(), CODEWORD)


def influence(town, features: StyleFeatures, left_out: int, **how) -> float:
    """How far removing one artwork moves the clipped sum, through the real path from features to the sum."""
    both = (features, StyleFeatures(np.delete(features.views, left_out, axis=0)))
    sums = [clip(contribution_of(town, each, **how), Unit.ARTWORK, max_artworks=20).values for each in both]
    return float(np.linalg.norm(sums[0] - sums[1]))


def test_identical_views_count_as_one_view(town):
    """TRN-2: folding."""
    features = town.features(0, artworks=3, views=1)
    plain, view = features.views[:, :1], features.views[:, 1:]
    segments = (head_segment(D, H, 1.0),)
    once, often = (
        contribution_of(town, StyleFeatures(np.concatenate([plain, *[view] * k], axis=1)), segments=segments).rows
        for k in (1, 5)
    )
    assert once.shape == often.shape
    np.testing.assert_allclose(once, often, rtol=1e-4, atol=1e-6)


def test_views_folded_into_an_artwork_keep_its_influence_within_one_clip_norm(town):
    """TRN-2: views that all pull the same way, each far beyond the clip norm. Clipped one by one, they would move K."""
    views = np.repeat(town.features(0, artworks=3, views=0).views, 5, axis=1)  # the artwork and K = 4 copies of it
    segments = (head_segment(D, H, 1.0),)
    rows = contribution_of(town, StyleFeatures(views), segments=segments, head_scale=0.01).rows
    assert np.linalg.norm(rows, axis=1).min() > 10 * segments[0].clip_norm
    for artwork in range(3):
        moved = influence(town, StyleFeatures(views), artwork, segments=segments, head_scale=0.01)
        assert 0.99 < moved <= 1


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), head_scale=st.sampled_from([0.01, 1.0, 100.0]), share=st.floats(0.05, 0.95))
def test_one_artwork_moves_moments_and_head_together_by_at_most_1(shared_town, seed, head_scale, share):
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(2, 1, 1, shared_town.RAW)) * 3
    views = np.repeat(raw[:1], 8, axis=1)[0] + 0.01 * rng.normal(size=(8, 1 + shared_town.VIEWS, shared_town.RAW))
    views[-1] = raw[1, 0]
    features = StyleFeatures(views.astype(np.float32))
    segments = (moments_segment(D, share), head_segment(D, H, 1 - share))
    for artwork in (0, 7):
        moved = influence(shared_town, features, artwork, segments=segments, head_scale=head_scale)
        assert math.sqrt(share) - 1e-6 < moved <= 1


# Warm start


def test_warm_start_reduces_the_loss_on_public_artists():
    inputs = [near_duplicates_and_an_outlier(6, 2, seed=seed) for seed in range(4)]
    codewords = [3, 9, 20, 30]

    def loss(head):
        module, anchors = StyleHead(torch.from_numpy(head.copy())), torch.from_numpy(CODEBOOK.anchors)
        with torch.no_grad():
            return sum(
                float(anchor_loss(module(torch.from_numpy(rows)), torch.full((6,), codeword), anchors).sum())
                for rows, codeword in zip(inputs, codewords, strict=True)
            )

    start = HEAD.copy()
    warmed = warm_start(start, inputs, codewords, CODEBOOK)
    assert (warmed.shape, warmed.dtype) == (HEAD.shape, np.float32)
    assert loss(warmed) < 0.7 * loss(HEAD)
    np.testing.assert_array_equal(start, HEAD)
    np.testing.assert_array_equal(warm_start(HEAD, inputs, codewords, CODEBOOK), warmed)


def test_warm_start_takes_portfolios_of_different_sizes():
    inputs = [unit_rows(artworks, 2, D, seed=artworks) for artworks in (1, 2, 5)]
    warmed = warm_start(HEAD, inputs, [0, 1, 2], CODEBOOK)
    assert np.isfinite(warmed).all()
