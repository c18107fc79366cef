"""Tensors as text, formatted as torch formats them."""

import math

from pycnn import _C

_options = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors are printed: digits, the size that is summarised, and so on, as in torch.

    Parameters
    ----------
    precision : int, optional
        Digits after the point (4).
    threshold : int, optional
        Number of elements above which the middle is left out (1000).
    edgeitems : int, optional
        Number of elements shown at each edge then (3).
    linewidth : int, optional
        Columns of a line (80).
    profile : {"default", "short", "full"}
        Values for all of these.
    sci_mode : bool, optional
        Always or never write powers of ten; None: where the numbers ask for it.

    Raises
    ------
    ValueError
        If there is no such profile.
    """
    if profile is not None:
        presets = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}
        if profile not in presets:
            raise ValueError(f"unknown profile {profile!r}")
        _options.update(zip(("precision", "threshold", "edgeitems", "linewidth"), presets[profile]))
    for name, value in (("precision", precision), ("threshold", threshold), ("edgeitems", edgeitems),
                        ("linewidth", linewidth)):
        if value is not None:
            _options[name] = value
    _options["sci_mode"] = sci_mode


class _Formatter:
    """The common format of a tensor's numbers: width, digits, scientific or not."""

    def __init__(self, values, floating):
        self.floating = floating
        self.int_mode = True
        self.sci_mode = False
        self.width = 1
        precision = _options["precision"]
        if not floating:
            self.width = max((len(str(v)) for v in values), default=1)
            return
        finite = [abs(v) for v in values if math.isfinite(v) and v != 0]
        if not finite:
            return
        self.int_mode = all(v == math.ceil(v) for v in values if math.isfinite(v))
        largest, smallest = max(finite), min(finite)
        if self.int_mode:
            self.sci_mode = largest / smallest > 1000.0 or largest > 1.0e8
            width = lambda v: f"{v:.{precision}e}" if self.sci_mode else f"{v:.0f}."
        else:
            self.sci_mode = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
            width = lambda v: f"{v:.{precision}e}" if self.sci_mode else f"{v:.{precision}f}"
        if _options["sci_mode"] is not None:
            self.sci_mode = _options["sci_mode"]
        self.width = max(len(width(v)) for v in values if math.isfinite(v))
        self.width = max([self.width] + [len(str(v)) for v in values if not math.isfinite(v)])

    def text(self, v):
        if not self.floating:
            text = str(v)
        elif self.sci_mode:
            text = f"{v:.{_options['precision']}e}"
        elif self.int_mode:
            text = f"{v:.0f}." if math.isfinite(v) else f"{v:.0f}"
        else:
            text = f"{v:.{_options['precision']}f}"
        return text.rjust(self.width)


def _nested(t, indent, summarize, formatter):
    edge = _options["edgeitems"]
    if t.dim() == 0:
        return formatter.text(t.item())
    if t.dim() == 1:
        per_line = max(1, (_options["linewidth"] - indent) // max(1, formatter.width + 2))
        if summarize and t.shape[0] > 2 * edge:
            items = [formatter.text(v) for v in t[:edge].tolist()] + [" ..."] + [
                formatter.text(v) for v in t[-edge:].tolist()]
        else:
            items = [formatter.text(v) for v in t.tolist()]
        lines = [", ".join(items[i:i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    if summarize and t.shape[0] > 2 * edge:
        rows = [_nested(t[i], indent + 1, summarize, formatter) for i in range(edge)] + ["..."] + [
            _nested(t[i], indent + 1, summarize, formatter) for i in range(t.shape[0] - edge, t.shape[0])]
    else:
        rows = [_nested(t[i], indent + 1, summarize, formatter) for i in range(t.shape[0])]
    return "[" + ("," + "\n" * (t.dim() - 1) + " " * (indent + 1)).join(rows) + "]"


def _shown(t):
    """The elements that a summary prints, which decide the format of all."""
    edge = _options["edgeitems"]
    if t.dim() == 0:
        return [t.item()]
    rows = range(t.shape[0])
    if t.shape[0] > 2 * edge:
        rows = list(range(edge)) + list(range(t.shape[0] - edge, t.shape[0]))
    if t.dim() == 1:
        return t.tolist() if t.shape[0] <= 2 * edge else t[:edge].tolist() + t[-edge:].tolist()
    return [v for i in rows for v in _shown(t[i])]


def format_tensor(t, contents=None):
    """Return ``repr(t)``; `contents` replaces the numbers."""
    prefix = "tensor(" if type(t).__name__ == "Tensor" else f"{type(t).__name__}("
    parts = []
    plain = t.detach()
    if contents is None:
        if t.numel() == 0:
            contents = "[]"
            if t.dim() != 1:
                parts.append(f"size={tuple(t.shape)}")
        else:
            summarize = t.numel() > _options["threshold"]
            flat = _shown(plain) if summarize else plain.reshape(-1).tolist()
            contents = _nested(plain, len(prefix), summarize, _Formatter(flat, t.dtype.is_floating_point))
    from pycnn._default_dtype import get_default_dtype
    plain = (get_default_dtype(), _C.int64, _C.bool) if t.numel() else (get_default_dtype(),)
    if t.dtype not in plain:
        parts.append(f"dtype={t.dtype}")
    if t.grad_fn is not None:
        parts.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        parts.append("requires_grad=True")
    text, line = prefix + contents, len((prefix + contents).rpartition("\n")[2])
    for part in parts:
        if line + len(part) + 2 > _options["linewidth"]:
            text, line = text + ",\n" + " " * len(prefix) + part, len(prefix) + len(part)
        else:
            text, line = f"{text}, {part}", line + len(part) + 2
    return text + ")"
