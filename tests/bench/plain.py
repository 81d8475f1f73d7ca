# SPDX-License-Identifier: GPL-2.0-or-later
"""What libvirt and QEMU do by themselves with the machine, the disk and the memory that genkan uses:
the other side of each measurement. Every call returns seconds."""
import copy
import glob
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as tree

from saveimage import SaveImage

VIRSH = ["virsh", "-q", "-c", "qemu:///system"]
BOOT_TIMEOUT = 400
QEMU_TIMEOUT = 60
CONNECTED = re.compile(r"'agent-lifecycle' for domain '?([^':]+)'?: state: 'connected'")
PING = '{"execute":"guest-ping"}'


def virsh(*words, **options):
    return subprocess.run([*VIRSH, *words], check=True, capture_output=True, text=True, **options).stdout


def qemu_owner():
    host = tree.fromstring(virsh("capabilities")).find("host")
    labels = {model.findtext("model"): model for model in host.findall("secmodel")}
    label = next(base.text for base in labels["dac"].findall("baselabel") if base.get("type") == "qemu")
    return tuple(int(part) for part in label.replace("+", "").split(":"))


def make_overlay(path, backing):
    if os.path.exists(path):
        os.unlink(path)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "qcow2", path], check=True)
    os.chown(path, *qemu_owner())


class Agents:
    """When the agent of which domain answered. One watcher for both sides: it waits for libvirt's
    event, then asks once, so that it costs neither side anything while the guest boots."""

    def __init__(self):
        self.answers = queue.Queue()
        self.known = {}
        command = ["stdbuf", "-oL", *VIRSH, "event", "--event", "agent-lifecycle", "--loop"]
        self.events = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.events.stdout:
            connected = CONNECTED.search(line)
            if connected:
                ping = [*VIRSH, "qemu-agent-command", connected[1], PING, "--timeout", "30"]
                if subprocess.run(ping, capture_output=True, check=False).returncode == 0:
                    self.answers.put((connected[1], time.monotonic()))

    def answered(self, domain):
        deadline = time.monotonic() + BOOT_TIMEOUT
        while domain not in self.known:
            name, when = self.answers.get(timeout=max(0.1, deadline - time.monotonic()))
            self.known[name] = when
        return self.known.pop(domain)

    def stop(self):
        self.events.terminate()
        self.events.wait()


def own_machine(text, name, folder, chain=None):
    """The domain @text under another name, on an overlay in @folder, without what was plugged in
    later. chain: the files below the overlay, else what is there. Returns the tree."""
    domain = tree.fromstring(text)
    domain.find("name").text = name
    domain.find("uuid").text = str(uuid.uuid4())
    for part in domain.findall("metadata"):  # else a genkand would take it for its own
        domain.remove(part)
    devices = domain.find("devices")
    for device in devices.findall("interface") + devices.findall("filesystem"):
        devices.remove(device)
    for place in devices.findall("serial/source") + devices.findall("console/source"):
        place.set("path", os.path.join(folder, name + ".log"))
    for channel in devices.findall("channel"):
        for place in channel.findall("source"):
            channel.remove(place)
    disk = devices.find("disk")
    source = disk.find("source")
    source.set("file", os.path.join(folder, name + ".qcow2"))
    for part in source.findall("slices"):
        source.remove(part)
    if chain:
        disk.remove(disk.find("backingStore"))
        _add_chain(disk, chain)
    return domain


def _add_chain(above, chain):
    if not chain:
        tree.SubElement(above, "backingStore")
        return
    below = tree.SubElement(above, "backingStore", type="file")
    tree.SubElement(below, "format", type="qcow2")
    tree.SubElement(below, "source", file=chain[0])
    _add_chain(below, chain[1:])


def backing_chain(path):
    """The files that a qcow2 file stands on."""
    told = subprocess.run(["qemu-img", "info", "-U", "--backing-chain", "--output=json", path], check=True,
                          capture_output=True)
    return [part["filename"] for part in json.loads(told.stdout)][1:]


class Machine:
    """A machine of our own that stands on a warm state: @memory, a save image, and the @disk beside it."""

    def __init__(self, memory, disk):
        self.folder = tempfile.mkdtemp(prefix="genkan-bench-")
        os.chmod(self.folder, 0o711)
        self.name = "bench-" + uuid.uuid4().hex[:8]
        self.tap = "gb" + self.name[-8:]
        self.memory, self.disk = SaveImage(memory), disk
        self.golden = backing_chain(disk)[-1]
        self.overlay = os.path.join(self.folder, self.name + ".qcow2")
        self.plain = os.path.join(self.folder, "unstripped.save")
        warm = own_machine(self.memory.xml, self.name, self.folder, [disk, *backing_chain(disk)])
        self.memory.write_unstripped(self.plain, tree.tostring(warm, encoding="unicode"))
        self.nic, self.share = self._nic(), self._share()
        self.argv = None

    def _template(self, name):
        return tree.parse(os.path.join(os.environ["GENKAN_SOURCE"], "templates/domain", name)).getroot()

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def _nic(self):
        nic = self._template("nic.xml")
        nic.find("mac").set("address", "52:54:00:be:7c:01")
        nic.find("target").set("dev", self.tap)
        nic.find("link").set("state", "down")
        subprocess.run(["ip", "tuntap", "add", self.tap, "mode", "tap", "vnet_hdr"], check=True)
        return self._write("nic.xml", tree.tostring(nic, encoding="unicode"))

    def _share(self):
        share = self._template("export.xml")
        shared = os.path.join(self.folder, "shared")
        os.makedirs(shared)
        share.find("source").set("dir", shared)
        share.find("target").set("dir", "inbound")
        return self._write("share.xml", tree.tostring(share, encoding="unicode"))

    def destroy(self):
        subprocess.run([*VIRSH, "destroy", self.name], capture_output=True, check=False)

    def clean(self):
        self.destroy()
        subprocess.run(["ip", "link", "del", self.tap], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ping(self):
        """Until the agent answers: libvirt refuses while it has not yet seen the agent's port open."""
        deadline = time.monotonic() + QEMU_TIMEOUT
        ask = [*VIRSH, "qemu-agent-command", self.name, PING, "--timeout", "60"]
        while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"the agent of {self.name} does not answer")

    # --- the baselines ------------------------------------------------------------------------

    def _restore(self):
        make_overlay(self.overlay, self.disk)
        begun = time.monotonic()
        virsh("restore", self.plain)
        self.ping()
        return begun

    def restore(self):
        """`virsh restore` of the unstripped state and a ping; the same with NIC and share attached."""
        try:
            begun = self._restore()
            restored = time.monotonic() - begun
            virsh("attach-device", self.name, self.nic, "--live")
            virsh("attach-device", self.name, self.share, "--live")
            attached = time.monotonic() - begun
            return restored, attached
        finally:
            self.destroy()

    def raw_qemu(self):
        """QEMU alone with the machine's command line, -incoming of the unstripped stream, to running."""
        if not self.argv:
            self.argv = self._learn_argv()
        make_overlay(self.overlay, self.disk)
        return RawQemu(self.argv, self.folder).run(SaveImage(self.plain).open_stream())

    def _learn_argv(self):
        try:
            self._restore()
            with open(f"/run/libvirt/qemu/{self.name}.pid") as file:
                pid = file.read().strip()
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().decode().rstrip("\0").split("\0")
        finally:
            self.destroy()

    def cold_boot(self, agents):
        """`virsh create` on a fresh overlay of the golden disk to the agent's answer."""
        name = self.name + "-b"  # of its own: the agent of the other one has answered before
        domain = own_machine(self.memory.xml, name, self.folder, [self.golden])
        make_overlay(domain.find("devices/disk/source").get("file"), self.golden)
        path = self._write("cold.xml", tree.tostring(domain, encoding="unicode"))
        try:
            begun = time.monotonic()
            virsh("create", path)
            return agents.answered(name) - begun
        finally:
            subprocess.run([*VIRSH, "destroy", name], capture_output=True, check=False)


class RawQemu:
    """libvirt's command line for a machine, less the descriptors that it was passed."""

    DROPPED = ("-S", "-msg", "-object secret", "-add-fd", "-incoming", "-sandbox", "-D")

    def __init__(self, argv, folder):
        self.folder = folder
        self.monitor = os.path.join(folder, "raw.monitor")
        self.argv = [argv[0], *self._options(argv[1:])]

    def _options(self, words):
        options, at = [], 0
        while at < len(words):
            taken = 2 if at + 1 < len(words) and not words[at + 1].startswith("-") else 1
            option = words[at:at + taken]
            at += taken
            if option[0] not in self.DROPPED and not self._is_secret(option):
                options += self._without_descriptors(option)
        return options

    @staticmethod
    def _is_secret(option):
        return option[0] == "-object" and '"secret"' in option[1]

    def _without_descriptors(self, option):
        if option[0] != "-chardev":
            return option
        kind, name = option[1].split(",")[:2]
        name = name.removeprefix("id=")
        if kind == "socket":
            path = self.monitor if name == "charmonitor" else os.path.join(self.folder, f"raw.{name}")
            return ["-chardev", f"socket,id={name},path={path},server=on,wait=off"]
        return ["-chardev", f"null,id={name}"]

    def run(self, stream):
        for path in glob.glob(os.path.join(self.folder, "raw.*")):
            os.unlink(path)
        begun = time.monotonic()
        qemu = subprocess.Popen([*self.argv, "-incoming", "defer"], pass_fds=[stream],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        os.close(stream)
        try:
            with self._connect(qemu, begun + QEMU_TIMEOUT) as monitor:
                self._let_in(monitor, stream)
            return time.monotonic() - begun
        finally:
            qemu.kill()
            qemu.communicate()

    def _connect(self, qemu, deadline):
        while time.monotonic() < deadline:
            monitor = socket.socket(socket.AF_UNIX)
            try:
                monitor.connect(self.monitor)
                return monitor
            except OSError:
                monitor.close()
                if qemu.poll() is not None:
                    break
                time.sleep(0.005)
        qemu.kill()
        raise AssertionError("QEMU has no monitor: " + qemu.communicate()[1])

    @staticmethod
    def _let_in(monitor, stream):
        """The saved machine was paused, so it is when it has come in; it runs when QEMU says so."""
        monitor.settimeout(QEMU_TIMEOUT)
        events = [{"capability": "events", "state": True}]
        with monitor.makefile("rw") as lines:
            def say(command, **arguments):
                lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
                lines.flush()

            say("qmp_capabilities")
            say("migrate-set-capabilities", capabilities=events)
            say("migrate-incoming", uri=f"fd:{stream}")
            for line in lines:
                told = json.loads(line)
                status = told.get("data", {}).get("status")
                if told.get("event") == "RESUME":
                    return
                if "error" in told or status == "failed":
                    raise AssertionError("QEMU does not take the state: " + line)
                if status == "completed":
                    say("cont")
        raise AssertionError("QEMU ended before it ran")


class Snapshot:
    """A domain of libvirt's with an internal snapshot, memory included, taken when it had booted: what
    sandboxes on libvirt revert to. Nothing was taken out of its memory."""

    CALM_SECONDS = 5

    def __init__(self, machine, agents):
        self.machine = copy.copy(machine)
        self.machine.name = machine.name + "-s"
        self.machine.overlay = os.path.join(machine.folder, self.machine.name + ".qcow2")
        domain = own_machine(machine.memory.xml, self.machine.name, machine.folder, [machine.golden])
        make_overlay(self.machine.overlay, machine.golden)
        try:
            virsh("define", self.machine._write("snapshot.xml", tree.tostring(domain, encoding="unicode")))
            virsh("start", self.machine.name)
            agents.answered(self.machine.name)
            time.sleep(self.CALM_SECONDS)
            virsh("snapshot-create-as", self.machine.name, "booted", timeout=300)
        except BaseException:
            self.clean()
            raise

    def revert(self):
        begun = time.monotonic()
        virsh("snapshot-revert", self.machine.name, "booted")
        took = time.monotonic() - begun
        self.machine.ping()
        virsh("suspend", self.machine.name)  # an idle guest costs the others' measurements some
        return took

    def clean(self):
        self.machine.destroy()
        subprocess.run([*VIRSH, "undefine", self.machine.name, "--snapshots-metadata"], capture_output=True, check=False)
