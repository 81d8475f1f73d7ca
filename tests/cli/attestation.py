# SPDX-License-Identifier: GPL-2.0-or-later
"""Attestations: what was claimed and reverted came from, signed, and checked with nothing but openssl."""
import base64
import hashlib
import json
import os
import subprocess
import tempfile
import unittest

import tap
from host import STAGE, Host


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Attestation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.key, cls.public = (os.path.join(cls.host.state, "attestation." + end) for end in ("key", "pub"))
        cls.vm = cls.host.json("new", "--name", "amber-fox")["id"]
        cls.machines = [cls.host.json("show", cls.vm)["machine"]]
        cls.host.json("revert", cls.vm)
        cls.machines.append(cls.host.json("show", cls.vm)["machine"])
        cls.all = cls.host.json("report", cls.vm)["attestations"]
        cls.statements = [json.loads(one["statement"]) for one in cls.all]

    def verifies(self, statement, signature):
        """As anybody would check it."""
        with tempfile.TemporaryDirectory() as folder:
            text, sig = os.path.join(folder, "statement"), os.path.join(folder, "signature")
            with open(text, "w") as file:
                file.write(statement)
            with open(sig, "wb") as file:
                file.write(base64.b64decode(signature))
            checked = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.public, "-rawin",
                                      "-in", text, "-sigfile", sig], capture_output=True, text=True, check=False)
        self.assertRegex(checked.stdout + checked.stderr, "Signature Verifi(ed|cation Failure)")
        return checked.returncode == 0

    def test_1_the_key_is_roots_alone(self):
        """the private key is root's, the public one everybody's, and they belong together"""
        for path, mode in ((self.key, 0o600), (self.public, 0o644)):
            stat = os.stat(path)
            self.assertEqual((stat.st_mode & 0o7777, stat.st_uid), (mode, 0), path)
        derived = subprocess.check_output(["openssl", "pkey", "-in", self.key, "-pubout"])
        with open(self.public, "rb") as file:
            self.assertEqual(file.read(), derived)
        der = subprocess.check_output(["openssl", "pkey", "-pubin", "-in", self.public, "-outform", "DER"])
        wanted = "sha256:" + hashlib.sha256(der).hexdigest()
        self.assertEqual({one["key"] for one in self.all}, {wanted})

    def test_2_each_claim_and_each_revert_is_attested(self):
        """a claim and a revert are two statements, of two lives and two machines"""
        self.assertEqual([(s["life"], s["machine"], s["run"]) for s in self.statements],
                         [(life + 1, machine, self.vm) for life, machine in enumerate(self.machines)])
        report = self.host.json("run", "--", "true")
        self.assertEqual([json.loads(one["statement"])["run"] for one in report["attestations"]], [report["run"]])

    def test_3_they_verify(self):
        """stock openssl and the public key find each signature good"""
        for one in self.all:
            self.assertTrue(self.verifies(one["statement"], one["signature"]))

    def test_4_a_changed_one_does_not(self):
        """another life, another digest, another's signature: none of them verifies"""
        first, second = self.all
        digest = self.statements[0]["image"]["digest"]
        for statement in (first["statement"].replace('"life":1', '"life":2'), second["statement"],
                          first["statement"].replace(digest, digest[:-1] + ("0" if digest[-1] != "0" else "1")),
                          first["statement"] + "\n", first["statement"][:-1]):
            self.assertNotEqual(statement, first["statement"])
            self.assertFalse(self.verifies(statement, first["signature"]), statement)

    def test_5_what_they_say_of_the_image_is_true(self):
        """the digests are those of the manifest and of every byte of the golden disk"""
        for said in self.statements:
            image = said["image"]
            folder = os.path.join(self.host.state, "images", image["name"], image["version"])
            self.assertEqual(image["digest"], "sha256:" + sha256(os.path.join(folder, "manifest.json")))
            self.assertEqual(image["disk_sha256"], sha256(os.path.join(folder, "disk.qcow2")))
            self.assertIn("inode, size, mtime, ctime", said["checked_by"])

    def test_6_what_they_say_of_the_warm_state_is_true(self):
        """its digest is that of its record, which has the digests of its files; the overlay stands on its disk"""
        said = self.statements[1]
        disk = said["overlay"]["stands_on"]
        record = os.path.join(os.path.dirname(disk), "warm.json")
        self.assertEqual(said["via"], "warm")
        self.assertEqual(said["warm"]["digest"], "sha256:" + sha256(record))
        with open(record) as file:
            files = json.load(file)["files"]
        for name in ("memory", "disk.qcow2", "empty.qcow2"):
            self.assertEqual(files[name]["sha256"], sha256(os.path.join(os.path.dirname(disk), name)))
        overlay = os.path.join(self.host.state, "machines", said["machine"], "overlay.qcow2")
        info = json.loads(subprocess.check_output(["qemu-img", "info", "-U", "--output=json", overlay]))
        self.assertEqual(info["backing-filename"], disk)

    def test_7_whose_and_by_which_policy(self):
        """host, policy and the policy's digest are those of this host and its file"""
        with open(os.path.join(self.host.state, "instance")) as file:
            instance = file.read().strip()
        policy = {"name": "none", "digest": "sha256:" + sha256(os.path.join(STAGE, "share/genkan/policy/none.policy"))}
        for said in self.statements:
            self.assertEqual((said["host"], said["policy"]), (instance, policy))

    def test_8_they_outlive_the_vm_and_the_daemon(self):
        """after rm and another start they are in the report, and the key is the same"""
        before = sha256(self.key)
        self.host.json("rm", self.vm)
        self.host.wait_closed(self.vm)
        self.host.stop()
        self.host.start()
        kept = self.host.json("report", self.vm)["attestations"]
        self.assertEqual(kept, self.all)
        self.assertTrue(self.verifies(kept[1]["statement"], kept[1]["signature"]))
        self.assertEqual(sha256(self.key), before)
        self.host.assert_nothing_left(self)

    def test_9_a_key_that_others_may_read_signs_nothing(self):
        """genkand does not start with a private key that is not private, and leaves it as it is"""
        self.host.stop()
        os.chmod(self.key, 0o640)
        try:
            with self.assertRaisesRegex(AssertionError, "attestation.key"):
                self.host.start()
        finally:
            os.chmod(self.key, 0o600)
        self.host.start()


if __name__ == "__main__":
    tap.main()
