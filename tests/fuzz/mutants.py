# SPDX-License-Identifier: GPL-2.0-or-later
"""mutants.py CORPUS: broken shortcuts through the real genkan-scan: 500, and each answered well.

The mutations are random; their seed is told, and GENKAN_SEED repeats one.
"""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../share"))
import make_lnk as m  # noqa: E402
import tap  # noqa: E402
from scan import run_scan  # noqa: E402

CORPUS = sys.argv[1]
MUTANTS = 500
SECONDS_EACH = 10
SEED = os.environ.get("GENKAN_SEED") or str(time.time_ns())
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def flip(data, dice):
    data[dice.randrange(20, len(data))] ^= 1 << dice.randrange(8)


def number(data, dice):
    size = dice.choice((1, 2, 4))
    at = dice.randrange(20, len(data))
    data[at:at + size] = (dice.choice(INTERESTING) & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def cut(data, dice):
    del data[dice.randrange(20, len(data)):]


def drop(data, dice):
    at = dice.randrange(20, len(data))
    del data[at:at + dice.randrange(1, 64)]


def repeat(data, dice):
    at = dice.randrange(20, len(data))
    data[at:at] = data[at:at + dice.randrange(1, 64)] * dice.randrange(1, 200)


def junk(data, dice):
    data += dice.randbytes(dice.randrange(1, 5000))


def mutate(data, dice):
    data = bytearray(data)
    for _ in range(dice.randrange(1, 6)):
        if len(data) > 21:
            dice.choice((flip, flip, number, number, cut, drop, repeat, junk))(data, dice)
    return bytes(data)


class Mutants(unittest.TestCase):
    def test_every_mutant_is_answered(self):
        """500 broken shortcuts are each answered: exit 0, one line of JSON, in time, never clean where damaged"""
        dice = random.Random(SEED)
        originals = []
        for name in sorted(os.listdir(CORPUS)):
            with open(os.path.join(CORPUS, name), "rb") as file:
                originals.append(file.read())
        print(f"# GENKAN_SEED={SEED}")
        broken = 0
        for i in range(MUTANTS):
            begun = time.monotonic()
            triage = run_scan(mutate(dice.choice(originals), dice), "--name", f"{i}.lnk")
            self.assertLess(time.monotonic() - begun, SECONDS_EACH)
            self.assertEqual(triage["kind"], "lnk")
            if triage["lnk"]["damage"]:
                broken += 1
                self.assertIn(triage["verdict"], ("suspicious", "malicious"))
        self.assertGreater(broken, MUTANTS // 4, "the mutations break too little")

    def test_the_costliest_shortcuts_stay_in_time(self):
        """what is costly on purpose is answered in time"""
        cases = (" " * 65535, "-e " * 21845, "/e/e" * 16383, "-enc " + "A" * 65530, "http://" * 9362, ".lnk del " * 7281,
                 "a^" * 32767, "\0" * 65535, "\ud800" * 65535, "\u202e" * 65535, "powershell" * 6553,
                 "=\\\\a" * 16383, "//a/" + "\u20ac" * 9000, "a://" * 16383, "-w " * 21845, "a~1 " * 16383, "'+" * 32767)
        for i, text in enumerate(cases):
            with self.subTest(i):
                data = m.windows_like(r"C:\Windows\System32\cmd.exe", arguments=text, name=text, icon=text,
                                      relative=text, directory=text)
                begun = time.monotonic()
                run_scan(data, "--name", "x.lnk")
                self.assertLess(time.monotonic() - begun, SECONDS_EACH)


if __name__ == "__main__":
    del sys.argv[1:]
    tap.main()
