# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds every #include against the arrows of the design: hostd -> vmm, images -> templates -> base."""
import os
import re
import unittest

import tap

TOP = os.environ["GENKAN_SOURCE"]
MAY_USE = {
    "base": {"base"},
    "templates": {"base", "templates"},
    "images": {"base", "templates", "images"},
    "vmm": {"base", "templates", "vmm"},
    "hostd": {"base", "templates", "images", "vmm", "hostd"},
}
# A library, the header that gives it away, and the only place that may include it.
OWNERS = [
    ("libvirt", re.compile(r"^libvirt"), "vmm/"),
    ("libnftables", re.compile(r"^nftables/"), "hostd/bridge/netd/"),
    ("libguestfs", re.compile(r"^guestfs"), "images/"),
    ("libseccomp", re.compile(r"^seccomp"), "hostd/"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def includes():
    for folder in MAY_USE:
        for path, _, names in os.walk(os.path.join(TOP, folder)):
            for name in names:
                if name.endswith((".c", ".h")):
                    file = os.path.relpath(os.path.join(path, name), TOP)
                    with open(os.path.join(TOP, file)) as text:
                        for included in INCLUDE.findall(text.read()):
                            yield file, included


class Layers(unittest.TestCase):
    def test_arrows_point_one_way(self):
        """no folder includes from one above it"""
        seen = 0
        for file, included in includes():
            target = included.split("/")[0]
            if "/" in included and target in MAY_USE:
                seen += 1
                self.assertIn(target, MAY_USE[file.split("/")[0]], f"{file} includes {included}")
        self.assertGreater(seen, 50)

    def test_each_library_has_one_owner(self):
        """libvirt, libnftables and libguestfs are included in their own rooms only"""
        found = set()
        for file, included in includes():
            for library, header, owner in OWNERS:
                if header.match(included):
                    found.add(library)
                    self.assertTrue(file.startswith(owner), f"{file} includes {included}")
        self.assertLessEqual({"libvirt", "libnftables", "libguestfs"}, found)

    def test_only_the_scanner_parses(self):
        """the parsers of hostile files are included by genkan-scan alone"""
        for file, included in includes():
            if included.startswith("hostd/share/scan/"):
                self.assertTrue(file.startswith("hostd/share/scan/"), f"{file} includes {included}")


if __name__ == "__main__":
    tap.main()
