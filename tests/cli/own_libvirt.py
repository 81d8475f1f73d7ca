# SPDX-License-Identifier: GPL-2.0-or-later
"""A libvirtd of a test's own, which it may measure and kill, beside the host's.

`enter()` runs the test again in namespaces of mounts, processes and network. There libvirt's folders are
empty and a test's own, so that `qemu:///system` is the test's libvirtd; and whatever is left there ends
with the test: processes, mounts, devices, however it ended."""
import contextlib
import glob
import os
import subprocess
import sys
import time

ENTERED = "GENKAN_TEST_ENTERED"
FOLDERS = ("/run/libvirt", "/var/lib/libvirt", "/etc/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
CGROUPS = "/sys/fs/cgroup"


def enter():
    """Returns in the namespaces, in a child of their first process, which only reaps."""
    if ENTERED not in os.environ:
        command = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc",
                   sys.executable, *sys.argv]
        os.execvpe(command[0], command, dict(os.environ, **{ENTERED: "1"}))
    test = os.fork()
    while test != 0:
        ended, status = os.wait()
        if ended == test:
            _remove_cgroups()
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)
    _mount()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _remove_cgroups():
    """What a killed libvirtd did not remove of its guests, which it has a log of each."""
    for log in glob.glob("/var/log/libvirt/qemu/*.log"):
        guest = os.path.basename(log).removesuffix(".log")
        for top in glob.glob(f"{CGROUPS}/*/machine/qemu-*-{guest}.libvirt-qemu"):
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):  # of a guest that still lives
                    os.rmdir(folder)


def _mount():
    for folder in FOLDERS:
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder], check=True)
    # A sysfs that shows this network; the control groups are the host's.
    aside = FOLDERS[0] + "/cgroup"
    os.mkdir(aside)
    subprocess.run(["mount", "--rbind", CGROUPS, aside], check=True)
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    subprocess.run(["mount", "--rbind", aside, CGROUPS], check=True)
    subprocess.run(["umount", "-l", aside], check=True)
    os.rmdir(aside)


def taps():
    """All of genkan's taps in the test's own network: there are none but the test's."""
    return [name for name in os.listdir("/sys/class/net") if name.startswith("gk")]


class Libvirt:
    """virtlogd and libvirtd in the namespaces that the test entered."""

    def __init__(self):
        self.logger = self._run("virtlogd")
        self.daemon = None
        self.start()

    @staticmethod
    def _run(name):
        with open(f"/run/libvirt/{name}.log", "ab") as log:
            return subprocess.Popen([name, "--pid-file", f"/run/libvirt/{name}.pid"], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def start(self):
        self.daemon = self._run("libvirtd")
        deadline = time.monotonic() + 60
        ask = ["virsh", "-q", "-c", "qemu:///system", "list"]
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline or self.daemon.poll() is not None:
                with open("/run/libvirt/libvirtd.log") as log:
                    raise AssertionError("libvirtd did not start:\n" + log.read()[-2000:])
            time.sleep(0.05)

    def kill(self):
        """kill -9, as a crash is"""
        self.daemon.kill()
        self.daemon.wait()
