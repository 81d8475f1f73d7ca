# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a scanner that a hostile file has turned, and of the real one."""
import hashlib
import os
import struct
import tempfile
import time

import tap
from airlock_case import AirlockCase

REAL = os.path.join(os.environ["GENKAN_BUILD"], "hostd", "share", "scan", "genkan-scan")
CLSID = bytes.fromhex("0114020000000000c000000000000046")


def shortcut(target="C:\\Windows\\notepad.exe", arguments=""):
    """A whole shortcut with a local target, as MS-SHLLINK has it."""
    has_link_info, has_relative_path, has_arguments, unicode = 0x02, 0x08, 0x20, 0x80
    flags = has_link_info | unicode | has_relative_path | (has_arguments if arguments else 0)
    text = lambda string: struct.pack("<H", len(string)) + string.encode("utf-16le")
    volume = struct.pack("<IIII", 0x11, 3, 0x1234, 0x10) + b"\0"
    path = target.encode("cp1252") + b"\0"
    info = struct.pack("<IIIIIII", 0x1c + len(volume) + len(path) + 1, 0x1c, 1, 0x1c,
                       0x1c + len(volume), 0, 0x1c + len(volume) + len(path))
    times = struct.pack("<QQQ", *[0x01d9000000000000] * 3)
    return (struct.pack("<I", 0x4c) + CLSID + struct.pack("<II", flags, 0x20) + times +
            struct.pack("<IiIHHII", 1, 0, 1, 0, 0, 0, 0) + info + volume + path + b"\0" +
            text("..\\" + target.rsplit("\\", 1)[1]) + (text(arguments) if arguments else b"") +
            b"\0\0\0\0")


class TurnedScanner(AirlockCase):
    """The scanner is the test's own: it plays what a parser with a hole in it could be made to do."""

    DATA = b"some content"

    def judged(self, body, data=DATA):
        self.scanner(body)
        answer = self.succeed("judge", "name.txt", data=data)
        self.assertEqual(answer["verdict"], answer["triage"]["verdict"])
        self.assertEqual(answer["triage"]["file"],
                         {"name": "name.txt", "size": len(data),
                          "sha256": hashlib.sha256(data).hexdigest()})
        return answer

    def assert_failed(self, body, why):
        answer = self.judged(body)
        self.assertEqual((answer["verdict"], answer["vouched"]), ("error", False), body)
        self.assertEqual([found["id"] for found in answer["triage"]["indicators"]],
                         ["scanner-failed"])
        self.assertEqual(answer["triage"]["kind"], "other")
        self.assertIn(why, answer["triage"]["indicators"][0]["detail"])
        self.assertIn(why, answer["why"])

    def test_honest(self):
        """scanner: what it says in order is taken as it says it"""
        for verdict in ("clean", "unscannable", "suspicious", "malicious", "error"):
            self.assertEqual(self.judged(f"triage['verdict'] = '{verdict}'")["verdict"], verdict)

    def test_other_keys_pass(self):
        """scanner: keys that stand beside the known ones are handed on"""
        answer = self.judged("triage['lnk'] = {'target': 'x'}; triage['more'] = [1]")
        self.assertEqual((answer["triage"]["lnk"], answer["triage"]["more"]), ({"target": "x"}, [1]))

    def test_crashes(self):
        """scanner: killed by a signal or ended with a code, it has failed"""
        self.assert_failed("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11")
        self.assert_failed("os.kill(os.getpid(), signal.SIGSYS)", "killed by signal 31")
        self.assert_failed("sys.exit(3)", "exited with 3")
        self.assert_failed("print(json.dumps(triage)); sys.exit(1)", "exited with 1")

    def test_crash_talk(self):
        """scanner: what it says in dying is escaped"""
        self.assert_failed("sys.stderr.write('\\x1b[2Jgone\\n'); sys.exit(1)", "x1b[2Jgone")

    def test_nonsense(self):
        """scanner: what is no whole triage is none"""
        for body in ("sys.exit(0)", "print('clean'); sys.exit(0)", "print('[]'); sys.exit(0)",
                     "print(json.dumps(triage)[:-3]); sys.exit(0)",
                     "sys.stdout.buffer.write(b'{\"kind\": \"\\xff\"}'); sys.exit(0)",
                     "print('[' * 100000); sys.exit(0)"):
            self.assert_failed(body, "JSON")
        for name in ("file", "kind", "verdict", "indicators"):
            self.assert_failed(f"del triage['{name}']", f"'{name}'")
            self.assert_failed(f"triage['{name}'] = 7", f"'{name}'")

    def test_lies_about_the_file(self):
        """scanner: one that read another file than was given is not believed"""
        self.assert_failed("triage['file']['size'] += 1", "another content")
        self.assert_failed("triage['file']['sha256'] = '0' * 64", "another content")
        self.assert_failed("triage['file']['sha256'] = None", "another content")

    def test_name_is_ours(self):
        """scanner: it does not decide what the file is called"""
        self.judged("triage['file']['name'] = 'other.exe'; triage['file']['extra'] = 'x'")

    def test_too_much(self):
        """scanner: output without end is cut off, on either descriptor"""
        for stream in ("stdout", "stderr"):
            begun = time.monotonic()
            self.assert_failed(f"while True: sys.{stream}.write('x' * 65536)", "wrote more than")
            self.assertLess(time.monotonic() - begun, 10)

    def test_hangs(self):
        """scanner: one that takes longer than its time is ended, with all that it started"""
        self.environment["TIMEOUT_MS"] = "1500"
        pid = self.path("pid")
        for body in ("time.sleep(100)", "os.close(1); os.close(2); time.sleep(100)",
                     "print(json.dumps(triage), flush=True); time.sleep(100)",
                     f"child = os.fork()\nif child: open({pid!r}, 'w').write(str(child))\n"
                     "time.sleep(100)"):
            begun = time.monotonic()
            self.assert_failed(body, "did not end within 1500 ms")
            self.assertLess(time.monotonic() - begun, 8)
        with open(pid) as file:
            child = file.read()
        for _ in range(100):
            if not self.runs(child):
                return
            time.sleep(0.05)
        self.fail("the scanner's child lives on")

    @staticmethod
    def runs(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_environment(self):
        """scanner: sees nothing of our environment, and the file from its start"""
        self.environment["SECRET"] = "of ours"
        answer = self.judged("triage['seen'] = sorted(os.environ); "
                             "triage['at'] = os.lseek(0, 0, os.SEEK_CUR)")
        self.assertEqual([name for name in answer["triage"]["seen"] if name != "LC_CTYPE"],
                         ["LANG", "PATH"])
        self.assertEqual(answer["triage"]["at"], 0)

    def test_name_argument(self):
        """scanner: is told the name, whatever is in it, cut to its end where it is long"""
        for name, told in (("-rf --x", "-rf --x"), ("a\nb", "a\nb"), (b"\xff.lnk", "\ufffd.lnk"),
                           ("\u202e" * 3000 + ".lnk", "\u202e" * 1364 + ".lnk")):
            self.scanner("triage['argv'] = sys.argv[1:]")
            answer = self.succeed("judge", name, data=self.DATA)
            self.assertEqual(answer["triage"]["argv"], ["--max-size", "268435456", "--name", told])

    def test_too_large(self):
        """scanner: is not given a file over its limit, which is then unscannable"""
        self.environment["MAX_SIZE"] = "11"
        answer = self.judged("sys.exit(1)")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("unscannable", False))
        self.assertIn("at most 11", answer["why"])

    def test_changing_file(self):
        """scanner: a file that changes between our reading and its own has not been looked at"""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.DATA)
            file.flush()
            self.scanner(f"time.sleep(0.2); data = open({file.name!r}, 'rb').read(); "
                         f"open({file.name!r}, 'ab').write(b'more'); data = os.pread(0, 1 << 20, 0); "
                         "triage['file'] = {'name': None, 'size': len(data), "
                         "'sha256': hashlib.sha256(data).hexdigest()}")
            answer = self.succeed("triage", "name", fd=file)
        self.assertEqual(answer["verdict"], "error")
        self.assertIn("the file changed", answer["indicators"][0]["detail"])

    def test_missing(self):
        """scanner: one that is not there, or no program, is an error and no verdict"""
        with open(self.path("text"), "w") as file:
            file.write("text")
        for path in (self.path("nothing"), self.path("text"), self.folder):
            self.environment["SCANNER"] = path
            for command in ("triage", "judge"):
                message = self.fail_with("failed", command, "name", data=self.DATA)
                self.assertIn("cannot start genkan-scan", message)

    def test_unreadable(self):
        """scanner: a descriptor that cannot be read is a failure to scan"""
        self.scanner()
        with open(self.path("file"), "wb") as file:
            answer = self.succeed("triage", "name", fd=file)
        self.assertEqual(answer["verdict"], "error")
        self.assertIsNone(answer["file"]["sha256"])


class RealScanner(AirlockCase):
    """genkan-scan itself, as built, without clamd."""

    def setUp(self):
        super().setUp()
        self.environment["SCANNER"] = REAL
        self.succeed("create", self.folder)

    def test_clean_shortcut(self):
        """genkan-scan: a harmless shortcut may leave, for its whole format is known"""
        self.drop("notepad.lnk", shortcut())
        answer = self.succeed("take", self.folder, "notepad.lnk", "100000")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("clean", True), answer["why"])
        self.assertEqual(answer["triage"]["lnk"]["target"], "C:\\Windows\\notepad.exe")

    def test_hostile_shortcut(self):
        """genkan-scan: a shortcut with padded arguments is told for what it is, and comes in"""
        hostile = shortcut("C:\\Windows\\System32\\cmd.exe", " " * 300 + "/c calc")
        answer = self.succeed("admit", self.folder, "invoice.pdf.lnk", "100000", data=hostile)
        self.assertIn(answer["verdict"], ("suspicious", "malicious"))
        self.assertIn("arguments-padded", [found["id"] for found in answer["triage"]["indicators"]])
        self.assertEqual(answer["triage"]["lnk"]["arguments"], " " * 300 + "/c calc")
        self.assertEqual(os.listdir(self.export), ["invoice.pdf.lnk"])

    def test_unknown_kind(self):
        """genkan-scan: what nobody here can look into is held, and why says what to do"""
        self.drop("data.bin", bytes(range(256)))
        answer = self.succeed("take", self.folder, "data.bin", "1000")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("unscannable", False))
        self.assertIn("set [scan] clamd-socket", answer["why"])

    def test_empty(self):
        """genkan-scan: an empty file is known through and through"""
        self.drop("done", b"")
        answer = self.succeed("take", self.folder, "done", "1000")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("clean", True))

    def test_large(self):
        """genkan-scan: a file of the largest size given to it is read whole"""
        with open(os.path.join(self.outbound, "large"), "wb") as file:
            file.truncate(200 << 20)
        answer = self.succeed("take", self.folder, "large", str(1 << 30))
        self.assertEqual(answer["verdict"], "unscannable", answer["why"])
        self.assertEqual(answer["triage"]["file"]["size"], 200 << 20)


if __name__ == "__main__":
    tap.main()
