# SPDX-License-Identifier: GPL-2.0-or-later
"""One life of a disposable: new, run, revert, run, rm."""
import threading

IMAGE = "debian-base"


class Failed(Exception):
    """A verb of genkan did not do what it should."""


def _do(host, *words):
    code, out, err = host.genkan(*words, timeout=180)
    if code != 0:
        raise Failed(f"genkan {' '.join(words)}: exit {code}: {err.strip()}")
    return out


def cycle(host, mark):
    """mark: a word that no other cycle has."""
    vm = f"soak-{mark}"
    _do(host, "new", IMAGE, "--name", vm)
    wanted = f"{mark} in a fresh VM\n"
    for attempt in range(2):
        out = _do(host, "run", "--vm", vm, "--", "sh", "-c",
                  f"test -e /root/mark && cat /root/mark; echo '{mark} in a fresh VM' | tee /root/mark")
        if out != wanted:
            raise Failed(f"the guest of {vm} said {out!r}" + (" after the revert" if attempt else ""))
        if attempt == 0:
            _do(host, "revert", vm)
    _do(host, "rm", vm)


class Workers:
    """So many threads that each call work() again and again, until it says False."""

    def __init__(self, count, work):
        self.threads = [threading.Thread(target=self._loop, args=(work,), daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def _loop(work):
        while work():
            pass

    def join(self, timeout):
        for thread in self.threads:
            thread.join(timeout)
        if any(thread.is_alive() for thread in self.threads):
            raise AssertionError("a command hangs")
