# SPDX-License-Identifier: GPL-2.0-or-later
"""A golden image and a warm state of a test's own, to be harmed: copies, sealed anew as genkan seals them."""
import os
import shutil
import sys

from host import SOURCE
from shared_warm import shared_warm

sys.path.insert(0, os.path.join(SOURCE, "tests/vm"))
from cached_image import image_folder  # noqa: E402

IMAGE_FILES = ("disk.qcow2", "vmlinuz", "initrd.img", "manifest.json")
WARM_FILES = ("memory", "disk.qcow2", "empty.qcow2", "warm.json")


def _seconds(nanoseconds):
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09}"


def seal(folder, files):
    """Writes `identity`, by which genkan tells that files are those that it sealed."""
    with open(os.path.join(folder, "identity.new"), "w") as identity:
        for name in files:
            stat = os.stat(os.path.join(folder, name))
            identity.write(f"{name} inode={stat.st_ino} size={stat.st_size} mtime={_seconds(stat.st_mtime_ns)} "
                           f"ctime={_seconds(stat.st_ctime_ns)}\n")
    os.replace(os.path.join(folder, "identity.new"), os.path.join(folder, "identity"))


def _copy(source, target, files):
    os.makedirs(target, mode=0o711)
    for name in files:
        shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    seal(target, files)
    return target


def copy_image(host, name):
    """Returns the folder of the copy."""
    source = image_folder(name)
    return _copy(source, os.path.join(host.state, "images", name, os.path.basename(source)), IMAGE_FILES)


def copy_warm(host, name):
    """Its disks go on naming those that it was copied from. Returns the folder."""
    version = os.path.basename(image_folder(name))
    return _copy(os.path.join(shared_warm(name), version), os.path.join(host.state, "warm", name, version), WARM_FILES)


def change_byte(path, offset):
    """Turns one byte round, and puts the file's times back, as far as a program can."""
    stat = os.stat(path)
    with open(path, "r+b", buffering=0) as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
