"""DistributedSampler: the share of an order that one of several processes reads."""

import math

from pycnn import _C, distributed
from pycnn.utils.data.sampler import Sampler


class DistributedSampler(Sampler):
    """Every `num_replicas`-th index of an order that all processes agree on.

    Parameters
    ----------
    dataset : sized
    num_replicas, rank : int
        How many processes there are, and which one this is. Both have to be given: there is no process group to ask.
    shuffle : bool, default True
    seed : int, default 0
        The same in all processes; the epoch is added to it.
    drop_last : bool, default False
        Leave out what does not divide evenly; otherwise indices are repeated.

    Raises
    ------
    RuntimeError
        If `num_replicas` or `rank` is left out.
    ValueError
        If `rank` is not below `num_replicas`.
    """

    def __init__(self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False):
        if (num_replicas is None or rank is None) and not distributed.is_available():
            raise RuntimeError("Requires distributed package to be available: give num_replicas and rank, 1 and 0 for "
                               "one process")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.epoch, self.drop_last = 0, drop_last
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.total_size, self.shuffle, self.seed = self.num_samples * num_replicas, shuffle, seed

    def __iter__(self):
        n = len(self.dataset)
        if self.shuffle:
            indices = _C.fn.randperm(n, generator=_C.Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            indices = list(range(n))
        if n > 0:
            indices = (indices * math.ceil(self.total_size / n))[:self.total_size]
        return iter(indices[self.rank::self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Let the next pass have another order.

        Parameters
        ----------
        epoch : int
        """
        self.epoch = epoch
