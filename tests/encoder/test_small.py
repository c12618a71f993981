"""The small encoder: fixed shape, normalized per artwork."""

import pytest
import torch
from safetensors.numpy import save_file

from fedstyle_secure.encoder.opening import open_encoder, open_weights
from fedstyle_secure.encoder.small import SmallEncoder
from fedstyle_secure.encoder.spec import CORRELATED, IMAGE_SIZE, SMALL, BackboneSpec
from fedstyle_secure.errors import InputError


def test_it_maps_images_to_places_with_96_channels():
    with torch.inference_mode():
        assert SmallEncoder()(torch.rand(2, 3, IMAGE_SIZE, IMAGE_SIZE)).shape == (2, 96, 8, 8)


def test_an_artwork_is_normalized_by_itself_even_in_training():
    encoder = SmallEncoder().train()
    images = torch.rand(3, 3, 64, 64)
    changed = torch.cat([images[:1], 100 * torch.rand(2, 3, 64, 64)])
    torch.testing.assert_close(encoder(images)[0], encoder(changed)[0], rtol=1e-4, atol=1e-5)
    gradient = torch.autograd.grad(encoder(images.requires_grad_())[0].sum(), images)[0]
    assert gradient[0].abs().max() > 0
    assert not gradient[1:].any()


def test_nothing_in_it_remembers_a_batch():
    encoder = SmallEncoder()
    assert not list(encoder.buffers())
    state = SmallEncoder().state_dict()
    assert encoder.state_dict().keys() == state.keys()
    encoder.load_state_dict(state)


def test_its_summary_has_statistics_of_each_channel_and_of_pairs_and_the_pooled_map(small_backbone):
    pairs = sum(channels * (channels - 1) // 2 for channels in SmallEncoder.channels if channels <= CORRELATED)
    with torch.inference_mode():
        features = small_backbone(torch.rand(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    assert features.shape == (1, 2 * sum(SmallEncoder.channels) + pairs + 96)
    assert small_backbone.pooled_size == 96


def test_its_weights_are_a_file_that_a_run_left(tmp_path):
    torch.manual_seed(0)
    weights = {name: tensor.numpy() for name, tensor in SmallEncoder().state_dict().items()}
    save_file(weights, tmp_path / "encoder.safetensors")
    opened = open_encoder(BackboneSpec(name=SMALL, weights=tmp_path / "encoder.safetensors"))
    assert opened.name == open_weights(SMALL, weights).name
    with pytest.raises(InputError, match="fedstyle train --encoder small"):
        open_encoder(BackboneSpec(name=SMALL))
    for content in (b"", b"no weights"):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(InputError, match="cannot read the encoder"):
            open_encoder(BackboneSpec(name=SMALL, weights=tmp_path / "other"))
