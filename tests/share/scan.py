# SPDX-License-Identifier: GPL-2.0-or-later
"""Running genkan-scan in tests, as root and as a user who may not look into the build folder."""
import atexit
import json
import os
import shutil
import subprocess
import tempfile

BUILD = os.environ["GENKAN_BUILD"]
NOBODY = 64321  # a user of no one's

_folder = tempfile.mkdtemp(prefix="genkan-scan-")
atexit.register(shutil.rmtree, _folder)
os.chmod(_folder, 0o755)


def for_everyone(program):
    """A copy of a built program where every user may run it."""
    return shutil.copy(os.path.join(BUILD, program), _folder)


SCAN = for_everyone("hostd/share/scan/genkan-scan")
SCAN_DEEP = for_everyone("hostd/share/scan/genkan-scan-deep")


def start(argv, data, user=None):
    """The finished process, and what is left of @data, which it had as a file on descriptor 0."""
    user_args = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    with tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        done = subprocess.run(argv, stdin=given, capture_output=True, timeout=60, **user_args)
        given.seek(0)
        return done, given.read()


def run_scan(data, *options, user=None, program=SCAN):
    """The triage of @data: exit code 0 and one line of JSON, or an AssertionError."""
    done, _ = start([program, *options], data, user)
    assert done.returncode == 0, f"genkan-scan ended with {done.returncode}: {done.stderr!r}"
    text = done.stdout.decode()
    assert text.count("\n") == 1 and text.endswith("\n"), "not one line"
    return json.loads(text)
