"""Models beside the ResNets against torchvision: modules, initial weights, published weights, scores, gradients."""

import inspect
import math

import numpy as np
import pytest
import torch
import torchvision

import pycnn
from pycnn import vision

pytestmark = pytest.mark.parity

INIT = {"googlenet": {"init_weights": True}, "inception_v3": {"init_weights": True}}
SMALL = ["densenet121", "efficientnet_b0", "googlenet", "inception_v3", "mobilenet_v2", "mobilenet_v3_large",
         "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "shufflenet_v2_x1_0", "squeezenet1_0",
         "squeezenet1_1"]
ALL = [name for name in vision.models.list_models() if "resne" not in name]


def both(name, **kwargs):
    """The model in pycnn and in torchvision, built with the same seed."""
    models = []
    for t, v in ((pycnn, vision), (torch, torchvision)):
        t.manual_seed(7)
        models.append(getattr(v.models, name)(**INIT.get(name, {}) | kwargs))
    return models


def same_weights(ours, theirs):
    assert repr(ours) == repr(theirs)
    ours, theirs = ours.state_dict(), theirs.state_dict()
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert ours[key].numpy().tobytes() == value.numpy().tobytes(), key
    assert pycnn.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("name", SMALL + ["alexnet", "vgg11_bn", "densenet169"])
def test_initial_weights(name):
    same_weights(*both(name, num_classes=10))


@pytest.mark.parametrize("name, kwargs", [
    ("mobilenet_v2", {"width_mult": 0.35}),
    ("mobilenet_v2", {"inverted_residual_setting": [[1, 8, 1, 1], [6, 16, 2, 2]], "dropout": 0.5}),
    ("mobilenet_v3_small", {"width_mult": 0.5, "reduced_tail": True}), ("mobilenet_v3_small", {"dilated": True}),
    ("densenet121", {"drop_rate": 0.2, "bn_size": 2}), ("efficientnet_v2_s", {"stochastic_depth_prob": 0.5}),
    ("efficientnet_b5", {}),
    ("convnext_tiny", {"layer_scale": 0.1}), ("vit_b_32", {"image_size": 64, "representation_size": 8}),
    ("squeezenet1_1", {"dropout": 0.1}), ("googlenet", {"aux_logits": False})], ids=str)
def test_parameters(name, kwargs):
    same_weights(*both(name, num_classes=3, **kwargs))


def small_convnext(m):
    stages = [m.convnext.CNBlockConfig(8, 12, 1), m.convnext.CNBlockConfig(12, None, 2)]
    return m.ConvNeXt(stages, stochastic_depth_prob=0.4, layer_scale=0.5, num_classes=3)


def small_vit(m):
    return m.VisionTransformer(32, 8, 2, 2, 16, 24, dropout=0.1, attention_dropout=0.2, num_classes=3,
                               representation_size=8)


def vit_with_convolutions(m):
    stem = [m.vision_transformer.ConvStemConfig(6, 3, 2), m.vision_transformer.ConvStemConfig(8, 3, 2),
            m.vision_transformer.ConvStemConfig(8, 3, 2)]
    return m.VisionTransformer(32, 8, 1, 2, 16, 24, num_classes=3, conv_stem_configs=stem)


def small_efficientnet(m):
    e = m.efficientnet
    return m.EfficientNet([e.FusedMBConvConfig(1, 3, 1, 8, 8, 1), e.FusedMBConvConfig(4, 3, 2, 8, 16, 2),
                           e.MBConvConfig(4, 3, 2, 16, 24, 2)], 0.3,
                          stochastic_depth_prob=0.6, num_classes=3, last_channel=32)


@pytest.mark.parametrize("build", [small_convnext, small_vit, vit_with_convolutions, small_efficientnet])
@pytest.mark.parametrize("training", [True, False])
def test_small_ones_of_a_kind(build, training):
    models = []
    for t, v in ((pycnn, vision), (torch, torchvision)):
        t.manual_seed(7)
        models.append(build(v.models))
    same_weights(*models)
    for m in models:  # the last layer of a ViT is zero at first
        last = getattr(m, "heads", None)
        if last is not None:
            last.head.weight.data.fill_(0.1)
    x = np.random.default_rng(0).standard_normal((3, 3, 32, 32))
    ours, theirs = (run(m.double().train(training), x, t) for m, t in zip(models, (pycnn, torch), strict=True))
    assert ours.keys() == theirs.keys()
    for key, want in theirs.items():
        assert np.abs(ours[key] - want).max(initial=0) <= 1e-6 * np.abs(want).max(initial=1e-6), key


@pytest.mark.parametrize("size", ["x_800mf", "x_8gf", "x_32gf", "y_1_6gf", "y_128gf"])
def test_stages_of_regnet(size):
    from torchvision.models.regnet import BlockParams
    import inspect as i
    import re
    from pycnn.vision.models import regnet
    numbers = re.search(r"from_init_params\((.*?)\*\*kwargs",
                        i.getsource(i.unwrap(getattr(torchvision.models, f"regnet_{size}"))), re.S)[1]
    options = {k: float(v) if "." in v else int(v) for k, v in re.findall(r"(\w+)=([\d.]+)", numbers)}
    assert vars(regnet.BlockParams.from_init_params(**options)) == vars(BlockParams.from_init_params(**options))


def test_positions_of_another_size():
    states = []
    for t, v in ((pycnn, vision), (torch, torchvision)):
        t.manual_seed(7)
        state = small_vit(v.models).state_dict()
        states.append(v.models.vision_transformer.interpolate_embeddings(48, 8, state, reset_heads=True))
    assert list(states[0]) == list(states[1])
    a, b = (s["encoder.pos_embedding"].numpy() for s in states)
    np.testing.assert_allclose(a, b, atol=1e-6)


def test_vgg_of_every_depth():
    """Their linear layers are large: the convolutions alone."""
    from torchvision.models.vgg import cfgs, make_layers
    from pycnn.vision.models import vgg
    for depth, letter in ((11, "A"), (13, "B"), (16, "D"), (19, "E")):
        for batch_norm in (False, True):
            assert repr(vgg.make_layers(vgg._CONFIGURATIONS[depth], batch_norm)) \
                == repr(make_layers(cfgs[letter], batch_norm))


def run(model, x, t):
    """Scores, gradients and buffers after one pass in both directions."""
    t.manual_seed(1)
    x = t.tensor(x, requires_grad=True)
    outputs = model(x)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    sum(y.square().mean() for y in outputs).backward()
    results = {f"scores {k}": y for k, y in enumerate(outputs)} | {"input": x.grad}
    results |= {f"{n}.grad": p.grad for n, p in model.named_parameters()
                if p.grad is not None} | dict(model.named_buffers())
    return {key: value.detach().numpy() for key, value in results.items()}


@pytest.mark.parametrize("name, training",
                         [(name, t) for name in SMALL for t in (True, False) if name != "inception_v3" or t])
def test_scores_and_gradients(name, training):
    """In float64: rounding then moves no value across a kink of ReLU, where gradients jump."""
    size, options = (75, {"aux_logits": False}) if name == "inception_v3" else (64 if name == "densenet121" else 40, {})
    x = np.random.default_rng(0).standard_normal((2, 3, size, size))
    models = both(name, num_classes=5, **options)
    ours, theirs = (run(m.double().train(training), x, t) for m, t in zip(models, (pycnn, torch), strict=True))
    assert ours.keys() == theirs.keys()
    for key, want in theirs.items():
        scale = np.abs(want).max(initial=1e-12)
        assert np.abs(ours[key] - want).max(initial=0) <= 1e-6 * max(scale, 1e-6), key


@pytest.mark.parametrize("name", ["alexnet", "mobilenet_v2", "googlenet"])
def test_scores_in_float32(name):
    ours, theirs = (m.eval() for m in both(name, num_classes=10))
    x = np.random.default_rng(0).standard_normal((1, 3, 64, 64)).astype("f")
    with pycnn.no_grad(), torch.no_grad():
        np.testing.assert_allclose(ours(pycnn.from_numpy(x)).numpy(), theirs(torch.from_numpy(x)).numpy(),
                                   rtol=1e-3, atol=1e-5)


def test_results_in_train_mode():
    ours, theirs = both("googlenet", num_classes=4)
    x = np.zeros((2, 3, 64, 64), "f")
    got, want = ours(pycnn.from_numpy(x)), theirs(torch.from_numpy(x))
    assert type(got).__name__ == type(want).__name__ and got._fields == want._fields
    ours, theirs = both("inception_v3", num_classes=4, transform_input=True)
    x = np.random.default_rng(2).random((2, 768, 17, 17)).astype("f")
    with pycnn.no_grad(), torch.no_grad():
        np.testing.assert_allclose(ours.AuxLogits(pycnn.from_numpy(x)).numpy(),
                                   theirs.AuxLogits(torch.from_numpy(x)).numpy(), atol=1e-5)
    x = np.random.default_rng(2).random((2, 3, 80, 80)).astype("f")
    with pycnn.no_grad(), torch.no_grad():
        got, want = ours.eval()(pycnn.from_numpy(x)).numpy(), theirs.eval()(torch.from_numpy(x)).numpy()
    assert np.abs(got - want).max() < 1e-4 * np.abs(want).max()
    for name in ("googlenet", "inception_v3"):
        with pytest.warns(FutureWarning, match="please set init_weights=True"):
            getattr(vision.models, name)(num_classes=2, aux_logits=False)


def equal(a, b):
    return a == b or isinstance(a, float) and math.isnan(a) and math.isnan(b)


@pytest.mark.parametrize("name", ALL)
def test_published_weights(name):
    ours, theirs = vision.models.get_model_weights(name), torchvision.models.get_model_weights(name)
    assert ours.__name__ == theirs.__name__ and list(ours.__members__) == list(theirs.__members__)
    assert repr(ours.DEFAULT) == repr(theirs.DEFAULT)
    for a, b in zip(ours, theirs, strict=True):
        assert a.url == b.url and a is vision.models.get_weight(str(b)) and a.meta.keys() == b.meta.keys()
        for key, value in b.meta.items():
            if key == "_metrics":
                assert all(equal(a.meta[key]["ImageNet-1K"][k], v) for k, v in value["ImageNet-1K"].items())
            else:
                assert (a.meta[key].split() == value.split()) if isinstance(value, str) else a.meta[key] == value
        assert repr(a.transforms()).replace("InterpolationMode.BILINEAR", "") == \
            repr(b.transforms()).replace("InterpolationMode.BILINEAR", "")
    assert list(inspect.signature(vision.models.get_model_builder(name)).parameters) == \
        list(inspect.signature(torchvision.models.get_model_builder(name)).parameters)


def test_files_with_old_names(tmp_path):
    """The published files of DenseNet call norm1 norm.1."""
    state = vision.models.densenet121(num_classes=1000).state_dict()
    old = {key.replace("norm1", "norm.1").replace("conv2", "conv.2") if "denselayer" in key else key: value
           for key, value in state.items()
           if "num_batches" not in key}
    assert old.keys() != state.keys()
    pycnn.save(old, tmp_path / "d.pth")
    loaded = vision.models.densenet121(weights=tmp_path / "d.pth").state_dict()
    assert all((loaded[key] == value).all() for key, value in state.items())


def test_published_weights_of_googlenet_come_without_further_classifiers(tmp_path):
    pycnn.save(vision.models.googlenet(init_weights=False).state_dict(), tmp_path / "g.pth")
    model = vision.models.googlenet(weights=tmp_path / "g.pth")
    assert model.aux1 is None and not model.aux_logits and model.transform_input
    with pytest.warns(UserWarning, match="auxiliary heads .* are NOT pretrained"):
        assert vision.models.googlenet(weights=tmp_path / "g.pth", aux_logits=True).aux2 is not None
    with pytest.raises(ValueError, match="'init_weights' expected value False but got True"):
        vision.models.googlenet(weights=tmp_path / "g.pth", init_weights=True)


def test_models_by_their_dict():
    names = sorted(name for name, value in vars(vision.models).items() if name.islower() and not name.startswith("_")
                   and callable(value))
    theirs = {name for name, value in vars(torchvision.models).items() if name.islower() and not name.startswith("_")
              and callable(value)}
    assert set(names) <= theirs and {"resnet18", "vgg16", "alexnet", "densenet121", "googlenet",
                                     "inception_v3"} <= set(names)
    assert vision.models.__dict__["squeezenet1_1"](num_classes=2).num_classes == 2
