# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts what meson ran: `N passed, N failed`, and exit status 1 if any failed or none ran.

A TAP program counts by its lines; one that broke off without a failing line counts as one failure.
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")

# What XML cannot hold, escaped or not; a test's output may have it, and meson writes it down as it came.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

junit, log = sys.argv[1:3]
with open(junit, errors="replace") as results:
    suites = xml.fromstring(NOT_XML.sub("\ufffd", results.read()))
passed, failed, with_failures = 0, 0, set()
for suite in suites.iter("testsuite"):
    for case in suite.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            with_failures.add(suite.get("name").split(" / ")[-1])
            print(f"# failed: {suite.get('name')}: {case.get('name')}")
        else:
            passed += 1
with open(log) as lines:
    for result in map(json.loads, lines):
        name = result["name"].split(" / ")[-1]
        if result["result"] in BAD and name not in with_failures:
            failed += 1
            print(f"# failed: {result['name']}: {result['result']}")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
