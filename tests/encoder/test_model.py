"""The style model: its map, its one encoding, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fedstyle_secure.encoder.model import StyleModel, read_model
from fedstyle_secure.encoder.whitening import Whitening
from fedstyle_secure.errors import InputError

F, D, H = 9, 6, 3


def make_model(**changes) -> StyleModel:
    rng = np.random.default_rng(0)
    center, projection, alignment, head = (
        rng.normal(size=shape).astype(np.float32) for shape in ((F,), (F, D), (D, D), (H, D))
    )
    parts = {
        "whitening": Whitening(center=center, projection=projection),
        "alignment": alignment,
        "head": head,
        "residual": 0.25,
        "encoder": "test@0",
    }
    return StyleModel(**(parts | changes))


MODEL = make_model()
BYTES = MODEL.encode()
TENSORS = load(BYTES)
(FACTS,) = json.loads(BYTES[8 : 8 + int.from_bytes(BYTES[:8], "little")])["__metadata__"].values()


def rewrite(tensors=None, facts=None, **metadata) -> bytes:
    return save(TENSORS if tensors is None else tensors, {"fedstyle": FACTS if facts is None else facts, **metadata})


def test_the_embedding_is_aligned_features_beside_the_weighted_head():
    raw = np.random.default_rng(1).normal(size=(4, F)).astype(np.float32)
    for row, embedding in zip(raw, MODEL.embed(raw), strict=True):
        white = (row - MODEL.whitening.center) @ MODEL.whitening.projection
        u = (white / np.linalg.norm(white)) @ MODEL.alignment
        u /= np.linalg.norm(u)
        refined = MODEL.head @ u
        both = np.concatenate([u, 0.25 * refined / np.linalg.norm(refined)])
        np.testing.assert_allclose(embedding, both / np.linalg.norm(both), rtol=1e-4, atol=1e-5)


def test_without_residual_the_head_plays_no_part():
    raw = np.random.default_rng(1).normal(size=(4, F)).astype(np.float32)
    embedded = make_model(residual=0.0).embed(raw)
    np.testing.assert_allclose(embedded[:, :D], MODEL.align(MODEL.whiten(raw)), atol=1e-6)
    assert not embedded[:, D:].any()


def test_the_encoding_is_one_and_the_same_for_equal_models():
    assert {make_model().encode() for _ in range(50)} == {BYTES}
    assert StyleModel.decode(BYTES).encode() == BYTES
    assert StyleModel.decode(BYTES).digest == MODEL.digest
    assert make_model(head=np.asfortranarray(MODEL.head)).digest == MODEL.digest


def test_the_encoding_is_the_same_in_another_process():
    """Artists and server must agree on a model's digest; hash seeds and dictionary orders must not enter."""
    code = (
        "import numpy as np; from fedstyle_secure.encoder.model import StyleModel as M; "
        "from fedstyle_secure.encoder.whitening import Whitening as W; z = lambda *s: np.ones(s, np.float32); "
        "print(M(whitening=W(center=z(3), projection=z(3, 2)), alignment=z(2, 2), head=z(4, 2), residual=0.5, "
        "encoder='a@b').digest.hex())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "4b6b60ee0319edb5e32a43acafb4cd94962c06ab0f7c85b5c0faffd03ec626ed"


def test_round_trip_keeps_everything():
    decoded = StyleModel.decode(BYTES)
    for ours, theirs in (
        (MODEL.whitening.center, decoded.whitening.center),
        (MODEL.whitening.projection, decoded.whitening.projection),
        (MODEL.alignment, decoded.alignment),
        (MODEL.head, decoded.head),
    ):
        assert theirs.dtype == np.float32
        np.testing.assert_array_equal(ours, theirs)
    assert (decoded.residual, decoded.encoder) == (0.25, "test@0")
    whole = make_model(residual=0)
    assert StyleModel.decode(whole.encode()).architecture_digest == whole.architecture_digest


@given(st.integers(0, len(BYTES) - 1))
def test_a_truncated_model_is_refused(length):
    with pytest.raises(InputError):
        StyleModel.decode(BYTES[:length])


@given(st.integers(0, 8 * len(BYTES) - 1))
def test_a_flipped_bit_is_refused_or_makes_another_model(bit):
    data = bytearray(BYTES)
    data[bit // 8] ^= 1 << bit % 8
    try:
        model = StyleModel.decode(bytes(data))
    except InputError:
        return
    assert model.encode() == bytes(data)
    assert model.digest != MODEL.digest


@given(st.binary(max_size=200))
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(InputError):
        StyleModel.decode(data)


def bend(name, change):
    return rewrite(TENSORS | {name: change(TENSORS[name])})


CORRUPTIONS = {
    "another tensor": rewrite(TENSORS | {"extra": np.zeros(2, np.float32)}),
    "a tensor missing": rewrite({name: TENSORS[name] for name in TENSORS if name != "head"}),
    "a tensor renamed": rewrite({name.replace("head", "heads"): tensor for name, tensor in TENSORS.items()}),
    "a byte more": BYTES + b"\0",
    "float64": bend("head", lambda tensor: tensor.astype(np.float64)),
    "integers": bend("center", lambda tensor: tensor.astype(np.int32)),
    "not a number": bend("projection", lambda tensor: np.where(tensor == tensor[0, 0], np.nan, tensor)),
    "infinite": bend("head", lambda tensor: np.full_like(tensor, np.inf)),
    "head transposed": bend("head", lambda tensor: tensor.T.copy()),
    "head flat": bend("head", np.ravel),
    "alignment not square": bend("alignment", lambda tensor: tensor[:-1].copy()),
    "alignment of another size": bend("alignment", lambda _tensor: np.eye(D + 1, dtype=np.float32)),
    "center too long": bend("center", lambda tensor: np.append(tensor, tensor)),
    "center a matrix": bend("center", lambda tensor: tensor[None].copy()),
    "projection flat": bend("projection", np.ravel),
    "no facts": save(TENSORS),
    "other facts": save(TENSORS, {"format": "fedstyle-model-2"}),
    "more facts": rewrite(extra="1"),
    "facts not JSON": rewrite(facts="{"),
    "facts a list": rewrite(facts="[]"),
    "facts deep": rewrite(facts="[" * 100_000),
    "facts in another order": rewrite(facts=json.dumps(dict(reversed(json.loads(FACTS).items())))),
    "another format": rewrite(facts=FACTS.replace("model-2", "model-1")),
    "no format": rewrite(facts=FACTS.replace('"format"', '"formats"')),
    "other features": rewrite(facts=FACTS.replace("features-5", "features-4")),
    "a fact missing": rewrite(facts='{"format": "fedstyle-model-2", "residual": 0.25}'),
    "encoder a number": rewrite(facts=FACTS.replace('"test@0"', "7")),
    "residual a word": rewrite(facts=FACTS.replace("0.25", '"0.25"')),
    "residual true": rewrite(facts=FACTS.replace("0.25", "true")),
    "residual NaN": rewrite(facts=FACTS.replace("0.25", "NaN")),
    "residual infinite": rewrite(facts=FACTS.replace("0.25", "Infinity")),
    "residual negative": rewrite(facts=FACTS.replace("0.25", "-0.25")),
    "header longer than the file": (1 << 62).to_bytes(8, "little") + BYTES[8:],
    "header empty": bytes(8),
}


def test_the_corruptions_start_from_an_honest_file():
    assert rewrite() == BYTES


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupt_model_is_refused(corruption):
    with pytest.raises(InputError):
        StyleModel.decode(CORRUPTIONS[corruption])


@pytest.mark.parametrize(
    ("corruption", "told"),
    [
        (
            "another format",
            "a style model of 'fedstyle-model-1', where this version reads fedstyle-model-2: train again",
        ),
        ("other features", "takes 'fedstyle-features-4', where this version makes fedstyle-features-5: train again"),
    ],
)
def test_a_model_of_another_version_is_refused_with_what_to_do(corruption, told):
    """Its whitening would fit other numbers, or worse, as many that mean something else."""
    with pytest.raises(InputError, match=told):
        StyleModel.decode(CORRUPTIONS[corruption])


def change_one(array):
    changed = array.copy()
    changed.flat[-1] = np.nextafter(changed.flat[-1], np.float32(9))
    return changed


def test_the_digest_changes_with_every_part():
    white = MODEL.whitening
    models = [
        MODEL,
        make_model(whitening=Whitening(center=change_one(white.center), projection=white.projection)),
        make_model(whitening=Whitening(center=white.center, projection=change_one(white.projection))),
        make_model(alignment=change_one(MODEL.alignment)),
        make_model(head=change_one(MODEL.head)),
        make_model(residual=0.5),
        make_model(encoder="test@1"),
    ]
    assert len({model.digest for model in models}) == len(models)


def test_the_architecture_digest_ignores_what_training_changes_and_nothing_else():
    same = [MODEL, make_model(head=change_one(MODEL.head)), make_model(alignment=change_one(MODEL.alignment))]
    assert len({model.architecture_digest for model in same}) == 1
    white = MODEL.whitening
    wider = Whitening(center=np.zeros(F + 1, np.float32), projection=np.ones((F + 1, D), np.float32))
    flatter = Whitening(center=white.center, projection=white.projection[:, 1:])
    others = [
        MODEL,
        make_model(residual=0.5),
        make_model(encoder="test@1"),
        make_model(head=MODEL.head[1:]),
        make_model(whitening=wider),
        make_model(whitening=flatter, alignment=MODEL.alignment[1:, 1:], head=MODEL.head[:, 1:]),
    ]
    assert len({model.architecture_digest for model in others}) == len(others)


def test_a_style_space_is_known_by_its_encoder_and_its_whitening():
    trained = make_model(head=change_one(MODEL.head), alignment=change_one(MODEL.alignment), residual=0.5)
    assert trained.style_space_digest == MODEL.style_space_digest
    white = MODEL.whitening
    moved = Whitening(center=white.center + 1, projection=white.projection)
    others = [MODEL, make_model(encoder="test@1"), make_model(whitening=moved)]
    assert len({model.style_space_digest for model in others}) == len(others)


@pytest.mark.parametrize("residual", [float("nan"), float("inf"), -0.1])
def test_a_residual_weight_is_a_number_from_0(residual):
    with pytest.raises(InputError, match="residual"):
        make_model(residual=residual)


def test_read_model_names_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"cannot read the style model .*model\.safetensors: No such file"):
        read_model(path)
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match=r"model\.safetensors: not a style model"):
        read_model(path)
    path.write_bytes(BYTES)
    assert read_model(path).digest == MODEL.digest


def test_a_model_without_its_whitening_is_completed_by_the_one_it_names():
    short = MODEL.encode(whitening=False)
    decoded = StyleModel.decode(short, MODEL.whitening)
    assert decoded.digest == MODEL.digest
    assert decoded.encode() == BYTES
    assert decoded.encode(whitening=False) == short
    again = Whitening(center=MODEL.whitening.center.copy(), projection=np.asfortranarray(MODEL.whitening.projection))
    assert again.digest == MODEL.whitening.digest


def test_a_model_without_its_whitening_is_refused_with_none_or_another():
    white, short = MODEL.whitening, MODEL.encode(whitening=False)
    others = (
        None,
        Whitening(center=change_one(white.center), projection=white.projection),
        Whitening(center=white.center, projection=change_one(white.projection)),
        Whitening(center=white.center, projection=white.projection[:, 1:]),
    )
    for other in others:
        with pytest.raises(InputError, match="leaves out a whitening that was not given before"):
            StyleModel.decode(short, other)


def test_a_whitening_in_the_bytes_is_used_and_not_the_one_held():
    other = Whitening(center=change_one(MODEL.whitening.center), projection=MODEL.whitening.projection)
    assert StyleModel.decode(BYTES, other).digest == MODEL.digest


@pytest.mark.parametrize("pin", ["7", "null", '""', "[]", "{}"])
def test_a_pin_that_is_no_digest_is_refused(pin):
    facts = f'{FACTS[:-1]}, "whitening": {pin}}}'
    data = save({name: TENSORS[name] for name in ("alignment", "head")}, {"fedstyle": facts})
    with pytest.raises(InputError):
        StyleModel.decode(data, MODEL.whitening)
