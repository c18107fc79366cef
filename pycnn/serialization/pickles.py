"""Pickles without code: an encoder that numbers as CPython's does, and a decoder that builds plain data alone.

The decoder looks names up in a table of its own and never imports or calls what a file names. It keeps its own stack: no
depth of nesting in a file reaches Python's.
"""

import struct
from collections import OrderedDict


class PickleError(ValueError):
    """A pickle that is malformed, or asks for something that is not allowed."""


class Global:
    """A name in a pickle, ``module.name``."""

    __slots__ = ("module", "name")

    def __init__(self, module, name):
        self.module, self.name = module, name


class Reduce:
    """``call(*args)`` in a pickle, as the encoder writes it."""

    __slots__ = ("call", "args")

    def __init__(self, call, args):
        self.call, self.args = call, args


class PersistentId:
    """A persistent id in a pickle."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


_BATCH = 1000


class Encoder:
    """Encodes plain data in protocol 2.

    Parameters
    ----------
    convert : callable
        From any other object to a Global, Reduce, PersistentId or plain value; raises TypeError for what cannot be saved.
    """

    def __init__(self, convert):
        self._convert = convert
        self._out = bytearray(b"\x80\x02")
        self._memo = {}
        self._keep = []  # ids are keys of the memo: their objects must live on

    def encode(self, obj):
        """Return the pickle of `obj`."""
        try:
            self._save(obj)
        except RecursionError:
            raise ValueError("the data is nested too deeply to be saved") from None
        return bytes(self._out + b".")

    def _put(self, key):
        n = self._memo[key] = len(self._memo)
        self._out += bytes((0x71, n)) if n < 256 else b"r" + struct.pack("<I", n)

    def _get(self, key):
        if key not in self._memo:
            return False
        n = self._memo[key]
        self._out += bytes((0x68, n)) if n < 256 else b"j" + struct.pack("<I", n)
        return True

    def _save(self, obj):
        out, kind = self._out, type(obj)
        if obj is None:
            out += b"N"
        elif kind is bool:
            out += b"\x88" if obj else b"\x89"
        elif kind is int:
            self._save_int(obj)
        elif kind is float:
            out += b"G" + struct.pack(">d", obj)
        elif kind is str:
            if not self._get(id(obj)):  # by identity, as CPython's: equal strings may stand twice
                data = obj.encode("utf-8", "surrogatepass")
                out += b"X" + struct.pack("<I", len(data)) + data
                self._remember(obj)
        elif kind is tuple:
            self._save_tuple(obj)
        elif kind is Global:
            if not self._get(("global", obj.module, obj.name)):
                out += f"c{obj.module}\n{obj.name}\n".encode()
                self._put(("global", obj.module, obj.name))
        elif self._get(id(obj)):
            pass
        elif kind is list:
            out += b"]"
            self._remember(obj)
            for start in range(0, len(obj), _BATCH):
                self._save_batch([(item,) for item in obj[start:start + _BATCH]], b"a", b"e")
        elif kind is dict:
            out += b"}"
            self._remember(obj)
            self._save_items(obj)
        elif kind is OrderedDict:
            self._save(Global("collections", "OrderedDict"))
            out += b")R"
            self._remember(obj)
            self._save_items(obj)
            if obj.__dict__:
                self._save(dict(obj.__dict__))
                out += b"b"
        elif kind is bytes:
            self._save_reduce(obj, Reduce(Global("_codecs", "encode"), (obj.decode("latin1"), "latin1")))
        elif kind in (set, frozenset):
            self._save_reduce(obj, Reduce(Global("__builtin__", "set"), (list(obj),)))
        elif kind is complex:
            self._save_reduce(obj, Reduce(Global("__builtin__", "complex"), (obj.real, obj.imag)))
        else:
            other = self._convert(obj)
            if type(other) is PersistentId:
                self._save(other.value)
                out += b"Q"
            elif type(other) is Reduce:
                self._save_reduce(obj, other)
            else:
                self._save(other)

    def _remember(self, obj):
        self._keep.append(obj)
        self._put(id(obj))

    def _save_reduce(self, obj, reduce):
        self._save(reduce.call)
        self._save(reduce.args)
        self._out += b"R"
        self._remember(obj)

    def _save_int(self, n):
        out = self._out
        if 0 <= n < 256:
            out += bytes((0x4B, n))
        elif 0 <= n < 65536:
            out += b"M" + struct.pack("<H", n)
        elif -2 ** 31 <= n < 2 ** 31:
            out += b"J" + struct.pack("<i", n)
        else:
            size = (n.bit_length() >> 3) + 1
            data = n.to_bytes(size, "little", signed=True)
            if n < 0 and size > 1 and data[-1] == 0xFF and data[-2] & 0x80:
                data = data[:-1]
            if len(data) > 255:
                raise ValueError("an integer of more than 255 bytes cannot be saved")
            out += b"\x8a" + bytes((len(data),)) + data

    def _save_tuple(self, items):
        out = self._out
        if not items:
            out += b")"
            return
        if len(items) > 3:
            out += b"("
        for item in items:
            self._save(item)
        out += b"t" if len(items) > 3 else bytes((0x84 + len(items),))
        self._remember(items)

    def _save_items(self, mapping):
        items = list(mapping.items())
        for start in range(0, len(items), _BATCH):
            self._save_batch(items[start:start + _BATCH], b"s", b"u")

    def _save_batch(self, groups, one, many):
        if len(groups) > 1:
            self._out += b"("
        for group in groups:
            for item in group:
                self._save(item)
        self._out += many if len(groups) > 1 else one


_MARK = object()
_KEYS = (str, int, float, bool, bytes, type(None))


class Decoder:
    """Decodes a pickle of protocol 2 (or older) into plain data.

    Parameters
    ----------
    data : buffer
    find : callable
        ``find(module, name)`` returns what a name stands for: a value, or a function to be called by REDUCE (wrapped in
        :class:`Constructor`); raises PickleError for other names.
    persistent : callable, optional
        From a persistent id to a value.
    latin1 : bool, default False
        Old byte strings become str (files of Python 2).
    """

    def __init__(self, data, find, persistent=None, latin1=False):
        self._data, self._find, self._persistent, self._latin1 = memoryview(data), find, persistent, latin1
        self.at = 0

    def _take(self, n):
        at = self.at
        if n < 0 or at + n > len(self._data):
            raise PickleError("truncated pickle")
        self.at = at + n
        return self._data[at:at + n]

    def _number(self, format, size):
        return struct.unpack(format, self._take(size))[0]

    def _line(self):
        chunk = bytes(self._data[self.at:self.at + 4096])
        end = chunk.find(b"\n")
        if end < 0:
            raise PickleError("truncated pickle")
        self.at += end + 1
        return chunk[:end].decode()

    def decode(self):
        """Return the value of the pickle that starts at ``at``; moves ``at`` behind it.

        Raises
        ------
        PickleError
            If it is malformed or not allowed.
        """
        try:
            return self._run()
        except PickleError:
            raise
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, OverflowError, struct.error) as error:
            raise PickleError(f"malformed pickle ({type(error).__name__}: {error})") from None

    def _run(self):
        stack, memo = [], {}
        handlers = _HANDLERS
        while True:
            code = self._take(1)[0]
            if code == 0x2E:  # STOP
                if len(stack) != 1 or stack[0] is _MARK:
                    raise PickleError("unbalanced pickle")
                return stack[0]
            handler = handlers.get(code)
            if handler is None:
                raise PickleError(f"opcode 0x{code:02x} is not allowed")
            handler(self, stack, memo)

    @staticmethod
    def _to_mark(stack):
        at = len(stack) - 1
        while at >= 0 and stack[at] is not _MARK:
            at -= 1
        if at < 0:
            raise PickleError("a mark is missing")
        items = stack[at + 1:]
        del stack[at:]
        return items

    @staticmethod
    def _pop(stack):
        value = stack.pop()
        if value is _MARK:
            raise PickleError("a value is missing")
        return value

    def _protocol(self, stack, memo):
        if self._take(1)[0] > 3:
            raise PickleError("only pickles up to protocol 3 are read")

    def _global(self, stack, memo):
        module = self._line()
        stack.append(self._find(module, self._line()))

    def _reduce(self, stack, memo):
        args, call = self._pop(stack), self._pop(stack)
        if not isinstance(call, Constructor) or type(args) is not tuple:
            raise PickleError("it calls something that is no constructor of plain data")
        stack.append(call.make(*args))

    def _build(self, stack, memo):
        state, obj = self._pop(stack), stack[-1]
        if isinstance(obj, Buildable):
            obj.build(state)
        elif type(obj) is OrderedDict and type(state) is dict:
            if "_metadata" in state:  # the only attribute that is taken
                obj._metadata = state["_metadata"]
        else:
            raise PickleError(f"it sets attributes of a {type(obj).__name__}")

    def _persistent_id(self, stack, memo):
        if self._persistent is None:
            raise PickleError("it has a persistent id where none may be")
        stack.append(self._persistent(self._pop(stack)))

    @staticmethod
    def _tuple(n):
        def handler(self, stack, memo):
            items = stack[len(stack) - n:]
            if len(items) != n or any(item is _MARK for item in items):
                raise PickleError("a value is missing")
            del stack[len(stack) - n:]
            stack.append(tuple(items))
        return handler

    def _append(self, stack, memo):
        item = self._pop(stack)
        _expect(stack[-1], list).append(item)

    def _appends(self, stack, memo):
        items = self._to_mark(stack)
        _expect(stack[-1], list).extend(items)

    def _setitem(self, stack, memo):
        value, key = self._pop(stack), self._pop(stack)
        _expect(stack[-1], dict, OrderedDict)[_key(key)] = value

    def _setitems(self, stack, memo):
        items = self._to_mark(stack)
        target = _expect(stack[-1], dict, OrderedDict)
        if len(items) % 2:
            raise PickleError("a key has no value")
        for k in range(0, len(items), 2):
            target[_key(items[k])] = items[k + 1]

    def _dict(self, stack, memo):
        items = self._to_mark(stack)
        if len(items) % 2:
            raise PickleError("a key has no value")
        stack.append({_key(items[k]): items[k + 1] for k in range(0, len(items), 2)})

    def _put(self, n, stack, memo):
        value = stack[-1]
        if value is _MARK:
            raise PickleError("a mark is remembered")
        memo[n] = value

    def _bytes(self, n):
        data = bytes(self._take(n))
        return data.decode("latin1") if self._latin1 else data


class Constructor:
    """What REDUCE may call: ``make(*args)`` checks its arguments and returns plain data."""

    __slots__ = ("make",)

    def __init__(self, make):
        self.make = make


class Buildable:
    """A value that BUILD may complete: subclasses define ``build(state)``."""

    __slots__ = ()


def _expect(obj, *types):
    if type(obj) not in types:
        raise PickleError(f"it adds items to a {type(obj).__name__}")
    return obj


def _key(key):
    # The hash of a deeply nested tuple overflows the C stack: keys are scalars, or flat tuples of them.
    if isinstance(key, _KEYS) or (type(key) is tuple and len(key) < 64 and all(isinstance(k, _KEYS) for k in key)):
        return key
    raise PickleError(f"a {type(key).__name__} is a key of a dict")


def _push(read):
    def handler(self, stack, memo):
        stack.append(read(self))
    return handler


def _long(data):
    return int.from_bytes(data, "little", signed=True)


def _text_int(line):
    return {"00": False, "01": True}[line] if line in ("00", "01") else int(line)


_HANDLERS = {
    0x80: Decoder._protocol,
    0x28: lambda self, stack, memo: stack.append(_MARK),
    0x30: lambda self, stack, memo: stack.pop(),
    0x4E: _push(lambda self: None),
    0x88: _push(lambda self: True),
    0x89: _push(lambda self: False),
    0x4B: _push(lambda self: self._take(1)[0]),
    0x4D: _push(lambda self: self._number("<H", 2)),
    0x4A: _push(lambda self: self._number("<i", 4)),
    0x49: _push(lambda self: _text_int(self._line())),
    0x4C: _push(lambda self: int(self._line().rstrip("L"))),
    0x8A: _push(lambda self: _long(self._take(self._take(1)[0]))),
    0x47: _push(lambda self: self._number(">d", 8)),
    0x58: _push(lambda self: str(self._take(self._number("<I", 4)), "utf-8", "surrogatepass")),
    0x55: _push(lambda self: self._bytes(self._take(1)[0])),
    0x54: _push(lambda self: self._bytes(self._number("<I", 4))),
    0x43: _push(lambda self: bytes(self._take(self._take(1)[0]))),
    0x42: _push(lambda self: bytes(self._take(self._number("<I", 4)))),
    0x29: _push(lambda self: ()),
    0x5D: _push(lambda self: []),
    0x7D: _push(lambda self: {}),
    0x74: lambda self, stack, memo: stack.append(tuple(self._to_mark(stack))),
    0x85: Decoder._tuple(1),
    0x86: Decoder._tuple(2),
    0x87: Decoder._tuple(3),
    0x6C: lambda self, stack, memo: stack.append(self._to_mark(stack)),
    0x64: Decoder._dict,
    0x61: Decoder._append,
    0x65: Decoder._appends,
    0x73: Decoder._setitem,
    0x75: Decoder._setitems,
    0x71: lambda self, stack, memo: self._put(self._take(1)[0], stack, memo),
    0x72: lambda self, stack, memo: self._put(self._number("<I", 4), stack, memo),
    0x70: lambda self, stack, memo: self._put(int(self._line()), stack, memo),
    0x68: lambda self, stack, memo: stack.append(memo[self._take(1)[0]]),
    0x6A: lambda self, stack, memo: stack.append(memo[self._number("<I", 4)]),
    0x67: lambda self, stack, memo: stack.append(memo[int(self._line())]),
    0x63: Decoder._global,
    0x52: Decoder._reduce,
    0x62: Decoder._build,
    0x51: Decoder._persistent_id,
}
