# SPDX-License-Identifier: GPL-2.0-or-later
"""Archives and mails through the real scanners: members are triaged in place, bombs are unscannable."""
import hashlib
import json
import os
import resource
import subprocess
import tempfile
import time
import unittest

import make_container as c
import make_lnk as m
import tap
from scan import SCAN, SCAN_DEEP, run_scan, start

EVIL = m.windows_like(r"C:\Windows\System32\cmd.exe", arguments=" " * 300 + "/c calc")
GOOD = m.windows_like()
NAME = "rechnung.pdf.lnk"
BOTH = {NAME: EVIL, "notes.txt": b"nothing\n"}
SECONDS, MEMORY = 5, 256 << 20


def deep(data, *options):
    return run_scan(data, *options, program=SCAN_DEEP)


def flat(triage):
    """Every triage in it, itself too."""
    yield triage
    for member in triage.get("members", ()):
        yield from flat(member)


def called(triage, name):
    return [t for t in flat(triage) if t["file"]["name"] and t["file"]["name"].endswith(name)]


ARCHIVES = {
    "zip": lambda: c.zipped(BOTH),
    "zip, stored": lambda: c.zipped(BOTH, 0),
    "tar": lambda: c.tarred(BOTH),
    "tar.gz": lambda: c.tarred(BOTH, "w:gz"),
    "tar.bz2": lambda: c.tarred(BOTH, "w:bz2"),
    "tar.xz": lambda: c.tarred(BOTH, "w:xz"),
    "tar.zst": lambda: c.by_bsdtar(BOTH, "--zstd"),
    "7z": lambda: c.by_bsdtar(BOTH, "--format=7zip"),
    "iso": lambda: c.by_bsdtar(BOTH, "--format=iso9660"),
    "rar": lambda: c.rar(BOTH),
    "zip in zip": lambda: c.zipped({"a.zip": c.zipped(BOTH)}),
    "zip in 7z in mail": lambda: c.mail({"a.7z": c.by_bsdtar({"a.zip": c.zipped(BOTH)}, "--format=7zip")}).as_bytes(),
    "mail": lambda: c.mail(BOTH).as_bytes(),
    "mail, quoted-printable": lambda: c.mail(BOTH, cte="quoted-printable").as_bytes(),
    "mail in mail": lambda: c.mail({"": c.mail(BOTH)}).as_bytes(),
    "msg": lambda: c.outlook(BOTH),
    "msg, large": lambda: c.outlook({**BOTH, "large.bin": bytes(100_000)}),
    "msg in msg": lambda: c.outlook({"forwarded": c.message_tree(BOTH)}),
}

# What cannot be looked into, and the trouble that it is called.
TROUBLES = {
    "zip, encrypted": (lambda: c.by_bsdtar({"notes.txt": b"x"}, "--format=zip", "--options", "zip:encryption=traditional", "--passphrase", "infected"), "encrypted"),
    "zip, AES": (lambda: c.by_bsdtar({"notes.txt": b"x"}, "--format=zip", "--options", "zip:encryption=aes256", "--passphrase", "infected"), "encrypted"),
    "encrypted zip in a mail": (lambda: c.mail({"a.zip": TROUBLES["zip, AES"][0]()}).as_bytes(), "encrypted"),
    "zip, cut": (lambda: c.zipped({"a.bin": os.urandom(5000)})[:3000], "damaged"),
    "zip, its bytes changed": (lambda: c.zipped({"a.txt": b"a" * 5000}, 0).replace(b"a" * 5000, b"a" * 4999 + b"b"), "damaged"),
    "7z, cut": (lambda: c.by_bsdtar(BOTH, "--format=7zip")[:-40], "damaged"),
    "tar.gz, cut": (lambda: c.tarred({"a.bin": os.urandom(50000)}, "w:gz")[:20000], "damaged"),
    "nothing but its beginning": (lambda: b"PK\3\4", "damaged"),
    "many names for the same bytes": (c.overlapping, "damaged"),
    "flat bomb": (c.flat_bomb, "over-limit"),
    "one long member": (lambda: c.zipped({"a": bytes(600 << 20)}), "over-limit"),
    "gzip bomb": (lambda: c.tarred({"a": bytes(300 << 20)}, "w:gz"), "over-limit"),
    "nested bomb": (lambda: c.nested(c.zipped({f"{i}": bytes(20 << 20) for i in range(20)}), 4), "over-limit"),
    "too deep": (lambda: c.nested(b"x", 20), "over-limit"),
    "mails in mails": (lambda: deep_mail(12).as_bytes(), "over-limit"),
    "too many": (lambda: c.zipped({f"{i}": b"" for i in range(5000)}), "over-limit"),
    "mail without its parts": (lambda: b"From: a@b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nhello", "damaged"),
    "msg, cut": (lambda: c.outlook({"a.bin": bytes(100_000)})[:60_000], "damaged"),
}


def deep_mail(depth):
    inner = c.mail({})
    for _ in range(depth):
        inner = c.mail({"": inner})
    return inner


class Members(unittest.TestCase):
    def test_are_triaged_in_place(self):
        for what, make in ARCHIVES.items():
            with self.subTest(what):
                data = make()
                triage = deep(data, "--name", "attachment")
                evil, = called(triage, NAME)
                text, = called(triage, "notes.txt")
                self.assertEqual((evil["kind"], evil["verdict"], evil["file"]["sha256"]),
                                 ("lnk", "malicious", hashlib.sha256(EVIL).hexdigest()))
                self.assertEqual((text["kind"], text["file"]["size"]), ("text", 8))
                self.assertEqual(triage["verdict"], "malicious")
                self.assertIn("member " + evil["member"], triage["why"])
                self.assertNotIn("trouble", triage)
                self.assertEqual(self.extract(data, evil["member"]), (0, EVIL))

    @staticmethod
    def extract(data, number):
        done, _ = start([SCAN_DEEP, "--member", number], data)
        return done.returncode, done.stdout

    def test_that_are_not_there_are_not_given(self):
        data = c.zipped(BOTH)
        for number in ("0", "3", "1.1", "x", "", "-1"):
            with self.subTest(number):
                self.assertEqual(self.extract(data, number), (5, b""))

    def test_harmless_ones_leave_a_container_clean(self):
        triage = deep(c.zipped({"Editor.lnk": GOOD}), "--name", "a.zip")
        self.assertEqual((triage["verdict"], triage["why"]), ("clean", "all that is in it is clean"))
        self.assertEqual([i["severity"] for i in triage["indicators"]], ["low"])

    def test_links_are_told_and_not_followed(self):
        triage = deep(c.tarred({"a": "/etc/passwd", "b": b"x"}))
        self.assertEqual([t["kind"] for t in triage["members"]], ["link", "text"])

    def test_names_are_as_they_are_claimed(self):
        for name in ("../../etc/passwd", "a\nb", "C:a:b", "\u202egpj.exe", "ü" * 100):
            with self.subTest(ascii(name)):
                self.assertEqual(deep(c.zipped({name: b"x"}))["members"][0]["file"]["name"], name)

    def test_names_in_mail_are_decoded(self):
        head = b"From: a@b\r\nTo: c@d\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        for field, wanted in (
                (b'Content-Disposition: attachment; filename="=?utf-8?B?w7xiZXIubG5r?="', "über.lnk"),
                (b"Content-Disposition: attachment; filename=\"=?iso-8859-1?Q?=FCber?=\r\n =?utf-8?Q?=2Elnk?=\"", "über.lnk"),
                (b"Content-Disposition: attachment; filename*=utf-8''%C3%BCber.lnk", "über.lnk"),
                (b"Content-Disposition: attachment; filename*0=\"a.pd\"; filename*1=\"f.lnk\"", "a.pdf.lnk"),
                (b"Content-Disposition: attachment;\r\n\tfilename*0*=utf-8''a%2E; filename*1*=lnk", "a.lnk"),
                (b"Content-Disposition: inline; filename=\"a\\\"b.lnk\"", "a\"b.lnk"),
                (b"Content-Disposition: attachment; filename=\"=?iso-2022-jp?B?GyRCIUohSxsoQi5sbms=?=\"", "\x1b$B!J!K\x1b(B.lnk"),
                (b"X-Nothing: x", "part.bin")):
            with self.subTest(wanted):
                self.assertEqual(run_scan(head + field + b"\r\n\r\nx")["members"][0]["file"]["name"], wanted)

    def test_what_one_reader_hides_is_seen(self):
        """two headers, no closing boundary, text before the first part, blanks behind a boundary"""
        mail = (b"From: a@b\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\nContent-Type: text/plain\r\n\r\nintroduction\r\n"
                b"--x  \r\nContent-Type: text/plain\r\n\r\none\r\n--xy\r\n--x\r\nContent-Transfer-Encoding: BASE64\r\n\r\ndH!d\r\nv\r\n")
        members = run_scan(mail)["members"]
        self.assertEqual([(t["file"]["size"], t["file"]["sha256"]) for t in members],
                         [(len(d), hashlib.sha256(d).hexdigest()) for d in (b"one\r\n--xy", b"two"[:0] + b"t\x77\x6f")])

    def test_the_light_scanner_leaves_archives_to_the_deep_one(self):
        self.assertTrue(run_scan(c.zipped(BOTH))["deferred"])
        self.assertTrue(run_scan(c.mail({"a.zip": c.zipped(BOTH)}).as_bytes())["deferred"])
        self.assertNotIn("deferred", run_scan(c.mail(BOTH).as_bytes()))
        self.assertNotIn("deferred", deep(c.zipped(BOTH)))

    def test_many_shortcuts_do_not_make_the_answer_too_long(self):
        long = m.windows_like(name="n" * 250, arguments="\x01" * 2000)
        done, _ = start([SCAN_DEEP], c.zipped({f"{i}.lnk": long for i in range(1000)}, 0))
        triage = json.loads(done.stdout)
        self.assertLess(len(done.stdout), 12 << 20)
        self.assertEqual(len(triage["members"]), 1000)
        self.assertTrue(triage["members"][-1]["lnk_cut"])


class Trouble(unittest.TestCase):
    def test_is_unscannable_in_time_and_memory(self):
        for what, (make, trouble) in TROUBLES.items():
            with self.subTest(what):
                data = make()
                begun = time.monotonic()
                triage, peak = self.measure(data)
                took = time.monotonic() - begun
                self.assertEqual((triage["verdict"], triage["trouble"]), ("unscannable", trouble), triage["why"])
                self.assertIn(f"container-{trouble}", [i["id"] for i in triage["indicators"]])
                self.assertLess(took, SECONDS)
                self.assertLess(peak, MEMORY)

    @staticmethod
    def measure(data):
        """The triage, and the scanner's own peak of memory: of a process that is nobody else's parent."""
        watch = ("import json, resource, subprocess, sys\n"
                 "done = subprocess.run(sys.argv[1:], stdin=0, stdout=subprocess.PIPE, check=True)\n"
                 "print(json.dumps([json.loads(done.stdout), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))")
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            done = subprocess.run(["/usr/bin/python3", "-c", watch, SCAN_DEEP], stdin=file, stdout=subprocess.PIPE, check=True)
        triage, peak = json.loads(done.stdout)
        return triage, peak << 10

    def test_does_not_hide_what_can_be_seen(self):
        """an evil member before the cut is malicious, not only unscannable"""
        triage = deep(c.tarred({NAME: EVIL, "a.bin": os.urandom(50000)})[:30000])
        self.assertEqual((triage["verdict"], triage["trouble"]), ("malicious", "damaged"))

    def test_names_in_what_is_encrypted_count(self):
        triage = deep(c.by_bsdtar(BOTH, "--format=zip", "--options", "zip:encryption=aes256", "--passphrase", "infected"))
        self.assertEqual((triage["verdict"], triage["trouble"]), ("suspicious", "encrypted"))

    def test_an_encrypted_member_is_not_given(self):
        done, _ = start([SCAN_DEEP, "--member", "1"], TROUBLES["zip, AES"][0]())
        self.assertEqual((done.returncode, done.stdout), (5, b""))
        self.assertIn(b"encrypted", done.stderr)


class Rules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="genkan-rules-")
        self.addCleanup(lambda: subprocess.run(["rm", "-r", self.folder], check=True))

    def write(self, text, name="a.yar"):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def scan(self, data, *options):
        return deep(data, "--rules", self.folder, *options)

    def test_match_with_their_own_weight(self):
        self.write('rule plain { strings: $a = "needle" condition: $a }\n'
                   'rule odd { meta: severity = "medium" description = "an odd thing\\n" strings: $a = "odd" condition: $a }\n'
                   'rule worst { meta: severity = "critical" strings: $a = "worst" condition: $a }\n'
                   'rule mild { meta: severity = "low" strings: $a = "mild" condition: $a }\n')
        for text, wanted, verdict in (("needle", "rule-high", "suspicious"), ("odd", "rule-medium", "suspicious"),
                                      ("worst", "rule-critical", "malicious"), ("mild", "rule-low", "unscannable")):
            with self.subTest(text):
                triage = self.scan(text.encode())
                self.assertEqual([i["id"] for i in triage["indicators"]], [wanted])
                self.assertEqual(triage["verdict"], verdict)
                self.assertEqual(triage["yara"], {"rules": 4, "complete": True})

    def test_match_inside_archives_and_mails(self):
        self.write('rule needle { strings: $a = "needle" condition: $a }')
        for data in (c.zipped({"a": b"x needle x"}), c.mail({"a.zip": c.zipped({"a": b"x needle x"})}).as_bytes()):
            triage = self.scan(data)
            self.assertEqual(triage["verdict"], "suspicious")
            self.assertTrue(any(i["id"] == "rule-high" for t in flat(triage) for i in t["indicators"]))

    def test_match_across_pieces_of_what_is_not_in_memory(self):
        self.write('rule needle { strings: $a = "needle" condition: $a and filesize > 40MB and uint8(0) == 0x2e }')
        for at in (0x800000 * 5 - 3, (44 << 20) - 6, 33 << 20):
            data = bytearray(b"." * (44 << 20))
            data[at:at + 6] = b"needle"
            self.assertEqual([i["id"] for i in self.scan(bytes(data))["indicators"]], ["rule-high"], at)

    def test_that_are_broken_or_missing_are_an_error(self):
        for text in (None, "rule broken {", 'include "/etc/passwd"', 'rule a { condition: nothing_such }'):
            with self.subTest(text):
                if text is not None:
                    self.write(text)
                done, _ = start([SCAN_DEEP, "--rules", self.folder], b"x")
                self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(start([SCAN, "--rules", self.folder], b"x")[0].returncode, 1)

    def test_can_be_compiled_once(self):
        self.write('rule needle { strings: $a = "needle" condition: $a }')
        compiled = os.path.join(self.folder, "compiled")
        subprocess.run([SCAN_DEEP, "--rules", self.folder, "--save-rules", compiled], check=True, stdin=subprocess.DEVNULL)
        self.assertEqual([i["id"] for i in deep(b"needle", "--rules", compiled)["indicators"]], ["rule-high"])
        with open(compiled, "r+b") as file:
            file.truncate(100)
        self.assertEqual(start([SCAN_DEEP, "--rules", compiled], b"x")[0].returncode, 1)

    def test_ours_compile_and_match_nothing_harmless(self):
        ours = os.path.join(os.environ["GENKAN_SOURCE"], "templates/yara")
        for data in (GOOD, c.mail({"a.txt": b"x"}).as_bytes(), b"plain text\n", c.zipped({"a": b"b"})):
            triage = deep(data, "--rules", ours)
            self.assertGreater(triage["yara"]["rules"], 5)
            self.assertFalse([i for t in flat(triage) for i in t["indicators"] if i["id"].startswith("rule-")])


if __name__ == "__main__":
    tap.main()
