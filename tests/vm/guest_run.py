# SPDX-License-Identifier: GPL-2.0-or-later
"""guest-run, outside of guests."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import tap

RUN = os.path.join(os.environ["GENKAN_STAGE"], "share/genkan/image/files/guest-run")


class GuestRun(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="genkan-guest-run-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.base = self.folder + "/said"

    def call(self, *words, **options):
        return subprocess.run([RUN, *words], capture_output=True, text=True, timeout=30, check=False, **options)

    def run_program(self, *argv, most="1000"):
        done = self.call("-", self.base, most, *argv)
        return done.returncode, done.stdout, done.stderr

    def content(self, stream):
        with open(f"{self.base}.{stream}") as file:
            return file.read()

    def test_output_and_code_are_the_programs(self):
        self.assertEqual(self.run_program("sh", "-c", "echo out; echo wrong >&2; exit 7"), (7, "out\n", "wrong\n"))
        self.assertEqual((self.content(1), self.content(2)), ("out\n", "wrong\n"))

    def test_no_more_than_the_head_comes_with_the_exit(self):
        self.assertEqual(self.run_program("printf", "0123456789", most="4"), (0, "0123", ""))
        self.assertEqual(self.content(1), "0123456789")

    def test_a_signal_is_told_as_a_shell_does(self):
        self.assertEqual(self.run_program("sh", "-c", "kill -9 $$")[0], 128 + signal.SIGKILL)

    def test_what_cannot_be_run_is_told(self):
        code, _, err = self.run_program("no-such-program")
        self.assertEqual(code, 127)
        self.assertIn("cannot run 'no-such-program': No such file or directory", err)
        self.assertEqual(os.path.exists(self.base + ".1"), True)

    def test_what_may_not_be_run_is_told(self):
        code, _, err = self.run_program("/etc/passwd")
        self.assertEqual(code, 126)
        self.assertIn("Permission denied", err)

    def test_arguments_arrive_as_they_are(self):
        words = ["", "a b", "new\nline", "'\"$x", "-n"]
        self.assertEqual(self.run_program("printf", "<%s>", *words)[1], "".join(f"<{word}>" for word in words))

    def test_a_file_that_is_there_is_not_written_to(self):
        with open(self.base + ".1", "w") as file:
            file.write("kept")
        code, out, err = self.run_program("echo", "lost")
        self.assertEqual((code, out), (126, ""))
        self.assertIn("cannot create", err)
        self.assertEqual(self.content(1), "kept")

    def test_its_process_group_is_all_of_it(self):
        with subprocess.Popen([RUN, "-", self.base, "9", "sh", "-c", "echo up; sleep 1000 & wait"],
                              stdout=subprocess.DEVNULL) as job:
            end = time.monotonic() + 10
            while not (os.path.exists(self.base + ".1") and self.content(1)) and time.monotonic() < end:
                time.sleep(0.02)
            left = subprocess.check_output(["ps", "-o", "args=", "-s", str(job.pid)], text=True)
            self.assertIn("sleep 1000", left)
            os.killpg(job.pid, signal.SIGKILL)
            self.assertEqual(job.wait(10), -signal.SIGKILL)
        left = subprocess.run(["ps", "-o", "args=", "-s", str(job.pid)], stdout=subprocess.PIPE, text=True, check=False)
        self.assertNotIn("sleep 1000", left.stdout)

    def test_wrong_usage_is_refused(self):
        right = ["-", self.base, "9", "true"]
        wrong = {0: ("", "1", "0" * 19, "x" * 19, "9" * 19), 1: ("", "relative"), 2: ("", "0", "-1", "9x", str(2 << 20))}
        for place, values in wrong.items():
            for value in values:
                with self.subTest(place=place, value=value):
                    done = self.call(*right[:place], value, *right[place + 1:])
                    self.assertEqual(done.returncode, 2)
                    self.assertIn("usage: guest-run", done.stderr)
        self.assertEqual(self.call().returncode, 2)


if __name__ == "__main__":
    tap.main()
