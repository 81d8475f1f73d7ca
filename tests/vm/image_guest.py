# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest on a golden image, started with virsh and a hand-written domain: so that the images are
tested without the code that is to run them."""
import atexit
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
  <vcpu>{vcpus}</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{image}/vmlinuz</kernel><initrd>{image}/initrd.img</initrd><cmdline>{cmdline}</cmdline></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Nehalem</model></cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='unsafe'/>
      <source file='{folder}/overlay.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <memballoon model='none'/>
    <controller type='pci' model='pcie-root'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
    <controller type='pci' model='pcie-root-port'/><controller type='pci' model='pcie-root-port'/>
    {screen}
  </devices>
  <seclabel type='none' model='dac'/>
</domain>"""
SCREEN = """<video><model type='bochs' vram='16384'/></video>
    <graphics type='vnc'><listen type='socket'/></graphics><input type='tablet' bus='virtio'/>"""
BOOT_SECONDS = 180

# A test that is stopped, as by meson at its timeout, ends its guests too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Guest:
    """`with Guest(folder of an image) as guest:` booted, with its agent answering."""

    def __init__(self, image):
        self.image = image
        self.name = "genkan-test-" + uuid.uuid4().hex[:12]
        self.folder = tempfile.mkdtemp(prefix="genkan-guest-", dir="/var/tmp")
        atexit.register(self._stop)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc):
        self._stop()

    def _start(self):
        with open(f"{self.image}/manifest.json", encoding="utf-8") as file:
            manifest = json.load(file)
        os.chmod(self.folder, 0o711)
        overlay = f"{self.folder}/overlay.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2",
                        "-b", f"{self.image}/disk.qcow2", overlay], check=True)
        os.chmod(overlay, 0o666)
        with open(f"{self.folder}/domain.xml", "w", encoding="utf-8") as file:
            file.write(DOMAIN.format(name=self.name, image=self.image, folder=self.folder,
                                     memory_mib=manifest["memory_mib"], vcpus=manifest["vcpus"],
                                     cmdline=manifest["cmdline"],
                                     screen=SCREEN if manifest["display"] else ""))
        begun = time.monotonic()
        self._virsh("create", file.name)
        self._wait_for_agent()
        self.boot_seconds = time.monotonic() - begun

    def _wait_for_agent(self):
        begun = time.monotonic()
        while self.agent("guest-ping") is None:
            if time.monotonic() - begun > BOOT_SECONDS:
                raise TimeoutError(f"no guest agent within {BOOT_SECONDS} s")
            time.sleep(0.2)

    def _stop(self):
        atexit.unregister(self._stop)
        subprocess.run(["virsh", "-q", "destroy", self.name], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _virsh(self, *args):
        return subprocess.run(["virsh", "-q", *args], check=True, capture_output=True, text=True).stdout

    def agent(self, command, **arguments):
        """What the agent returns, or None where it does not answer."""
        asked = json.dumps({"execute": command, "arguments": arguments})
        said = subprocess.run(["virsh", "-q", "qemu-agent-command", "--timeout", "10", self.name, asked],
                              check=False, capture_output=True, text=True)
        return json.loads(said.stdout)["return"] if said.returncode == 0 else None

    def put(self, path, content):
        handle = self.agent("guest-file-open", path=path, mode="wb")
        self.agent("guest-file-write", handle=handle, **{"buf-b64": base64.b64encode(content).decode()})
        self.agent("guest-file-close", handle=handle)

    def start(self, *argv):
        """The number of a program's process in the guest, for result()."""
        return self.agent("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})["pid"]

    def run(self, *argv, seconds=120):
        """(exit code, standard output, standard error) of a program in the guest."""
        return self.result(self.start(*argv), seconds)

    def result(self, pid, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status = self.agent("guest-exec-status", pid=pid)
            if status and status["exited"]:
                return (status.get("exitcode", 128 + status.get("signal", 0)),
                        base64.b64decode(status.get("out-data", "")),
                        base64.b64decode(status.get("err-data", "")))
            time.sleep(0.3)
        raise TimeoutError(f"process {pid} of {self.name} did not end within {seconds} s")

    def shell(self, script, **kwargs):
        code, out, err = self.run("/bin/sh", "-ec", script, **kwargs)
        if code != 0:
            raise RuntimeError(f"exit {code} of {script!r}: {err.decode(errors='replace')}")
        return out.decode(errors="replace")

    def save_and_restore(self):
        """Saves the guest and goes on from what was saved. Returns the size of that."""
        state = f"{self.folder}/state"
        self._virsh("save", self.name, state)
        size = os.path.getsize(state)
        self._virsh("restore", state)
        self._wait_for_agent()
        return size

    def plug_share(self, tag):
        """A folder of the host's, as genkan shares it. Returns where it is there."""
        folder, path = f"{self.folder}/{tag}", f"{self.folder}/{tag}.xml"
        os.mkdir(folder)
        with open(path, "w", encoding="utf-8") as file:
            file.write("<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs'/>"
                       f"<source dir='{folder}'/><target dir='{tag}'/></filesystem>")
        self._virsh("attach-device", self.name, path)
        return folder

    def plug_nic(self, link):
        """A NIC that ends in QEMU itself, which serves DHCP to it; its link "up" or "down". Once it is
        there, sets its link."""
        path = f"{self.folder}/nic.xml"
        there = os.path.exists(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write("<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/>"
                       f"<link state='{link}'/></interface>")
        self._virsh("update-device" if there else "attach-device", self.name, path)

    def screenshot(self):
        path = f"{self.folder}/screen.png"
        self._virsh("screenshot", self.name, path)
        with open(path, "rb") as file:
            return file.read()
