#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What genkan adds to a cold start: from `genkan new debian-base` to the guest agent answering, against
`virsh create` of the same machine on a fresh overlay to the same point, in turns. Prints one JSON
object. GENKAN_BENCH_ROUNDS: rounds after the warm-up (5)."""
import json
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import xml.etree.ElementTree as tree

sys.path.insert(0, os.path.join(os.environ["GENKAN_SOURCE"], "tests/cli"))
from host import Host  # noqa: E402

VIRSH = ["virsh", "-q", "-c", "qemu:///system"]
ROUNDS = int(os.environ.get("GENKAN_BENCH_ROUNDS", "5"))
BOOT_TIMEOUT = 400
CONNECTED = re.compile(r"'agent-lifecycle' for domain '?([^':]+)'?: state: 'connected'")


def virsh(*words, **options):
    return subprocess.run([*VIRSH, *words], check=True, capture_output=True, text=True, **options).stdout


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
                ping = [*VIRSH, "qemu-agent-command", connected[1], '{"execute":"guest-ping"}', "--timeout", "30"]
                if subprocess.run(ping, capture_output=True, check=False).returncode == 0:
                    self.answers.put((connected[1], time.monotonic()))

    def answered(self, domain):
        deadline = time.monotonic() + BOOT_TIMEOUT
        while domain not in self.known:
            name, when = self.answers.get(timeout=max(0.1, deadline - time.monotonic()))
            self.known[name] = when
        return self.known[domain]

    def stop(self):
        self.events.terminate()
        self.events.wait()


def by_genkan(host, agents):
    """Returns the seconds, and the machine that genkan made of it."""
    begun = time.monotonic()
    vm = host.json("new", "debian-base")
    domain = "genkan-" + vm["id"]
    took = agents.answered(domain) - begun
    machine = virsh("dumpxml", "--inactive", domain)
    host.json("rm", vm["id"])
    return took, machine


def same_machine(machine, folder):
    """The machine under another name, on an overlay of its own, without what was plugged in later."""
    domain = tree.fromstring(machine)
    name = f"bench-{uuid.uuid4().hex[:8]}"
    overlay = os.path.join(folder, name + ".qcow2")
    disk = domain.find("devices/disk")
    golden = disk.find("backingStore/source").get("file")
    domain.find("name").text = name
    domain.find("uuid").text = str(uuid.uuid4())
    domain.remove(domain.find("metadata"))  # else a genkand would take it for its own
    disk.find("source").set("file", overlay)
    devices = domain.find("devices")
    for device in devices.findall("interface") + devices.findall("filesystem"):
        devices.remove(device)
    for console in devices.findall("serial/source") + devices.findall("console/source"):
        console.set("path", os.path.join(folder, name + ".log"))
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", golden, "-F", "qcow2", overlay], check=True)
    os.chown(overlay, *qemu_owner())
    return name, tree.tostring(domain, encoding="unicode")


def qemu_owner():
    host = tree.fromstring(virsh("capabilities")).find("host")
    labels = {model.findtext("model"): model for model in host.findall("secmodel")}
    label = next(base.text for base in labels["dac"].findall("baselabel") if base.get("type") == "qemu")
    return tuple(int(part) for part in label.replace("+", "").split(":"))


def by_virsh(machine, agents):
    with tempfile.TemporaryDirectory(prefix="genkan-bench-") as folder:
        os.chmod(folder, 0o711)
        name, text = same_machine(machine, folder)
        path = os.path.join(folder, "machine.xml")
        with open(path, "w") as file:
            file.write(text)
        try:
            begun = time.monotonic()
            virsh("create", path)
            return agents.answered(name) - begun
        finally:
            subprocess.run([*VIRSH, "destroy", name], capture_output=True, check=False)


def measure():
    host, agents = Host(images=("debian-base",)), Agents()
    ours, theirs = [], []
    try:
        host.start()
        for _ in range(ROUNDS + 1):
            took, machine = by_genkan(host, agents)
            ours.append(took)
            theirs.append(by_virsh(machine, agents))
            print(f"genkan {ours[-1]:.2f} s, virsh {theirs[-1]:.2f} s", file=sys.stderr)
    finally:
        agents.stop()
        host.clean()
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


def main():
    ours, theirs = measure()
    print(json.dumps({"bench": "vmm", "case": "new-cold", "value": round(ours, 3), "unit": "s",
                      "against": "virsh create + agent ping", "against_value": round(theirs, 3),
                      "ratio": round(ours / theirs, 3)}))


if __name__ == "__main__":
    main()
