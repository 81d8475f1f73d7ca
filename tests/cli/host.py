# SPDX-License-Identifier: GPL-2.0-or-later
"""A genkand of a test's own: own directories, own bridge, own uplink; and a look at what is left of it."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as tree

SOURCE = os.environ["GENKAN_SOURCE"]
STAGE = os.environ["GENKAN_STAGE"]
VIRSH = ["virsh", "-q", "-c", "qemu:///system"]
DOMAIN_NS = "https://genkan.invalid/domain/1"
SAMPLE = os.path.join(STAGE, "share/genkan/sample/sample.pdf.lnk")
GENKAN = os.path.join(STAGE, "bin/genkan")
GENKAND = os.path.join(STAGE, "sbin/genkand")

sys.path.insert(0, os.path.join(SOURCE, "tests/vm"))
from cached_image import state_dir_with  # noqa: E402
from shared_warm import shared_warm  # noqa: E402


class Host:
    def __init__(self, images=("debian-base",), config="", top=None, warm=True):
        """images: golden images to have; top: directory to work in, else one in /tmp; warm: whether the warm
        states are those that tests share, else this one makes its own where its configuration has any."""
        golden = {name: os.path.join(state_dir_with(name), "images", name) for name in images}
        warm_states = {name: shared_warm(name) for name in images if warm and "warm=never" not in config}
        self.top = tempfile.mkdtemp(prefix="genkan-test-", dir=top)
        os.chmod(self.top, 0o711)
        self.state, self.run_dir, self.config = (os.path.join(self.top, d) for d in ("state", "run", "etc"))
        os.makedirs(self.config)
        os.makedirs(self.state)
        os.chmod(self.state, 0o711)
        self._link("images", golden)
        self._link("warm", warm_states)
        self.configure(config)
        self.log = os.path.join(self.top, "genkand.log")
        self.daemon = None
        self.ours = {}  # domain: whether it is of this host

    def _link(self, kind, folders):
        own = os.path.join(self.state, kind)
        os.makedirs(own)
        os.chmod(own, 0o711)
        for name, folder in folders.items():
            os.symlink(folder, os.path.join(own, name))

    def configure(self, config):
        """Writes genkand.conf, for the next start."""
        with open(os.path.join(self.config, "genkand.conf"), "w") as file:
            file.write(config)
        self.has_pool = "[pool " in config

    # --- the daemon ---------------------------------------------------------------------------

    def start(self):
        with open(self.log, "ab") as log:
            begun = log.tell()
            self.daemon = subprocess.Popen(
                [GENKAND, "--state-dir", self.state, "--run-dir", self.run_dir, "--config-dir", self.config],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(self.log) as log:
                log.seek(begun)
                if "ready on" in log.read():
                    return self
            if self.daemon.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError("genkand did not start:\n" + self.read_log())

    def read_log(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def kill(self):
        """kill -9, as a crash is"""
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            try:
                self.daemon.wait(120)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def child(self, name):
        """The process id of genkand's helper of that name."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    comm, fields = file.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if comm == name[:15] and int(fields.split()[1]) == self.daemon.pid:
                return int(pid)
        raise AssertionError(f"genkand has no {name}")

    def clean(self):
        try:
            self.stop()
        finally:
            for line in reversed(self.mounts()):
                subprocess.run(["umount", "-l", line], check=False)
            shutil.rmtree(self.top, ignore_errors=True)

    # --- the command line ---------------------------------------------------------------------

    def popen(self, *words, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        environment = dict(os.environ, GENKAN_RUN_DIR=self.run_dir)
        return subprocess.Popen([GENKAN, *words], env=environment, text=True, stdin=subprocess.DEVNULL, **options)

    def genkan(self, *words, timeout=400, **options):
        """Returns (exit code, standard output, standard error)."""
        process = self.popen(*words, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out, err

    def json(self, verb, *words, timeout=400):
        code, out, err = self.genkan(verb, "--json", *words, timeout=timeout)
        if code != 0:
            raise AssertionError(f"genkan {verb} {' '.join(words)}: exit {code}: {err}\n{self.read_log()[-2000:]}")
        return json.loads(out)

    def runs(self):
        """Ids of all runs on record, oldest first."""
        folder = os.path.join(self.state, "runs")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(names, key=lambda name: os.stat(os.path.join(folder, name)).st_ctime)

    def ledger(self, run):
        with open(os.path.join(self.state, "runs", run, "ledger.jsonl")) as file:
            return [json.loads(line) for line in file]

    def wait_for_event(self, event, timeout=300):
        """Waits until some run has recorded event; returns the run's id."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for run in self.runs():
                try:
                    if any(line["event"] == event for line in self.ledger(run)):
                        return run
                except (FileNotFoundError, json.JSONDecodeError):
                    pass
            time.sleep(0.1)
        raise AssertionError(f"no run recorded '{event}' in time\n" + self.read_log())

    # --- waiting ------------------------------------------------------------------------------

    def until(self, condition, what, timeout=120):
        """Waits until condition() is true, and returns what it is."""
        deadline = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"not in time: {what}\n" + self.read_log()[-3000:])
            time.sleep(0.1)
        return found

    def wait_closed(self, run, timeout=120):
        """rm and revert return before all is done: waits until a run is over, its ledger and report closed."""
        self.until(lambda: run not in (vm["id"] for vm in self.json("ls")), f"{run} is closed", timeout)

    # --- at rest ------------------------------------------------------------------------------

    def at_rest(self):
        """Whether the pool is filled, nothing is being removed, and what there is is what ls and pool show."""
        pools = self.json("pool") if self.has_pool else []
        held = len(self.json("ls")) + sum(pool["ready"] for pool in pools)
        return (all(pool["ready"] >= pool["min"] and not pool["starting"] for pool in pools)
                and len(self.domains()) == held and len(self.machines()) == held)

    def settle(self, timeout=120):
        deadline = time.monotonic() + timeout
        while not self.at_rest():
            if time.monotonic() > deadline:
                raise AssertionError(f"no rest: {self.json('ls')} {self.json('pool') if self.has_pool else ''} "
                                     f"{self.domains()} {self.machines()}\n{self.read_log()[-2000:]}")
            time.sleep(0.1)

    # --- what is left -------------------------------------------------------------------------

    def mounts(self):
        with open("/proc/self/mountinfo") as file:
            points = [line.split()[4] for line in file]
        return [point for point in points if point.startswith(self.top + "/")]

    def machines(self):
        """Ids of the machines that there is something of on disk."""
        folder = os.path.join(self.state, "machines")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def domains(self, *which):
        """Names of our domains, known by the instance that they are marked with."""
        listed = subprocess.run([*VIRSH, "list", "--name", *(which or ["--all"])], capture_output=True, text=True,
                                check=True).stdout.split()
        for name in listed:
            if name not in self.ours:
                self.ours[name] = name.startswith("genkan-") and self._instance_of(name) == self._instance()
        return [name for name in listed if self.ours[name]]

    def _instance(self):
        with open(os.path.join(self.state, "instance")) as file:
            return file.read().strip()

    @staticmethod
    def _instance_of(domain):
        asked = subprocess.run([*VIRSH, "metadata", domain, DOMAIN_NS], capture_output=True, text=True, check=False)
        return tree.fromstring(asked.stdout).get("instance") if asked.returncode == 0 else None

    def taps(self):
        ids = {*self.machines(), *self.runs(), *(name.removeprefix("genkan-") for name, ours in self.ours.items() if ours)}
        return [name for name in os.listdir("/sys/class/net") if name.startswith("gk") and name[2:] in ids]

    def overlays(self):
        return [os.path.join(path, name) for folder in ("runs", "machines")
                for path, _, names in os.walk(os.path.join(self.state, folder))
                for name in names if name.endswith(".qcow2")]

    def processes(self):
        """Of ours but genkand itself: whatever names a path of ours on its command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if self.top in words and int(pid) != os.getpid() and not words.startswith(GENKAND):
                found.append(words)
        return found

    def leftovers(self):
        left = {"domains": self.domains(), "taps": self.taps(), "mounts": self.mounts(),
                "overlays": self.overlays(), "machines": self.machines(),
                "processes": [words for words in self.processes() if "virtiofsd" in words or "qemu-system" in words]}
        return {kind: things for kind, things in left.items() if things}

    def assert_nothing_left(self, test, timeout=20):
        """At once, or when libvirtd has reaped what it was killing."""
        deadline = time.monotonic() + timeout
        while self.leftovers() and time.monotonic() < deadline:
            time.sleep(0.2)
        test.assertEqual(self.leftovers(), {})


# One IPv4 packet for everybody.
SEND = """
import socket, struct, sys
header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
total = sum(struct.unpack('!10H', header))
header = header[:10] + struct.pack('!H', ~(total + (total >> 16)) & 0xffff) + header[12:]
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
    s.bind((sys.argv[1], 0))
    s.send(b'\\xff' * 6 + bytes(6) + b'\\x08\\x00' + header + struct.pack('!HHHH', 9, 9, 8, 0))
"""


class Uplink:
    """A namespace outside, where a guest's packets would come out; it counts them."""

    def __init__(self):
        self.name = "gkt-" + os.urandom(4).hex()
        self.path = "/run/netns/" + self.name
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("nft", "add table inet count; add chain inet count in "
                 "{ type filter hook prerouting priority -450; policy accept; }; "
                 "add rule inet count in meta nfproto ipv4 counter; "
                 "add rule inet count in meta nfproto ipv6 icmpv6 type { nd-neighbor-solicit, nd-router-solicit, "
                 "mld2-listener-report } accept; "
                 "add rule inet count in meta nfproto ipv6 counter")

    def run(self, *words):
        return subprocess.run(["ip", "netns", "exec", self.name, *words], check=True, capture_output=True,
                              text=True).stdout

    def packets(self):
        """IP packets that came in from anywhere but loopback (IPv6's own chatter aside)."""
        rules = json.loads(self.run("nft", "-j", "list", "table", "inet", "count"))["nftables"]
        return sum(part["counter"]["packets"] for rule in rules for part in rule.get("rule", {}).get("expr", [])
                   if "counter" in part)

    def be_sent_a_frame(self, netd):
        """Has one UDP packet leave the bridge's namespace by its end of the veth, past all rules."""
        inside = ["nsenter", "-n", "-t", str(netd)]
        links = subprocess.check_output([*inside, "ip", "-j", "link", "show", "type", "veth"])
        subprocess.run([*inside, "/usr/bin/python3", "-c", SEND, json.loads(links)[0]["ifname"]], check=True)


    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)
