"""How a module's backward hooks see gradients pass."""

import warnings

from pycnn import _C
from pycnn._tensor import Tensor


class BackwardWatch:
    """Runs a module's backward hooks, from two nodes of the graph: one behind its outputs, one before its inputs."""

    def __init__(self, module):
        self.module = module
        self.grad_outputs = None

    @staticmethod
    def _through_node(values, receive):
        """(indices of the tensors that require grad, values that passed a node): `receive` gets their gradients."""
        index = [k for k, v in enumerate(values) if isinstance(v, Tensor) and v.requires_grad]
        if not index or not _C.is_grad_enabled():
            return [], values
        made = [values[k].detach() for k in index]
        _C.record_function(receive, tuple(values[k] for k in index), tuple(made))
        values = list(values)
        for k, v in zip(index, made):
            values[k] = v
        return index, tuple(values)

    def inputs(self, args):
        """Return the arguments for forward."""
        self.n_inputs = len(args)
        self.input_index, args = self._through_node(args, self._receive_inputs)
        return args

    def outputs(self, result):
        """Return what the module returns."""
        if not isinstance(result, (Tensor, tuple)):
            warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                          f"received {type(result)}", stacklevel=4)
            return result
        values = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(values)
        self.output_index, values = self._through_node(values, self._receive_outputs)
        return values if isinstance(result, tuple) else values[0]

    def _receive_outputs(self, *grads):
        full = _spread(self.output_index, grads, self.n_outputs)
        for hook in list(self.module._backward_pre_hooks.values()):
            changed = hook(self.module, full)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(full):
                    raise RuntimeError("Backward pre hook returned an invalid number of grad_output, got "
                                       f"{len(changed)}, but expected {len(full)}")
                full = changed
        self.grad_outputs = full
        if not self.input_index:
            if self.module._backward_hooks:
                warnings.warn("Full backward hook is firing when gradients are computed with respect to module outputs "
                              "since no inputs require gradients. See "
                              "https://docs.pytorch.org/docs/main/generated/torch.nn.Module."
                              "html#torch.nn.Module.register_full_backward_hook for more details.", stacklevel=2)
            for hook in list(self.module._backward_hooks.values()):
                result = hook(self.module, (None,) * self.n_inputs, full)
                if result is not None and not (isinstance(result, tuple) and all(g is None for g in result)):
                    raise RuntimeError("Backward hook for Modules where no input requires gradient should always "
                                       "return None or None for all gradients.")
            self.grad_outputs = None
        return tuple(full[k] for k in self.output_index)

    def _receive_inputs(self, *grads):
        if self.grad_outputs is None:  # the outputs took no part
            return grads
        full = _spread(self.input_index, grads, self.n_inputs)
        for hook in list(self.module._backward_hooks.values()):
            changed = hook(self.module, full, self.grad_outputs)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(full):
                    raise RuntimeError(f"Backward hook returned an invalid number of grad_input, got {len(changed)}, "
                                       f"but expected {len(full)}")
                full = changed
        self.grad_outputs = None
        return tuple(full[k] for k in self.input_index)


def _spread(index, values, n):
    """A tuple of n with values[k] at index[k], None elsewhere."""
    full = [None] * n
    for k, v in zip(index, values):
        full[k] = v
    return tuple(full)
