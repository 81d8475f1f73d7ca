# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest whose root is the attacker, over real virtio-fs: what lies in its drop box never makes the host read or
write anything else, nothing leaves unscanned, genkand keeps serving, and each refusal is in the ledger."""
import glob
import os
import tempfile
import threading
import unittest

import tap
from host import Host

MARK = "a secret of the host's own"
SWAPS = 10_000
# name in the drop box, how the guest makes it, why it does not pass
PLANTED = (
    ("symlink", "ln -s {secret} symlink", "a symbolic link"),
    ("symlink-up", "ln -s ../../../../../../../../{secret} symlink-up", "a symbolic link"),
    ("folder-link", "ln -s /etc folder-link", "a symbolic link"),
    ("hard", "echo x > hard; ln hard hard2", "a file of several names"),
    ("hard2", ":", "a file of several names"),
    ("pipe", "mkfifo pipe", "a pipe"),
    ("socket", "perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0); bind(S,sockaddr_un(\"socket\")) or die'", "a socket"),
    ("set-id", "echo x > set-id; chmod 6755 set-id", "a file with set-id bits"),
)
BAD_NAMES = ("a\\nb", "\\xff\\xfe", "CON", "a:b", "...", "\\x1b[2J", "\\xe2\\x80\\xaegpj.exe", "x" * 255, "-rf", " ")


class HostileGuest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secret = tempfile.NamedTemporaryFile(mode="w", prefix="genkan-secret-")
        cls.secret.write(MARK)
        cls.secret.flush()
        cls.addClassCleanup(cls.secret.close)
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n[share]\noutbound-mib=16\nlargest-file-mib=8\n"
                               "[scan]\nyara=standard\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.vm = cls.host.json("new", "--name", "fox")["id"]

    def guest(self, script, check=True):
        code, out, err = self.host.genkan("run", "--vm", "fox", "--", "sh", "-c", f"cd /genkan/outbound && {{ {script}\n}}")
        if check:
            self.assertEqual(code, 0, err)
        return code, out, err

    def get(self, name):
        """Exit code, and what came: None where nothing did."""
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out")
            code, _, err = self.host.genkan("get", "fox", name, "--output", out)
            if not os.path.lexists(out):
                return code, None
            self.assertFalse(os.path.islink(out))
            with open(out, "rb") as file:
                return code, file.read()

    def test_1_what_is_no_plain_file_does_not_come_out(self):
        """links, pipes, sockets, set-id files and paths that lead elsewhere are refused one by one"""
        for name, make, _ in PLANTED:
            self.guest(make.format(secret=self.secret.name))
            if name != "hard":
                with self.subTest(name):
                    code, got = self.get(name)
                    self.assertNotEqual(code, 0)
                    self.assertIsNone(got)
        for name in ("../inbound", "/etc/passwd", "folder-link/passwd", "symlink/../../../etc/passwd", "..", "."):
            with self.subTest(name):
                self.assertIsNone(self.get(name)[1])

    def test_2_a_device_does_not_come_out(self):
        """a device node is refused, if the guest can make one at all"""
        self.guest("mknod device c 1 5 || :")
        self.assertIsNone(self.get("device")[1])

    def test_3_sizes_are_those_that_are_read(self):
        """a terabyte of holes and a file over the limit are refused, and take no time"""
        self.guest("truncate -s 1T sparse; dd if=/dev/zero of=large bs=1M count=9 2>/dev/null")
        for name in ("sparse", "large"):
            self.assertIsNone(self.get(name)[1])
        self.guest("rm sparse large")

    def test_4_a_file_that_is_swapped_never_becomes_another(self):
        """10,000 times a file is swapped with a link to the host's secret while it is taken"""
        race = threading.Thread(target=self.guest, args=(
            "mkdir -p race; cd race; echo mine > file; perl -e '"
            f'for (1..{SWAPS}) {{ symlink("{self.secret.name}", "l"); rename("l", "target"); '
            'open(F, ">f"); print F "mine\\n"; close F; rename("f", "target"); '
            'if ($_ % 100 == 0) { rename("../race", "../other"); symlink("/etc", "../race"); unlink("../race"); rename("../other", "../race"); } }\'',
        ))
        race.start()
        seen = set()
        while race.is_alive():
            code, got = self.get("race/target")
            seen.add(code)
            self.assertIn(got, (None, b"mine\n", b""))
        race.join()
        self.assertEqual(self.get("race/target"), (3, None) if self.get("race/target")[0] == 3 else (0, b"mine\n"))

    def test_5_names_are_data(self):
        """names of every bad kind neither break the list nor show as they are"""
        for name in BAD_NAMES:
            self.guest(f"printf x > \"$(printf '{name}.')\"", check=False)
            self.guest(f"printf x > \"./$(printf -- '{name}')\"", check=False)
        code, out, err = self.host.genkan("get", "fox", "..", "--output", "/nonexistent/x")
        self.assertNotEqual(code, 0)
        self.assertNotIn("\x1b", out + err)

    def test_6_inbound_cannot_be_written(self):
        """not by the guest's root, not after a remount, not through a new mount of it"""
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(b"brought in")
            file.flush()
            path = self.host.json("put", "fox", file.name)[0]["guest_path"]
        before = {name: os.stat(name) for name in glob.glob(os.path.join(self.host.state, "machines/*/inbound/*"))}
        self.assertTrue(before)
        for attempt in (f"echo x > {path}", f"rm -f {path}", f"chmod 777 {path}", f"mv {path} /genkan/inbound/x", "touch /genkan/inbound/new",
                        "ln -s /etc /genkan/inbound/l", f"truncate -s 0 {path}", f"setfattr -n user.x -v y {path}"):
            with self.subTest(attempt):
                self.guest(f"mount -o remount,rw /genkan/inbound; {attempt}", check=False)
        after = {name: os.stat(name) for name in glob.glob(os.path.join(self.host.state, "machines/*/inbound/*"))}
        self.assertEqual({n: (s.st_ino, s.st_size, s.st_mode, s.st_mtime_ns) for n, s in before.items()},
                         {n: (s.st_ino, s.st_size, s.st_mode, s.st_mtime_ns) for n, s in after.items()})

    def test_7_a_full_box_is_the_guests_problem(self):
        """100,000 files, 1,000 folders in each other, and a full disk end in the guest"""
        self.guest("perl -e 'for (1..1000) { mkdir \"d\"; chdir \"d\" or last }'", check=False)
        self.guest("mkdir many; perl -e 'for (1..100000) { open(F, \">many/$_\") or last }'", check=False)
        self.guest("dd if=/dev/zero of=full bs=1M count=100 2>/dev/null", check=False)
        self.assertEqual(self.host.json("ls")[0]["state"], "running")
        self.assertNotEqual(self.get("many/100000")[0], 0)

    def test_8_the_ledger_has_it_all(self):
        """each refusal stands in it with its reason, and nothing of the host's came along"""
        self.host.json("rm", "fox")
        self.host.wait_closed(self.vm)
        refused = [line for line in self.host.ledger(self.vm) if line["event"] == "outbound-refused"]
        reasons = {(line["name"], line["why"]) for line in refused}
        for name, _, why in PLANTED:
            self.assertIn((name, why), reasons)
        self.assertTrue(any("deeper than 16" in line["why"] for line in refused))
        run = os.path.join(self.host.state, "runs", self.vm)
        for folder, _, names in os.walk(run):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(MARK.encode(), file.read(), name)
        report = self.host.json("report", self.vm)
        self.assertEqual({f["verdict"] for f in report["outbound"] if f["state"] == "released"} - {"clean"}, set())
        self.host.assert_nothing_left(self)


if __name__ == "__main__":
    tap.main()
