# SPDX-License-Identifier: GPL-2.0-or-later
"""Golden images that tests share, built once: below GENKAN_TEST_CACHE (/var/cache/genkan-tests), one
state directory for each recipe digest and set of tools.

state_dir_with("debian-base") returns the state directory whose `images/` holds the image. A test that
needs a state directory of its own uses it by a symbolic link:

    os.symlink(f"{state_dir_with('debian-base')}/images", f"{own}/images")

A copy, or a hard link, would be another file or have another ctime: gk_image_check() refuses it. So a
test that is to change an image copies it, and only gk_image_verify() will take the copy.

image_folder("debian-base") returns the folder of the image itself, whatever its version.

`cached_image.py NAME` builds the image if need be, and prints the state directory.
"""
import fcntl
import glob
import hashlib
import json
import os
import subprocess
import sys

STAGE = os.environ.get("GENKAN_STAGE", "/usr/local")
SOURCE = os.environ.get("GENKAN_SOURCE") or os.path.dirname(os.path.abspath(__file__ + "/../.."))
CACHE = os.environ.get("GENKAN_TEST_CACHE") or "/var/cache/genkan-tests"


def builder():
    places = (os.path.join(os.environ.get("GENKAN_BUILD", SOURCE + "/build"), "images/genkan-build"),
              os.path.join(STAGE, "libexec/genkan/genkan-build"))
    for path in places:
        if os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(f"no genkan-build in {' or '.join(places)}: set GENKAN_BUILD")


def recipe_path(name):
    return f"{STAGE}/share/genkan/image/{name}.recipe"  # beside the guests' programs, which are built


def _key(recipe):
    digest = json.loads(subprocess.check_output([builder(), "--digest", recipe]))["digest"]
    tools = [subprocess.check_output([tool, "--version"]) for tool in ("mmdebstrap", "qemu-img")]
    return hashlib.sha256(b"\n".join([digest.encode()] + tools)).hexdigest()[:20]


def _comment(line):
    print("# " + line.strip(), flush=True)


def _build(recipe, state):
    job = subprocess.Popen([builder(), recipe, "--state-dir", state], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, errors="replace")
    last = ""
    for last in job.stderr:
        _comment(last)
    if job.wait() != 0:
        raise RuntimeError(f"cannot build {recipe}: {last.strip()}")


def state_dir_with(name):
    recipe = recipe_path(name)
    state = f"{CACHE}/{_key(recipe)}"
    os.makedirs(state, mode=0o755, exist_ok=True)
    os.chmod(CACHE, 0o755)  # QEMU's user must be able to reach the disk
    with open(f"{state}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(f"{state}/images/{name}"):
            _build(recipe, state)
    return state


def image_folder(name):
    return glob.glob(f"{state_dir_with(name)}/images/{name}/*/")[0].rstrip("/")


if __name__ == "__main__":
    print(state_dir_with(sys.argv[1]))
