# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the measurements against their bars: each bench runs once, and its ratios must not be above."""
import json
import os
import subprocess
import sys
import unittest

import tap

HERE = os.path.dirname(os.path.abspath(__file__))
# bench file, case, highest ratio
BARS = [
    ("vmm_new_cold.py", "new-cold", 1.15),
]


class Bars(unittest.TestCase):
    def test_ratios(self):
        """no measurement is above its bar"""
        for file, case, most in BARS:
            with self.subTest(case):
                run = subprocess.run([sys.executable, os.path.join(HERE, file)], stdout=subprocess.PIPE, text=True,
                                     env=dict(os.environ, GENKAN_BENCH_ROUNDS="3"), check=True)
                measured = {m["case"]: m for m in map(json.loads, run.stdout.splitlines())}[case]
                print(f"# {json.dumps(measured)}", flush=True)
                self.assertLessEqual(measured["ratio"], most)


if __name__ == "__main__":
    tap.main()
