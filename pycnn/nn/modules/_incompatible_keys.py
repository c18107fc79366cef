"""What load_state_dict says of keys that do not fit."""

import difflib
from collections import namedtuple
from collections.abc import Mapping


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict returns; its name is printed, and is torch's."""

    def __repr__(self):
        if self.missing_keys or self.unexpected_keys:
            return super().__repr__()
        return "<All keys matched successfully>"

    __str__ = __repr__


def nearest(names, candidates):
    """A hint of which of `candidates` the first few `names` may have been meant to be."""
    hints = [f'"{n}" for "{close[0]}"' for n in names[:3] if (close := difflib.get_close_matches(n, candidates, 1, 0.6))
             and close[0] != n]
    return f"(Nearest: {', '.join(hints)}.)" if hints else ""


def misplaced(state_dict, missing):
    """Hints of where in `state_dict` the missing keys may be."""
    for key, value in state_dict.items():
        if isinstance(value, Mapping) and any(name in value for name in missing):
            yield f'Hint: the dict has a state_dict under {key!r}: use load_state_dict(checkpoint[{key!r}]).'
    for prefix in sorted({key[:key.index(".") + 1] for key in state_dict if isinstance(key, str) and "." in key}):
        if all(prefix + name in state_dict for name in missing):
            yield (f'Hint: the keys begin with "{prefix}": take that away with nn.modules.utils.'
                   f'consume_prefix_in_state_dict_if_present(state_dict, "{prefix}").')
