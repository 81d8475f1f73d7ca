# SPDX-License-Identifier: GPL-2.0-or-later
"""Warm states: made once, cloned without two clones being alike, and of no use once anything about them is not
as it was sealed."""
import json
import os
import signal
import time
import unittest

import tap
from host import Host
from own_image import IMAGE_FILES, WARM_FILES, change_byte, copy_image, copy_warm, seal
from shared_warm import shared_warm

CONFIG = "[vm]\ndefault-image=debian-base\n"
WHO = ("hostname; cat /etc/machine-id /proc/sys/kernel/random/uuid; head -c 16 /dev/urandom | od -An -tx1; "
       "cat /sys/class/net/e*/address; ip -4 -o addr show scope global")
FIELDS = ("host name", "machine id", "uuid", "random bytes", "MAC", "address")
MAKING = 600  # seconds, on a machine with other things to do


class Warm(unittest.TestCase):
    """An image and a state of the test's own."""

    @classmethod
    def setUpClass(cls):
        cls.host = Host(images=(), config=CONFIG, warm=False)
        cls.addClassCleanup(cls.host.clean)
        cls.image = copy_image(cls.host, "debian-base")
        cls.folder = copy_warm(cls.host, "debian-base")
        cls.host.start()

    def warm(self):
        return self.host.json("image", "warm", "debian-base", timeout=MAKING)

    def making(self):
        return os.path.join(os.path.dirname(self.folder), ".making")

    def test_1_made_in_other_circumstances(self):
        """a state of what the image was before is not used, which is said, but made anew; and then it is there"""
        manifest = os.path.join(self.image, "manifest.json")
        with open(manifest) as file:
            changed = json.load(file)
        changed["description"] = "the same disk under another digest"
        with open(manifest, "w") as file:
            json.dump(changed, file)
        seal(self.image, IMAGE_FILES)
        first, second = self.warm(), self.warm()
        self.assertEqual((first["made"], second["made"]), (True, False))
        self.assertEqual(first["digest"], second["digest"])
        self.assertLess(second["took_ms"], 1000)
        self.assertIn("the warm state was made in other circumstances: the image was sha256:", self.host.read_log())
        self.host.assert_nothing_left(self)

    def ask(self, name):
        """Returns what a clone is, by FIELDS, and by how many seconds its clock is off at most."""
        self.host.until(lambda: "inet" in self.guest(name, "ip -4 -o addr show scope global"), "it has its address")
        before = time.time()
        now = float(self.guest(name, "date +%s.%N"))
        after = time.time()
        lines = [line.split() for line in self.guest(name, WHO).splitlines()]
        lines[-1] = [lines[-1][3].split("/")[0]]
        return dict(zip(FIELDS, (" ".join(line) for line in lines), strict=True)), max(before - now, now - after)

    def guest(self, name, script):
        code, out, err = self.host.genkan("run", "--vm", name, "--", "sh", "-c", script)
        self.assertEqual(code, 0, err)
        return out

    def test_2_two_clones(self):
        """two clones differ in name, machine id, random numbers, MAC and address, and both know what time it is"""
        vms = [self.host.json("new", "--name", name) for name in ("one", "other")]
        shown = [self.host.json("show", vm["id"]) for vm in vms]
        self.assertEqual([vm["via"] for vm in vms], ["warm", "warm"])
        self.assertEqual(shown[0]["warm_digest"], shown[1]["warm_digest"])
        self.assertNotEqual(shown[0]["domain_uuid"], shown[1]["domain_uuid"])
        (one, one_off), (other, other_off) = self.ask("one"), self.ask("other")
        for field in FIELDS:
            self.assertNotEqual(one[field], other[field], field)
        self.assertEqual([shown[0]["mac"], shown[1]["mac"]], [one["MAC"], other["MAC"]])
        leases = [next(e["address"] for e in self.host.ledger(vm["id"]) if e["event"] == "connected") for vm in vms]
        self.assertEqual(leases, [one["address"], other["address"]])
        self.assertLess(max(one_off, other_off), 1)
        for vm in vms:
            self.host.json("rm", vm["id"])
            self.host.wait_closed(vm["id"])
        self.host.assert_nothing_left(self)

    def begin_making(self, said):
        """Has a state made; returns the process, when the log has said so and a guest is there for it."""
        since = len(self.host.read_log())
        process = self.host.popen("image", "warm", "debian-base")
        self.host.until(lambda: said in self.host.read_log()[since:], f"the log says '{said}'", 30)
        self.host.until(self.host.domains, "a guest is there", 60)
        return process

    def test_3_touched_files(self):
        """a state of which one byte has changed, or one file was touched, is not used, which is said"""
        for name, harm in (("memory", os.utime), ("memory", lambda path: change_byte(path, 1 << 20)),
                           ("disk.qcow2", lambda path: change_byte(path, 1 << 18)), ("empty.qcow2", os.utime)):
            with self.subTest(name):
                harm(os.path.join(self.folder, name))
                process = self.begin_making(f"{name} was touched after it was sealed; it is made anew")
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
                self.assertEqual(process.returncode, 1)
                self.host.assert_nothing_left(self)
                self.assertFalse(os.path.exists(self.making()))
                seal(self.folder, WARM_FILES)  # so that what follows is only about the next

    def test_4_killed_in_the_middle(self):
        """kill -9 of genkand while a state is made: its next start leaves nothing of it"""
        os.utime(os.path.join(self.folder, "memory"))
        process = self.begin_making("it is made anew")
        self.assertTrue(os.path.exists(self.making()))
        self.host.kill()
        process.communicate(timeout=60)
        self.host.start()
        self.assertFalse(os.path.exists(self.making()))
        self.host.assert_nothing_left(self)

    def test_5_nobody_is_told_to_try_again(self):
        """with a state that was touched the user gets a VM that was booted, and the state is made anew behind"""
        report = self.host.json("run", "--", "true", timeout=MAKING)
        self.assertEqual((report["exit"], report["started"]["via"]), (0, "cold"))
        self.assertIsNone(json.loads(report["attestations"][0]["statement"])["warm"])
        made = self.warm()  # waits for who makes it just now
        self.assertFalse(made["made"])
        self.assertEqual(self.host.json("run", "--", "true")["started"]["via"], "warm")

    def test_6_removed_with_its_image(self):
        """genkan image rm takes the warm state with it"""
        self.assertTrue(os.path.exists(self.folder))
        self.assertEqual(self.host.genkan("image", "rm", "debian-base:" + os.path.basename(self.image))[0], 0)
        self.assertFalse(os.path.exists(self.folder))
        self.assertFalse(os.path.exists(self.image))


class Golden(unittest.TestCase):
    """A golden disk of the test's own that changes while VMs stand on it."""

    def test_a_changed_golden_disk(self):
        """neither run nor revert nor the pool starts anything from a golden disk that has changed by one bit"""
        host = Host(images=(), config=CONFIG + "[pool debian-base]\nmin=1\nmax=1\n", warm=False)
        self.addCleanup(host.clean)
        image = copy_image(host, "debian-base")
        os.makedirs(os.path.join(host.state, "warm"), exist_ok=True)
        os.symlink(shared_warm("debian-base"), os.path.join(host.state, "warm/debian-base"))
        host.start()
        vm = host.json("new")["id"]
        host.until(lambda: host.json("pool")[0]["ready"], "one is ready", 300)
        change_byte(os.path.join(image, "disk.qcow2"), 1 << 20)
        for words in (("run", "--", "true"), ("new",), ("revert", vm)):
            code, _, err = host.genkan(*words)
            self.assertEqual(code, 3, err)
            self.assertIn("disk.qcow2 was touched after it was sealed", err)
        host.wait_closed(vm)
        host.until(lambda: "disk.qcow2 was touched" in host.read_log(), "the pool finds out", 60)
        host.until(lambda: host.json("pool")[0]["ready"] == 0, "the pool is empty")
        host.assert_nothing_left(self)
        report = host.json("report", vm)
        self.assertEqual((report["golden_unchanged"], len(report["attestations"])), (False, 1))
        self.assertEqual(host.runs(), [vm])


if __name__ == "__main__":
    tap.main()
