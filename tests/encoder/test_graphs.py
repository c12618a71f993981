"""Graphs compute what torch computes, are the same file everywhere, and hold all weights or none (NET-1, NET-2)."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fedstyle_secure.artworks.artwork import Artwork
from fedstyle_secure.encoder.backbones import Backbone
from fedstyle_secure.encoder.encoder import Encoder, GraphEncoder
from fedstyle_secure.encoder.features import make_views
from fedstyle_secure.encoder.graphs import digest_of, draw_graph
from fedstyle_secure.encoder.network import NetworkEncoder
from fedstyle_secure.encoder.opening import LITE0_GRAPH, LITE0_WEIGHTS
from fedstyle_secure.encoder.spec import IMAGE_SIZE
from fedstyle_secure.errors import InputError

KNOWN = ["lite0", "small"]


def on_torch(name: str, request: pytest.FixtureRequest) -> Backbone:
    backbone: Backbone = request.getfixturevalue(f"{name}_backbone")
    return backbone


@pytest.mark.parametrize("name", KNOWN)
def test_a_graph_computes_what_torch_computes(
    name: str, request: pytest.FixtureRequest, make_artwork: Callable[..., Artwork]
) -> None:
    """On all outputs; of one color, variances are rounding, and torch itself is 4e-4 off what is exact.

    Correlations divide by deviations, and with them what rounding does where hardly anything varies.
    """
    backbone = on_torch(name, request)
    graph, network = GraphEncoder(draw_graph(name, backbone.weights()), name), NetworkEncoder(backbone, name)
    noise = np.random.default_rng(0).random((2, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    flat = np.stack([np.full((3, IMAGE_SIZE, IMAGE_SIZE), each, dtype=np.float32) for each in (0.0, 0.4, 1.0)])
    for images, limit in (((*make_views(make_artwork(), 2, IMAGE_SIZE), *noise), 5e-5), (flat, 1e-2)):
        for image in images:
            found, wanted = graph.encode(image), network.encode(image)
            assert found.shape == wanted.shape
            assert (np.abs(found - wanted) / (1 + np.abs(wanted))).max() < limit
    assert (graph.image_size, graph.pooled_size) == (network.image_size, network.pooled_size)


@pytest.mark.parametrize("name", KNOWN)
def test_a_mirrored_image_is_the_same_image(name: str, request: pytest.FixtureRequest) -> None:
    """To the last bit where a graph computes, and not because the network would not tell them apart."""
    backbone = on_torch(name, request)
    image = np.random.default_rng(0).random((3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    mirrored = np.ascontiguousarray(image[:, :, ::-1])
    graph, network = GraphEncoder(draw_graph(name, backbone.weights()), name), NetworkEncoder(backbone, name)
    np.testing.assert_array_equal(graph.encode(mirrored), graph.encode(image))
    np.testing.assert_allclose(network.encode(mirrored), network.encode(image), rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        maps = backbone.network(torch.from_numpy(np.stack([image, mirrored])))
    assert float((maps[0] - maps[1]).abs().max()) > 1e-3


@pytest.mark.parametrize("name", KNOWN)
def test_every_weight_counts(name: str, request: pytest.FixtureRequest) -> None:
    """Whatever tensor is changed, but for the classifier's, some feature is."""
    weights = on_torch(name, request).weights()
    rng = np.random.default_rng(0)
    image = rng.random((3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    before = GraphEncoder(draw_graph(name, weights), name).encode(image)
    used = [each for each in weights if not each.startswith("classifier") and not each.endswith("num_batches_tracked")]
    for chosen in rng.choice(used, size=20, replace=False):
        changed = weights | {chosen: weights[chosen] * 1.5 + 0.1}
        after = GraphEncoder(draw_graph(name, changed), name).encode(image)
        assert np.abs(after - before).max() > 1e-6, chosen


def test_the_packaged_weights_give_one_file_everywhere(lite0_backbone: Backbone) -> None:
    weights = lite0_backbone.weights()
    graph = draw_graph("lite0", weights)
    assert (digest_of(weights), hashlib.sha256(graph).hexdigest()) == (LITE0_WEIGHTS, LITE0_GRAPH)
    assert draw_graph("lite0", dict(reversed(weights.items()))) == graph


@pytest.mark.parametrize("name", KNOWN)
def test_weights_with_a_tensor_missing_added_or_of_another_shape_are_refused(
    name: str, request: pytest.FixtureRequest
) -> None:
    """NET-2: whichever tensor it is."""
    weights = on_torch(name, request).weights()
    used = [each for each in weights if not each.startswith("classifier") and not each.endswith("num_batches_tracked")]
    told = f"these are not the weights of encoder {name}: "
    for chosen in used:
        with pytest.raises(InputError, match=told):
            draw_graph(name, {each: tensor for each, tensor in weights.items() if each != chosen})
        with pytest.raises(InputError, match=told):
            draw_graph(name, weights | {chosen: np.concatenate([weights[chosen]] * 2, axis=-1)})
        with pytest.raises(InputError, match=told):
            draw_graph(name, weights | {chosen: weights[chosen][None]})
    with pytest.raises(InputError, match=rf"{told}its tensor extra\.weight has no place in the network \(1 such"):
        draw_graph(name, weights | {"extra.weight": np.ones(3, np.float32)})
    with pytest.raises(InputError, match=told):
        draw_graph(name, {})


def test_equal_weights_have_one_digest_whatever_their_order(small_backbone: Backbone) -> None:
    weights = small_backbone.weights()
    digests = {digest_of(weights), digest_of(dict(reversed(weights.items())))}
    for name, tensor in weights.items():
        digests.add(digest_of(weights | {name: tensor + 1}))
        digests.add(digest_of(weights | {name: tensor[..., None]}))
    assert len(digests) == 1 + 2 * len(weights)


def test_the_same_bits_from_several_threads(small: Encoder, lite0: Encoder) -> None:
    """ENC-1: beside other images, and after them."""
    images = np.random.default_rng(0).random((6, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    for encoder in (small, lite0):
        alone = [encoder.encode(image) for image in images]
        with ThreadPoolExecutor(4) as pool:
            beside = list(pool.map(encoder.encode, images))
        np.testing.assert_array_equal(beside, alone)
        np.testing.assert_array_equal([encoder.encode(image) for image in images[::-1]], alone[::-1])


def test_torch_says_how_many_threads_it_uses_as_they_decide_its_last_bits(small_backbone: Backbone) -> None:
    """FCA-1: caches keep them apart."""
    before = torch.get_num_threads()
    try:
        runtimes = set()
        for threads in (1, 2):
            torch.set_num_threads(threads)
            runtimes.add(NetworkEncoder(small_backbone, "small").runtime)
    finally:
        torch.set_num_threads(before)
    assert len(runtimes) == 2
