"""The layers, one file for each kind as in torch."""

from pycnn.nn.modules.activation import (CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU,
                                         LogSigmoid, LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, Sigmoid, SiLU, Softmax,
                                         Softmax2d, Softmin, Softplus, Softshrink, Softsign, Tanh, Tanhshrink,
                                         Threshold)
from pycnn.nn.modules.attention import MultiheadAttention
from pycnn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm
from pycnn.nn.modules.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from pycnn.nn.modules.conv import Conv1d, Conv2d, ConvTranspose2d
from pycnn.nn.modules.distance import CosineSimilarity, PairwiseDistance
from pycnn.nn.modules.dropout import Dropout, Dropout1d, Dropout2d, Dropout3d
from pycnn.nn.modules.flatten import Flatten, Unflatten
from pycnn.nn.modules.fold import Fold, Unfold
from pycnn.nn.modules.instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from pycnn.nn.modules.lazy import (LazyBatchNorm1d, LazyBatchNorm2d, LazyConv1d, LazyConv2d, LazyConvTranspose2d,
                                   LazyLinear)
from pycnn.nn.modules.linear import Identity, Linear
from pycnn.nn.modules.loss import (BCELoss, BCEWithLogitsLoss, CosineEmbeddingLoss, CrossEntropyLoss, GaussianNLLLoss,
                                   HingeEmbeddingLoss, HuberLoss, KLDivLoss, L1Loss, MarginRankingLoss, MSELoss,
                                   MultiLabelSoftMarginLoss, MultiMarginLoss, NLLLoss, PoissonNLLLoss, SmoothL1Loss,
                                   SoftMarginLoss, TripletMarginLoss)
from pycnn.nn.modules.module import Module
from pycnn.nn.modules.normalization import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm
from pycnn.nn.modules.padding import (CircularPad1d, CircularPad2d, CircularPad3d, ConstantPad1d, ConstantPad2d,
                                      ConstantPad3d, ReflectionPad1d, ReflectionPad2d, ReflectionPad3d,
                                      ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, ZeroPad1d, ZeroPad2d,
                                      ZeroPad3d)
from pycnn.nn.modules.pixelshuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from pycnn.nn.modules.pooling import (AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d,
                                      AvgPool1d, AvgPool2d, LPPool2d, MaxPool1d, MaxPool2d)
from pycnn.nn.modules.sparse import Embedding
from pycnn.nn.modules.transformer import TransformerEncoder, TransformerEncoderLayer
from pycnn.nn.modules.upsampling import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)]
