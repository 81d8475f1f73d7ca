# SPDX-License-Identifier: GPL-2.0-or-later
"""The two halves of the share: made, limited, and gone again."""
import errno
import os
import random
import signal
import stat
import subprocess
import time
import unittest

import tap
from airlock_case import DRIVER, AirlockCase, mounts_below, private_mounts


class Exports(AirlockCase):
    def make(self, *limits):
        self.succeed("create", self.folder, *map(str, limits))

    def assert_nothing_left(self):
        self.assertEqual(mounts_below(self.folder), {})
        self.assertEqual(os.listdir(self.folder), [])

    def remove(self):
        self.succeed("remove", self.folder)
        self.assert_nothing_left()

    def assert_errno(self, code, call, *arguments):
        with self.assertRaises(OSError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.errno, code)

    def test_created_and_removed(self):
        """exports: both halves are made, and nothing is left of them"""
        self.make()
        self.assertEqual(set(mounts_below(self.folder)), {self.export, self.outbound})
        self.assertEqual(stat.S_IMODE(os.stat(self.outbound).st_mode), 0o1777)
        self.remove()
        self.remove()

    def test_absent_folder(self):
        """exports: removing what was never made is success"""
        self.succeed("remove", self.path("no", "such", "folder"))

    def test_inbound_read_only(self):
        """inbound.export: shows what is put into inbound, and nobody can write to it, root neither"""
        self.make()
        with open(os.path.join(self.inbound, "file"), "w") as file:
            file.write("shown")
        shown = os.path.join(self.export, "file")
        with open(shown) as file:
            self.assertEqual(file.read(), "shown")
        self.assert_errno(errno.EROFS, os.open, shown, os.O_WRONLY)
        self.assert_errno(errno.EROFS, os.unlink, shown)
        self.assert_errno(errno.EROFS, os.mkdir, os.path.join(self.export, "folder"))
        self.assert_errno(errno.EROFS, os.chmod, shown, 0o777)

    def test_mount_options(self):
        """exports: nosuid, nodev and nosymfollow, inbound ro, outbound noexec"""
        self.make()
        flags = mounts_below(self.folder)
        self.assertLessEqual({"ro", "nosuid", "nodev", "nosymfollow"}, flags[self.export])
        self.assertNotIn("noexec", flags[self.export])
        self.assertLessEqual({"rw", "nosuid", "nodev", "noexec", "nosymfollow"}, flags[self.outbound])

    def test_outbound_is_inert(self):
        """outbound: no program runs, no device opens and no link is followed on the host"""
        self.make()
        program = os.path.join(self.outbound, "program")
        with open(program, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(program, 0o755)
        self.assert_errno(errno.EACCES, subprocess.run, [program])
        device = os.path.join(self.outbound, "device")
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        self.assert_errno(errno.EACCES, os.open, device, os.O_RDONLY)
        link = os.path.join(self.outbound, "link")
        os.symlink("/etc/passwd", link)
        self.assert_errno(errno.ELOOP, os.open, link, os.O_RDONLY)

    def test_outbound_bytes(self):
        """outbound: takes as many bytes as its limit and not more"""
        self.make(1 << 20, 64)
        with open(os.path.join(self.outbound, "file"), "wb", buffering=0) as file:
            self.assertEqual(file.write(bytes(1 << 20)), 1 << 20)
            self.assert_errno(errno.ENOSPC, file.write, b"x")

    def test_outbound_inodes(self):
        """outbound: takes as many names as its limit, links counted too, and not more"""
        self.make(1 << 20, 16)
        first = self.drop("0")
        made = 1
        with self.assertRaises(OSError) as caught:
            while made < 100:
                os.link(first, os.path.join(os.fsencode(self.outbound), b"%d" % made))
                made += 1
        self.assertEqual(caught.exception.errno, errno.ENOSPC)
        self.assertLessEqual(made, 16)

    def test_default_limits(self):
        """outbound: without limits given it has 256 MiB and 4096 inodes"""
        self.make()
        held = os.statvfs(self.outbound)
        self.assertEqual((held.f_blocks * held.f_frsize, held.f_files), (256 << 20, 4096))

    def test_create_twice(self):
        """exports: made a second time they are refused, and the first stay whole"""
        self.make()
        self.drop("file")
        self.assertIn("cannot make the share", self.fail_with("exists", "create", self.folder))
        self.assertTrue(os.path.exists(os.path.join(self.outbound, "file")))
        self.assertIn("ro", mounts_below(self.folder)[self.export])

    def test_create_without_right(self):
        """exports: without the right to mount there is one error and nothing is left"""
        os.chown(self.folder, 65534, 65534)
        message = self.fail_with("permission-denied", "create", self.folder, user=65534)
        self.assertIn("needs root", message)
        self.assert_nothing_left()

    def test_create_with_bad_limit(self):
        """exports: limits that the kernel refuses leave nothing"""
        message = self.fail_with("invalid-argument", "create", self.folder, "1048576", str(2**64 - 1))
        self.assertIn("cannot limit outbound", message)
        self.assert_nothing_left()

    def test_create_nowhere(self):
        """exports: are not made in a folder that is not there"""
        self.fail_with("not-found", "create", self.path("no", "such", "folder"))

    def test_half_made(self):
        """exports: every half-made state is removed"""
        states = (
            lambda: os.mkdir(self.inbound),
            lambda: (os.mkdir(self.inbound), os.mkdir(self.export)),
            lambda: (os.mkdir(self.inbound), os.mkdir(self.export), os.mkdir(self.outbound)),
            lambda: os.mkdir(self.outbound),
            lambda: (self.make(), subprocess.run(["umount", self.outbound], check=True)),
            lambda: (self.make(), subprocess.run(["umount", self.export], check=True)),
            lambda: (self.make(), subprocess.run(["umount", self.export], check=True),
                     os.rmdir(self.export)),
        )
        for make in states:
            make()
            self.assertNotEqual(os.listdir(self.folder), [])
            self.remove()

    def test_stacked(self):
        """exports: mounts on mounts are all removed"""
        self.make()
        for _ in range(3):
            subprocess.run(["mount", "-t", "tmpfs", "stacked", self.outbound], check=True)
            subprocess.run(["mount", "--bind", self.inbound, self.export], check=True)
        self.remove()

    def test_busy(self):
        """exports: a process that stands in the drop box does not keep it"""
        self.make()
        inside = subprocess.Popen(["sleep", "60"], cwd=self.outbound)
        self.addCleanup(inside.wait)
        self.addCleanup(inside.kill)
        self.assertNotEqual(subprocess.run(["umount", self.outbound], stderr=subprocess.DEVNULL,
                                           check=False).returncode, 0)
        self.remove()

    def test_mount_inside(self):
        """exports: a mount below the drop box goes with it, and what is mounted is not emptied"""
        precious = self.path("..", os.path.basename(self.folder) + ".precious")
        os.makedirs(precious)
        self.addCleanup(os.rmdir, precious)
        with open(os.path.join(precious, "file"), "w"):
            self.addCleanup(os.unlink, os.path.join(precious, "file"))
        self.make()
        os.mkdir(os.path.join(self.outbound, "below"))
        subprocess.run(["mount", "--bind", precious, os.path.join(self.outbound, "below")], check=True)
        self.remove()
        self.assertEqual(os.listdir(precious), ["file"])

    def test_links_are_not_followed(self):
        """exports: links in the place of a half, or in one, are not followed on removal"""
        precious = self.path("precious")
        os.mkdir(precious)
        with open(os.path.join(precious, "file"), "w"):
            pass
        self.make()
        os.symlink(precious, os.path.join(self.outbound, "link"))
        os.symlink(precious, os.path.join(self.inbound, "link"))
        self.succeed("remove", self.folder)
        for name in (self.inbound, self.export, self.outbound):
            os.symlink(precious, name)
        self.succeed("remove", self.folder)
        self.assertEqual(os.listdir(self.folder), ["precious"])
        self.assertEqual(os.listdir(precious), ["file"])

    def test_killed(self):
        """exports: whenever a creation is killed, the next removal leaves nothing"""
        begun = time.monotonic()
        self.make()
        whole = time.monotonic() - begun
        self.remove()
        states = set()
        for _ in range(150):
            maker = subprocess.Popen([DRIVER, "create", self.folder], stdout=subprocess.DEVNULL)
            time.sleep(random.random() * whole * 1.5)
            maker.send_signal(signal.SIGKILL)
            maker.wait()
            states.add((len(os.listdir(self.folder)), len(mounts_below(self.folder))))
            self.remove()
        self.assertGreater(len(states), 1, "it was never caught at two different places")


class ExportsOfTheHost(AirlockCase):
    """In the mount namespace that the tests were started in, as genkand does it."""

    def test_killed_and_found_again(self):
        """exports: of a killed process are removed by the next one, in the host's namespace"""
        self.succeed("create", self.folder)
        self.assertEqual(len(mounts_below(self.folder)), 2)
        self.drop("file")
        self.succeed("remove", self.folder)
        self.assertEqual(mounts_below(self.folder), {})
        self.assertEqual(os.listdir(self.folder), [])

    def test_seen_by_others(self):
        """exports: a process of the same namespace sees them, as virtiofsd must"""
        self.succeed("create", self.folder)
        other = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", self.outbound],
                               stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(other.stdout.strip(), "tmpfs")


# Loaded in alphabetical order, and run so: what needs the host's namespace goes first.
def load_tests(loader, standard_tests, pattern):
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(ExportsOfTheHost))
    Exports.setUpClass = classmethod(lambda cls: private_mounts())
    suite.addTests(loader.loadTestsFromTestCase(Exports))
    return suite


if __name__ == "__main__":
    tap.main()
