# SPDX-License-Identifier: GPL-2.0-or-later
"""Warm states that tests share, made once: beside the golden image, in a state directory for each set of
domain template and libvirt.

shared_warm("debian-base") returns the folder with the states of that image's versions, for a test's own
state directory to name by a symbolic link:

    os.symlink(shared_warm("debian-base"), f"{own}/warm/debian-base")

A test that harms a state, or is about its being made, has one of its own."""
import fcntl
import glob
import hashlib
import os
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ["GENKAN_SOURCE"]
STAGE = os.environ["GENKAN_STAGE"]
MAKING_SECONDS = 1200

sys.path.insert(0, os.path.join(SOURCE, "tests/vm"))
from cached_image import state_dir_with  # noqa: E402


def _key():
    parts = [subprocess.check_output(["libvirtd", "--version"])]
    for path in sorted(glob.glob(SOURCE + "/templates/domain/*")):
        with open(path, "rb") as file:
            parts.append(file.read())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _wait_for(path, daemon):
    deadline = time.monotonic() + 60
    while not os.path.exists(path):
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("genkand did not start: no warm state can be made")
        time.sleep(0.05)


def _make(name, state):
    print(f"# making a warm state of {name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="genkan-warm-") as top:
        run, config = top + "/run", top + "/etc"
        daemon = subprocess.Popen([STAGE + "/sbin/genkand", "--state-dir", state, "--run-dir", run, "--config-dir", config],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(run + "/genkand.sock", daemon)
            subprocess.run([STAGE + "/bin/genkan", "image", "warm", name], check=True, timeout=MAKING_SECONDS,
                           env=dict(os.environ, GENKAN_RUN_DIR=run), stdout=subprocess.DEVNULL)
        finally:
            daemon.terminate()
            daemon.wait(120)


def shared_warm(name):
    cached = state_dir_with(name)
    state = f"{cached}/warm-{_key()}"
    os.makedirs(state, mode=0o711, exist_ok=True)
    with open(state + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.islink(state + "/images"):
            os.symlink(cached + "/images", state + "/images")
        if not glob.glob(f"{state}/warm/{name}/*/warm.json"):
            _make(name, state)
    return f"{state}/warm/{name}"
