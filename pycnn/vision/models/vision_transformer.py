"""Vision Transformer. Dosovitskiy et al., arXiv:2010.11929."""

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from pycnn import _C, nn
from pycnn.vision.models._api import WeightsEnum, check_num_classes, load_weights, make_builder, set_param
from pycnn.vision.models._meta import REFERENCES, SWAG_E2E, SWAG_LINEAR, imagenet
from pycnn.vision.ops.misc import MLP, Conv2dNormActivation

_SIZES = ["b_16", "b_32", "l_16", "l_32", "h_14"]
__all__ = ["VisionTransformer", *(f"ViT_{size.upper()}_Weights" for size in _SIZES),
           *(f"vit_{size}" for size in _SIZES)]


class ConvStemConfig(NamedTuple):
    """A convolution ahead of the transformer. Xiao et al., arXiv:2106.14881.

    Parameters
    ----------
    out_channels, kernel_size, stride : int
    norm_layer, activation_layer : callable, default BatchNorm2d, ReLU
    """

    out_channels: int
    kernel_size: int
    stride: int
    norm_layer: Callable = nn.BatchNorm2d
    activation_layer: Callable = nn.ReLU


class MLPBlock(MLP):
    """Two linear layers with GELU between them.

    Parameters
    ----------
    in_dim, mlp_dim : int
    dropout : float
    """

    _version = 2

    def __init__(self, in_dim, mlp_dim, dropout):
        super().__init__(in_dim, [mlp_dim, in_dim], activation_layer=nn.GELU, inplace=None, dropout=dropout)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.normal_(m.bias, std=1e-6)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 0) < 2:  # the published files' older names
            for k in (0, 1):
                for kind in ("weight", "bias"):
                    if f"{prefix}linear_{k + 1}.{kind}" in state_dict:
                        state_dict[f"{prefix}{3 * k}.{kind}"] = state_dict.pop(f"{prefix}linear_{k + 1}.{kind}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class EncoderBlock(nn.Module):
    """Attention and linear layers, each behind a norm and added to its input.

    Parameters
    ----------
    num_heads, hidden_dim, mlp_dim : int
    dropout, attention_dropout : float
    norm_layer : callable, default LayerNorm with eps 1e-6
    """

    def __init__(self, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer=partial(nn.LayerNorm,
                                                                                                      eps=1e-6)):
        super().__init__()
        self.num_heads = num_heads
        self.ln_1 = norm_layer(hidden_dim)
        self.self_attention = nn.MultiheadAttention(hidden_dim, num_heads, dropout=attention_dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = norm_layer(hidden_dim)
        self.mlp = MLPBlock(hidden_dim, mlp_dim, dropout)

    def forward(self, input):
        """Return [N, L, hidden_dim] of such sequences."""
        x = self.ln_1(input)
        x = self.dropout(self.self_attention(x, x, x, need_weights=False)[0]) + input
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Positions added, then blocks and a norm.

    Parameters
    ----------
    seq_length, num_layers, num_heads, hidden_dim, mlp_dim : int
    dropout, attention_dropout : float
    norm_layer : callable, default LayerNorm with eps 1e-6
    """

    def __init__(self, seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout,
                 norm_layer=partial(nn.LayerNorm, eps=1e-6)):
        super().__init__()
        self.pos_embedding = nn.Parameter(_C.fn.empty((1, seq_length, hidden_dim)).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(OrderedDict(
            (f"encoder_layer_{k}", EncoderBlock(num_heads, hidden_dim, mlp_dim, dropout, attention_dropout, norm_layer))
            for k in range(num_layers)))
        self.ln = norm_layer(hidden_dim)

    def forward(self, input):
        """Return [N, L, hidden_dim] of such sequences."""
        return self.ln(self.layers(self.dropout(input + self.pos_embedding)))


class VisionTransformer(nn.Module):
    """Patches of an image and a token of the class, encoded; a linear layer on the token.

    Parameters
    ----------
    image_size, patch_size : int
        Sides.
    num_layers, num_heads, hidden_dim, mlp_dim : int
    dropout, attention_dropout : float, default 0.0
    num_classes : int, default 1000
    representation_size : int, optional
        Of a further linear layer before the last.
    norm_layer : callable, default LayerNorm with eps 1e-6
    conv_stem_configs : list of ConvStemConfig, optional
        Convolutions instead of one that cuts the patches.

    Raises
    ------
    AssertionError
        If patches do not fill the image.

    See Also
    --------
    torchvision.models.VisionTransformer : same modules, same initial weights for the same seed.
    """

    def __init__(self, image_size, patch_size, num_layers, num_heads, hidden_dim, mlp_dim, dropout=0.0,
                 attention_dropout=0.0,
                 num_classes=1000, representation_size=None, norm_layer=partial(nn.LayerNorm, eps=1e-6),
                 conv_stem_configs=None):
        super().__init__()
        if image_size % patch_size:
            raise AssertionError("Input shape indivisible by patch size!")
        self.image_size, self.patch_size, self.hidden_dim, self.mlp_dim = image_size, patch_size, hidden_dim, mlp_dim
        self.attention_dropout, self.dropout, self.num_classes = attention_dropout, dropout, num_classes
        self.representation_size, self.norm_layer = representation_size, norm_layer
        if conv_stem_configs is None:
            self.conv_proj = nn.Conv2d(3, hidden_dim, kernel_size=patch_size, stride=patch_size)
        else:
            self.conv_proj, channels = nn.Sequential(), 3
            for k, cnf in enumerate(conv_stem_configs):
                self.conv_proj.add_module(f"conv_bn_relu_{k}", Conv2dNormActivation(
                    channels, cnf.out_channels, cnf.kernel_size, cnf.stride, norm_layer=cnf.norm_layer,
                    activation_layer=cnf.activation_layer))
                channels = cnf.out_channels
            self.conv_proj.add_module("conv_last", nn.Conv2d(channels, hidden_dim, kernel_size=1))
        self.class_token = nn.Parameter(_C.fn.zeros((1, 1, hidden_dim)))
        self.seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(self.seq_length, num_layers, num_heads, hidden_dim, mlp_dim, dropout, attention_dropout,
                               norm_layer)
        if representation_size is None:
            heads = [("head", nn.Linear(hidden_dim, num_classes))]
        else:
            heads = [("pre_logits", nn.Linear(hidden_dim, representation_size)), ("act", nn.Tanh()),
                     ("head", nn.Linear(representation_size, num_classes))]
        self.heads = nn.Sequential(OrderedDict(heads))
        self._draw_weights()

    def _draw_weights(self):
        if isinstance(self.conv_proj, nn.Conv2d):
            last = self.conv_proj
            nn.init.trunc_normal_(last.weight, std=math.sqrt(1 / (last.in_channels * math.prod(last.kernel_size))))
        else:
            last = self.conv_proj.conv_last
            nn.init.normal_(last.weight, mean=0.0, std=math.sqrt(2.0 / last.out_channels))
        nn.init.zeros_(last.bias)
        if hasattr(self.heads, "pre_logits"):
            nn.init.trunc_normal_(self.heads.pre_logits.weight, std=math.sqrt(1 / self.heads.pre_logits.in_features))
            nn.init.zeros_(self.heads.pre_logits.bias)
        nn.init.zeros_(self.heads.head.weight)
        nn.init.zeros_(self.heads.head.bias)

    def _process_input(self, x):
        for what, side in (("height", x.shape[2]), ("width", x.shape[3])):
            if side != self.image_size:
                raise AssertionError(f"Wrong image {what}! Expected {self.image_size} but got {side}!")
        return self.conv_proj(x).flatten(2).permute(0, 2, 1)

    def forward(self, x):
        """Return the scores [N, num_classes] of images [N, 3, image_size, image_size]."""
        x = self._process_input(x)
        x = _C.fn.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        return self.heads(self.encoder(x)[:, 0])


def interpolate_embeddings(image_size, patch_size, model_state, interpolation_mode="bicubic", reset_heads=False):
    """Resize the positions of a state_dict for images or patches of another size.

    Parameters
    ----------
    image_size, patch_size : int
        Of the new model.
    model_state : dict
        Changed in place.
    interpolation_mode : str, default "bicubic"
    reset_heads : bool, default False
        Leave out the last layers where positions change.

    Returns
    -------
    dict
        For ``load_state_dict``.

    Raises
    ------
    ValueError
        If the positions are not those of a square.
    """
    positions = model_state["encoder.pos_embedding"]
    if positions.shape[0] != 1:
        raise ValueError(f"Unexpected position embedding shape: {positions.shape}")
    side, old = image_size // patch_size, positions.shape[1] - 1
    if side * side == old:
        return model_state
    old_side = math.isqrt(old)
    if old_side * old_side != old:
        raise ValueError("seq_length is not a perfect square! Instead got seq_length_1d * seq_length_1d = "
                         f"{old_side * old_side} and seq_length = {old}")
    grid = positions[:, 1:].permute(0, 2, 1).reshape(1, -1, old_side, old_side)
    grid = nn.functional.interpolate(grid, size=side, mode=interpolation_mode, align_corners=True)
    model_state["encoder.pos_embedding"] = _C.fn.cat([positions[:, :1], grid.flatten(2).permute(0, 2, 1)], 1)
    if not reset_heads:
        return model_state
    return OrderedDict((k, v) for k, v in model_state.items() if not k.startswith("heads"))


def _builder(patch_size, num_layers, num_heads, hidden_dim, mlp_dim):
    def build(weights, progress, **kwargs):
        check_num_classes(weights, kwargs)
        if weights is not None and "min_size" in weights.meta:
            set_param(kwargs, "image_size", weights.meta["min_size"][0])
        model = VisionTransformer(kwargs.pop("image_size", 224), patch_size, num_layers, num_heads, hidden_dim,
                                  mlp_dim, **kwargs)
        load_weights(model, weights, progress)
        return model
    return build


_DEIT = ("These weights were trained from scratch by using a modified version of `DeIT "
         "<https://arxiv.org/abs/2012.12877>`_'s training recipe.")
_SCRATCH_TUNED = ("These weights were trained from scratch by using a modified version of TorchVision's `new training "
                  "recipe <https://pytorch.org/blog/how-to-train-state-of-the-art-models-using-torchvision-latest-"
                  "primitives/>`_.")


class ViT_B_16_Weights(WeightsEnum):
    """Weights of :func:`vit_b_16`."""

    IMAGENET1K_V1 = imagenet("vit_b_16-c867db91.pth", 86567656, 81.072, 95.318, 17.564, 330.285,
                             f"{REFERENCES}#vit_b_16", _DEIT, min_size=(224, 224))
    IMAGENET1K_SWAG_E2E_V1 = imagenet("vit_b_16_swag-9ac1b537.pth", 86859496, 85.304, 97.65, 55.484, 331.398,
                                      resize=384, crop=384, min_size=(384, 384), **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("vit_b_16_lc_swag-4e70ced5.pth", 86567656, 81.886, 96.18, 17.564, 330.285,
                                         min_size=(224, 224), **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    """Weights of :func:`vit_b_32`."""

    IMAGENET1K_V1 = imagenet("vit_b_32-d86f8d99.pth", 88224232, 75.912, 92.466, 4.409, 336.604,
                             f"{REFERENCES}#vit_b_32", _DEIT, min_size=(224, 224))
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    """Weights of :func:`vit_l_16`."""

    IMAGENET1K_V1 = imagenet("vit_l_16-852ce7e3.pth", 304326632, 79.662, 94.638, 61.555, 1161.023,
                             f"{REFERENCES}#vit_l_16", _SCRATCH_TUNED, resize=242, min_size=(224, 224))
    IMAGENET1K_SWAG_E2E_V1 = imagenet("vit_l_16_swag-4f3808c9.pth", 305174504, 88.064, 98.512, 361.986, 1164.258,
                                      resize=512, crop=512, min_size=(512, 512), **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("vit_l_16_lc_swag-4d563306.pth", 304326632, 85.146, 97.422, 61.555, 1161.023,
                                         min_size=(224, 224), **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    """Weights of :func:`vit_l_32`."""

    IMAGENET1K_V1 = imagenet("vit_l_32-c7638314.pth", 306535400, 76.972, 93.07, 15.378, 1169.449,
                             f"{REFERENCES}#vit_l_32", _DEIT, min_size=(224, 224))
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    """Weights of :func:`vit_h_14`."""

    IMAGENET1K_SWAG_E2E_V1 = imagenet("vit_h_14_swag-80465313.pth", 633470440, 88.552, 98.694, 1016.717, 2416.643,
                                      resize=518, crop=518, min_size=(518, 518), **SWAG_E2E)
    IMAGENET1K_SWAG_LINEAR_V1 = imagenet("vit_h_14_lc_swag-c1eb923e.pth", 632045800, 85.708, 97.73, 167.295, 2411.209,
                                         min_size=(224, 224), **SWAG_LINEAR)
    DEFAULT = IMAGENET1K_SWAG_E2E_V1


vit_b_16 = make_builder("vit_b_16", "the base Vision Transformer on patches of 16", VisionTransformer, ViT_B_16_Weights,
                        _builder(16, 12, 12, 768, 3072))
vit_b_32 = make_builder("vit_b_32", "the base Vision Transformer on patches of 32", VisionTransformer, ViT_B_32_Weights,
                        _builder(32, 12, 12, 768, 3072))
vit_l_16 = make_builder("vit_l_16", "the large Vision Transformer on patches of 16", VisionTransformer,
                        ViT_L_16_Weights,
                        _builder(16, 24, 16, 1024, 4096))
vit_l_32 = make_builder("vit_l_32", "the large Vision Transformer on patches of 32", VisionTransformer,
                        ViT_L_32_Weights,
                        _builder(32, 24, 16, 1024, 4096))
vit_h_14 = make_builder("vit_h_14", "the huge Vision Transformer on patches of 14", VisionTransformer, ViT_H_14_Weights,
                        _builder(14, 32, 16, 1280, 5120))
