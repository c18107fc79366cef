"""Pickles and checkpoints put together by hand, hostile ones included."""

import io
import pickle
import struct
import zipfile
import zlib

FOUR = struct.pack("<4f", 0, 1, 2, 3)


def text(s):
    data = s.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(n):
    if 0 <= n < 256:
        return b"K" + bytes([n])
    if -2 ** 31 <= n < 2 ** 31:
        return b"J" + struct.pack("<i", n)
    return b"\x8a\x08" + struct.pack("<q", n)


def group(*items):
    return b"(" + b"".join(items) + b"t"


def name(module, member):
    return f"c{module}\n{member}\n".encode()


def call(callee, *args):
    return callee + group(*args) + b"R"


def storage(key="0", numel=4, kind="FloatStorage", extra=()):
    return group(text("storage"), name("torch", kind), text(key), text("cpu"), number(numel), *extra) + b"Q"


def tensor(key="0", numel=4, offset=0, size=(4,), stride=(1,), kind="FloatStorage", extra=(), more=()):
    return call(name("torch._utils", "_rebuild_tensor_v2"), storage(key, numel, kind, extra), number(offset),
                group(*map(number, size)), group(*map(number, stride)), b"\x89",
                name("collections", "OrderedDict") + b")R", *more)


def document(body):
    return b"\x80\x02" + body + b"."


def mapping(**items):
    return b"}(" + b"".join(text(k) + v for k, v in items.items()) + b"u"


def archive(body, records=(("data/0", FOUR),), compression=zipfile.ZIP_STORED, folder="archive/", level=None):
    """A zip archive as zipfile writes it, around a pickle."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression, compresslevel=level) as z:
        for key, value in (("data.pkl", document(body)), *records, ("version", b"3\n")):
            z.writestr(folder + key, value)
    return data.getvalue()


def legacy(body, numel=4, data=FOUR, keys=("0",), magic=pickle.dumps(0x1950A86A20F9469CFC6C, 2)):
    """A file as torch wrote before 1.6."""
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return (magic + pickle.dumps(1001, 2) + pickle.dumps(facts, 2) + document(body) + pickle.dumps(list(keys), 2)
            + struct.pack("<q", numel) + data)


def legacy_tensor(**kwargs):
    return tensor(extra=(b"N",), **kwargs)


def directory_entry(data, record):
    """Offset of a record's entry in the central directory."""
    return data.rindex(record) - 46


def patched(data, at, value):
    return data[:at] + value + data[at + len(value):]


def with_record(data, old, new):
    """The archive with the bytes of a stored record replaced, its CRC-32 kept right."""
    crc = [struct.pack("<I", zlib.crc32(part)) for part in (old, new)]
    return data.replace(old, new).replace(crc[0], crc[1])
