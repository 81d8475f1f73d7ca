# SPDX-License-Identifier: GPL-2.0-or-later
"""A real clamd of a test's own, with one signature."""
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# In two halves, so that no scanner finds it here.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
BAD = b"this file plays the part of malware in a test"
CONFIGURATION = """
Foreground yes
LocalSocket {folder}/socket
LocalSocketMode 666
DatabaseDirectory {folder}
LogFile {folder}/log
User clamav
{more}
"""
FAIL_CLOSED = "AlertEncrypted yes\nAlertExceedsMax yes"


class Clamd:
    """clamd in a folder of its own, as the user that it has on every system, not as root."""

    def __init__(self, more=FAIL_CLOSED, bad=BAD):
        self.folder = tempfile.mkdtemp(prefix="genkan-clamd-")
        os.chmod(self.folder, 0o755)
        shutil.chown(self.folder, "clamav")
        self.socket = os.path.join(self.folder, "socket")
        self._write("test.hdb", f"{hashlib.md5(bad).hexdigest()}:{len(bad)}:Genkan.Test\n")
        self._write("clamd.conf", CONFIGURATION.format(folder=self.folder, more=more))
        self.process = subprocess.Popen(
            ["/usr/sbin/clamd", "-c", os.path.join(self.folder, "clamd.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "log")) as log:
                    raise RuntimeError("clamd did not start: " + log.read())
            time.sleep(0.05)

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def _answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(self.socket)
                peer.sendall(b"zPING\0")
                return peer.recv(16) == b"PONG\0"
        except OSError:
            return False

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def remove(self):
        self.kill()
        shutil.rmtree(self.folder)
