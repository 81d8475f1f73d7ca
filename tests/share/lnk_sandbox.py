# SPDX-License-Identifier: GPL-2.0-or-later
"""genkan-scan's walls: what a taken-over parser would try is refused or its death."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

import tap
from scan import NOBODY, SCAN, for_everyone, run_scan, start

WALLS = for_everyone("tests/share/walls")
KILLED, REFUSED, WORKED = -signal.SIGSYS, 0, 1
ATTEMPTS = ("open", "list", "create", "stat", "write-input", "socket", "connect", "fork", "execute", "trace",
            "kill", "map-code", "make-code", "user-namespace", "descriptor-3")
# With these walls down, the others still stop the attempt (limits by EMFILE, EAGAIN or SIGXFSZ).
IN_DEPTH = (
    ("seccomp", ("open", "list", "create", "write-input", "socket", "connect", "fork", "execute", "memory",
                 "descriptor-3")),
    ("seccomp,limits", ("open", "list", "create", "execute")),
    ("seccomp,landlock", ("write-input", "fork", "memory")),
    ("seccomp,limits,landlock,user", ("descriptor-3",)),
)
ROOT_IN_DEPTH = (
    ("seccomp,limits,landlock", ("connect", "kill", "trace")),  # by namespace and user alone
)


def attempt(without, what, user=None):
    """What became of it: an exit code, or minus a signal; and whether the input is as it was."""
    done, left = start([WALLS, without, what], b"evidence", user)
    return done.returncode, left == b"evidence"


class Walls(unittest.TestCase):
    def check_killed(self, user):
        for what in ATTEMPTS:
            with self.subTest(what):
                self.assertEqual(attempt("-", what, user), (KILLED, True))

    def test_each_attempt_works_where_no_wall_stands(self):
        for what in ATTEMPTS + ("memory",):
            with self.subTest(what):
                code, _ = attempt("all", what)
                self.assertEqual(code, WORKED)

    def test_each_attempt_of_root_is_death(self):
        self.check_killed(None)

    def test_each_attempt_of_a_user_is_death(self):
        self.check_killed(NOBODY)

    def test_the_machine_is_not_eaten(self):
        for user in None, NOBODY:
            self.assertEqual(attempt("-", "memory", user)[0], REFUSED)

    def test_what_a_parser_needs_works(self):
        for user in None, NOBODY:
            self.assertEqual(attempt("-", "nothing", user)[0], WORKED)

    def check_depth(self, table, user):
        for without, attempts in table:
            for what in attempts:
                with self.subTest(without=without, what=what):
                    code, kept = attempt(without, what, user)
                    self.assertTrue(kept)
                    self.assertIn(code, (REFUSED, -signal.SIGXFSZ))

    def test_no_wall_stands_alone_for_root(self):
        self.check_depth(IN_DEPTH + ROOT_IN_DEPTH, None)

    def test_no_wall_stands_alone_for_a_user(self):
        self.check_depth(IN_DEPTH, NOBODY)


class Scan(unittest.TestCase):
    def test_says_which_walls_stood(self):
        both = {"descriptors", "user", "privileges", "limits", "seccomp", "landlock"}
        self.assertLessEqual(both | {"namespaces"}, set(run_scan(b"x")["sandbox"]))
        self.assertLessEqual(both, set(run_scan(b"x", user=NOBODY)["sandbox"]))

    def test_believes_no_one_who_says_that_the_network_is_left(self):
        done, _ = start([SCAN, "--in-namespaces"], b"x")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        done, _ = start(["unshare", "--net", SCAN, "--in-namespaces"], b"x")
        self.assertEqual((done.returncode, json.loads(done.stdout)["kind"]), (0, "text"))

    def test_ends_where_a_descriptor_is_missing(self):
        done = subprocess.run([SCAN], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=lambda: os.close(1))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"descriptors", done.stderr)

    def test_does_not_grow_a_file(self):
        """an answer that would go to a file is death, not a file"""
        with tempfile.TemporaryFile() as out:
            done = subprocess.run([SCAN], stdin=subprocess.DEVNULL, stdout=out)
            self.assertEqual(done.returncode, -signal.SIGXFSZ)
            self.assertEqual(os.fstat(out.fileno()).st_size, 0)

    def test_reads_no_directory_and_no_bad_option(self):
        for argv, path, code in (([], "/", 1), (["--nonsense"], "/dev/null", 2), (["--max-size", "-1"], "/dev/null", 2),
                                 (["extra"], "/dev/null", 2)):
            with self.subTest(argv):
                given = os.open(path, os.O_RDONLY)
                done = subprocess.run([SCAN, *argv], stdin=given, capture_output=True)
                os.close(given)
                self.assertEqual((done.returncode, done.stdout), (code, b""))
                self.assertTrue(done.stderr)

    def test_a_file_over_the_limit_is_unscannable(self):
        triage = run_scan(b"x" * 1000, "--max-size", "999")
        self.assertEqual((triage["verdict"], triage["file"]["size"], triage["file"]["sha256"]),
                         ("unscannable", 1000, None))
        self.assertIsNotNone(run_scan(b"x" * 1000, "--max-size", "1000")["file"]["sha256"])

    def test_one_line_of_json_whatever_the_name(self):
        for name in ("a\nb", "\u202egnp.exe", "-x", "--", "\udcff\udcfe", "x" * 4096):
            with self.subTest(ascii(name)[:40]):
                self.assertEqual(run_scan(b"x", "--name", name)["kind"], "text")


if __name__ == "__main__":
    tap.main()
