# SPDX-License-Identifier: GPL-2.0-or-later
"""genkand killed, callers gone, Ctrl-C: each ends with nothing left but the evidence."""
import os
import signal
import time
import unittest

import tap
from host import SAMPLE, Host


class Interrupted(unittest.TestCase):
    """What the cases below have in common."""

    @classmethod
    def set_up(cls, config):
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n" + config)
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

    def wait_for_domain(self):
        self.host.until(self.host.domains, "a domain is there", 60)

    def check_killed(self, process, run, may_be_up=False):
        """kill -9 of genkand, and what its next start makes of it; may_be_up: the caller may have had its VM already"""
        self.host.kill()
        _, err = process.communicate(timeout=30)
        self.assertIn(process.returncode, (0, 4) if may_be_up else (4,), err)
        self.host.start()
        self.host.assert_nothing_left(self)
        self.assertIn("interrupted", [line["event"] for line in self.host.ledger(run)])
        report = self.host.json("report", run)
        self.assertEqual(report["ended"]["by"], "interrupted")
        self.assertIn("genkand was ended", report["ended"]["message"])
        self.assertIn(run, self.host.read_log())

    def check_evidence(self, run):
        self.assertEqual(len(os.listdir(os.path.join(self.host.state, "runs", run, "evidence/in"))), 1)

    def check_ctrl_c(self, process, run):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 1, err)
        self.host.wait_closed(run)
        self.host.assert_nothing_left(self)
        self.assertEqual(self.host.json("report", run)["ended"]["by"], "cancelled")
        self.assertTrue(self.host.json("report", run)["disposed"])


class WhileBooting(Interrupted):
    @classmethod
    def setUpClass(cls):
        cls.set_up("warm=never\n")

    def test_killed_while_the_guest_boots(self):
        """kill -9 of genkand while a guest boots"""
        process, run = self.begin("brought")
        self.wait_for_domain()
        self.check_killed(process, run)
        self.check_evidence(run)

    def test_ctrl_c_while_the_guest_boots(self):
        """Ctrl-C while a guest boots: exit code 1, nothing left"""
        process, run = self.begin("brought")
        self.wait_for_domain()
        self.check_ctrl_c(process, run)


class Interruption(Interrupted):
    @classmethod
    def setUpClass(cls):
        cls.set_up("")

    def test_killed_while_looking_into_the_file(self):
        """kill -9 of genkand right after the file came in"""
        process, run = self.begin("brought")
        self.check_killed(process, run)
        self.check_evidence(run)

    def test_killed_while_cloning(self):
        """kill -9 of genkand when the clone's domain is there and nothing else"""
        process, run = self.begin("created", "new", ())
        self.wait_for_domain()
        self.check_killed(process, run)

    def test_killed_while_connecting(self):
        """kill -9 of genkand right after it has attested what the VM is made of, when its link is raised"""
        self.check_killed(*self.begin("attested", "new", ()), may_be_up=True)

    def test_killed_when_all_is_up(self):
        """kill -9 of genkand when the guest is up and the file is being opened"""
        process, run = self.begin("started")
        self.check_killed(process, run)
        self.check_evidence(run)

    def test_killed_with_a_drop_box_that_is_full(self):
        """kill -9 of genkand: what the guest had taken out is evidence all the same"""
        process, run = self.begin("command", "run", ("--", "sh", "-c", "echo note > /genkan/outbound/note; sleep 600"))
        machine = self.host.json("show", run)["machine"]
        note = os.path.join(self.host.state, "machines", machine, "outbound/note")
        self.host.until(lambda: os.path.exists(note) and os.stat(note).st_size, "the guest has written its note")
        self.check_killed(process, run)
        self.assertEqual([file["name"] for file in self.host.json("report", run)["outbound"]], ["note"])

    def test_ctrl_c_while_a_command_runs(self):
        """Ctrl-C while the command runs in the guest: nothing left"""
        self.check_ctrl_c(*self.begin("command", "run", ("--", "sleep", "600")))

    def test_a_caller_that_is_killed_leaves_nothing(self):
        """kill -9 of the command line"""
        process, run = self.begin("brought")
        self.wait_for_domain()
        process.kill()
        process.communicate()
        self.host.wait_closed(run)
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
        self.host.wait_closed(run)
        self.host.assert_nothing_left(self)

    def test_reverted_and_removed_under_a_command(self):
        """a VM that is reverted or removed under a running command: the command ends, the daemon lives"""
        vm = self.host.json("new")["id"]
        for verb in ("revert", "rm"):
            commands = sum(line["event"] == "command" for line in self.host.ledger(vm))
            process = self.host.popen("run", "--vm", vm, "--", "sleep", "600")
            self.host.until(lambda: sum(line["event"] == "command" for line in self.host.ledger(vm)) > commands,
                            "the command is recorded")
            time.sleep(1)  # until it runs
            self.host.json(verb, vm)
            self.assertEqual(process.wait(30), 5, process.stderr.read())
            process.communicate()
        self.host.wait_closed(vm)
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
