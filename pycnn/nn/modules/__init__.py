"""The layers, one file for each kind as in torch."""

from pycnn.nn.modules.activation import (ELU, GELU, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid, LogSoftmax, Mish,
                                         PReLU, ReLU, ReLU6, SELU, Sigmoid, SiLU, Softmax, Softplus, Softsign, Tanh)
from pycnn.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm
from pycnn.nn.modules.container import ModuleDict, ModuleList, ParameterList, Sequential
from pycnn.nn.modules.conv import Conv1d, Conv2d, ConvTranspose2d
from pycnn.nn.modules.dropout import Dropout, Dropout2d
from pycnn.nn.modules.flatten import Flatten, Unflatten
from pycnn.nn.modules.linear import Identity, Linear
from pycnn.nn.modules.loss import (BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HuberLoss, KLDivLoss, L1Loss, MSELoss,
                                   NLLLoss, SmoothL1Loss)
from pycnn.nn.modules.module import Module
from pycnn.nn.modules.normalization import GroupNorm, InstanceNorm2d, LayerNorm
from pycnn.nn.modules.padding import ConstantPad2d, ReflectionPad2d, ReplicationPad2d, ZeroPad2d
from pycnn.nn.modules.pooling import (AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d,
                                      MaxPool1d, MaxPool2d)
from pycnn.nn.modules.sparse import Embedding

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)]
