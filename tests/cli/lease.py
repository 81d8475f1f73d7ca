# SPDX-License-Identifier: GPL-2.0-or-later
"""Leases: each VM has an end, shown with its reason; and who is forgotten by its user, or by a genkand that was
killed, ends with a decision that is written down. (The end of a life takes an hour: see unit/lease.c.)"""
import datetime
import json
import os
import time
import unittest

import tap
from host import SAMPLE, Host

# The shortest limits that there are.
CONFIG = ("[vm]\ndefault-image=debian-base\nmost-disposables=12\nmost-per-user=12\n"
          "[lease]\nidle-minutes=1\nlife-hours=2\n")
POLICIES = {  # name: idle-minutes, life-hours
    "short": (1, 0),
    "long": (90, 1),
    "forever": (0, 0),
}
IDLE = 60
LOOKS = 5  # seconds between genkand's looks
SLACK = 20


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Lease(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config=CONFIG)
        cls.addClassCleanup(cls.host.clean)
        os.makedirs(os.path.join(cls.host.config, "policies"))
        for name, (idle, life) in POLICIES.items():
            with open(os.path.join(cls.host.config, "policies", name + ".policy"), "w") as file:
                file.write(f"[policy]\nname={name}\nmode=none\nidle-minutes={idle}\nlife-hours={life}\n")
        cls.host.start()
        cls.vms = {policy: cls.host.json("new", "--policy", policy, "--name", "vm-" + policy)["id"]
                   for policy in ("long", "forever", "short", "none")}
        cls.created = time.time()
        # One that is idle only when nobody runs anything in it.
        cls.vms["busy"] = cls.host.json("new", "--policy", "short", "--name", "vm-busy")["id"]
        cls.command = cls.host.popen("run", "--vm", "vm-busy", "--", "sleep", "600")
        cls.wait_for_command(cls.vms["busy"])

    @classmethod
    def wait_for_command(cls, run):
        cls.host.until(lambda: any(line["event"] == "command" for line in cls.host.ledger(run)), "the command is recorded")

    def listed(self):
        return {vm["id"]: vm for vm in self.host.json("ls")}

    def check_expiry(self, policy, limit, why):
        """The VM expires `limit` seconds after it was created and last used (which was within a minute)."""
        vm = self.listed()[self.vms[policy]]
        self.assertIn(why, vm["why"])
        left = seconds(vm["expires"]) - seconds(vm["created"])
        self.assertTrue(limit - 1 < left < limit + 60, f"{policy}: {left} s")

    def test_1_ls_says_until_when_and_why(self):
        """by the configuration, or by the policy where it says something else; whatever comes first"""
        self.check_expiry("none", IDLE, "kept by its owner; idle limit in")
        self.check_expiry("short", IDLE, "kept by its owner; idle limit in")
        self.check_expiry("long", 3600, "kept by its owner; its life ends in")
        forever, busy = (self.listed()[self.vms[name]] for name in ("forever", "busy"))
        self.assertEqual((forever["expires"], forever["why"]), (None, "kept by its owner; no limit"))
        self.assertEqual((busy["expires"], busy["why"]), (None, "in use"))

    def check_cut_short(self, verb, words, event):
        """kill -9 of the command line: the run ends as cancelled, and nothing of it is left"""
        before = set(self.host.runs())
        process = self.host.popen(verb, *words)
        run = self.host.until(lambda: next(iter(set(self.host.runs()) - before), None), "the run has begun")
        self.host.until(lambda: any(line["event"] == event for line in self.host.ledger(run)), event)
        machine = self.host.json("show", run)["machine"]
        process.kill()
        process.communicate()
        self.host.wait_closed(run)
        self.host.until(lambda: machine not in self.host.machines(), "its machine is gone")
        self.assertNotIn("genkan-" + machine, self.host.domains())
        report = self.host.json("report", run)
        self.assertEqual((report["ended"]["by"], report["disposed"]), ("cancelled", True))

    def test_2_a_command_line_that_crashed(self):
        """kill -9 of `genkan run` and `genkan open` ends their VMs, and that is written down"""
        self.check_cut_short("run", ("--", "sleep", "600"), "command")
        self.check_cut_short("open", ("--timeout", "600", SAMPLE), "started")

    def test_3_nobody_uses_it(self):
        """idle VMs are removed, by the config's limit and by the policy's; reason and end are in the ledger"""
        for policy in ("none", "short"):
            run = self.vms[policy]
            self.host.until(lambda: run not in self.listed(), f"{policy} has expired", IDLE + LOOKS + 2 * SLACK)
            ended = self.host.json("report", run)["ended"]
            self.assertEqual((ended["by"], ended["message"]), ("expired", "nobody has used it for 1 min (idle limit)"))
            created = seconds(self.host.ledger(run)[0]["time"])
            self.assertGreater(seconds(ended["time"]) - created, IDLE - 1)
            self.assertIn(f"run {run}: nobody has used it for 1 min (idle limit): its VM is removed", self.host.read_log())
        self.host.until(lambda: len(self.host.machines()) == 3, "what the others had is gone")
        self.assertEqual(len(self.host.domains()), 3)
        self.assertEqual(set(self.listed()), {self.vms[name] for name in ("long", "forever", "busy")})

    def test_4_somebody_uses_it(self):
        """a command that runs for longer than the limit keeps its VM; the time counts from its end"""
        self.assertGreater(time.time() - self.created, IDLE)
        self.assertEqual(self.listed()[self.vms["busy"]]["why"], "in use")
        self.assertIsNone(self.command.poll())
        killed = time.time()
        self.command.kill()  # another command line that crashed: its VM stays, as that was there before it
        self.command.communicate()
        self.host.until(lambda: self.listed()[self.vms["busy"]]["why"] != "in use", "it is not used any more")
        vm = self.listed()[self.vms["busy"]]
        self.assertIn("idle limit in", vm["why"])
        self.assertTrue(killed + IDLE - 2 <= seconds(vm["expires"]) <= killed + IDLE + SLACK, vm)

    def test_5_a_daemon_that_was_killed_and_a_host_that_was_restarted(self):
        """after kill -9 of genkand each run has ended, with the reason; and with another where the host was restarted"""
        self.host.kill()
        record = os.path.join(self.host.state, "runs", self.vms["forever"], "run.json")
        with open(record) as file:
            run = json.load(file)
        run["boot"] = "00000000-0000-4000-8000-000000000000"  # as if it was written before the last boot
        with open(record, "w") as file:
            json.dump(run, file)
        self.host.start()
        self.assertEqual(self.listed(), {})
        self.host.assert_nothing_left(self)
        for policy, why in (("long", "genkand was ended"), ("forever", "the host was restarted")):
            report = self.host.json("report", self.vms[policy])
            self.assertEqual((report["ended"]["by"], report["disposed"]), ("interrupted", True))
            self.assertIn(why, report["ended"]["message"])

    def test_6_nonsense_in_a_policy(self):
        """a limit that is none is refused, naming file and key, and no VM starts"""
        path = os.path.join(self.host.config, "policies/odd.policy")
        with open(path, "w") as file:
            file.write("[policy]\nname=odd\nmode=none\nidle-minutes=soon\n")
        code, _, err = self.host.genkan("new", "--policy", "odd")
        self.assertEqual(code, 1)
        self.assertIn(path, err)
        self.assertIn("idle-minutes", err)
        self.host.assert_nothing_left(self)


if __name__ == "__main__":
    tap.main()
