# SPDX-License-Identifier: GPL-2.0-or-later
"""Cycles of new, run, revert, run, rm, four at a time, with a pool: none fails, nothing grows, nothing is left.
GENKAN_SOAK_CYCLES: how many (300).

What grows is judged at rest: after each batch of cycles, when the pool is filled again and nothing is
being removed, genkand, its genkan-netd and libvirtd (one of the test's own) are looked at. The first
third is for caches to fill. Of the last two thirds the line is taken that has the median of the slopes
between all pairs of samples (Theil-Sen: no single sample can bend it); where it has climbed by more
than the noise stated below, from the begin to the end, something grows."""
import itertools
import os
import statistics
import sys
import threading
import time
import unittest

SOURCE = os.environ["GENKAN_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests/cli"))
import own_libvirt  # noqa: E402
import tap  # noqa: E402
from cycle import IMAGE, Failed, Workers, cycle  # noqa: E402
from host import Host  # noqa: E402

CYCLES = int(os.environ.get("GENKAN_SOAK_CYCLES", "300"))
AT_A_TIME = 4
BATCH = max(AT_A_TIME, CYCLES // 20)
POOL = 2
CONFIG = (f"[vm]\nmost-disposables={2 * AT_A_TIME + POOL}\nmost-per-user={2 * AT_A_TIME}\n"
          f"[pool]\nmemory-mib=4096\n[pool {IMAGE}]\nmin={POOL}\nmax={POOL}\n")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def resident(pid):
    """KiB that no file backs."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon:"))


# what, how it is read, what it may climb by from the begin to the end of the last two thirds
MEASURES = {
    "descriptors": (descriptors, 2),
    "threads": (threads, 4),
    "KiB": (resident, 2048),
}


def climb(samples):
    """By how much the samples' line climbs, from the first to the last."""
    if len(samples) < 3:
        raise ValueError("too few samples to judge")
    pairs = itertools.combinations(enumerate(samples), 2)
    return statistics.median((b - a) / (j - i) for (i, a), (j, b) in pairs) * (len(samples) - 1)


class Soak(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.libvirt = own_libvirt.Libvirt()
        cls.host = Host(config=CONFIG)
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.host.json("image", "warm", IMAGE)
        cls.host.settle()
        cls.seen, cls.lock, cls.failures, cls.done, cls.due = {}, threading.Lock(), [], 0, 0

    def sample(self):
        self.host.settle()
        time.sleep(1)
        processes = {"genkand": self.host.daemon.pid, "genkan-netd": self.host.child("genkan-netd"),
                     "libvirtd": self.libvirt.daemon.pid}
        for name, pid in processes.items():
            for what, (read, _) in MEASURES.items():
                self.seen.setdefault((name, what), []).append(read(pid))
        print(f"# {self.done} cycles: " + ", ".join(f"{name} {values[-1]} {what}"
              for (name, what), values in self.seen.items()), flush=True)

    def work(self):
        with self.lock:
            if self.due == 0 or self.failures:
                return False
            self.due -= 1
            number = self.due
        try:
            cycle(self.host, f"{self.done}-{number}")
        except Failed as error:
            self.failures.append(str(error))
        return True

    def batch(self, count):
        self.due = count
        Workers(AT_A_TIME, self.work).join(600)
        self.assertEqual(self.failures, [], self.host.read_log()[-3000:])
        self.done += count

    def test_1_no_cycle_fails(self):
        """every cycle's guest says what it should"""
        begun = time.monotonic()
        while self.done < CYCLES:
            self.batch(min(BATCH, CYCLES - self.done))
            self.sample()
        print(f"# {CYCLES} cycles in {time.monotonic() - begun:.0f} s")

    def test_2_nothing_grows(self):
        """descriptors, threads and memory of genkand, genkan-netd and libvirtd stay as they are"""
        for (name, what), values in self.seen.items():
            with self.subTest(f"{name}: {what}"):
                self.assertLessEqual(climb(values[len(values) // 3:]), MEASURES[what][1], values)

    def test_3_nothing_is_left(self):
        """after the end of genkand nothing of any VM is there"""
        self.assertEqual(self.host.json("ls"), [])
        self.host.stop()
        self.host.assert_nothing_left(self)
        self.assertEqual(own_libvirt.taps(), [])


if __name__ == "__main__":
    own_libvirt.enter()
    tap.main()
