"""Data sets, samplers and the loader: torch.utils.data."""

from pycnn._missing import missing_attribute
from pycnn.utils.data.collate import default_collate, default_convert
from pycnn.utils.data.dataloader import DataLoader
from pycnn.utils.data.dataset import (ChainDataset, ConcatDataset, Dataset, IterableDataset, StackDataset, Subset,
                                      TensorDataset, random_split)
from pycnn.utils.data.distributed import DistributedSampler
from pycnn.utils.data.sampler import (BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler,
                                      WeightedRandomSampler)
from pycnn.utils.data.worker import get_worker_info

__all__ = ["BatchSampler", "ChainDataset", "ConcatDataset", "DataLoader", "Dataset", "DistributedSampler",
           "IterableDataset",
           "RandomSampler", "Sampler", "SequentialSampler", "StackDataset", "Subset", "SubsetRandomSampler",
           "TensorDataset",
           "WeightedRandomSampler", "default_collate", "default_convert", "get_worker_info", "random_split"]


def __getattr__(name):
    raise missing_attribute("pycnn.utils.data", name, __all__)
