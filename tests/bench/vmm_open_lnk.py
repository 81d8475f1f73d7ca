#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the warmth of debian-wine is worth: from the moment that a shortcut is opened in the guest to its
program having run, in a clone of the warm state against a VM that has booted. Prints one JSON object.
GENKAN_BENCH_ROUNDS: rounds after the warm-up (3).

The program is cmd.exe; it has run when the file that it writes is in the drop box."""
import glob
import json
import os
import statistics
import sys
import time

SOURCE = os.environ["GENKAN_SOURCE"]
sys.path[:0] = [os.path.join(SOURCE, "tests/cli"), os.path.join(SOURCE, "tests/share")]
import make_lnk  # noqa: E402
from host import Host  # noqa: E402

IMAGE = "debian-wine"
ROUNDS = int(os.environ.get("GENKAN_BENCH_ROUNDS", "3"))
BEGIN = "opening it in the VM"
TIMEOUT = 300
TARGET = r"C:\windows\system32\cmd.exe"
MARK = "ran.txt"


def shortcut(folder):
    path = os.path.join(folder, "notes.lnk")
    with open(path, "wb") as file:
        file.write(make_lnk.link(link_info=make_lnk.info(TARGET), arguments=rf"/c echo ran > Z:\genkan\outbound\{MARK}"))
    return path


def marks(host):
    """The file that says that it ran, wherever this genkand keeps its drop boxes."""
    return [path for folder in ("runs", "machines")
            for path in glob.glob(os.path.join(host.state, folder, "*/outbound", MARK)) if os.path.getsize(path)]


def wait_for_mark(host):
    deadline = time.monotonic() + TIMEOUT
    while not marks(host):
        if time.monotonic() > deadline:
            raise AssertionError("the shortcut's program did not run\n" + host.read_log()[-2000:])
        time.sleep(0.01)
    return time.monotonic()


def opened(host, path, via):
    host.settle()
    process = host.popen("open", "--progress", "--timeout", str(TIMEOUT), "--json", "--image", IMAGE, path)
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if BEGIN in line:
                break
        else:
            raise AssertionError("it was not opened: " + "".join(lines))
        begun = time.monotonic()
        took = wait_for_mark(host) - begun
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    started = json.loads(out)["started"]
    if started["via"] != via:
        raise AssertionError(f"a machine came by '{started['via']}', not by '{via}': {err}")
    return took


def measure(warm, cold):
    path = shortcut(warm.top)
    warm.json("image", "warm", IMAGE, timeout=900)
    seen = {"warm": [], "cold": []}
    for _ in range(ROUNDS + 1):
        for host, via in ((warm, "warm"), (cold, "cold")):
            seen[via].append(opened(host, path, via))
        print(" ".join(f"{via} {values[-1]:.2f}" for via, values in seen.items()), file=sys.stderr, flush=True)
    return (statistics.median(values[1:]) for values in seen.values())


def main():
    hosts = []
    try:
        for config in ("", "[vm]\nwarm=never\n"):
            hosts.append(Host(images=(IMAGE,), config=config))
            hosts[-1].start()
        warm, cold = measure(*hosts)
        print(json.dumps({"bench": "vmm", "case": "open-lnk", "value": round(warm, 3), "unit": "s",
                          "against": "the same in a cold-booted VM", "against_value": round(cold, 3),
                          "ratio": round(warm / cold, 3)}))
    finally:
        for host in hosts:
            host.clean()


if __name__ == "__main__":
    main()
