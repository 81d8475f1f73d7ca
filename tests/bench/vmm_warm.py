#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Warm clones, the pool and revert, against what libvirt and QEMU do by themselves with the same state
of the same machine: side by side, in turns, in one run. Prints a JSON object for each case.
GENKAN_BENCH_ROUNDS: rounds after the warm-up (10).

Ours are whole commands of genkan, to their return; but for `clone`, which ends where its baseline does:
when the agent has answered and NIC and share are attached. What comes after that, the run's ledger
says. Two genkands take part: one with a pool, one without. Before each measurement what the one before
left to be done behind is waited for."""
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["GENKAN_SOURCE"], "tests/cli"))
from host import Host  # noqa: E402
from plain import Agents, Machine, Snapshot  # noqa: E402

IMAGE = "debian-base"
ROUNDS = int(os.environ.get("GENKAN_BENCH_ROUNDS", "10"))
POOL = 2
POOLED = f"[vm]\nmost-disposables=20\n[pool]\nmemory-mib=4096\n[pool {IMAGE}]\nmin={POOL}\nmax={POOL}\n"
STATE_BYTES, RSS_MORE, DAEMON_MS = 80_000_000, 5_000_000, 50

SNAPSHOT = "virsh snapshot-revert of an internal snapshot with memory, of the booted guest"

# case: unit, what is measured, against what (a measurement, or a number), its name in words
CASES = {
    "claim": ("s", "claim", "restore", "virsh restore + agent ping of the unstripped state"),
    "claim-daemon": ("ms", "daemon", DAEMON_MS, "bar"),
    "clone": ("s", "clone", "attached", "virsh restore + agent ping + virsh attach-device of NIC and share"),
    "clone-whole": ("s", "clone-whole", "attached", "the same; ours unique, connected and usable"),
    "clone-vs-qemu": ("s", "clone", "raw", "QEMU -incoming of the unstripped state, to running"),
    "revert-pool": ("s", "revert-pool", "snapshot", SNAPSHOT),
    "revert": ("s", "revert", "snapshot", SNAPSHOT),
    "clone-vs-boot": ("s", "clone", "boot", "virsh create + agent ping"),
    "state-bytes": ("bytes", "bytes", STATE_BYTES, "bar"),
    "pool-rss": ("bytes", "rss", "rss-most", "the state's size + 5 MB"),
}


def shared_memory(domain):
    """Bytes of the guest's memory that are resident."""
    with open(f"/run/libvirt/qemu/{domain}.pid") as file:
        pid = file.read().strip()
    total, ours = 0, False
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            words = line.split()
            if not words[0].endswith(":"):
                ours = "/memfd:" in line
            elif ours and words[0] == "Rss:":
                total += int(words[1]) << 10
    return total


class Round:
    """What is measured each time, in this order."""

    def __init__(self, pooled, single, machine, snapshot, agents):
        self.pooled, self.single, self.machine, self.snapshot = pooled, single, machine, snapshot
        self.agents = agents
        self.kept = pooled.json("new", IMAGE)["id"]
        self.seen = {}

    def note(self, name, value):
        self.seen.setdefault(name, []).append(value)

    def timed(self, name, host, *words):
        host.settle()
        begun = time.monotonic()
        answer = host.json(*words)
        self.note(name, time.monotonic() - begun)
        return answer

    def check_via(self, via, wanted):
        if via != wanted:
            raise AssertionError(f"a machine came by '{via}', not by '{wanted}': there is nothing to measure\n"
                                 + self.pooled.read_log()[-2000:] + self.single.read_log()[-2000:])

    def check_usable(self, host, vm):
        code, _, err = host.genkan("run", "--vm", vm, "--", "true")
        if code != 0:
            raise AssertionError(f"the reverted VM is of no use: {err}")

    def claims(self):
        report = self.timed("claim", self.pooled, "run", "--image", IMAGE, "--", "true")
        self.check_via(report["started"]["via"], "pool")
        self.note("daemon", report["started"]["ms"]["daemon"])
        self.timed("revert-pool", self.pooled, "revert", self.kept)
        self.check_usable(self.pooled, self.kept)
        self.pooled.settle()

    def clones(self):
        vm = self.timed("clone-whole", self.single, "new", IMAGE)["id"]
        started = [line for line in self.single.ledger(vm) if line["event"] == "started"][-1]["ms"]
        after = sum(started[part] for part in ("claim", "share", "network")) - started["answer"]
        self.note("clone", self.seen["clone-whole"][-1] - after / 1000)
        self.check_via(self.single.json("ls")[0]["via"], "warm")
        self.timed("revert", self.single, "revert", vm)
        self.check_usable(self.single, vm)
        self.single.json("rm", vm)
        self.single.settle()

    def others(self):
        restored, attached = self.machine.restore()
        self.note("restore", restored)
        self.note("attached", attached)
        self.note("raw", self.machine.raw_qemu())
        self.note("snapshot", self.snapshot.revert())
        self.note("boot", self.machine.cold_boot(self.agents))

    def run(self):
        self.claims()
        self.clones()
        self.others()
        print(" ".join(f"{name} {values[-1]:.3f}" for name, values in self.seen.items()), file=sys.stderr, flush=True)


def measure(pooled, single, cleanup):
    """Returns the median of each measurement by name."""
    state = single.json("image", "warm", IMAGE)
    pooled.json("image", "warm", IMAGE)
    memory = state["path"] if os.path.isfile(state["path"]) else os.path.join(state["path"], "memory")
    machine = Machine(memory, os.path.join(os.path.dirname(memory), "disk.qcow2"))
    cleanup.append(machine.clean)
    agents = Agents()
    cleanup.append(agents.stop)
    snapshot = Snapshot(machine, agents)
    cleanup.append(snapshot.clean)
    pooled.settle()
    rounds = Round(pooled, single, machine, snapshot, agents)
    for _ in range(ROUNDS + 1):
        rounds.run()
    medians = {name: statistics.median(values[1:]) for name, values in rounds.seen.items()}
    medians["bytes"] = state["bytes"]
    pooled.settle()
    medians["rss"] = max(shared_memory(domain) for domain in pooled.domains("--state-paused"))
    medians["rss-most"] = state["bytes"] + RSS_MORE
    return medians


def report(medians):
    for case, (unit, value, against, words) in CASES.items():
        ours, theirs = medians[value], medians.get(against, against)
        print(json.dumps({"bench": "vmm", "case": case, "value": round(ours, 3), "unit": unit, "against": words,
                          "against_value": round(theirs, 3), "ratio": round(ours / theirs, 3)}), flush=True)


def main():
    cleanup = []
    try:
        hosts = []
        for config in (POOLED, ""):
            hosts.append(Host(images=(IMAGE,), config=config))
            cleanup.append(hosts[-1].clean)
            hosts[-1].start()
        report(measure(*hosts, cleanup))
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{error}: {error.stderr}") from error
    finally:
        for step in reversed(cleanup):
            step()


if __name__ == "__main__":
    main()
