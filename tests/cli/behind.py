# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on behind whoever asked for it: nobody waits for it, it comes to its end, and it is written down."""
import os
import subprocess
import threading
import time
import unittest

import tap
from host import GENKAN, Host

CONFIG = "[vm]\ndefault-image=debian-base\nmost-per-user=4\n"


class Behind(unittest.TestCase):
    def setUp(self):
        self.host = Host(config=CONFIG)
        self.addCleanup(self.host.clean)
        self.host.start()

    def wait_closed(self, runs, timeout=120):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if all(self.host.ledger(run)[-1]["event"] == "disposed" for run in runs):
                return
            time.sleep(0.2)
        self.fail(f"not closed: {[self.host.ledger(run)[-1] for run in runs]}\n{self.host.read_log()}")

    def ends(self, run):
        return [line["by"] for line in self.host.ledger(run) if line["event"] == "ended"]

    def test_removals_in_the_middle_of_reverts(self):
        """four VMs that are reverted and removed at once all come to their end"""
        vms = [self.host.json("new")["id"] for _ in range(4)]
        reverts = [self.host.popen("revert", vm) for vm in vms]
        self.addCleanup(lambda: [revert.kill() for revert in reverts])
        time.sleep(0.3)
        for vm in vms:
            begun = time.monotonic()
            self.assertEqual(self.host.genkan("rm", vm)[0], 0)
            self.assertLess(time.monotonic() - begun, 5)
        for revert in reverts:
            revert.communicate(timeout=60)
        self.wait_closed(vms)
        self.assertEqual(self.host.json("ls"), [])
        self.host.assert_nothing_left(self)
        begun = time.monotonic()
        self.host.stop()
        self.assertLess(time.monotonic() - begun, 30)

    def test_removal_while_it_starts(self):
        """a VM that is removed while it starts is gone, and whoever started it is told"""
        new = self.host.popen("new", "--name", "slow")
        self.addCleanup(new.kill)
        deadline = time.monotonic() + 30
        while not self.host.json("ls") and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        run = self.host.json("ls")[0]["id"]
        self.assertEqual(self.host.genkan("rm", "slow")[0], 0)
        _, err = new.communicate(timeout=60)
        self.assertNotEqual(new.returncode, 0)
        self.assertIn("run " + run, err)
        self.wait_closed([run])
        self.host.assert_nothing_left(self)

    def test_guest_that_shuts_down(self):
        """a kept VM whose guest shuts down is removed, and its ledger says why"""
        run = self.host.json("new")["id"]
        self.host.genkan("run", "--vm", run, "--timeout", "20", "--", "systemctl", "poweroff", "--force")
        self.wait_closed([run])
        self.assertIn("guest shut down", self.ends(run))
        self.host.assert_nothing_left(self)

    def test_every_end_is_written_down(self):
        """a removal and the end of genkand stand in the ledgers of the VMs that they ended"""
        removed, stopped = (self.host.json("new")["id"] for _ in range(2))
        self.assertEqual(self.host.genkan("rm", removed)[0], 0)
        self.wait_closed([removed])
        self.host.stop()
        self.assertEqual((self.ends(removed), self.ends(stopped)), (["removed"], ["stopped"]))
        self.assertEqual(self.host.ledger(stopped)[-1]["event"], "disposed")

    def test_a_slow_reader_gets_all(self):
        """the output of a command is whole, however late its reader is"""
        size = 2_000_000
        process = self.host.popen("run", "--", "head", "-c", str(size), "/dev/zero")
        self.addCleanup(process.kill)
        got = []

        def read():
            time.sleep(6)
            while chunk := process.stdout.read(65536):
                got.append(len(chunk))
                time.sleep(0.02)

        reader = threading.Thread(target=read)
        reader.start()
        reader.join(180)
        self.assertEqual((process.wait(60), sum(got)), (0, size))

    def test_programs_as_the_shell_would_not_run_them(self):
        """a command is a program: no builtin of a shell, with the exit codes that a shell gives"""
        run = self.host.json("new")["id"]
        environment = dict(os.environ, GENKAN_RUN_DIR=self.host.run_dir)
        for command, code, output in ((["exit", "3"], 127, ""), (["sh", "-c", "kill -9 $$"], 137, ""),
                                      (["printf", "a\\0b\\377"], 0, None), (["sh", "-c", "echo x; exit 5"], 5, "x\n")):
            with self.subTest(command):
                got = subprocess.run([GENKAN, "run", "--vm", run, "--", *command], env=environment,
                                     capture_output=True, check=False, stdin=subprocess.DEVNULL)
                self.assertEqual(got.returncode, code, got.stderr)
                self.assertEqual(got.stdout, b"a\0b\xff" if output is None else output.encode())


if __name__ == "__main__":
    tap.main()
