# SPDX-License-Identifier: GPL-2.0-or-later
"""Limits: guests that take all that they can get harm nobody else, and what they ran into is in the report;
users that want more VMs than there may be are told what to do."""
import os
import time
import unittest

import tap
from host import Host

MIB = 1 << 20
OVERLAY_MIB, OUTBOUND_MIB = 300, 8
CONSOLE_MOST = 4 * 2 * MIB  # virtlogd's: a log of 2 MiB and three older ones
PATIENCE = 60  # seconds: the machine may be busy
BOMB = "bomb () { bomb | bomb & }; bomb; sleep 600"


class Greed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config=f"[vm]\ndefault-image=debian-base\n[limits]\noverlay-mib={OVERLAY_MIB}\n"
                               f"[share]\noutbound-mib={OUTBOUND_MIB}\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.vms = {name: cls.host.json("new", "--name", name)["id"] for name in ("greedy", "noisy", "quiet")}
        # It takes its time, so it begins first.
        cls.flood = cls.host.popen("run", "--vm", "noisy", "--", "sh", "-c", "yes flood >/dev/ttyS0")

    def guest(self, vm, script, shell="sh", timeout=200):
        return self.host.genkan("run", "--vm", vm, "--", shell, "-c", script, timeout=timeout)

    def folder(self, vm):
        return os.path.join(self.host.state, "machines", self.host.json("show", vm)["machine"])

    def limits(self, vm):
        """Removes the VM; returns the limits that its report names, with their values."""
        self.host.json("rm", vm)
        self.host.wait_closed(self.vms[vm])
        return {limit["limit"]: limit["value"] for limit in self.host.json("report", self.vms[vm])["limits"]}

    def answer_time(self, vm):
        begun = time.monotonic()
        code, out, err = self.guest(vm, "echo here", timeout=2 * PATIENCE)
        self.assertEqual((code, out), (0, "here\n"), err)
        return time.monotonic() - begun

    def test_1_a_drop_box_is_filled(self):
        """the guest is told that the drop box is full"""
        code, _, err = self.guest("greedy", "dd if=/dev/zero of=/genkan/outbound/fill bs=1M count=20")
        self.assertEqual(code, 1)
        self.assertIn("No space left on device", err)

    def test_2_a_disk_is_filled(self):
        """a guest that writes more than it may gets an error and lives on; the host's file stays within the limit"""
        code, _, err = self.guest("greedy", "dd if=/dev/zero of=/root/fill bs=1M count=1000 conv=fsync", timeout=400)
        self.assertEqual(code, 1)
        self.assertIn("Input/output error", err)
        self.assertEqual(self.guest("greedy", "rm /root/fill; echo alive")[:2], (0, "alive\n"))
        overlay = os.stat(os.path.join(self.folder("greedy"), "overlay.qcow2"))
        self.assertEqual(overlay.st_size, OVERLAY_MIB * MIB)
        self.assertGreater(overlay.st_blocks * 512, (OVERLAY_MIB - 8) * MIB)
        self.assertLess(overlay.st_blocks * 512, (OVERLAY_MIB + 4) * MIB)

    def test_3_a_fork_bomb(self):
        """while one guest forks without end another answers, and the first can be removed at once"""
        bomb = self.host.popen("run", "--vm", "greedy", "--", "bash", "-c", BOMB)
        self.host.until(lambda: self.host.ledger(self.vms["greedy"])[-1]["event"] == "command", "the bomb is on its way")
        time.sleep(3)  # until it has grown
        times = [self.answer_time("quiet") for _ in range(5)]
        print(f"# another guest's answers: {', '.join(f'{t:.1f} s' for t in times)}", flush=True)
        self.assertLess(max(times), PATIENCE)
        begun = time.monotonic()
        limits = self.limits("greedy")
        self.assertLess(time.monotonic() - begun, PATIENCE)
        bomb.communicate(timeout=60)
        self.assertNotEqual(bomb.returncode, 0)
        self.assertEqual(limits, {"overlay": OVERLAY_MIB * MIB, "outbound": OUTBOUND_MIB * MIB})

    def test_4_a_console_is_flooded(self):
        """what the host keeps of a console that is flooded is bounded, and that is said"""
        folder = self.folder("noisy")
        self.host.until(lambda: os.path.exists(os.path.join(folder, "console.log.0")), "the log is rolled over", 300)
        sizes = [os.stat(os.path.join(folder, name)).st_size for name in os.listdir(folder) if name.startswith("console")]
        self.assertLessEqual(sum(sizes), CONSOLE_MOST)
        limits = self.limits("noisy")
        self.flood.communicate(timeout=60)
        self.assertEqual(list(limits), ["console"])
        kept = os.path.join(self.host.state, "runs", self.vms["noisy"], "console.log")
        self.assertLessEqual(os.stat(kept).st_size, CONSOLE_MOST)

    def test_5_who_takes_nothing_hits_nothing(self):
        """the report of the guest beside them names no limit, and nothing is left"""
        self.assertEqual(self.limits("quiet"), {})
        self.host.assert_nothing_left(self)


class Number(unittest.TestCase):
    def check(self, config, key):
        """Where one VM is allowed, a second is refused with what to do; when the first is removed there is room."""
        host = Host(config=f"[vm]\ndefault-image=debian-base\n{config}\n")
        self.addCleanup(host.clean)
        host.start()
        first = host.json("new")["id"]
        for words in (("new",), ("run", "--", "true")):
            code, out, err = host.genkan(*words)
            self.assertEqual((code, out), (3, ""), err)
            self.assertIn(key, err)
            self.assertIn("remove one with 'genkan rm'", err)
        self.assertEqual([vm["id"] for vm in host.json("ls")], [first])
        self.assertEqual(len(host.domains()), 1)
        host.json("rm", first)
        second = host.json("new")["id"]
        host.json("rm", second)
        host.wait_closed(second)
        host.assert_nothing_left(self)

    def test_in_all(self):
        """[vm] most-disposables"""
        self.check("most-disposables=1", "[vm] most-disposables")

    def test_of_one_user(self):
        """[vm] most-per-user"""
        self.check("most-per-user=1", "[vm] most-per-user")

    def test_memory(self):
        """[vm] memory-mib"""
        self.check("memory-mib=1000", "[vm] memory-mib")


if __name__ == "__main__":
    tap.main()
