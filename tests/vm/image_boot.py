# SPDX-License-Identifier: GPL-2.0-or-later
"""The golden images, booted: what a guest is promised to be, and files opened in it."""
import os
import struct
import unittest

import cached_image
import tap
from image_guest import Guest

OPEN = "/usr/lib/genkan/guest-open"
CHANGES = "/usr/lib/genkan/guest-changes"


def lnk(arguments):
    """A shortcut to cmd.exe."""
    target = "C:\\windows\\system32\\cmd.exe"
    volume = struct.pack("<IIII", 17, 3, 0x1234, 16) + b"\0"
    path = target.encode() + b"\0"
    info_size = 28 + len(volume) + len(path) + 1
    info = struct.pack("<IIIIIII", info_size, 28, 1, 28, 28 + len(volume), 0, info_size - 1)
    header = struct.pack("<I", 0x4c) + bytes.fromhex("0114020000000000c000000000000046")
    header += struct.pack("<II", 0x80 | 0x20 | 0x02, 0x20) + bytes(24)
    header += struct.pack("<IiIHHII", 0, 0, 7, 0, 0, 0, 0)
    text = struct.pack("<H", len(arguments)) + arguments.encode("utf-16le")
    return header + info + volume + path + b"\0" + text + bytes(4)


class EveryGuest:
    """What holds for each image; mixed into the cases of one."""

    @classmethod
    def setUpClass(cls):
        cls.guest = cls.enterClassContext(Guest(cached_image.image_folder(cls.name)))
        print(f"# {cls.name}: {cls.guest.boot_seconds:.1f} s to the agent", flush=True)

    @classmethod
    def enterClassContext(cls, context):
        cls.addClassCleanup(context.__exit__, None, None, None)
        return context.__enter__()

    def test_it_knows_its_image(self):
        version = os.path.basename(self.guest.image)
        self.assertEqual(self.guest.shell("cat /etc/genkan-image"), f"{self.name}:{version}\n")

    def test_nothing_failed_and_no_timer_waits(self):
        self.assertEqual(self.guest.shell("systemctl --failed --no-legend --plain"), "")
        self.assertEqual(self.guest.shell("systemctl list-units --type=timer --no-legend"), "")

    def test_nobody_can_log_in(self):
        shadow = self.guest.shell("cut -d: -f1,2 /etc/shadow")
        for line in shadow.splitlines():
            self.assertRegex(line, r":[!*]")
        self.assertEqual(self.guest.shell("systemctl list-units --no-legend '*getty*.service'"), "")

    def test_there_is_no_ipv6_and_no_listener_but_for_dhcp(self):
        self.assertEqual(self.guest.shell("cat /proc/net/if_inet6 2>/dev/null || true"), "")
        self.assertEqual(self.guest.shell("ss -Hlntu | grep -v ':68 ' || true"), "")

    def test_the_share_can_be_mounted_by_folder(self):
        for name in ("inbound", "outbound"):
            said = self.guest.shell(f"mount -f -v /genkan/{name}; modinfo -F filename virtiofs")
            self.assertIn(f"/genkan/{name}", said)

    def test_the_machine_id_is_its_own(self):
        self.assertRegex(self.guest.shell("cat /etc/machine-id"), r"^[0-9a-f]{32}\n$")

    def test_a_fresh_guest_tells_of_no_changes(self):
        self.assertEqual(self.guest.run(CHANGES)[:2], (0, b""))

    def test_a_nic_gets_its_lease_when_its_link_is_raised(self):
        self.guest.plug_nic("down")
        self.guest.shell("for i in $(seq 100); do ip link show eth0 2>/dev/null | grep -q UP && exit; sleep 0.2; done; exit 1",
                         seconds=60)
        self.assertEqual(self.guest.shell("ip route show default"), "")
        self.guest.plug_nic("up")
        self.guest.shell("for i in $(seq 100); do grep -q 10.0.2.3 /etc/resolv.conf && exit; sleep 0.2; done; "
                         "exit 1", seconds=60)
        self.assertIn("via 10.0.2.2 dev eth0", self.guest.shell("ip route show default"))

    def test_wrong_usage_is_refused(self):
        wrong = {(): 2, ("",): 2, ("relative",): 2, ("/a", "/b"): 2}
        for arguments, wanted in wrong.items():
            with self.subTest(arguments=arguments):
                code = self.guest.run(OPEN, *arguments)[0]
                self.assertEqual(code, wanted)


class DebianBase(EveryGuest, unittest.TestCase):
    name = "debian-base"

    def test_there_is_no_session_to_open_files_in(self):
        code, _, err = self.guest.run(OPEN, "/etc/passwd")
        self.assertEqual(code, 4)
        self.assertIn(b"no session", err)


class DebianWine(EveryGuest, unittest.TestCase):
    name = "debian-wine"

    def test_a_shortcut_runs_to_its_end_and_what_it_left_is_told(self):
        self.guest.put("/tmp/invoice.pdf.lnk", lnk("/c echo opened> c:\\left.txt"))
        code, _, err = self.guest.run(OPEN, "/tmp/invoice.pdf.lnk", seconds=300)
        self.assertEqual((code, err), (0, b""))
        records = self.guest.run(CHANGES)[1].split(b"\0")
        self.assertIn(b"8\t/home/analyst/.wine/drive_c/left.txt", records[:5])
        self.assertEqual(self.guest.shell("pgrep -u analyst wine || true"), "")

    def test_the_exit_code_is_that_of_what_was_opened(self):
        self.guest.put("/tmp/seven.bat", b"exit 7\r\n")
        self.assertEqual(self.guest.run(OPEN, "/tmp/seven.bat", seconds=300)[0], 7)

    def test_another_program_is_not_waited_for(self):
        # Wine runs already: what is opened is waited for, a shortcut's program too, and nothing else.
        self.guest.put("/tmp/a.txt", b"stays open")
        self.guest.put("/tmp/late.lnk", lnk("/c ping -n 3 127.0.0.1 & echo late> c:\\late.txt"))
        self.guest.agent("guest-exec", path=OPEN, arg=["/tmp/a.txt"])
        self.guest.shell("for i in $(seq 600); do pgrep -f '[n]otepad.exe' && exit; sleep 0.2; done; exit 1")
        self.assertEqual(self.guest.run(OPEN, "/tmp/late.lnk", seconds=300)[0], 0)
        self.assertEqual(self.guest.shell("cat /home/analyst/.wine/drive_c/late.txt"), "late\r\n")
        self.guest.shell("pkill -f '[n]otepad.exe'; for i in $(seq 600); do pgrep -f '[w]ineserver' || exit 0; "
                         "sleep 0.2; done; exit 1")

    def test_the_marker_is_out_of_the_users_reach(self):
        self.guest.shell("install -d -m 0755 /run/genkan")
        self.assertEqual(self.guest.shell("setpriv --reuid analyst --clear-groups --regid analyst "
                                          "sh -c 'touch /run/genkan/opened || echo no' 2>/dev/null"), "no\n")

    def test_a_file_that_is_not_there_and_a_url_without_a_browser_are_told(self):
        self.assertEqual(self.guest.run(OPEN, "/tmp/none")[0], 1)
        self.assertEqual(self.guest.run(OPEN, "https://example.org/")[0], 4)

    def test_the_screen_shows_the_calm_desktop(self):
        self.guest.shell("for i in $(seq 300); do pgrep -x openbox && exit; sleep 0.2; done; exit 1")
        png = self.guest.screenshot()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">II", png[16:24]), (1280, 800))


if __name__ == "__main__":
    tap.main()
