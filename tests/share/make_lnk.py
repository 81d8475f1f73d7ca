# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds shortcuts for tests, whole or broken on purpose.

Every part is a function that gives bytes; `link()` puts them together. `windows_like()` is what
Windows itself writes for a file on a local disk.
"""
import struct
import uuid

CLSID = bytes.fromhex("0114020000000000c000000000000046")
HAS_ITEMS, HAS_INFO, HAS_NAME, HAS_RELATIVE, HAS_DIR, HAS_ARGUMENTS, HAS_ICON = (1 << i for i in range(7))
UNICODE, NO_INFO, EXP_STRING, RUN_AS, EXP_ICON = 0x80, 0x100, 0x200, 0x2000, 0x4000
MY_COMPUTER = "20D04FE0-3AEA-1069-A2D8-08002B30309D"
CONTROL_PANEL = "21EC2020-3AEA-1069-A2DD-08002B30309D"
TIME = 133_000_000_000_000_000  # in 2022
TERMINAL = b"\0\0\0\0"
STRINGS = (("name", HAS_NAME), ("relative", HAS_RELATIVE), ("directory", HAS_DIR),
           ("arguments", HAS_ARGUMENTS), ("icon", HAS_ICON))


def u16(text):
    return text.encode("utf-16-le", "surrogatepass")


def string(text, unicode=True, count=None):
    data = u16(text) if unicode else text.encode("cp1252")
    return struct.pack("<H", len(data) // (2 if unicode else 1) if count is None else count) + data


def header(flags, attributes=0x20, times=(TIME, TIME, TIME), size=4096, icon=0, show=1, hotkey=0):
    return (struct.pack("<I", 0x4C) + CLSID + struct.pack("<II", flags, attributes)
            + struct.pack("<QQQ", *times) + struct.pack("<IiIHHII", size, icon, show, hotkey, 0, 0, 0))


def guid(text):
    return uuid.UUID(text).bytes_le


# Items

def item(data):
    return struct.pack("<H", len(data) + 2) + data


def root(clsid=MY_COMPUTER):
    return item(b"\x1f\x50" + guid(clsid))


def volume(path="C:\\"):
    return item(b"\x2f" + path.encode().ljust(22, b"\0"))


def long_name(name):
    body = struct.pack("<HI", 9, 0xBEEF0004) + b"\0" * 8 + struct.pack("<H", 0x2E)
    body += b"\0" * 18 + struct.pack("<H", 0) + b"\0" * 8 + u16(name) + b"\0\0"
    return struct.pack("<H", len(body) + 4) + body + struct.pack("<H", 0x14)


def entry(name, folder=False, short=None, extension=True):
    data = bytes([0x31 if folder else 0x32, 0]) + struct.pack("<IIH", 0 if folder else 4096, 0x5432ABCD,
                                                              0x10 if folder else 0x20)
    data += (short or name).encode("cp1252", "replace") + b"\0"
    data += b"\0" * (len(data) % 2)
    return item(data + (long_name(name) if extension else b""))


def network(share):
    return item(b"\xc3\x01\xc5" + share.encode() + b"\0Microsoft Network\0\0\2\0")


def uri(address):
    return item(b"\x61\x80" + struct.pack("<H", 0) + u16(address) + b"\0\0")


def applet(path):
    return item(b"\x00" + b"\0" * 9 + struct.pack("<I", 0) + b"\0" * 8 + u16(path) + b"\0\0")


def items(*parts, end=b"\0\0"):
    body = b"".join(parts) + end
    return struct.pack("<H", len(body)) + body


def items_of(path):
    drive, *folders, name = path.split("\\")
    return items(root(), volume(drive + "\\"), *(entry(f, folder=True) for f in folders), entry(name))


# Link information

def info(path, suffix="", unicode=False, label="System", page="cp1252"):
    head = 0x24 if unicode else 0x1C
    vol_label = label.encode() + b"\0"
    vol = struct.pack("<IIII", 0x10 + len(vol_label), 3, 0x12345678, 0x10) + vol_label
    base, tail = path.encode(page, "replace") + b"\0", suffix.encode(page, "replace") + b"\0"
    at_base = head + len(vol)
    at_tail = at_base + len(base)
    body = vol + base + tail
    extra = b""
    if unicode:
        body += b"\0" * ((head + len(body)) % 2)
        at_wide = head + len(body)
        body += u16(path) + b"\0\0"
        extra = struct.pack("<II", at_wide, head + len(body))
        body += u16(suffix) + b"\0\0"
    return struct.pack("<IIIIIII", head + len(body), head, 1, head, at_base, 0, at_tail) + extra + body


def info_share(share, suffix="", unicode=False):
    name = share.encode() + b"\0"
    if unicode:
        net = struct.pack("<IIIIIII", 0x1C + len(name) + len(u16(share)) + 2, 2, 0x1C, 0, 0x20000,
                          0x1C + len(name), 0) + name + u16(share) + b"\0\0"
    else:
        net = struct.pack("<IIIII", 0x14 + len(name), 2, 0x14, 0, 0x20000) + name
    tail = suffix.encode() + b"\0"
    return struct.pack("<IIIIIII", 0x1C + len(net) + len(tail), 0x1C, 2, 0, 0, 0x1C,
                       0x1C + len(net)) + net + tail


# Extra data

def block(signature, data):
    return struct.pack("<II", len(data) + 8, signature) + data


def paths(signature, ansi, wide=None):
    wide = ansi if wide is None else wide
    return block(signature, ansi.encode("cp1252", "replace").ljust(260, b"\0")
                 + u16(wide).ljust(520, b"\0"))


def environment(ansi, wide=None):
    return paths(0xA0000001, ansi, wide)


def icon_environment(path):
    return paths(0xA0000007, path)


def console(columns=80, rows=25, x=0, y=0, auto=1):
    data = struct.pack("<HHhhhhhhII", 7, 0xF5, columns, 300, columns, rows, x, y, 0, 0)
    data += struct.pack("<III", 16 << 16, 54, 400) + u16("Consolas").ljust(64, b"\0")
    return block(0xA0000002, data + struct.pack("<IIIIIIII", 25, 0, 1, 1, auto, 50, 4, 0) + b"\0" * 64)


def tracker(machine="desktop-1", mac="a4bb6d112233"):
    ids = guid("11111111-2222-3333-4444-555555555555")
    file_id = uuid.UUID(f"e1a3c4f0-5b6a-11ec-8a01-{mac}").bytes_le
    return block(0xA0000003, struct.pack("<II", 0x58, 0) + machine.encode().ljust(16, b"\0")
                 + ids + file_id + ids + file_id)


def code_page(page=1252):
    return block(0xA0000004, struct.pack("<I", page))


def special_folder(folder=36, offset=0x31):
    return block(0xA0000005, struct.pack("<II", folder, offset))


def known_folder(folder="1AC14E77-02E7-4E5D-B744-2EB1AE5198B7", offset=0x31):
    return block(0xA000000B, guid(folder) + struct.pack("<I", offset))


def shim(layer="WINXPSP3"):
    return block(0xA0000008, u16(layer).ljust(128, b"\0"))


def properties(n=1):
    store = struct.pack("<I", 0x18) + b"1SPS" + b"\0" * 16
    return block(0xA0000009, store * n + TERMINAL)


def vista_items(*parts):
    return block(0xA000000C, b"".join(parts) + b"\0\0")


def darwin(descriptor):
    return paths(0xA0000006, descriptor)


def link(item_list=None, link_info=None, blocks=(), end=TERMINAL, flags=0, unicode=True, counts=None,
         overlay=b"", head=None, **others):
    """All parts in order. `counts` overrides what strings claim; `others`: strings and header fields."""
    flags |= UNICODE if unicode else 0
    flags |= HAS_ITEMS if item_list is not None else 0
    flags |= HAS_INFO if link_info is not None else 0
    data = (item_list or b"") + (link_info or b"")
    for key, bit in STRINGS:
        if key in others:
            flags |= bit
            data += string(others.pop(key), unicode, (counts or {}).get(key))
    return header(flags, **(head or {}), **others_for_header(others)) + data + b"".join(blocks) + end + overlay


def others_for_header(others):
    renamed = {"icon_index": "icon"}
    return {renamed.get(key, key): value for key, value in others.items()}


def windows_like(path="C:\\Program Files\\Editor\\editor.exe", blocks=(), **others):
    """What Windows writes for a file on a local disk."""
    name = path.rsplit("\\", 1)[1]
    others.setdefault("relative", "..\\..\\" + name)
    others.setdefault("directory", path.rsplit("\\", 1)[0])
    return link(items_of(path), info(path), [special_folder(), known_folder(), tracker(), properties(2), *blocks],
                **others)
