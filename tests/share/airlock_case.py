# SPDX-License-Identifier: GPL-2.0-or-later
"""What the airlock's tests have in common: a folder of their own, the driver, scanners to play with."""
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

DRIVER = os.path.join(os.environ["GENKAN_BUILD"], "tests", "share", "airlock-driver")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000

# A scanner of the test's own, which plays what genkan-scan could turn into. It sees `data`, the file,
# and `triage`, a whole answer, before BODY runs.
SCANNER = """#!{python}
import hashlib, json, os, signal, sys, time
data = os.pread(0, 1 << 24, 0)
triage = {{"file": {{"name": None, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}},
          "kind": "other", "verdict": "clean", "indicators": []}}
{body}
print(json.dumps(triage))
"""


def private_mounts():
    """All mounts of this process end with it."""
    if LIBC.unshare(CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def mounts_below(path):
    """{mount point: set of flags} of each mount on or below path; the topmost where they are stacked."""
    found = {}
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            fields = line.split()
            if fields[4] == path or fields[4].startswith(path + "/"):
                found[fields[4]] = set(fields[5].split(","))
    return found


class AirlockCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="genkan-share-")
        self.addCleanup(self._remove_folder)
        os.chmod(self.folder, 0o711)
        self.inbound = os.path.join(self.folder, "inbound")
        self.export = os.path.join(self.folder, "inbound.export")
        self.outbound = os.path.join(self.folder, "outbound")
        self.environment = {}

    def _remove_folder(self):
        for point in sorted(mounts_below(self.folder), reverse=True):
            subprocess.run(["umount", "-l", point], check=False)
        shutil.rmtree(self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def drive(self, *arguments, data=None, fd=None, **options):
        """What the driver answers: a dictionary. Its input is an open file, or one made of data."""
        with tempfile.TemporaryFile() as file:
            if data is not None:
                file.write(data)
                file.flush()
            run = subprocess.run([DRIVER, *arguments], stdin=file if fd is None else fd,
                                 stdout=subprocess.PIPE, env={**os.environ, **self.environment},
                                 timeout=120, check=False, **options)
        answer = json.loads(run.stdout)
        self.assertEqual(run.returncode, 1 if "error" in answer else 0, answer)
        return answer

    def succeed(self, *arguments, **options):
        answer = self.drive(*arguments, **options)
        self.assertNotIn("error", answer)
        return answer

    def fail_with(self, code, *arguments, **options):
        answer = self.drive(*arguments, **options)
        self.assertEqual(answer.get("error"), code, answer)
        return answer["message"]

    def scanner(self, body="", name="scanner"):
        """Makes a scanner of the test's own the one that is used."""
        path = self.path(name)
        with open(path, "w") as file:
            file.write(SCANNER.format(python=sys.executable, body=body))
        os.chmod(path, 0o755)
        self.environment["SCANNER"] = path

    def real_scanners(self):
        """genkan's own, as they were built."""
        scan = os.path.join(os.environ["GENKAN_BUILD"], "hostd", "share", "scan", "genkan-scan")
        self.environment["SCANNER"], self.environment["SCANNER_DEEP"] = scan, scan + "-deep"

    def drop(self, name, data=b"plain"):
        path = os.path.join(os.fsencode(self.outbound), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def evidence(self, side):
        try:
            return sorted(os.listdir(self.path("evidence", side)))
        except FileNotFoundError:
            return []

    def assert_evidence(self, answer, side, data):
        """The evidence is this very content, root's alone, and what was judged."""
        self.assertTrue(answer["path"].startswith(self.path("evidence", side) + "/"), answer)
        with open(answer["path"], "rb") as file:
            self.assertEqual(file.read(), data)
        self.assertEqual(os.stat(answer["path"]).st_mode & 0o7777, 0o400)
        self.assertEqual(os.stat(self.path("evidence")).st_mode & 0o7777, 0o700)
        digest = hashlib.sha256(data).hexdigest()
        self.assertEqual((answer["size"], answer["sha256"]), (len(data), digest))
        self.assertEqual(answer["triage"]["file"]["sha256"], digest)
