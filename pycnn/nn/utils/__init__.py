"""Helpers around parameters: clipping gradients, parameters as one vector."""

from pycnn._missing import getattr_of as _getattr_of
from pycnn.nn.utils.clip_grad import (clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_,
                                      get_total_norm)
from pycnn.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from pycnn.nn.utils.spectral_norm import remove_spectral_norm, spectral_norm
from pycnn.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm",
           "parameters_to_vector", "remove_spectral_norm", "remove_weight_norm", "spectral_norm",
           "vector_to_parameters", "weight_norm"]


__getattr__ = _getattr_of(__name__, globals())
