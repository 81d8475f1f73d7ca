# SPDX-License-Identifier: GPL-2.0-or-later
"""The golden images' warm states: brought about, saved and restored, and made unique."""
import os
import time
import unittest

import cached_image
import tap
from image_boot import CHANGES, OPEN, lnk
from image_guest import Guest

WARM = "/usr/lib/genkan/guest-warm"
UNIQUE = "/usr/lib/genkan/guest-unique"
RUN = "/usr/lib/genkan/guest-run"
FIFO = "/run/genkan/unique"
MACHINE_ID = "0123456789abcdef0123456789abcdef"
SEED = "5e" * 32
NETWORK = "10.0.2.15/24,10.0.2.2"
SHARE = ("/genkan/inbound", "/genkan/outbound")


def now():
    return str(time.time_ns())


class EveryWarmGuest:
    """What holds for each image; mixed into the cases of one, whose guest is restored from its warm state."""

    @classmethod
    def setUpClass(cls):
        cls.guest = Guest(cached_image.image_folder(cls.name))
        cls.guest.__enter__()
        cls.addClassCleanup(cls.guest.__exit__)
        cls.before_warming()
        begun = time.monotonic()
        cls.warmed = cls.guest.run(WARM, seconds=600)
        took = time.monotonic() - begun
        cls.waiting = cls.guest.start(UNIQUE, "--wait", FIFO)
        cls.guest.shell(f"until [ -p {FIFO} ]; do sleep 0.1; done")
        cls.state_bytes = cls.guest.save_and_restore()
        print(f"# {cls.name}: warm in {took:.1f} s, state of {cls.state_bytes / 1e6:.1f} MB", flush=True)

    @classmethod
    def before_warming(cls):
        pass

    def test_it_says_that_it_can_be_saved(self):
        self.assertEqual(self.warmed, (0, b"", b""))

    def test_wrong_usage_is_refused(self):
        right = ["amber-fox", MACHINE_ID, "1700000000000000000", SEED, "-"]
        wrong = {0: ("", "-fox", "a b", "a" * 64, "fox\nmore"), 1: ("", MACHINE_ID[1:], MACHINE_ID.upper()),
                 2: ("", "0", "12.5", "-1"), 3: ("", "5e", "5" * 33, "xy" * 32),
                 4: ("", "10.0.2.15", "10.0.2.15/24", "10.0.2.15/31,10.0.2.2", "10.0.2.15/24,10.0.2.2,", "a/24,b")}
        cases = [right[:place] + [value] + right[place + 1:] for place in wrong for value in wrong[place]]
        before = self.guest.shell("cat /etc/machine-id; hostname")
        for number, arguments in enumerate(cases + [[], right[:3], right + ["relative"]]):
            with self.subTest(case=number):
                code, _, err = self.guest.run(UNIQUE, *arguments)
                self.assertEqual(code, 2, arguments)
                self.assertIn(b"usage: guest-unique", err)
        self.assertEqual(self.guest.run(WARM, "now")[0], 2)
        self.assertEqual(self.guest.shell("cat /etc/machine-id; hostname"), before)

    def test_what_is_not_there_is_told(self):
        code, _, err = self.guest.run(UNIQUE, "one", MACHINE_ID, now(), SEED, NETWORK, "/genkan/inbound", "/nowhere")
        self.assertEqual(code, 1)
        for said in (b"no NIC has come", b"cannot mount /genkan/inbound", b"/nowhere does not stand in"):
            self.assertIn(said, err)

    def test_zz_a_clone_becomes_unique_while_its_devices_are_plugged_in(self):
        # Last, as it changes the guest. Done by the process that waits in it since before it was saved.
        self.guest.shell("date -s @1000000000")
        self.guest.put(FIFO, " ".join(("amber-fox", MACHINE_ID, now(), SEED, NETWORK, *SHARE)).encode() + b"\n")
        self.guest.plug_nic("down")
        inbound, outbound = self.guest.plug_share("inbound"), self.guest.plug_share("outbound")
        with open(f"{inbound}/given", "w", encoding="ascii") as file:
            file.write("inbound")
        os.chmod(outbound, 0o777)
        self.assertEqual(self.guest.result(self.waiting), (0, b"", b""))
        self.assertEqual(self.guest.shell("hostname; cat /etc/hostname; grep -c amber-fox /etc/hosts"),
                         "amber-fox\namber-fox\n1\n")
        self.assertEqual(self.guest.shell("cat /etc/machine-id"), MACHINE_ID + "\n")
        self.assertEqual(self.guest.shell("cat /genkan/inbound/given"), "inbound")
        self.guest.shell("echo taken >/genkan/outbound/taken")
        with open(f"{outbound}/taken", encoding="ascii") as file:
            self.assertEqual(file.read(), "taken\n")
        mounts = self.guest.shell("grep /genkan /proc/mounts")
        self.assertRegex(mounts, "/inbound virtiofs ro,nosuid,nodev[ ,]")
        self.assertRegex(mounts, "/outbound virtiofs rw,nosuid,nodev,noexec[ ,]")
        self.assert_clock_is_right()
        self.assertEqual(self.guest.shell(f"test -e {FIFO} && echo waiting || true"), "")
        self.the_clock_can_be_set_again()
        self.guest.plug_nic("up")
        self.assertEqual(self.guest.shell("ip route").splitlines(),
                         ["default via 10.0.2.2 dev eth0 ", "10.0.2.0/24 dev eth0 proto kernel scope link src 10.0.2.15 "])
        self.assertEqual(self.guest.shell("cat /etc/resolv.conf"), "nameserver 10.0.2.2\n")
        self.a_command_has_the_time()

    def the_clock_can_be_set_again(self):
        self.guest.shell("date -s @1000000000")
        self.assertEqual(self.guest.agent("guest-set-time", time=time.time_ns()), {})
        self.assert_clock_is_right()

    def a_command_has_the_time(self):
        self.guest.shell("date -s @1000000000")
        said = self.guest.run(RUN, now(), "/var/tmp/said", "1000", "sh", "-c", "echo out; echo wrong >&2; exit 7")
        self.assertEqual(said, (7, b"out\n", b"wrong\n"))
        self.assert_clock_is_right()

    def assert_clock_is_right(self):
        earliest = time.time() - 1
        clock = float(self.guest.shell("date +%s.%N"))
        self.assertTrue(earliest < clock < time.time() + 1, f"{clock - earliest:.3f} s after a second ago")


class WarmDebianBase(EveryWarmGuest, unittest.TestCase):
    name = "debian-base"

    def test_the_state_is_small(self):
        self.assertLess(self.state_bytes, 80_000_000)


class WarmDebianWine(EveryWarmGuest, unittest.TestCase):
    name = "debian-wine"

    @classmethod
    def before_warming(cls):
        cls.guest.shell("for i in $(seq 300); do pgrep -x openbox && exit; sleep 0.2; done; exit 1")
        time.sleep(3)
        cls.calm_desktop = cls.guest.screenshot()

    def test_nothing_of_it_is_seen(self):
        self.assertEqual(self.guest.screenshot(), self.calm_desktop)
        self.assertEqual(self.guest.run(CHANGES)[:2], (0, b""))

    def test_server_and_desktop_are_up_and_a_shortcut_opens(self):
        for wanted in ("/wineserver", "explorer\\.exe /desktop"):
            self.guest.shell(f"pgrep -u analyst -f '{wanted}'")
        self.guest.put("/tmp/invoice.pdf.lnk", lnk("/c echo opened> c:\\left.txt"))
        self.assertEqual(self.guest.run(OPEN, "/tmp/invoice.pdf.lnk", seconds=300), (0, b"", b""))
        records = [record.split(b"\t")[1] for record in self.guest.run(CHANGES)[1].split(b"\0") if record]
        self.assertEqual(records[0], b"/home/analyst/.wine/drive_c/left.txt")
        for path in records[1:]:
            self.assertRegex(path, rb"\.reg$|/\.cache/|^/tmp/wine-")


if __name__ == "__main__":
    tap.main()
