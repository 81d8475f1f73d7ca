# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py PROGRAM CORPUS [RUNS]: a million runs of a libFuzzer target, from the corpus of the tree.

The seed is new each time, and told; what is found lies where the last lines say, and belongs into
the corpus once it is mended.
"""
import os
import subprocess
import sys
import tempfile
import unittest

import tap

PROGRAM, CORPUS = sys.argv[1:3]
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
# Small quarantine and short stacks: half the memory, a quarter more speed.
ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", ASAN_OPTIONS="malloc_context_size=3:quarantine_size_mb=32")


class Fuzz(unittest.TestCase):
    def test_nothing_is_found(self):
        """nothing is found"""
        kept = os.path.join(os.path.dirname(PROGRAM), "findings-" + os.path.basename(PROGRAM), "")
        os.makedirs(kept, exist_ok=True)
        with tempfile.TemporaryDirectory() as grown:
            done = subprocess.run([PROGRAM, f"-runs={RUNS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024",
                                   "-print_final_stats=1", f"-artifact_prefix={kept}", grown, CORPUS],
                                  env=ENVIRONMENT, capture_output=True, text=True, errors="replace")
        lines = done.stderr.splitlines()
        for line in [line for line in lines if line.startswith(("INFO: Seed", "stat::"))]:
            print("# " + line)
        self.assertEqual(done.returncode, 0, "\n".join(lines[-60:]))
        units = [int(line.split()[1]) for line in lines if line.startswith("stat::number_of_executed_units:")]
        self.assertGreaterEqual(units[0], RUNS)


if __name__ == "__main__":
    del sys.argv[1:]
    tap.main()
