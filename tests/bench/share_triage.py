#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long `genkan triage` takes: of one shortcut, and of a folder of 1,000. Prints a JSON object a line.
GENKAN_BENCH_ROUNDS: rounds after the warm-up (30 of one shortcut, a tenth of that of the folder)."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.environ["GENKAN_SOURCE"], "tests/share"))
import make_lnk  # noqa: E402

GENKAN = os.path.join(os.environ["GENKAN_STAGE"], "bin/genkan")
ROUNDS = int(os.environ.get("GENKAN_BENCH_ROUNDS", "30"))
FILES = 1000
PROCESS_MS, FILES_PER_S = 10, 300  # the bars


def triage(path):
    begun = time.monotonic()
    subprocess.run([GENKAN, "triage", "--json", path], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def measure(path, rounds):
    triage(path)
    return statistics.median(triage(path) for _ in range(rounds))


def main():
    with tempfile.TemporaryDirectory() as folder:
        for i in range(FILES):
            with open(os.path.join(folder, f"{i}.lnk"), "wb") as file:
                file.write(make_lnk.windows_like(arguments=f"--profile {i}"))
        one = measure(os.path.join(folder, "0.lnk"), ROUNDS) * 1000
        rate = FILES / measure(folder, max(ROUNDS // 10, 1))
    print(json.dumps({"case": "triage-process", "ms": round(one, 2), "bar": PROCESS_MS, "ratio": round(one / PROCESS_MS, 3)}))
    print(json.dumps({"case": "triage-directory", "files_per_s": round(rate), "bar": FILES_PER_S,
                      "ratio": round(FILES_PER_S / rate, 3)}))


if __name__ == "__main__":
    main()
