#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""with_image.py PROGRAM [ARGUMENT…]: runs PROGRAM with the folder of the golden image debian-base,
which the tests share, in GENKAN_TEST_IMAGE, and a tap in GENKAN_TEST_TAP. What PROGRAM leaves in
TMPDIR, and the tap, are taken away however it ends."""
import fcntl
import os
import secrets
import struct
import subprocess
import sys
import tempfile

TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def image():
    if "GENKAN_TEST_IMAGE" in os.environ:
        return os.environ["GENKAN_TEST_IMAGE"]
    import cached_image

    return cached_image.image_folder("debian-base") + "/"


class Tap:
    """A tap in the host's namespace that is never taken up there."""

    def __enter__(self):
        self.name = f"gkt{secrets.token_hex(4)}"
        self.persist(1)
        return self.name

    def __exit__(self, *_):
        self.persist(0)

    def persist(self, on):
        with open("/dev/net/tun", "r+b", buffering=0) as tun:
            flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", self.name.encode(), flags))
            fcntl.ioctl(tun, TUNSETPERSIST, on)


def main():
    with tempfile.TemporaryDirectory(prefix="genkan-vm-") as folder, Tap() as tap:
        os.chmod(folder, 0o711)  # QEMU's user must get through
        place = {"GENKAN_TEST_IMAGE": image(), "GENKAN_TEST_TAP": tap, "TMPDIR": folder}
        return subprocess.run(sys.argv[1:], env=os.environ | place, check=False).returncode


sys.exit(1 if main() else 0)
