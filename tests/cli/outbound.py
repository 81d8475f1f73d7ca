# SPDX-License-Identifier: GPL-2.0-or-later
"""What leaves a guest: through the airlock, judged by a real clamd, or held."""
import hashlib
import os
import sys
import tempfile
import unittest

import tap
from host import SOURCE, Host

sys.path.insert(0, os.path.join(SOURCE, "tests/share"))
from clamd import BAD, Clamd  # noqa: E402

NOTE = b"taken out\n" * 1000


class Outbound(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.clamd = Clamd()
        cls.addClassCleanup(cls.clamd.remove)
        cls.host = Host(config=f"[vm]\ndefault-image=debian-base\n[scan]\nclamd-socket={cls.clamd.socket}\nsignature-days=0\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.vm = cls.host.json("new", "--name", "fox")["id"]

    def guest(self, script):
        code, out, err = self.host.genkan("run", "--vm", "fox", "--", "sh", "-c", script)
        self.assertEqual(code, 0, err)
        return out

    def get(self, name, target):
        return self.host.genkan("get", "fox", name, "--output", target)

    def test_1_a_clean_file_comes_out(self):
        """what clamd finds clean is given to its owner, byte for byte, and never over another file"""
        self.guest("for i in $(seq 1000); do echo taken out; done > /genkan/outbound/note.txt")
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "note.txt")
            file = self.host.json("get", "fox", "note.txt", "--output", target)
            with open(target, "rb") as got:
                self.assertEqual(got.read(), NOTE)
            self.assertEqual(file["sha256"], hashlib.sha256(NOTE).hexdigest())
            self.assertEqual(self.get("note.txt", target)[0], 1)

    def test_2_a_known_bad_one_is_held(self):
        """what clamd knows is held, and not over the drop box's wall by another name"""
        self.guest(f"printf %s '{BAD.decode()}' > /genkan/outbound/bad.bin; ln -s /etc/shadow /genkan/outbound/link")
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "out")
            for name, wanted in (("bad.bin", 3), ("link", None), ("../../../../etc/shadow", None), ("/etc/shadow", None)):
                code, _, err = self.get(name, target)
                self.assertIn(code, (wanted,) if wanted else (1, 2, 3, 5), err)
                self.assertFalse(os.path.exists(target), name)

    def test_2_folders_go_both_ways(self):
        """a folder is put with its structure, without its links, and comes out again as it was"""
        with tempfile.TemporaryDirectory() as folder:
            top = os.path.join(folder, "tree")
            os.makedirs(os.path.join(top, "sub/deep"))
            for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
                with open(os.path.join(top, name), "w") as file:
                    file.write(name)
            os.symlink("/etc/shadow", os.path.join(top, "sub/link"))
            files = self.host.json("put", "fox", top)
            self.assertEqual(sorted(file["guest_path"] for file in files),
                             [f"/genkan/inbound/tree/{name}" for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt")])
            self.guest("cp -r /genkan/inbound/tree /genkan/outbound/back; ln -s /etc/shadow /genkan/outbound/back/sub/link")
            out = os.path.join(folder, "out")
            self.host.json("get", "fox", "back", "--output", out)
            for name in ("a.txt", "sub/b.txt", "sub/deep/c.txt"):
                with open(os.path.join(out, name)) as file:
                    self.assertEqual(file.read(), name)
            self.assertFalse(os.path.lexists(os.path.join(out, "sub/link")))
            self.guest("rm -r /genkan/outbound/back")

    def test_3_only_what_was_released_can_be_fetched(self):
        """a held file's number gives nothing"""
        report = self.host.json("report", self.vm)
        states = {file["name"]: file["state"] for file in report["outbound"]}
        self.assertEqual({name: states[name] for name in ("note.txt", "bad.bin")}, {"note.txt": "released", "bad.bin": "held"})

    def test_4_a_clamd_that_is_gone_holds_everything(self):
        """with clamd killed nothing is clean"""
        self.clamd.kill()
        with tempfile.TemporaryDirectory() as folder:
            code, _, err = self.get("note.txt", os.path.join(folder, "out"))
            self.assertEqual(code, 3, err)
            self.assertIn("clamd", err)

    def test_5_a_symlink_does_not_become_evidence(self):
        """after rm the refusals are counted in the ledger"""
        self.host.json("rm", "fox")
        self.host.wait_closed(self.vm)
        refused = [line for line in self.host.ledger(self.vm) if line["event"] == "outbound-refused"]
        self.assertIn(("link", "a symbolic link"), [(line["name"], line["why"]) for line in refused])
        self.assertTrue(any("not a path of names" in line["why"] for line in refused), refused)

    def test_6_an_operator_releases_what_is_held(self):
        """what is held is released by an operator, as that very inode"""
        held = {file["name"]: file for file in self.host.json("held", "ls")}
        self.assertIn(held["bad.bin"]["verdict"], ("malicious", "error"))  # clamd is gone by now
        file = self.host.json("held", "release", held["bad.bin"]["id"])
        with open(file["path"], "rb") as given:
            self.assertEqual(given.read(), BAD)
        self.assertEqual(self.host.genkan("held", "release", held["bad.bin"]["id"])[0], 5)

    def test_7_nothing_is_left(self):
        """nothing of the VM is left"""
        self.host.assert_nothing_left(self)


if __name__ == "__main__":
    tap.main()
