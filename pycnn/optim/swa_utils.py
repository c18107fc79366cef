"""Averages of a model's weights: stochastic weight averaging (Izmailov et al., arXiv:1803.05407), moving averages."""

import copy
import itertools
import math

from pycnn import _C
from pycnn._missing import getattr_of as _getattr_of
from pycnn._tensor import tensor
from pycnn.autograd.grad_mode import no_grad
from pycnn.nn import Module
from pycnn.nn.modules.batchnorm import _BatchNorm
from pycnn.optim.lr_scheduler._base import LRScheduler
from pycnn.optim.lr_scheduler._base import for_groups as _for_groups

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
           "update_bn"]


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_multi_avg_fn(decay=0.999):
    """Return a function that moves lists of averages a little way towards the parameters.

    Parameters
    ----------
    decay : float, default 0.999
        What stays of an average.

    Returns
    -------
    callable
        For ``AveragedModel(multi_avg_fn=)``.
    """
    _check_decay(decay)

    @no_grad()
    def update(averages, params, num_averaged):
        for average, param in zip(averages, params):
            if average.is_floating_point():
                average.lerp_(param, 1 - decay)
            else:
                average.copy_(average * decay + param * (1 - decay))
    return update


def get_swa_multi_avg_fn():
    """Return a function that adds parameters to lists of equally weighted averages.

    Returns
    -------
    callable
        For ``AveragedModel(multi_avg_fn=)``.
    """
    @no_grad()
    def update(averages, params, num_averaged):
        share = 1 / (int(num_averaged) + 1)
        for average, param in zip(averages, params):
            if average.is_floating_point():
                average.lerp_(param, share)
            else:
                average.add_((param - average) // (int(num_averaged) + 1))
    return update


def get_ema_avg_fn(decay=0.999):
    """Return a function of one average and parameter: the average moved a little way.

    Parameters
    ----------
    decay : float, default 0.999
        What stays of an average.

    Returns
    -------
    callable
        For ``AveragedModel(avg_fn=)``.
    """
    _check_decay(decay)

    @no_grad()
    def update(average, param, num_averaged):
        return decay * average + (1 - decay) * param
    return update


def get_swa_avg_fn():
    """Return a function of one average and parameter: the equally weighted average.

    Returns
    -------
    callable
        For ``AveragedModel(avg_fn=)``.
    """
    @no_grad()
    def update(average, param, num_averaged):
        return average + (param - average) / (num_averaged + 1)
    return update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's over time.

    Parameters
    ----------
    model : Module
    device : device or str, optional
        "cpu".
    avg_fn : callable, optional
        Of average, parameter and how many were averaged: the new average. Equal weights by default.
    multi_avg_fn : callable, optional
        The same for lists, in place.
    use_buffers : bool, default False
        Average buffers too; else they are copied.

    Raises
    ------
    AssertionError
        If both functions are given.

    See Also
    --------
    torch.optim.swa_utils.AveragedModel : same behaviour, same state_dict.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=_C.int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        """Return what the averaged model gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model):
        """Take the model's parameters into the averages; the first time they are copied.

        Parameters
        ----------
        model : Module
        """
        def all_of(m):
            return itertools.chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters()

        averages = [p.detach() for p in all_of(self.module)]
        params = [p.detach() for p in all_of(model)]
        if self.n_averaged == 0:
            for average, param in zip(averages, params):
                average.copy_(param)
        elif self.avg_fn is not None:
            for average, param in zip(averages, params):
                average.copy_(self.avg_fn(average, param, self.n_averaged))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, params, self.n_averaged)
        if not self.use_buffers:
            for ours, theirs in zip(self.module.buffers(), model.buffers()):
                ours.detach().copy_(theirs.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader, model, device=None):
    """Gather the statistics of a model's batch norms anew, in one pass over data.

    Parameters
    ----------
    loader : iterable
        Of tensors, or of sequences whose first item is one.
    model : Module
    device : device or str, optional
        "cpu".
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for input in loader:
        input = input[0] if isinstance(input, (list, tuple)) else input
        model(input if device is None else input.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Go from each group's rate to a constant one within some epochs.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
        The constant rate, or one for each group.
    anneal_epochs : int, default 10
    anneal_strategy : {"cos", "linear"}
    last_epoch : int, default -1

    Raises
    ------
    ValueError
        If an argument is something else.
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for rate, group in zip(_for_groups("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step):
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self):
        """Return the rates of this epoch, one for each group."""
        lrs, step = self._lrs(), self._step_count - 1
        step = max(1, step) if self.anneal_epochs == 0 else step
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group, lr in zip(self.optimizer.param_groups, lrs):
            swa_lr = group["swa_lr"]
            lr = swa_lr if before == 1 else (lr - before * swa_lr) / (1 - before)
            rates.append(swa_lr * now + lr * (1 - now))
        return rates


__getattr__ = _getattr_of(__name__, __all__)
