# SPDX-License-Identifier: GPL-2.0-or-later
"""The pool: VMs that are ready before anybody asks, untouched, and thrown away where they are broken."""
import glob
import json
import os
import signal
import subprocess
import time
import unittest

import tap
from host import VIRSH, Host
from own_image import copy_image, copy_warm

KEEPER_LOOKS = 5  # seconds between the looks that the pool takes at itself
VM = "[vm]\ndefault-image=debian-base\nmost-per-user=8\n"
POOL = "[pool debian-base]\nmin=2\nmax=3\n"


def virsh(*words):
    return subprocess.run([*VIRSH, *words], capture_output=True, text=True, check=True).stdout.strip()


def qemu(machine):
    """The process id of a machine's QEMU."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if f"guest=genkan-{machine},".encode() in file.read():
                    return int(path.split("/")[2])
        except OSError:
            continue
    raise AssertionError(f"{machine} has no QEMU")


class PoolCase(unittest.TestCase):
    """What the cases below have in common."""

    @classmethod
    def entry(cls):
        return cls.host.json("pool")[0]

    @classmethod
    def fill(cls, count=2):
        cls.host.until(lambda: cls.entry()["ready"] >= count and not cls.entry()["starting"], f"{count} are ready", 300)

    def ready(self):
        """Ids of the machines that wait, oldest first; none has a run."""
        found = []
        for path in glob.glob(os.path.join(self.host.state, "machines/*/machine.json")):
            with open(path) as file:
                record = json.load(file)
            if record["run"] is None:
                found.append((os.stat(path).st_mtime_ns, record["id"]))
        return [machine for _, machine in sorted(found)]


class Pool(PoolCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config=VM + POOL)
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.fill()

    def setUp(self):
        self.fill()

    def test_1_it_is_filled(self):
        """the pool has two, says so, and nobody owns them"""
        entry = self.entry()
        self.assertEqual((entry["image"], entry["min"], entry["max"], entry["ready"], entry["memory_mib"], entry["why"]),
                         ("debian-base", 2, 3, 2, 1024, "full"))
        self.assertEqual(len(self.host.domains()), 2)
        self.assertEqual((self.host.json("ls"), self.host.runs()), ([], []))
        self.assertIn("2 ready", self.host.genkan("pool")[1])

    def test_2_nobody_was_there_before(self):
        """a VM of the pool is paused, its link down, its share empty; no packet ever came or went, and no run had it"""
        for machine in self.ready():
            domain, tap_name = "genkan-" + machine, "gk" + machine
            self.assertEqual(virsh("domstate", domain), "paused")
            self.assertEqual(virsh("domif-getlink", domain, tap_name).split()[-1], "down")
            bridge = ["nsenter", "-n", "-t", str(self.host.child("genkan-netd"))]
            link = json.loads(subprocess.check_output([*bridge, "ip", "-j", "-s", "-s", "addr", "show", "dev", tap_name]))[0]
            self.assertEqual([a for a in link["addr_info"] if a], [])
            self.assertEqual(link["stats64"]["tx"]["packets"] + link["stats64"]["rx"]["packets"], 0)
            folder = os.path.join(self.host.state, "machines", machine)
            for half in ("inbound", "inbound.export", "outbound"):
                self.assertEqual(os.listdir(os.path.join(folder, half)), [])
        for run in self.host.runs():
            with open(os.path.join(self.host.state, "runs", run, "ledger.jsonl")) as file:
                ledger = file.read()
            self.assertEqual([machine for machine in self.ready() if machine in ledger], [])

    def test_3_a_claim_takes_a_ready_one(self):
        """new and revert take machines that were ready, the oldest first, and the pool is filled again"""
        for verb, words in (("new", ("--name", "fox")), ("revert", ("fox",))):
            self.fill()
            ready = self.ready()
            vm = self.host.json(verb, *words)
            self.assertEqual(vm["via"], "pool")
            self.assertEqual(self.host.json("show", "fox")["machine"], ready[0])
            self.assertEqual(self.host.genkan("run", "--vm", "fox", "--", "true")[0], 0)
        self.assertEqual(virsh("domif-getlink", "genkan-" + ready[0], "gk" + ready[0]).split()[-1], "up")
        self.fill()
        self.host.json("rm", "fox")
        self.host.wait_closed(vm["id"])

    def test_4_one_that_is_killed_is_replaced(self):
        """a ready VM whose QEMU is killed disappears, all of it, and another takes its place"""
        machine = self.ready()[0]
        os.kill(qemu(machine), signal.SIGKILL)
        self.host.until(lambda: machine not in self.host.machines(), "the dead machine is gone")
        self.assertNotIn("genkan-" + machine, self.host.domains())
        self.assertNotIn("gk" + machine, self.host.taps())
        self.fill()
        self.assertIn(f"machine {machine} of the pool has ended by itself", self.host.read_log())

    def break_agent(self, machine, *command):
        domain = "genkan-" + machine
        virsh("resume", domain)
        virsh("qemu-agent-command", domain, json.dumps({"execute": "guest-exec", "arguments":
                                                        {"path": command[0], "arg": command[1:]}}))
        silent = ["timeout", "5", *VIRSH, "qemu-agent-command", "--timeout", "2", domain, '{"execute": "guest-ping"}']
        self.host.until(lambda: subprocess.run(silent, capture_output=True, check=False).returncode, "the agent is silent")
        virsh("suspend", domain)

    def check_broken(self, *command):
        machine = self.ready()[0]
        self.break_agent(machine, *command)
        report = self.host.json("run", "--", "true")
        self.assertEqual((report["exit"], report["started"]["via"]), (0, "pool"))
        self.assertIn(f"machine {machine} of the pool is broken and thrown away", self.host.read_log())
        self.host.until(lambda: machine not in self.host.machines(), "the broken machine is gone")
        self.host.wait_closed(report["run"])

    def test_5_one_whose_agent_is_gone(self):
        """a VM without an agent is thrown away when it is claimed, and the user's command runs in the next"""
        self.check_broken("/bin/systemctl", "stop", "qemu-guest-agent")

    def test_6_one_whose_agent_hangs(self):
        """the same where the agent is there and says nothing"""
        self.check_broken("/bin/sh", "-c", "kill -STOP $(pidof qemu-ga)")

    def test_7_the_daemon_ends(self):
        """when genkand ends, nothing of the pool is left; after kill -9 nothing of it is taken up again"""
        before = self.ready()
        self.host.kill()
        self.host.start()
        self.fill()
        self.assertEqual(set(before) & set(self.ready()), set())
        self.host.settle()
        self.host.stop()
        self.host.assert_nothing_left(self, timeout=1)
        self.host.start()


class Budget(PoolCase):
    """One host, started with one pool after another."""

    @classmethod
    def setUpClass(cls):
        cls.host = Host(config=VM)
        cls.addClassCleanup(cls.host.clean)

    def restart(self, config):
        self.host.stop()
        self.host.configure(VM + config)
        self.host.start()

    def test_1_memory(self):
        """[pool] memory-mib holds as many as fit, and genkan pool says why there are no more"""
        self.restart("[pool]\nmemory-mib=600\n" + POOL)
        self.fill(1)
        self.host.until(lambda: "memory-mib" in self.entry()["why"], "the reason is said", 30)
        self.assertEqual((self.entry()["ready"], len(self.host.domains())), (1, 1))

    def test_2_a_short_host(self):
        """[pool] keep-free-mib that the host has not: the pool stays empty, and says why"""
        self.restart("[pool]\nkeep-free-mib=60000000\n" + POOL)
        self.host.until(lambda: "memory are available, less than 60000000" in self.entry()["why"], "the reason is said", 60)
        self.assertEqual((self.entry()["ready"], self.host.domains()), (0, []))
        self.assertEqual(self.host.json("run", "--", "true")["started"]["via"], "warm")
        self.assertEqual(self.entry()["ready"], 0)

    def test_3_it_gives_way(self):
        """where [vm] memory-mib is used up, what is ready gives way to a VM that a user asks for"""
        self.host.stop()
        self.host.configure("[vm]\ndefault-image=debian-base\nmost-per-user=8\nmemory-mib=1100\n" + POOL)
        self.host.start()
        self.fill(2)
        vms = [self.host.json("new")["id"] for _ in range(2)]
        self.assertEqual(len(self.host.json("ls")), 2)
        self.host.until(lambda: len(self.host.domains()) == 2, "the pool has given way")
        time.sleep(2 * KEEPER_LOOKS)
        self.assertEqual((self.entry()["ready"], len(self.host.domains())), (0, 2))
        for vm in vms:
            self.host.json("rm", vm)
            self.host.wait_closed(vm)


class Images(PoolCase):
    """An image of the test's own, which changes under the pool."""

    @classmethod
    def setUpClass(cls):
        cls.host = Host(images=(), config=VM + "[pool debian-base]\nmin=1\nmax=1\n", warm=False)
        cls.addClassCleanup(cls.host.clean)

    def wait_for_doubt(self, since):
        """Until the log has said that there is no image, after its first `since` characters, and the pool that it failed."""
        self.host.until(lambda: "pool of debian-base: there is no image 'debian-base'" in self.host.read_log()[since:],
                        "the log says why", 60)
        self.assertIn("see genkand's log", self.entry()["why"])
        self.assertEqual(self.entry()["ready"], 0)

    def test_no_image_removed_image(self):
        """a pool of an image that is not there says so; when the image is removed the pool is emptied"""
        self.host.start()
        self.wait_for_doubt(0)
        self.host.stop()
        folder = copy_image(self.host, "debian-base")
        warm = copy_warm(self.host, "debian-base")
        self.host.start()
        self.fill(1)
        since = len(self.host.read_log())
        self.assertEqual(self.host.genkan("image", "rm", "debian-base:" + os.path.basename(folder))[0], 0)
        self.wait_for_doubt(since)
        self.host.assert_nothing_left(self)
        self.assertFalse(os.path.exists(folder))
        self.assertFalse(os.path.exists(warm))


if __name__ == "__main__":
    tap.main()
