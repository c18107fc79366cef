"""Learning rate schedules: plain double arithmetic, in torch's order, so that rates are torch's own doubles."""

from pycnn.optim.lr_scheduler._base import LRScheduler, _LRScheduler
from pycnn.optim.lr_scheduler._cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from pycnn.optim.lr_scheduler._cycle import CyclicLR, OneCycleLR
from pycnn.optim.lr_scheduler._decay import (
    ConstantLR, ExponentialLR, LambdaLR, LinearLR, MultiplicativeLR, MultiStepLR, PolynomialLR, StepLR)
from pycnn.optim.lr_scheduler._plateau import ReduceLROnPlateau
from pycnn.optim.lr_scheduler._several import ChainedScheduler, SequentialLR

__all__ = ["ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR",
           "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR",
           "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR"]
