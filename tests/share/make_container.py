# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds archives and mails for tests, whole or broken on purpose."""
import email.message
import io
import os
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """members: {name: bytes}"""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            if isinstance(data, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, data
                archive.addfile(entry)
            else:
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def by_bsdtar(members, *options):
    """An archive of any kind that bsdtar writes."""
    with tempfile.TemporaryDirectory() as folder:
        inside = os.path.join(folder, "in")
        for name, data in members.items():
            path = os.path.join(inside, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        out = os.path.join(folder, "out")
        subprocess.run(["bsdtar", "-C", inside, "-cf", out, *options, *sorted(members)], check=True)
        with open(out, "rb") as file:
            return file.read()


def rar(members):
    """RAR 4, stored."""
    out = b"Rar!\x1a\x07\x00"

    def block(kind, flags, body, data=b""):
        head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data

    out += block(0x73, 0, bytes(6))
    for name, data in members.items():
        raw = name.encode()
        out += block(0x74, 0x8000, struct.pack("<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0, 20, 0x30,
                                               len(raw), 0x20) + raw, data)
    return out + block(0x7B, 0x4000, b"")


def flat_bomb():
    """Many members that unpack to much: no layers."""
    return zipped({f"{i}.bin": bytes(8 << 20) for i in range(100)})


def overlapping(copies=300, size=8 << 20):
    """Many names for one member's bytes."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = bytes(size)
    body = packed.compress(plain) + packed.flush()
    entry = struct.pack("<HHHIIIIHH", 20, 0, 8, 0, zlib.crc32(plain), len(body), size, 4, 0)
    local = b"PK\3\4" + entry + b"0000" + body
    directory = b"".join(b"PK\1\2" + struct.pack("<H", 20) + entry + bytes(10) + struct.pack("<I", 0) + b"%04d" % i
                         for i in range(copies))
    return local + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, copies, copies, len(directory), len(local), 0)


def nested(data, depth, name="in.zip"):
    for _ in range(depth):
        data = zipped({name: data})
    return data


def mail(attachments, text="hello\n", subject="an invoice", **encoding):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@sender.example", "b@here.example", subject
    message.set_content(text)
    for name, data in attachments.items():
        if isinstance(data, email.message.Message):
            message.add_attachment(data)
        else:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name, **encoding)
    return message


# --- Outlook's messages: a compound file (MS-CFB) of streams and storages -------------------------

FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


class Compound:
    """Sectors of 512 bytes; what is shorter than 4096 lies in the mini stream."""

    def __init__(self, tree):
        self.sectors, self.fat, self.mini, self.mini_fat = [], [], b"", []
        self.entries = [["Root Entry", 5, FREE, FREE, FREE, END, 0]]
        self._add_children(0, tree)
        self.entries[0][5], self.entries[0][6] = self._store(self.mini), len(self.mini)

    def _store(self, data):
        if not data:
            return END
        first, n = len(self.sectors), -(-len(data) // 512)
        for i in range(n):
            self.sectors.append(data[512 * i:512 * i + 512].ljust(512, b"\0"))
            self.fat.append(first + i + 1 if i + 1 < n else END)
        return first

    def _store_mini(self, data):
        first, n = len(self.mini_fat), -(-len(data) // 64)
        self.mini += data.ljust(64 * n, b"\0")
        self.mini_fat += [first + i + 1 for i in range(n - 1)] + [END] if n else []
        return first if n else END

    def _add_children(self, parent, tree):
        """Children hang on each other's right side: a tree, if no good one."""
        before = None
        for name, content in tree.items():
            index = len(self.entries)
            storage = isinstance(content, dict)
            start = 0 if storage else self._store_mini(content) if len(content) < 4096 else self._store(content)
            self.entries.append([name, 1 if storage else 2, FREE, FREE, FREE, start, 0 if storage else len(content)])
            if before is None:
                self.entries[parent][4] = index
            else:
                self.entries[before][3] = index
            before = index
            if storage:
                self._add_children(index, content)

    def bytes(self):
        directory = b""
        for name, kind, left, right, child, start, size in self.entries:
            raw = name.encode("utf-16-le")
            directory += raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw) + 2, kind, 1, left, right, child)
            directory += bytes(36) + struct.pack("<IQ", start, size)
        directory_at = self._store(directory)
        mini_fat_at = self._store(struct.pack(f"<{len(self.mini_fat)}I", *self.mini_fat))
        n_fat = 1
        while n_fat * 128 < len(self.fat) + n_fat:
            n_fat += 1
        fat_at = len(self.sectors)
        table = self.fat + [FAT] * n_fat
        table += [FREE] * (128 * n_fat - len(table))
        header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        header += struct.pack("<IIIIIIIII", 0, n_fat, directory_at, 0, 4096, mini_fat_at,
                              1 if self.mini_fat else 0, END, 0)
        header += b"".join(struct.pack("<I", fat_at + i if i < n_fat else FREE) for i in range(109))
        return header + b"".join(self.sectors) + struct.pack(f"<{len(table)}I", *table)


def attachment(name, data):
    """data: bytes, or the tree of a message"""
    own = {"__properties_version1.0": bytes(32), "__substg1.0_3707001F": name.encode("utf-16-le")}
    own["__substg1.0_3701000D" if isinstance(data, dict) else "__substg1.0_37010102"] = data
    return own


def message_tree(attachments, text="hello"):
    tree = {"__nameid_version1.0": {"__substg1.0_00020102": bytes(16)}, "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": "an invoice".encode("utf-16-le"), "__substg1.0_1000001F": text.encode("utf-16-le")}
    for i, (name, data) in enumerate(attachments.items()):
        tree[f"__attach_version1.0_#{i:08X}"] = attachment(name, data)
    return tree


def outlook(attachments):
    return Compound(message_tree(attachments)).bytes()
