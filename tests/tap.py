# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the unittest cases of a test file and speaks TAP, which meson counts one by one.

A test file ends with `tap.main()`; `FILE.py Class.test_name` runs one case.
"""
import sys
import time
import traceback
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def _line(self, ok, test, note=""):
        self.number += 1
        name = test.shortDescription() or test.id()
        if hasattr(test, "_subDescription"):
            name += " " + test._subDescription()
        name = name.replace("#", "\\#")
        took = time.monotonic() - getattr(self, "begun", time.monotonic())
        print(f"{'ok' if ok else 'not ok'} {self.number} - {name}{note}", flush=True)
        print(f"# {took:.1f} s", flush=True)

    def _failure(self, test, err):
        for line in "".join(traceback.format_exception(*err)).splitlines():
            print("# " + line, flush=True)
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
    print("TAP version 13", flush=True)
    suite.run(result)
    print(f"1..{result.number}", flush=True)
    sys.exit(0 if result.wasSuccessful() and result.number else 1)
