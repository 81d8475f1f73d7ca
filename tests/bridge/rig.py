# SPDX-License-Identifier: GPL-2.0-or-later
"""A real bridge with guests that speak raw frames, and an uplink that watches.

The test's process enters a network namespace of its own at import, which stands for the host's. The
bridge is genkan-netd, started and driven by bridge-host through genkand's client library.
"""
import ctypes
import fcntl
import json
import os
import queue
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import frames

BUILD = os.environ["GENKAN_BUILD"]
SUBNET, GATEWAY, UPLINK_NEAR, UPLINK_FAR = "10.213.0.0/16", "10.213.0.1", "10.213.255.253", "10.213.255.254"
OUTSIDE = "198.51.100.7"
CLONE_NEWNET = 0x40000000
QUIET = 0.4  # seconds without a frame after which none is expected any more

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_check(_libc.unshare(CLONE_NEWNET))
HOST_NETNS = os.open("/proc/self/ns/net", os.O_RDONLY)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class inside:
    """With this thread in another network namespace."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        there = os.open(self.path, os.O_RDONLY)
        _check(_libc.setns(there, CLONE_NEWNET))
        os.close(there)

    def __exit__(self, *_):
        _check(_libc.setns(HOST_NETNS, CLONE_NEWNET))


def wait_until(condition, seconds, what):
    """Returns what @condition returns once it is true."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def new_id():
    return random.choice("abcdefghijklmnopqrstuvwxyz") + "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=7))


def new_mac():
    return "52:54:00:" + ":".join(f"{random.randrange(256):02x}" for _ in range(3))


class Uplink:
    """A network namespace that stands for the world outside."""

    def __init__(self):
        # `cat` ends when this process does, however it does.
        self.keeper = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
        self.path = f"/proc/{self.keeper.pid}/ns/net"
        wait_until(lambda: os.readlink(self.path) != os.readlink("/proc/self/ns/net"), 5, "a namespace for the uplink")
        self.socket = None

    def netns(self):
        return "/proc/self/ns/net" if self.path == "host" else self.path

    def watch(self, name):
        with inside(self.netns()):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((name, 0))
        self.socket.setblocking(False)
        self.seen()

    def seen(self):
        """Frames that have come in since the last call."""
        frames_in = []
        while True:
            try:
                frame, (_, _, direction, _, _) = self.socket.recvfrom(65536)
            except BlockingIOError:
                return frames_in
            if direction != socket.PACKET_OUTGOING:
                frames_in.append(frame)

    def close(self):
        if self.socket:
            self.socket.close()
        self.keeper.stdin.close()
        self.keeper.wait()


class Host(Uplink):
    """The namespace of this process as the uplink: what `host` means."""

    def __init__(self):
        self.path, self.socket = "host", None

    def close(self):
        if self.socket:
            self.socket.close()


class Guest:
    """One disposable: a tap that was opened before the bridge took it, as QEMU does."""

    def __init__(self, rig, mac=None):
        self.rig, self.vm, self.mac_text = rig, new_id(), mac or new_mac()
        self.tap, self.mac = "gk" + self.vm, frames.mac(self.mac_text)
        self.gateway_mac = self.address = None
        rig.ask("tap", self.tap)
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454ca, struct.pack("16sH22s", self.tap.encode(), 0x0002 | 0x1000 | 0x4000, b""))

    def add(self, policy="none"):
        self.address = self.rig.ask("add", self.vm, self.tap, self.mac_text, policy)["address"]
        return self

    def remove(self):
        self.rig.ask("remove", self.vm)

    def close(self):
        os.close(self.fd)
        # One that was never added is still in this namespace.
        subprocess.run(["ip", "link", "del", self.tap], capture_output=True, check=False)

    def send(self, *payloads):
        """Frames; what the tap does not take (it is down, or gone) is lost, as with QEMU."""
        for payload in payloads:
            try:
                os.write(self.fd, b"\0" * 10 + payload)
            except OSError:
                pass

    def receive(self, quiet=QUIET):
        """Packets, until none has come for @quiet seconds."""
        got = []
        while select.select([self.fd], [], [], quiet)[0]:
            try:
                got.append(frames.Packet(os.read(self.fd, 65546)[10:]))
            except OSError:
                break
        return got

    def exchange(self, payload, wanted, seconds=3):
        """Sends until an answer comes that @wanted is true of."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(payload)
            again = time.monotonic() + 1
            while time.monotonic() < again:
                for packet in self.receive(0.05):
                    if wanted(packet):
                        return packet
        return None

    def find_gateway(self):
        request = frames.ether(frames.BROADCAST, self.mac, frames.ARP, frames.arp(1, self.mac, self.address, GATEWAY))
        answer = self.exchange(request, lambda p: p.kind == frames.ARP and p.payload[7] == 2)
        assert answer, "the gateway does not answer ARP"
        self.gateway_mac = answer.payload[8:14]
        return self.gateway_mac

    def ip(self, packet):
        """Sends an IPv4 packet to the gateway, in this guest's name."""
        self.send(self.frame(packet))

    def frame(self, packet):
        if not self.gateway_mac:
            self.find_gateway()
        return frames.ether(self.gateway_mac, self.mac, frames.IPV4, packet)

    def ask_dns(self, labels, kind=1, server=GATEWAY, sport=4000):
        packet = frames.udp(self.address, server, sport, 53, frames.dns(labels, kind))
        return self.exchange(self.frame(packet), lambda p: p.protocol == 17 and p.sport == 53 and p.dport == sport)


class Rig:
    def __init__(self, uplink=Uplink, subnet=SUBNET, netd=f"{BUILD}/hostd/bridge/netd/genkan-netd", packets=0):
        self.folder = tempfile.mkdtemp(prefix="genkan-bridge-")
        self.uplink = uplink() if uplink else None
        self.events, self.answers, self.guests = [], queue.Queue(), []
        self.process = None
        try:
            self._start(subnet, netd, packets)
        except BaseException:
            self.close()
            raise

    def _start(self, subnet, netd, packets):
        # bridge-host finds genkan-netd from where it stands, as genkand does.
        os.makedirs(self.folder + "/bin")
        os.makedirs(self.folder + "/libexec/genkan")
        shutil.copy(f"{BUILD}/tests/bridge/bridge-host", self.folder + "/bin")
        os.symlink(netd, self.folder + "/libexec/genkan/genkan-netd")
        self.process = subprocess.Popen(
            [self.folder + "/bin/bridge-host", self.folder, subnet, self.uplink.path if self.uplink else "none", "outside",
             str(packets)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        started = self.answers.get(timeout=30)
        assert started["ok"], started
        if self.uplink:
            self.uplink.watch("outside")

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
            else:
                self.answers.put(message)

    def try_ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.answers.get(timeout=30)

    def ask(self, *words):
        answer = self.try_ask(*words)
        assert answer["ok"], f"{' '.join(words)}: {answer['error']}; netd.log: {self.log()}"
        return answer

    def log(self):
        with open(self.folder + "/netd.log", encoding="utf-8") as log:
            return log.read()

    def guest(self, **kwargs):
        guest = Guest(self, **kwargs)
        self.guests.append(guest)
        return guest

    def pid(self):
        return self.ask("pid")["pid"]

    def run(self, *argv, check=True):
        """Runs a program in the bridge's namespace."""
        return subprocess.run(["nsenter", "-n", "-t", str(self.pid()), *argv], check=check, capture_output=True, text=True)

    def event(self, seconds=4, **fields):
        """The first event with these fields."""
        def find():
            return next((e for e in list(self.events) if all(e.get(k) == v for k, v in fields.items())), None)
        return wait_until(find, seconds, f"event {fields}; there were {self.events[-8:]}")

    def count(self, **fields):
        return sum(e["count"] for e in list(self.events) if all(e.get(k) == v for k, v in fields.items()))

    def close(self):
        for guest in self.guests:
            guest.close()
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if self.uplink:
            self.uplink.close()
        shutil.rmtree(self.folder)


def descendants(pid):
    """Process ids below @pid, by /proc."""
    found, todo = [], [pid]
    while todo:
        try:
            with open(f"/proc/{todo[0]}/task/{todo[0]}/children", encoding="ascii") as children:
                new = [int(word) for word in children.read().split()]
        except FileNotFoundError:
            new = []
        todo = todo[1:] + new
        found += new
    return found


def kill(pid):
    os.kill(pid, signal.SIGKILL)
