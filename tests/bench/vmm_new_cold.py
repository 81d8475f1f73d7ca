#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What genkan adds to a cold start: from `genkan new debian-base` to the guest agent answering, against
`virsh create` of the same machine on a fresh overlay to the same point, in turns. Prints one JSON
object. GENKAN_BENCH_ROUNDS: rounds after the warm-up (5)."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import xml.etree.ElementTree as tree

sys.path.insert(0, os.path.join(os.environ["GENKAN_SOURCE"], "tests/cli"))
from host import Host  # noqa: E402
from plain import VIRSH, Agents, make_overlay, own_machine, virsh  # noqa: E402

ROUNDS = int(os.environ.get("GENKAN_BENCH_ROUNDS", "5"))


def by_genkan(host, agents):
    """Returns the seconds, and the machine that genkan made of it."""
    begun = time.monotonic()
    vm = host.json("new", "debian-base")
    domain = host.domains()[0]
    took = agents.answered(domain) - begun
    machine = virsh("dumpxml", "--inactive", domain)
    host.json("rm", vm["id"])
    host.settle()
    return took, machine


def by_virsh(machine, agents):
    with tempfile.TemporaryDirectory(prefix="genkan-bench-") as folder:
        os.chmod(folder, 0o711)
        name = f"bench-{uuid.uuid4().hex[:8]}"
        domain = own_machine(machine, name, folder)
        make_overlay(domain.find("devices/disk/source").get("file"),
                     domain.find("devices/disk/backingStore/source").get("file"))
        path = os.path.join(folder, "machine.xml")
        with open(path, "w") as file:
            file.write(tree.tostring(domain, encoding="unicode"))
        try:
            begun = time.monotonic()
            virsh("create", path)
            return agents.answered(name) - begun
        finally:
            subprocess.run([*VIRSH, "destroy", name], capture_output=True, check=False)


def measure():
    host, agents = Host(images=("debian-base",), config="[vm]\nwarm=never\n"), Agents()
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
