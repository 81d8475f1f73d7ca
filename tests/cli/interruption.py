# SPDX-License-Identifier: GPL-2.0-or-later
"""genkand killed, callers gone, Ctrl-C: each ends with nothing left but the evidence."""
import os
import signal
import subprocess
import time
import unittest

import tap
from host import SAMPLE, Host


class Interruption(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()

    def begin(self, event, verb="open", words=(SAMPLE,)):
        """Starts a verb in the background; returns it and the new run's id, when event is recorded."""
        before = set(self.host.runs())
        process = self.host.popen(verb, *words)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            for run in set(self.host.runs()) - before:
                path = os.path.join(self.host.state, "runs", run, "ledger.jsonl")
                if os.path.exists(path) and f'"event":"{event}"' in open(path).read():
                    return process, run
            if process.poll() is not None:
                break
            time.sleep(0.02)
        process.kill()
        raise AssertionError(f"no '{event}': {process.communicate()}\n{self.host.read_log()}")

    def check_killed(self, event):
        process, run = self.begin(event, "new" if event == "connected" else "open",
                                  () if event == "connected" else (SAMPLE,))
        self.host.kill()
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 4, err)
        self.host.start()
        self.host.assert_nothing_left(self)
        events = [line["event"] for line in self.host.ledger(run)]
        self.assertIn("interrupted", events)
        report = self.host.json("report", run)
        self.assertEqual(report["ended"]["by"], "interrupted")
        if event != "connected":
            self.assertEqual(len(os.listdir(os.path.join(self.host.state, "runs", run, "evidence/in"))), 1)
        self.assertIn(run, self.host.read_log())

    def test_killed_while_looking_into_the_file(self):
        """kill -9 of genkand right after the file came in"""
        self.check_killed("brought")

    def test_killed_while_connecting(self):
        """kill -9 of genkand when NIC and policy are there and the share is not"""
        self.check_killed("connected")

    def test_killed_when_all_is_up(self):
        """kill -9 of genkand when the guest is up and the file is being opened"""
        self.check_killed("started")

    def test_killed_while_the_domain_starts(self):
        """kill -9 of genkand while the guest boots"""
        process, run = self.begin("brought")
        deadline = time.monotonic() + 60
        while not self.host.domains() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.host.kill()
        process.communicate(timeout=30)
        self.host.start()
        self.host.assert_nothing_left(self)
        self.assertEqual(self.host.json("report", run)["ended"]["by"], "interrupted")

    def check_ctrl_c(self, process, run, wanted):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
        self.assertIn(process.returncode, wanted, err)
        self.host.assert_nothing_left(self)
        self.assertEqual(self.host.json("report", run)["ended"]["by"], "cancelled")
        self.assertTrue(self.host.json("report", run)["disposed"])

    def test_ctrl_c_while_booting(self):
        """Ctrl-C before the guest is up: exit code 1, nothing left"""
        process, run = self.begin("brought")
        time.sleep(3)
        self.check_ctrl_c(process, run, (1,))

    def test_ctrl_c_while_a_command_runs(self):
        """Ctrl-C while the command runs in the guest: nothing left"""
        process, run = self.begin("command", "run", ("--", "sleep", "600"))
        time.sleep(1)
        self.check_ctrl_c(process, run, (1,))

    def test_a_caller_that_is_killed_leaves_nothing(self):
        """kill -9 of the command line"""
        process, run = self.begin("brought")
        time.sleep(2)
        process.kill()
        process.communicate()
        deadline = time.monotonic() + 60
        while self.host.json("ls") and time.monotonic() < deadline:
            time.sleep(0.2)
        self.host.assert_nothing_left(self)
        self.assertEqual(self.host.json("report", run)["ended"]["by"], "cancelled")

    def test_removed_while_looking_into_the_file(self):
        """rm of a run that has no VM yet: none comes up afterwards"""
        path = os.path.join(self.host.top, "large")
        with open(path, "wb") as file:
            file.truncate(900 << 20)
        process, run = self.begin("created", "open", (path,))
        self.host.json("rm", run)
        process.communicate(timeout=200)
        self.assertNotEqual(process.returncode, 0)
        self.host.assert_nothing_left(self)
        self.assertEqual(self.host.json("ls"), [])

    def test_reverted_and_removed_under_a_command(self):
        """a VM that is reverted or removed under a running command: the command ends, the daemon lives"""
        vm = self.host.json("new")["id"]
        for verb in ("revert", "rm"):
            process = self.host.popen("run", "--vm", vm, "--", "sleep", "600")
            time.sleep(2)
            self.host.json(verb, vm)
            self.assertEqual(process.wait(30), 5, process.stderr.read())
            process.communicate()
        self.assertEqual(self.host.json("ls"), [])
        self.host.assert_nothing_left(self)

    def test_a_reader_that_stops(self):
        """a caller that takes no output holds neither the daemon nor its end up"""
        vm = self.host.json("new")["id"]
        process = self.host.popen("run", "--vm", vm, "--", "yes")
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        self.assertEqual(len(self.host.json("ls")), 1)
        self.host.stop()
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()
        self.host.start()
        self.host.assert_nothing_left(self)

    def test_stopped_in_good_order(self):
        """SIGTERM to genkand removes every VM before it ends"""
        process, _ = self.begin("started", "new", ())
        process.communicate(timeout=60)
        self.assertEqual(len(self.host.json("ls")), 1)
        self.host.stop()
        self.host.assert_nothing_left(self, timeout=1)
        self.host.start()

    def test_a_guest_that_powers_off(self):
        """a guest that shuts itself down ends the run, with nothing left"""
        process, run = self.begin("command", "run", ("--", "sh", "-c", "sync; poweroff -f"))
        process.communicate(timeout=200)
        self.assertEqual(process.returncode, 1)
        self.host.assert_nothing_left(self)
        self.assertTrue(self.host.json("report", run)["disposed"])


if __name__ == "__main__":
    tap.main()
