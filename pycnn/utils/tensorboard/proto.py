"""The few messages of TensorFlow's event.proto, summary.proto and graph.proto that an event file needs, as bytes."""

import struct
from io import BytesIO

import numpy as np

# ---- protobuf: a field is its number and kind, then its value


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _int(field, value):
    return _varint(field << 3) + _varint(value)


def _double(field, value):
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field, value):
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


# ---- messages

def event(wall_time, step=None, **content):
    """An Event: `content` is one of file_version, graph, summary, session."""
    fields = {"file_version": 3, "graph": 4, "summary": 5, "session": 7}
    out = _double(1, wall_time) + (_int(2, step) if step is not None else b"")
    return out + b"".join(_bytes(fields[name], value) for name, value in content.items())


SESSION_START = _int(1, 1)


def _summary(tag, value):
    return _bytes(1, _bytes(1, tag) + value)


def _tensor(kind, name, values):
    """A value that a plugin of TensorBoard shows."""
    return _bytes(9, _bytes(1, _bytes(1, name) + kind)) + _bytes(8, values)


def scalar(tag, value, new_style=False, double_precision=False):
    """A Summary of a number."""
    if not new_style:
        return _summary(tag, _float(2, value))
    if double_precision:
        tensor = _int(1, 2) + _bytes(6, struct.pack("<d", value))
    else:
        tensor = _int(1, 1) + _bytes(5, struct.pack("<f", value))
    return _summary(tag, _tensor(b"", "scalars", tensor))


def text(tag, value):
    """A Summary of a text."""
    string = 7
    return _summary(f"{tag}/text_summary",
                    _tensor(b"", "text",
                            _int(1, string) + _bytes(2, _bytes(2, _int(1, 1))) + _bytes(8, value)))


def image(tag, pixels):
    """A Summary of a picture [H, W, 1, 3 or 4] of uint8."""
    from PIL import Image
    buffer = BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    h, w, c = pixels.shape
    return _summary(tag, _bytes(4, _int(1, h) + _int(2, w) + _int(3, c) + _bytes(4, buffer.getvalue())))


def _tensorflow_bins():
    steps, v = [], 1e-12
    while v < 1e20:
        steps.append(v)
        v *= 1.1
    return [-v for v in reversed(steps)] + [0] + steps


def histogram(tag, values, bins, max_bins=None):
    """A Summary of how values are distributed; `bins` as NumPy takes them, or "tensorflow" for steps of a tenth."""
    values = values.astype(float).reshape(-1)
    if values.size == 0:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(values,
                                  _tensorflow_bins() if isinstance(bins, str) and bins == "tensorflow" else bins)
    if max_bins is not None and len(counts) > max_bins:
        step = len(counts) // max_bins
        counts = np.pad(counts, (0, -len(counts) % step)).reshape(-1, step).sum(1)
        limits = np.append(limits[:-1:step], limits[-1])
    used = np.flatnonzero(counts)
    first, end = (used[0], used[-1] + 1) if len(used) else (0, len(counts))
    # only right limits are stored: an empty bin in front holds the leftmost
    counts = counts[first - 1:end] if first > 0 else np.append(0, counts[:end])
    limits = limits[first:end + 1]
    numbers = (values.min(), values.max(), len(values), values.sum(), values.dot(values))
    packed = [_bytes(k, np.asarray(v, "<f8").tobytes()) for k, v in ((6, limits), (7, counts))]
    return _summary(tag, _bytes(5, b"".join(_double(k, v) for k, v in enumerate(numbers, 1)) + b"".join(packed)))


def graph(nodes):
    """A GraphDef of (name, kind, names of its inputs)."""
    return b"".join(_bytes(1, _bytes(1, name) + _bytes(2, kind) + b"".join(_bytes(3, i) for i in inputs))
                    for name, kind, inputs in nodes) + _bytes(4, _int(1, 22))
