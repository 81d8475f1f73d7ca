# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py PROGRAM CORPUS RUNS: so many runs of a libFuzzer target, from the corpus of the tree.

GENKAN_FUZZ_RUNS sets another number. The seed is new each time, and told; what is found lies where the last lines say, and belongs into
the corpus once it is mended.
"""
import os
import subprocess
import sys
import tempfile
import unittest

import tap

PROGRAM, CORPUS = sys.argv[1:3]
RUNS = int(os.environ.get("GENKAN_FUZZ_RUNS") or sys.argv[3])
# Small quarantine and short stacks: half the memory, a quarter more speed.
ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", ASAN_OPTIONS="malloc_context_size=3:quarantine_size_mb=32")


WORKERS = min(os.cpu_count() or 1, 8)


def start(kept, folder):
    """One process with its share of the runs; each finds its own way from the corpus."""
    grown = os.path.join(folder, "grown")
    os.makedirs(grown)
    # A file: what is said goes past what a pipe holds while another worker is waited for.
    with open(os.path.join(folder, "log"), "wb") as log:
        return subprocess.Popen([PROGRAM, f"-runs={-(-RUNS // WORKERS)}", "-max_len=4096", "-timeout=10",
                                 "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={kept}", grown, CORPUS],
                                env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=log)


def finish(worker, folder):
    """Its exit code, how many runs it did, and the end of what it said."""
    code = worker.wait()
    with open(os.path.join(folder, "log"), errors="replace") as log:
        lines = log.read().splitlines()
    for line in lines:
        if line.startswith(("INFO: Seed", "stat::")):
            print("# " + line)
    runs = [int(line.split()[1]) for line in lines if line.startswith("stat::number_of_executed_units:")]
    return code, sum(runs), "\n".join(lines[-60:])


class Fuzz(unittest.TestCase):
    def test_nothing_is_found(self):
        """nothing is found"""
        kept = os.path.join(os.path.dirname(PROGRAM), "findings-" + os.path.basename(PROGRAM), "")
        os.makedirs(kept, exist_ok=True)
        with tempfile.TemporaryDirectory() as top:
            folders = [os.path.join(top, str(i)) for i in range(WORKERS)]
            workers = [start(kept, folder) for folder in folders]
            results = [finish(*each) for each in zip(workers, folders)]
        for code, _, said in results:
            self.assertEqual(code, 0, said)
        self.assertGreaterEqual(sum(runs for _, runs, _ in results), RUNS)


if __name__ == "__main__":
    del sys.argv[1:]
    tap.main()
