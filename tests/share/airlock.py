# SPDX-License-Identifier: GPL-2.0-or-later
"""What crosses the airlock, against a guest that lays traps in its drop box and a host that slips."""
import os
import socket
import stat
import subprocess
import tempfile
import threading
import time

import tap
from airlock_case import LIBC, AirlockCase, private_mounts

MIB = 1 << 20
SECRET = b"the host's own secret"
RENAME_EXCHANGE = 2


def setUpModule():
    private_mounts()


class Bringing(AirlockCase):
    def setUp(self):
        super().setUp()
        self.scanner()
        self.succeed("create", self.folder)

    def test_evidence(self):
        """bring: keeps what was given, read-only and root's alone, and judges that copy"""
        answer = self.succeed("bring", self.folder, "a.txt", "100", data=b"content")
        self.assert_evidence(answer, "in", b"content")
        self.assertEqual(answer["name"], "a.txt")
        self.assertEqual(answer["triage"]["file"]["name"], "a.txt")
        self.assertEqual(os.listdir(self.inbound), [], "it is not shown yet")

    def test_numbers(self):
        """bring: numbers evidence upwards and never uses a number twice"""
        for number in ("1", "2", "3"):
            answer = self.succeed("bring", self.folder, "same", "100", data=b"content")
            self.assertEqual(os.path.basename(answer["path"]), number)
        os.unlink(self.path("evidence", "in", "1"))
        self.succeed("bring", self.folder, "same", "100", data=b"content")
        self.assertEqual(self.evidence("in"), ["2", "3", "4"])

    def test_from_its_start(self):
        """bring: copies the whole file, wherever its descriptor stands"""
        with tempfile.TemporaryFile() as file:
            file.write(b"whole")
            file.flush()
            answer = self.succeed("bring", self.folder, "a", "100", fd=file)
        self.assert_evidence(answer, "in", b"whole")

    def refused(self, code, fd, hint):
        message = self.fail_with(code, "bring", self.folder, "it\n\u202egnp", "1000", fd=fd)
        self.assertIn(hint, message)
        self.assertIn("'it\\n\\u{202e}gnp'", message)
        self.assertEqual(self.evidence("in"), [])

    def test_no_plain_file(self):
        """bring: refuses folder, pipe, device and socket, each with what to do"""
        pipe, ends = os.pipe()[0], socket.socketpair()
        for code, fd, hint in (
                ("is-directory", os.open("/", os.O_RDONLY), "an archive of them"),
                ("not-regular-file", pipe, "save what it carries"),
                ("not-regular-file", os.open("/dev/zero", os.O_RDONLY), "only files"),
                ("not-regular-file", ends[0].fileno(), "only files")):
            self.refused(code, fd, hint)

    def test_unreadable(self):
        """bring: refuses a descriptor that is not open for reading"""
        path = self.path("file")
        with open(path, "w") as file:
            file.write("content")
        for flags in (os.O_WRONLY, os.O_PATH):
            self.refused("permission-denied", os.open(path, flags), "not open for reading")

    def test_size(self):
        """bring: refuses an empty file and one over the limit, and takes one of just that size"""
        with tempfile.TemporaryFile() as file:
            self.refused("invalid-data", file, "empty")
            file.truncate(1001)
            self.refused("message-too-large", file, "largest-file-mib")
            file.truncate(2 << 30)
            self.refused("message-too-large", file, "largest-file-mib")
            file.truncate(1000)
            self.succeed("bring", self.folder, "a", "1000", fd=file)

    def test_full_disk(self):
        """bring: a full disk is one error that says so, and gives back all that was taken"""
        os.mkdir(self.path("small"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", self.path("small")],
                       check=True)
        os.makedirs(self.path("small", "evidence", "in"))
        before = os.statvfs(self.path("small")).f_bfree
        message = self.fail_with("no-space", "bring", self.path("small"), "large", str(4 * MIB),
                                 data=bytes(2 * MIB))
        self.assertIn("free space", message)
        self.assertEqual(os.listdir(self.path("small", "evidence", "in")), [])
        self.assertEqual(os.statvfs(self.path("small")).f_bfree, before)

    def test_scanner_missing(self):
        """bring: without genkan-scan there is an error, and the evidence is kept all the same"""
        self.environment["SCANNER"] = self.path("no-such-program")
        message = self.fail_with("failed", "bring", self.folder, "a", "100", data=b"content")
        self.assertIn("cannot start genkan-scan", message)
        self.assertEqual(self.evidence("in"), ["1"])

    def test_admit(self):
        """admit: shows the file read-only under its name, and the evidence is another inode"""
        answer = self.succeed("admit", self.folder, "invoice.pdf.lnk", "100", data=b"content")
        self.assertEqual(answer["guest_name"], "invoice.pdf.lnk")
        shown = os.path.join(self.export, "invoice.pdf.lnk")
        with open(shown, "rb") as file:
            self.assertEqual(file.read(), b"content")
        status, evidence = os.stat(shown), os.stat(answer["path"])
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o444)
        self.assertEqual((status.st_nlink, evidence.st_nlink), (1, 1))
        self.assertNotEqual(status.st_ino, evidence.st_ino)
        os.unlink(os.path.join(self.inbound, "invoice.pdf.lnk"))
        self.assert_evidence(answer, "in", b"content")

    def test_admit_names(self):
        """admit: makes names fit, and never puts one over another"""
        for claimed, name in (
                ("a/b\\c:d*e?.txt", "a/b_c_d_e_.txt"), ("../../etc/passwd", "__/__/etc/passwd"),
                (".", "_"), ("..", "__ (2)"), ("CON", "_CON"), ("nul.tar.gz", "_nul.tar.gz"),
                ("new\nline.txt", "new_line.txt"), ("fdp.\u202elnk", "fdp._lnk"),
                ("end. . ", "end____"), (b"\xff\xfe.bin", "__.bin"),
                ("x" * 300 + ".lnk", "x" * 196 + ".lnk"), ("same.txt", "same.txt"),
                ("same.txt", "same (2).txt"), ("same.txt", "same (3).txt"),
                ("y" * 300 + ".lnk", "y" * 196 + ".lnk"),
                ("y" * 300 + ".lnk", "y" * 192 + " (2).lnk")):
            answer = self.succeed("admit", self.folder, claimed, "100", data=b"content")
            self.assertEqual(answer["guest_name"], name)
            self.assertTrue(os.path.isfile(os.path.join(self.export, name)), name)
        self.assertEqual(len(os.listdir(self.inbound)), 16)

    def test_admit_folders(self):
        """admit: keeps a path's folders, each name made fit, and no more than sixteen of them"""
        for claimed, name in (("tree/sub/a.txt", "tree/sub/a.txt"), ("tree/sub/a.txt", "tree/sub/a (2).txt"),
                              ("tree/CON/b:c.txt", "tree/_CON/b_c.txt"), ("//x", "_/_/x"),
                              ("/".join("d" * 17), "/".join("d" * 17))):
            answer = self.succeed("admit", self.folder, claimed, "100", data=b"content")
            self.assertEqual(answer["guest_name"], name)
            self.assertTrue(os.path.isfile(os.path.join(self.export, name)), name)
        self.drive("admit", self.folder, "/".join("e" * 18), "100", data=b"content")
        self.assertFalse(os.path.exists(os.path.join(self.inbound, "e")))


class Taking(AirlockCase):
    """A guest's drop box, full of what a guest should not put there."""

    def setUp(self):
        super().setUp()
        self.scanner()
        self.succeed("create", self.folder, str(128 * MIB))
        with open(self.path("secret"), "wb") as file:
            file.write(SECRET)

    def refused(self, code, name, hint="", most=MIB):
        message = self.fail_with(code, "take", self.folder, name, str(most))
        self.assertIn("cannot take ", message)
        self.assertIn(hint, message)
        self.assertEqual(self.evidence("out"), [])

    def test_plain(self):
        """take: copies a plain file to the evidence and judges it"""
        self.drop("a/b/c.txt", b"content")
        answer = self.succeed("take", self.folder, "a/b/c.txt", "100")
        self.assert_evidence(answer, "out", b"content")
        self.assertEqual(answer["name"], "a/b/c.txt")

    def test_empty(self):
        """take: an empty file passes: that it was made may matter"""
        self.drop("done", b"")
        self.assert_evidence(self.succeed("take", self.folder, "done", "100"), "out", b"")

    def test_missing(self):
        """take: says that there is no such file"""
        self.refused("not-found", "nothing", "holds no such file")

    def test_paths(self):
        """take: refuses paths that are absolute, empty or lead anywhere but down"""
        self.drop("a/b")
        for path in ("", "/", "/etc/passwd", "..", "../secret", "a/../../secret", "a/../a/b", "./a/b",
                     "a//b", "a/b/", "a/.", "x" * 300, "a/" * 3000 + "b"):
            answer = self.drive("take", self.folder, path, "100")
            self.assertIn(answer.get("error"), ("invalid-filename", "filename-too-long"), path)
        self.assertEqual(self.evidence("out"), [])

    def test_links(self):
        """take: refuses symbolic links, and folders that are links"""
        self.drop("plain")
        os.symlink(self.path("secret"), os.path.join(self.outbound, "link"))
        os.symlink(self.folder, os.path.join(self.outbound, "folder"))
        os.symlink("plain", os.path.join(self.outbound, "inside"))
        os.symlink("/proc/self/fd", os.path.join(self.outbound, "magic"))
        for name in ("link", "folder/secret", "inside", "magic/0"):
            self.refused("too-many-links", name, "a file of its own")

    def test_hard_links(self):
        """take: refuses a file with a second name"""
        os.link(self.drop("one"), os.path.join(self.outbound, "two"))
        self.refused("too-many-links", "one", "a file of its own")

    def test_special_files(self):
        """take: refuses folder, pipe, devices and socket, and waits for none of them"""
        at = lambda name: os.path.join(self.outbound, name)
        os.mkdir(at("folder"))
        os.mkfifo(at("pipe"))
        os.mknod(at("memory"), 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        os.mknod(at("disk"), 0o666 | stat.S_IFBLK, os.makedev(254, 0))
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(at("socket"))
        begun = time.monotonic()
        for name, code in (("folder", "not-regular-file"), ("pipe", "not-regular-file"),
                           ("memory", "permission-denied"), ("disk", "permission-denied")):
            self.refused(code, name, "plain file")
        self.assertIn("error", self.drive("take", self.folder, "socket", "100"))
        self.assertLess(time.monotonic() - begun, 5)

    def test_set_id(self):
        """take: refuses a file with a set-id bit"""
        for mode in (0o4755, 0o2755, 0o6644):
            os.chmod(self.drop("program"), mode)
            self.refused("not-regular-file", "program", "set-id")

    def test_sparse(self):
        """take: refuses a sparse file of 1 TiB at once"""
        with open(os.path.join(self.outbound, "sparse"), "wb") as file:
            file.truncate(1 << 40)
        begun = time.monotonic()
        self.refused("message-too-large", "sparse", "1099511627776 bytes", 512 * MIB)
        self.assertLess(time.monotonic() - begun, 2)

    def test_other_mount(self):
        """take: does not go over a mount boundary"""
        os.mkdir(os.path.join(self.outbound, "below"))
        subprocess.run(["mount", "--bind", self.folder, os.path.join(self.outbound, "below")],
                       check=True)
        self.assertIn("error", self.drive("take", self.folder, "below/secret", "100"))
        self.assertEqual(self.succeed("list", self.folder, "10"), {"names": [], "refused": 1})
        self.assertEqual(self.evidence("out"), [])

    def test_growing(self):
        """take: of a file that grows while it is copied, the copy and its digest are one"""
        growing, stop = self.drop("growing", bytes(MIB)), threading.Event()

        def grow():
            while not stop.is_set():
                with open(growing, "ab", buffering=0) as file:
                    while file.tell() < 48 * MIB and not stop.is_set():
                        file.write(b"x" * 65536)
                os.truncate(growing, MIB)

        grower = threading.Thread(target=grow)
        grower.start()
        self.addCleanup(grower.join)
        self.addCleanup(stop.set)
        passed = 0
        for _ in range(40):
            answer = self.drive("take", self.folder, "growing", str(24 * MIB))
            if "error" in answer:
                self.assertEqual(answer["error"], "message-too-large", answer)
                continue
            passed += 1
            self.assertLessEqual(answer["size"], 24 * MIB)
            with open(answer["path"], "rb") as file:
                self.assert_evidence(answer, "out", file.read())
        self.assertEqual(len(self.evidence("out")), passed, "a refused copy leaves nothing")

    def swap(self, one, other):
        """Exchanges two names without pause, in a process of its own, until the test ends."""
        paths = [os.fsencode(os.path.join(self.outbound, name)) for name in (one, other)]
        child = os.fork()
        if child == 0:
            while os.getppid() != 1:
                LIBC.renameat2(-100, paths[0], -100, paths[1], RENAME_EXCHANGE)
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.kill, child, 9)

    def assert_no_leak(self, name):
        self.environment["SCANNER"] = "/bin/false"
        counted = self.succeed("race", self.folder, name, "2000")
        self.assertEqual(counted["leaked"], 0)
        self.assertGreaterEqual(counted["taken"] + counted["refused"], 2000)
        self.assertGreaterEqual(counted["taken"], 100, "the file was seen")
        self.assertGreaterEqual(counted["refused"], 100, "the link was seen")

    def without_mount(self):
        """A drop box without nosymfollow: opening it safely must do alone."""
        self.succeed("remove", self.folder)
        os.mkdir(self.outbound)

    def test_swapped_with_a_link(self):
        """take: a file that is a link to a secret every other moment never gives the secret"""
        self.without_mount()
        self.drop("victim", b"a" * 4096)
        os.symlink(self.path("secret"), os.path.join(self.outbound, "link"))
        self.swap("victim", "link")
        self.assert_no_leak("victim")

    def test_folder_swapped_with_a_link(self):
        """take: a folder that is a link to a secret's every other moment never gives the secret"""
        self.without_mount()
        self.drop("folder/secret", b"a" * 4096)
        os.symlink(self.folder, os.path.join(self.outbound, "link"))
        self.swap("folder", "link")
        self.assert_no_leak("folder/secret")


class Listing(AirlockCase):
    def setUp(self):
        super().setUp()
        self.succeed("create", self.folder, str(64 * MIB), "150000")

    def test_names(self):
        """list: tells names of every kind as they are, sorted"""
        names = ["-rf", " lead", "a\nb", "fdp.\u202elnk", "n" * 255, "sub/x", "日本", "\x1b[2J"]
        for name in names:
            self.drop(name)
        self.drop(b"\xff\xfe")
        answer = self.succeed("list", self.folder, "100")
        self.assertEqual(answer["refused"], 0)
        self.assertEqual(answer["names"][:-1], sorted(names, key=os.fsencode))
        self.environment["SCANNER"] = "/bin/false"
        for name in names + [b"\xff\xfe"]:
            self.succeed("take", self.folder, name, "100")

    def test_counts_what_is_refused(self):
        """list: counts what would not pass, and does not name it"""
        plain = self.drop("plain")
        os.link(self.drop("one"), os.path.join(self.outbound, "two"))
        os.symlink("plain", os.path.join(self.outbound, "link"))
        os.mkfifo(os.path.join(self.outbound, "pipe"))
        os.chmod(self.drop("program"), 0o4755)
        self.assertEqual(self.succeed("list", self.folder, "100"), {"names": ["plain"], "refused": 5})
        self.assertTrue(os.path.exists(plain))

    def test_deep(self):
        """list: goes 16 levels deep and not deeper"""
        self.drop("d/" * 15 + "file")
        self.drop("e/" * 16 + "file")
        deep = os.open(self.outbound, os.O_RDONLY)
        for _ in range(2000):
            os.mkdir("x", dir_fd=deep)
            below = os.open("x", os.O_RDONLY, dir_fd=deep)
            os.close(deep)
            deep = below
        os.close(deep)
        self.assertEqual(self.succeed("list", self.folder, "100"),
                         {"names": ["d/" * 15 + "file"], "refused": 2})

    def test_many(self):
        """list: of 100,000 files it names as many as asked for, and counts the others"""
        at = os.open(self.outbound, os.O_RDONLY)
        self.addCleanup(os.close, at)
        for number in range(100000):
            os.close(os.open(str(number), os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=at))
        begun = time.monotonic()
        answer = self.succeed("list", self.folder, "1000")
        self.assertLess(time.monotonic() - begun, 10)
        self.assertEqual((len(answer["names"]), answer["refused"]), (1000, 99000))

    def test_limit_of_the_drop_box(self):
        """list: a drop box of the usual limits cannot be made to hold 100,000 files"""
        self.succeed("remove", self.folder)
        self.succeed("create", self.folder)
        made = 0
        with self.assertRaises(OSError):
            for made in range(100000):
                self.drop(str(made), b"")
        self.assertLess(made, 4096)

    def test_missing(self):
        """list: without a drop box there is an error"""
        self.succeed("remove", self.folder)
        self.assertIn("drop box", self.fail_with("not-found", "list", self.folder, "10"))


if __name__ == "__main__":
    tap.main()
