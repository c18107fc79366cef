"""torch.nn.functional: the layers' operations as functions, with torch's names and signatures."""

from pycnn._missing import missing_attribute as _missing_attribute
from pycnn.nn.functional._activation import (
    celu, celu_, elu, elu_, gelu, glu, gumbel_softmax, hardshrink, hardsigmoid, hardswish, hardtanh, hardtanh_,
    leaky_relu, leaky_relu_, log_softmax, logsigmoid, mish, prelu, relu, relu6, relu_, selu, selu_, sigmoid, silu,
    softmax, softmin, softplus, softshrink, softsign, tanh, tanhshrink, threshold, threshold_)
from pycnn.nn.functional._attention import multi_head_attention_forward, scaled_dot_product_attention
from pycnn.nn.functional._convolution import conv1d, conv2d, conv_transpose2d, linear
from pycnn.nn.functional._dropout import dropout, dropout1d, dropout2d, dropout3d
from pycnn.nn.functional._grid import affine_grid, grid_sample
from pycnn.nn.functional._loss import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cosine_embedding_loss, cross_entropy, gaussian_nll_loss,
    hinge_embedding_loss, huber_loss, kl_div, l1_loss, margin_ranking_loss, mse_loss, multi_margin_loss,
    multilabel_soft_margin_loss, nll_loss, poisson_nll_loss, smooth_l1_loss, soft_margin_loss, triplet_margin_loss)
from pycnn.nn.functional._normalization import (
    batch_norm, group_norm, instance_norm, layer_norm, local_response_norm, normalize, rms_norm)
from pycnn.nn.functional._pooling import (
    adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_max_pool1d, adaptive_max_pool2d, avg_pool1d, avg_pool2d,
    lp_pool2d, max_pool1d, max_pool2d)
from pycnn.nn.functional._resize import interpolate, upsample, upsample_bilinear, upsample_nearest
from pycnn.nn.functional._shape import (channel_shuffle, cosine_similarity, embedding, fold, one_hot, pad,
                                        pairwise_distance, pixel_shuffle, pixel_unshuffle, unfold)


def __getattr__(name):
    raise _missing_attribute("pycnn.nn.functional", name, [n for n in globals() if not n.startswith("_")])
