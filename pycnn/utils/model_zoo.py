"""torch.utils.model_zoo: the older name of what :mod:`pycnn.hub` does."""

from pycnn.hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
