# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirt's save image, read and written: a header, a domain, a cookie, QEMU's migration stream.

genkan takes the records of zero pages out of a warm state's stream. The baselines must not profit from
that, so `unstripped()` puts one back for each page of pc.ram that the stream lacks: where QEMU itself
would have written it."""
import os
import shutil
import struct

HEADER = struct.Struct("<16s5I56x")  # magic, version, data length, was running, format, cookie offset
MAGIC = b"LibvirtQemudSave"
PAGE = 4096
ZERO, MEM_SIZE, WHOLE, EOS, CONTINUE = 0x02, 0x04, 0x08, 0x10, 0x20
START, PART, END, FULL, SUBSECTION, CONFIGURATION, FOOTER = 1, 2, 3, 4, 5, 7, 0x7e


class SaveImage:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            magic, self.version, length, _, self.format, cookie = HEADER.unpack(file.read(HEADER.size))
            data = file.read(length)
        if magic != MAGIC or self.version != 2 or self.format != 0:
            raise ValueError(f"{path} is no plain save image of version 2")
        self.xml = data[:cookie or length].rstrip(b"\0").decode()
        self.cookie = data[cookie:].rstrip(b"\0") if cookie else b""
        self.stream = HEADER.size + length

    def head(self, xml):
        """What comes before the stream in an image of the same memory for the domain @xml."""
        text = xml.encode() + b"\0"
        data = text + self.cookie + b"\0"
        return HEADER.pack(MAGIC, self.version, len(data), 1, self.format, len(text) if self.cookie else 0) + data

    def write_unstripped(self, path, xml):
        with open(self.path, "rb") as source, open(path, "wb") as target:
            source.seek(self.stream)
            target.write(self.head(xml))
            target.write(unstripped(source.read()))

    def write(self, path, xml):
        with open(self.path, "rb") as source, open(path, "wb") as target:
            source.seek(self.stream)
            target.write(self.head(xml))
            shutil.copyfileobj(source, target, 1 << 20)

    def open_stream(self):
        """A descriptor that stands at the stream's begin."""
        fd = os.open(self.path, os.O_RDONLY)
        os.lseek(fd, self.stream, os.SEEK_SET)
        return fd


class _Reader:
    def __init__(self, stream):
        self.stream, self.at = memoryview(stream), 0
        self.block = None  # of the last record of RAM: it holds across sections

    def take(self, count):
        self.at += count
        if self.at > len(self.stream):
            raise ValueError("the stream ends early")
        return bytes(self.stream[self.at - count:self.at])

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def peek(self):
        return self.stream[self.at]

    def name(self):
        return self.take(self.take(1)[0])

    def skip_configuration(self):
        self.take(8)  # magic, version
        if self.peek() == CONFIGURATION:
            self.take(1)
            self.take(self.number(">I"))
        while self.peek() == SUBSECTION:
            self.take(1)
            if self.name() != b"configuration/capabilities":
                raise ValueError("an unknown part of the configuration")
            self.take(4)
            for _ in range(self.number(">I")):
                self.name()


def _sections(reader):
    """Steps into each section of RAM; stops before the first of a device. Yields its type."""
    ram = None
    while True:
        begun, kind = reader.at, reader.take(1)[0]
        number = reader.number(">I") if kind in (START, PART, END, FULL) else None
        if kind in (START, FULL) and reader.name() == b"ram":
            ram = number
            reader.take(8)  # instance, version
        elif kind not in (PART, END) or number != ram:
            reader.at = begun
            return
        yield kind
        if reader.peek() == FOOTER:
            reader.take(5)


def _records(reader, lengths):
    """The records of one section: (block or None, address, flags, payload). Fills lengths at the first."""
    while True:
        word = reader.number(">Q")
        address, flags = word & ~(PAGE - 1), word & (PAGE - 1)
        if flags == EOS:
            yield None, 0, EOS, b""
            return
        if flags == MEM_SIZE:
            begun = reader.at
            while sum(lengths.values()) < address:
                name = reader.name()
                lengths[name] = reader.number(">Q")
            yield None, address, MEM_SIZE, bytes(reader.stream[begun:reader.at])
        elif flags & ~CONTINUE in (ZERO, WHOLE):
            if not flags & CONTINUE:
                reader.block = reader.name()
            yield reader.block, address, flags & ~CONTINUE, reader.take(PAGE if flags & WHOLE else 1)
        else:
            raise ValueError(f"a record of RAM with the flags {flags:#x}")


class _Writer:
    def __init__(self, out):
        self.out, self.block = out, None

    def page(self, block, address, flags, payload):
        known = block == self.block
        self.out += struct.pack(">Q", address | flags | (CONTINUE if known else 0))
        if not known:
            self.out += bytes([len(block)]) + block
        self.out += payload
        self.block = block


def _pages_there(stream):
    reader, lengths, there = _Reader(stream), {}, set()
    reader.skip_configuration()
    for _ in _sections(reader):
        there.update(address for block, address, _, _ in _records(reader, lengths) if block == b"pc.ram")
    return there, lengths[b"pc.ram"]


def unstripped(stream, block=b"pc.ram"):
    """The same stream with a zero record for each page of the guest's memory that it lacks."""
    there, length = _pages_there(stream)
    missing = iter([address for address in range(0, length, PAGE) if address not in there] + [length])
    reader, out = _Reader(stream), bytearray()
    writer, following = _Writer(out), next(missing)
    reader.skip_configuration()
    copied = 0
    for kind in _sections(reader):
        out += stream[copied:reader.at]
        for name, address, flags, payload in _records(reader, {}):
            last = kind == END and flags == EOS
            while following < (length if last else address if name == block else 0):
                writer.page(block, following, ZERO, b"\0")
                following = next(missing)
            if name:
                writer.page(name, address, flags, payload)
            else:
                out += struct.pack(">Q", address | flags) + payload
        copied = reader.at
    if following != length:
        raise ValueError("pages of the guest's memory found no place in the stream")
    return bytes(out) + stream[copied:]
