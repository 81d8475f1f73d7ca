# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the unittest cases of a test file and speaks TAP, which meson counts one by one.

A test file ends with `tap.main()`; `FILE.py Class.test_name` runs one case.
"""
import sys
import time
import traceback
import unittest


def say(line):
    """One line; what a terminal or an XML reader would trip over is escaped: names here are hostile by trade."""
    print("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line), flush=True)


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def _line(self, ok, test, note=""):
        self.number += 1
        name = test.shortDescription()
        if name and hasattr(test, "_subDescription"):
            name += " " + test._subDescription()
        name = (name or test.id()).replace("#", "\\#")
        took = time.monotonic() - getattr(self, "begun", time.monotonic())
        say(f"{'ok' if ok else 'not ok'} {self.number} - {name}{note}")
        say(f"# {took:.1f} s")

    def _failure(self, test, err):
        for line in "".join(traceback.format_exception(*err)).splitlines():
            say("# " + line)
        self._line(False, test)

    def startTest(self, test):
        super().startTest(test)
        self.begun = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)

    def addError(self, test, err):
        super().addError(test, err)
        self._failure(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failure(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is None:
            self._line(True, subtest)
        else:
            self._failure(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")


def main():
    module = sys.modules["__main__"]
    loader = unittest.defaultTestLoader
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = TapResult()
    say("TAP version 13")
    suite.run(result)
    say(f"1..{result.number}")
    sys.exit(0 if result.wasSuccessful() and result.number else 1)
