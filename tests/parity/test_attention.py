"""Attention and the encoder of transformers against torch: initial weights, results, gradients, masks, dropout,
errors."""

import numpy as np
import pytest
import torch

import pycnn
from both import compare

pytestmark = pytest.mark.parity

RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal((2, 3, n, 4)).astype("f") for n in (5, 6, 6))
MASK = RNG.random((5, 6)) < 0.6
MASK[2] = False


@pytest.mark.parametrize("options", [{}, {"scale": 0.3}, {"is_causal": True}, {"dropout_p": 0.4}], ids=str)
def test_scaled_dot_product_attention(options):
    def call(m, q, k, v):
        m.manual_seed(0)
        return m.nn.functional.scaled_dot_product_attention(q, k, v, **options)
    compare(call, [Q, K, V])
    compare(call, [Q[0, 0].astype("d"), K[0, 0].astype("d"), V[0, 0].astype("d")])


def test_masks_of_scaled_dot_product_attention():
    for mask in (MASK, MASK.astype("f"), MASK[None, None].repeat(2, 0)):
        compare(lambda m, q, k, v: m.nn.functional.scaled_dot_product_attention(q, k, v, m.from_numpy(mask)), [Q, K, V])
    compare(lambda m, q, k, v: m.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
            [Q.repeat(2, 1), K, V])
    compare(lambda m, q, k, v: m.nn.functional.scaled_dot_product_attention(q[0, 0, 0], k, v), [Q, K, V])


@pytest.mark.parametrize("attention", [None, MASK[:, :5], MASK[:, :5].astype("f"), MASK[None, :, :5].repeat(6, 0)],
                         ids=["none", "bool", "float", "of each head"])
@pytest.mark.parametrize("padding", [None, MASK[:2, :5]], ids=["none", "padded"])
def test_merged_masks(attention, padding):
    def call(m, query):
        masks = (None if mask is None else m.from_numpy(mask) for mask in (attention, padding))
        return m.nn.MultiheadAttention(6, 3).merge_masks(*masks, query)
    compare(call, [RNG.standard_normal((2, 5, 6)).astype("f")], grads=False)


def built(m, make):
    """The layer of library m, drawn with one seed, and the state of the generator behind it."""
    m.manual_seed(4)
    layer = make(m.nn)
    return layer, m.get_rng_state().numpy().tobytes()


def same_layers(make):
    (ours, our_state), (theirs, their_state) = built(pycnn, make), built(torch, make)
    assert repr(ours) == repr(theirs) and our_state == their_state
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b) and all(a[k].numpy().tobytes() == b[k].numpy().tobytes() for k in a)
    return ours, theirs


@pytest.mark.parametrize("kwargs", [{}, {"batch_first": True, "dropout": 0.3}, {"bias": False}, {"kdim": 5, "vdim": 7},
                                    {"add_bias_kv": True, "add_zero_attn": True}], ids=str)
@pytest.mark.parametrize("call", [{}, {"need_weights": False}, {"average_attn_weights": False}], ids=str)
def test_multihead_attention(kwargs, call):
    ours, theirs = same_layers(lambda nn: nn.MultiheadAttention(8, 2, **kwargs))
    layers = {pycnn: ours, torch: theirs}
    q, k, v = (RNG.standard_normal((3, 3, n)).astype("f") for n in (8, kwargs.get("kdim", 8), kwargs.get("vdim", 8)))

    def run(m, *tensors):
        m.manual_seed(2)
        layer = layers[m]
        layer.zero_grad()
        results = layer(*(tensors if len(tensors) == 3 else tensors * 3), **call)
        return [r for r in results if r is not None] + [p.square().sum() for p in layer.parameters()]
    compare(run, [q, k, v], limit=1e-5)
    compare(run, [q[0], k[0], v[0]], limit=1e-5)
    if "kdim" not in kwargs:
        compare(run, [q], limit=1e-5)


@pytest.mark.parametrize("dtype", ["bool", "float"])
def test_masks_of_multihead_attention(dtype):
    ours, theirs = same_layers(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True))
    layers = {pycnn: ours, torch: theirs}
    x = RNG.standard_normal((3, 5, 8)).astype("f")
    padding = np.zeros((3, 5), bool)
    padding[:, 3:] = True
    mask = np.triu(np.ones((5, 5), bool), 1)
    heads = np.broadcast_to(mask, (6, 5, 5)).copy()
    if dtype == "float":
        padding, mask, heads = (np.where(m, np.float32(-1.5), np.float32(0)) for m in (padding, mask, heads))
    for options in ({"attn_mask": mask}, {"key_padding_mask": padding}, {"attn_mask": heads,
                                                                         "key_padding_mask": padding},
                    {"attn_mask": mask, "need_weights": False}, {"attn_mask": mask[:4]}, {"attn_mask": heads[:5]},
                    {"key_padding_mask": padding[0]}):
        def run(m, x):
            given = {k: m.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
            return [r for r in layers[m](x, x, x, **given) if r is not None]
        compare(run, [x], limit=1e-5, what=str(list(options)))


def test_errors():
    for make in (lambda nn: nn.MultiheadAttention(0, 1), lambda nn: nn.MultiheadAttention(7, 2),
                 lambda nn: nn.TransformerEncoderLayer(4, 2, activation="tanh")):
        with pytest.raises(Exception) as want:
            make(torch.nn)
        with pytest.raises(want.type, match=str(want.value).replace("(", r"\(")):
            make(pycnn.nn)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("kwargs", [{}, {"batch_first": True, "norm_first": True, "activation": "gelu"},
                                    {"bias": False, "dropout": 0.0}], ids=str)
def test_transformer_encoder(kwargs):
    ours, theirs = same_layers(lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **kwargs), 2,
                                                                nn.LayerNorm(8)))
    layers = {pycnn: ours, torch: theirs}
    mask = np.triu(np.full((4, 4), -np.inf, "f"), 1)

    def run(m, x):
        m.manual_seed(1)
        return layers[m](x), layers[m].eval()(x), layers[m].train()(x, mask=m.from_numpy(mask))
    compare(run, [RNG.standard_normal((4, 4, 8)).astype("f")], limit=2e-5)
