# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: the right exit code, one clear sentence, nothing left behind."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import tap
from host import GENKAN, SAMPLE, Host

NOBODY = 65534


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.folder = tempfile.mkdtemp(prefix="genkan-bad-")
        os.chmod(cls.folder, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def expect(self, code, part, *words, host=None):
        """genkan ends with code and one sentence on standard error that has part in it."""
        host = host or self.host
        got, out, err = host.genkan(*words)
        self.assertEqual(got, code, f"{words}: {err}")
        lines = err.strip().splitlines()
        self.assertEqual(len(lines), 1, err)
        self.assertTrue(lines[0].startswith("genkan: "), err)
        self.assertIn(part, lines[0])
        self.assertEqual(out, "")
        self.assertEqual(host.json("ls"), [])
        host.assert_nothing_left(self)

    def path(self, name, content=b"x", mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        return path

    def test_what_is_no_plain_file(self):
        """missing file, directory, FIFO, device, empty file"""
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        for path, code, part in ((self.folder + "/never-there", 5, "No such file"), (self.folder, 2, "is a directory"),
                                 (fifo, 2, "FIFO"), ("/dev/null", 2, "device"), (self.path("empty", b""), 2, "empty")):
            for verb in ("open", "triage"):
                if verb == "triage" and path == self.folder:
                    continue
                with self.subTest(f"{verb} {os.path.basename(path)}"):
                    self.expect(code, part, verb, path)

    def test_links_in_a_directory(self):
        """triage of a directory follows no link that lies in it, and says so"""
        folder = tempfile.mkdtemp(dir=self.folder)
        os.symlink("/etc/shadow", os.path.join(folder, "link"))
        os.mkfifo(os.path.join(folder, "pipe"))
        shutil.copy(SAMPLE, folder)
        members = {member["file"]["name"]: member for member in self.host.json("triage", folder)["members"]}
        self.assertEqual(set(members), {"link", "pipe", "sample.pdf.lnk"})
        self.assertEqual(members["link"]["verdict"], "error")
        self.assertNotIn("sha256", members["link"]["file"])

    def test_two_gibibytes(self):
        """a file over the limit is refused, naming the limit"""
        path = self.path("huge")
        os.truncate(path, 2 << 30)
        self.expect(3, "may pass: raise", "open", path)

    def test_a_name_that_misleads(self):
        """a name with newline, escape and U+202E is shown escaped, and taken"""
        path = self.path("in\nvoice\x1b[2J\u202efdp.lnk", open(SAMPLE, "rb").read())
        code, out, err = self.host.genkan("triage", path)
        self.assertEqual(code, 0, err)
        for bad in ("\x1b", "\u202e", "voice\n"):
            self.assertNotIn(bad, out)
        triage = self.host.json("triage", path)
        self.assertIn(triage["verdict"], ("suspicious", "malicious"))

    def test_unknown_things(self):
        """image, policy, VM, run, recipe, verb, option that are not there"""
        for code, part, *words in ((5, "image", "open", "--image", "windows-99", SAMPLE),
                                   (5, "policy", "open", "--policy", "everything", SAMPLE),
                                   (5, "policy", "open", "--policy", "../../etc/passwd", SAMPLE),
                                   (5, "image", "open", "--image", "../../etc", SAMPLE),
                                   (5, "no such VM", "revert", "nobody-there"), (5, "no such VM", "rm", "nobody-there"),
                                   (5, "no such run", "report", "aaaaaaaa"), (5, "no such run", "report", "../.."),
                                   (5, "recipe", "image", "build", "no-such-recipe"),
                                   (2, "no verb", "opne", SAMPLE), (2, "--imgae", "open", "--imgae", "x", SAMPLE),
                                   (2, "usage", "open"), (2, "name is 1 to 32", "new", "--name", "Ünder_Score")):
            with self.subTest(" ".join(words)):
                self.expect(code, part, *words)

    def test_json_stays_json(self):
        """with --json an error is one object on standard output"""
        code, out, _ = self.host.genkan("open", "--json", self.folder + "/never-there")
        self.assertEqual((code, json.loads(out)["error"]["exit_code"]), (5, 5))

    def test_output_that_cannot_be_written(self):
        """a full or closed standard output is exit code 1, not 0"""
        for words in (("ls",), ("triage", SAMPLE), ("--help",)):
            with open("/dev/full", "w") as full:
                self.assertEqual(self.host.genkan(*words, stdout=full)[0], 1, words)

    def test_words_that_are_no_text(self):
        """bytes that are no UTF-8 are refused where a name is meant, and taken where a path is"""
        for words in (("show", b"\xff"), ("new", "--name", b"\xff"), ("run", "--", "echo", b"\xff")):
            code, _, err = self.host.genkan(*words)
            self.assertEqual(code, 2, err)
        path = os.path.join(os.fsencode(self.folder), b"\xff.lnk")
        shutil.copy(SAMPLE, path)
        self.assertEqual(self.host.genkan("triage", path)[0], 0)

    def test_connections_without_end(self):
        """a user who opens connections and says nothing keeps nobody else out"""
        script = ("import socket, sys, time\n"
                  "held = []\n"
                  "for _ in range(400):\n"
                  "    s = socket.socket(socket.AF_UNIX); s.settimeout(5)\n"
                  "    try: s.connect(sys.argv[1]); held.append(s)\n"
                  "    except OSError: break\n"
                  "print('held', flush=True); time.sleep(60)")
        hog = subprocess.Popen(["/usr/bin/python3", "-c", script, os.path.join(self.host.run_dir, "genkand.sock")],
                               user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.PIPE)
        try:
            hog.stdout.readline()
            self.assertEqual(self.host.json("ls"), [])
        finally:
            hog.kill()
            hog.communicate()

    def test_no_daemon(self):
        """without genkand: exit code 4, and how to start it"""
        process = subprocess.run([GENKAN, "ls", "--run-dir", self.folder], capture_output=True, text=True, check=False)
        self.assertEqual(process.returncode, 4)
        self.assertIn("start it", process.stderr)

    def test_unreadable_and_nobody(self):
        """a user outside the groups is refused, and told the group; an unreadable file is said so"""
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        for words in (("ls",), ("open", self.path("readable.lnk", open(SAMPLE, "rb").read())), ("new",),
                      ("image", "build", "debian-base")):
            code, _, err = self.host.genkan(*words, **as_nobody)
            self.assertEqual(code, 3, f"{words}: {err}")
            self.assertIn("genkan-", err)
        code, _, err = self.host.genkan("triage", self.path("secret", mode=0o600), **as_nobody)
        self.assertEqual(code, 1, err)
        self.assertIn("Permission denied", err)
        code, _, err = self.host.genkan("triage", self.path("sample.lnk", open(SAMPLE, "rb").read()), **as_nobody)
        self.assertEqual(code, 0, err)

    def test_no_libvirtd(self):
        """libvirtd away: genkand lives, says so, starts nothing"""
        host = Host(config="[vm]\nlibvirt-uri=qemu+unix:///system?socket=/nonexistent/libvirt-sock\n"
                    "default-image=debian-base\n")
        self.addCleanup(host.clean)
        host.start()
        self.expect(1, "libvirt", "open", SAMPLE, host=host)
        self.expect(1, "libvirt", "new", host=host)
        code, out, _ = host.genkan("doctor", "--json")
        self.assertEqual(code, 1)
        self.assertEqual({f["check"]: f["state"] for f in json.loads(out)}["libvirt"], "error")

    def test_a_full_disk(self):
        """a state directory without room: the file is not taken, nothing is left"""
        top = tempfile.mkdtemp(prefix="genkan-full-")
        os.chmod(top, 0o711)
        self.addCleanup(shutil.rmtree, top)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=711", "tmpfs", top], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", top], check=False)
        host = Host(config="[vm]\ndefault-image=debian-base\n", top=top)
        self.addCleanup(host.clean)
        host.start()
        path = self.path("five-mebibytes", os.urandom(5 << 20))
        code, _, err = host.genkan("open", path)
        self.assertEqual(code, 1, err)
        self.assertIn("No space left", err)
        self.assertEqual(host.json("ls"), [])
        host.assert_nothing_left(self)

    def test_two_daemons(self):
        """a second genkand on the same state directory is refused"""
        second = Host(images=())
        self.addCleanup(second.clean)
        second.state = self.host.state
        with self.assertRaisesRegex(AssertionError, "another genkand"):
            second.start()

    def test_two_opens_at_once(self):
        """two at once do not disturb each other"""
        both = [self.host.popen("open", "--json", "--timeout", "20", SAMPLE) for _ in range(2)]
        reports = []
        for process in both:
            out, err = process.communicate(timeout=300)
            self.assertEqual(process.returncode, 0, err)
            reports.append(json.loads(out))
        self.assertEqual(len({report["run"] for report in reports}), 2)
        self.assertTrue(all(report["disposed"] and report["golden_unchanged"] for report in reports))
        self.host.assert_nothing_left(self)

    def test_a_changed_golden_image(self):
        """a golden disk that was touched is refused, and nothing starts from it"""
        host = Host(images=("debian-base",), config="[vm]\ndefault-image=debian-base\n")
        self.addCleanup(host.clean)
        link = os.path.join(host.state, "images/debian-base")
        golden = os.path.realpath(link)
        os.unlink(link)
        shutil.copytree(golden, link, copy_function=shutil.copyfile)
        host.start()
        self.expect(3, "not what was sealed", "new", host=host)


if __name__ == "__main__":
    tap.main()
