"""The zip archive that torch writes, byte for byte; and a reader that trusts nothing in one.

Records are stored, start at multiples of 64 and carry a CRC-32. The layout is miniz's, as PyTorch calls it.
"""

import mmap
import os
import struct
import zlib

_BIG = 0xFFFFFFFF
_ALIGN = 64
_LOCAL, _CENTRAL, _END, _END64, _LOCATOR = 0x04034B50, 0x02014B50, 0x06054B50, 0x06064B50, 0x07064B50
_DESCRIPTOR = 0x08074B50
_UTF8, _HAS_DESCRIPTOR, _ENCRYPTED = 0x0800, 0x0008, 0x2041
_MOST_RECORDS = 1 << 20
_MOST_INFLATED = 256 << 20


class ArchiveError(ValueError):
    """A zip archive that is malformed, damaged or not what torch would write."""


class ArchiveWriter:
    """Writes records of one archive to a binary file.

    Parameters
    ----------
    file : binary file
    name : str
        The folder within the archive that holds all records.
    """

    def __init__(self, file, name):
        self._file, self._name = file, name
        self._at = 0
        self._entries = []
        self.crc = 0

    def _write(self, data):
        self._file.write(data)
        self._at += len(data)

    def record(self, name, data):
        """Add a record: bytes, or a contiguous uint8 memoryview."""
        path = f"{self._name}/{name}".encode()
        size, start = len(data), self._at
        zip64 = b""
        if size >= _BIG or start >= _BIG:
            body = (struct.pack("<QQ", size, 0) if size >= _BIG else b"") + (struct.pack("<Q", start) if start >= _BIG else b"")
            zip64 = struct.pack("<HH", 1, len(body)) + body
        padding = -(start + 30 + len(path) + len(zip64) + 4) % _ALIGN
        extra = zip64 + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        flags = _UTF8 | (_HAS_DESCRIPTOR if size > 0 else 0)
        crc = zlib.crc32(data)
        self.crc = zlib.crc32(struct.pack("<I", crc), self.crc)
        self._write(struct.pack("<IHHHHHIIIHH", _LOCAL, 0, flags, 0, 0, 0, 0, 0, 0, len(path), len(extra)) + path + extra)
        self._write(data)
        if size > 0:
            self._write(struct.pack("<IIQQ" if zip64 else "<IIII", _DESCRIPTOR, crc, size, size))
        self._entries.append((path, flags, crc, size, start))

    def finish(self):
        """Write the directory; the archive is complete then."""
        start = self._at
        for path, flags, crc, size, at in self._entries:
            body = (struct.pack("<QQ", size, size) if size >= _BIG else b"") + (struct.pack("<Q", at) if at >= _BIG else b"")
            extra = struct.pack("<HH", 1, len(body)) + body if body else b""
            shown = min(size, _BIG)
            self._write(struct.pack("<IHHHHHHIIIHHHHHII", _CENTRAL, 0, 0, flags, 0, 0, 0, crc, shown, shown, len(path),
                                    len(extra), 0, 0, 0, 0, min(at, _BIG)) + path + extra)
        count, size, end = len(self._entries), self._at - start, self._at
        self._write(struct.pack("<IQHHIIQQQQ", _END64, 44, 0x031E, 0x2D, 0, 0, count, count, size, start))
        self._write(struct.pack("<IIQI", _LOCATOR, 0, end, 1))
        self._write(struct.pack("<IHHHHIIH", _END, 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(size, _BIG),
                                min(start, _BIG), 0))


class ArchiveReader:
    """Reads an archive: every length and offset is checked, every record's CRC-32 compared.

    Parameters
    ----------
    file : path or bytes

    Attributes
    ----------
    names : dict of str to record
        Without the folder.

    Raises
    ------
    ArchiveError
        If the file is no archive, or one that torch would not write.
    """

    def __init__(self, file):
        if isinstance(file, (bytes, bytearray)):
            self._data = memoryview(file)
        else:
            with open(file, "rb") as f:
                self._data = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
                                        if os.fstat(f.fileno()).st_size else b"")
        if bytes(self._data[:4]) != b"PK\x03\x04":
            raise ArchiveError("not a zip archive")
        self.names = {}
        self._read_directory()

    def _unpack(self, format, at):
        size = struct.calcsize(format)
        if at < 0 or at + size > len(self._data):
            raise ArchiveError("truncated")
        return struct.unpack_from(format, self._data, at)

    def _find_end(self):
        tail = bytes(self._data[-(22 + 65535):])
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise ArchiveError("truncated: the directory at its end is missing")
        end = len(self._data) - len(tail) + at
        disk, start_disk, here, count, size, start, comment = self._unpack("<HHHHIIH", end + 4)
        if end + 22 + comment != len(self._data):
            raise ArchiveError("there is something behind its end")
        if disk or start_disk or here != count:
            raise ArchiveError("it spans several disks")
        limit = end
        if end >= 20 and bytes(self._data[end - 20:end - 16]) == b"PK\x06\x07":
            _, at64, _ = self._unpack("<IQI", end - 16)
            signature, = self._unpack("<I", at64)
            if signature != _END64 or at64 + 56 > end - 20:
                raise ArchiveError("its zip64 directory is malformed")
            _, count, size, start = self._unpack("<QQQQ", at64 + 24)
            limit = at64
        if count > _MOST_RECORDS or start + size > limit or count * 46 > size:
            raise ArchiveError("its directory lies out of bounds")
        return count, start, start + size

    def _read_directory(self):
        count, at, end = self._find_end()
        spans, folder = [], None
        for _ in range(count):
            (signature, _, _, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size, _, _, _,
             header) = self._unpack("<IHHHHHHIIIHHHHHII", at)
            after = at + 46 + name_size + extra_size + comment_size
            if signature != _CENTRAL or after > end:
                raise ArchiveError("an entry of its directory is malformed")
            raw = bytes(self._data[at + 46:at + 46 + name_size])
            extra = bytes(self._data[at + 46 + name_size:at + 46 + name_size + extra_size])
            at = after
            if _BIG in (size, packed, header):
                size, packed, header = _zip64(extra, size, packed, header)
            name = self._checked_name(raw, flags, method)
            if folder is None:
                folder = name.split("/", 1)[0]
            if not name.startswith(folder + "/"):
                raise ArchiveError("its records are not in one folder")
            short = name[len(folder) + 1:]
            if short in self.names:
                raise ArchiveError(f"record '{short}' occurs twice")
            begin = self._payload(header, raw, end)
            if begin + packed > end:
                raise ArchiveError(f"record '{short}' lies out of bounds")
            spans.append((header, begin + packed))
            self.names[short] = (begin, packed, size, crc, method)
        spans.sort()
        if any(a[1] > b[0] for a, b in zip(spans, spans[1:])):
            raise ArchiveError("its records overlap")

    @staticmethod
    def _checked_name(raw, flags, method):
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise ArchiveError("a record's name is not UTF-8") from None
        if flags & _ENCRYPTED:
            raise ArchiveError("it is encrypted")
        if method not in (0, 8):
            raise ArchiveError(f"record '{name}' is compressed by method {method}")
        if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/") or "/" not in name:
            raise ArchiveError(f"a record has the unsafe name {name!r}")
        return name

    def _payload(self, header, raw, end):
        """Where a record's bytes begin, after a check that its local header is its own."""
        signature, = self._unpack("<I", header)
        name_size, extra_size = self._unpack("<HH", header + 26)
        begin = header + 30 + name_size + extra_size
        if signature != _LOCAL or begin > end or bytes(self._data[header + 30:header + 30 + name_size]) != raw:
            raise ArchiveError("a record's local header does not match the directory")
        return begin

    def size(self, name):
        """Return a record's size in bytes, uncompressed."""
        return self.names[name][2]

    def read(self, name):
        """Return a record as a memoryview, its CRC-32 checked.

        Raises
        ------
        ArchiveError
            If it is missing or damaged.
        """
        if name not in self.names:
            raise ArchiveError(f"record '{name}' is missing")
        begin, packed, size, crc, method = self.names[name]
        data = self._data[begin:begin + packed]
        if method == 8:
            if size > _MOST_INFLATED:
                raise ArchiveError(f"record '{name}' would be {size} bytes when decompressed")
            inflate = zlib.decompressobj(-15)
            try:
                data = memoryview(inflate.decompress(data, size + 1))
            except zlib.error as error:
                raise ArchiveError(f"record '{name}' is damaged: {error}") from None
        if len(data) != size:
            raise ArchiveError(f"record '{name}' has {len(data)} bytes instead of {size}")
        if zlib.crc32(data) != crc:
            raise ArchiveError(f"record '{name}' is damaged: its CRC-32 does not match")
        return data


def _zip64(extra, size, packed, header):
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1 and at + 4 + length <= len(extra):
            fields, at = extra[at + 4:at + 4 + length], 0
            values = []
            for value in (size, packed, header):
                if value == _BIG:
                    if at + 8 > len(fields):
                        raise ArchiveError("a zip64 entry is too short")
                    value, = struct.unpack_from("<Q", fields, at)
                    at += 8
                values.append(value)
            return values
        at += 4 + length
    raise ArchiveError("a zip64 entry is missing")
