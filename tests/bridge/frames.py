# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames, made byte by byte, as a guest that keeps to no rule would."""
import socket
import struct

BROADCAST = b"\xff" * 6
IPV4, ARP, IPV6, VLAN, QINQ = 0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ether(destination, source, kind, payload):
    return destination + source + struct.pack("!H", kind) + payload


def ipv4(source, destination, protocol, payload, fragment=0, options=b"", ttl=64):
    def header(check):
        return struct.pack("!BBHHHBBH4s4s", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 7, fragment,
                           ttl, protocol, check, socket.inet_aton(source), socket.inet_aton(destination)) + options
    return header(checksum(header(0))) + payload


def _transport(source, destination, protocol, segment, at):
    pseudo = socket.inet_aton(source) + socket.inet_aton(destination) + struct.pack("!BBH", 0, protocol, len(segment))
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment) or 0xffff) + segment[at + 2:]


def udp(source, destination, sport, dport, data, **ip):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data
    return ipv4(source, destination, 17, _transport(source, destination, 17, segment, 6), **ip)


SYN, ACK, PSH, RST, FIN = 2, 16, 8, 4, 1


def tcp(source, destination, sport, dport, flags=SYN, seq=1000, ack=0, data=b"", **ip):
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + data
    return ipv4(source, destination, 6, _transport(source, destination, 6, segment, 16), **ip)


def icmp(source, destination, kind=8, code=0, data=b"\0\1\0\1hello", **ip):
    body = struct.pack("!BBH", kind, code, 0) + data
    return ipv4(source, destination, 1, struct.pack("!BBH", kind, code, checksum(body)) + data, **ip)


def arp(operation, sender_mac, sender, target, target_mac=b"\0" * 6):
    return struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + sender_mac + socket.inet_aton(sender) + target_mac \
        + socket.inet_aton(target)


def dns(labels, kind=1, number=9):
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", kind, 1)


def dhcp(kind, client, xid=7, options=b"", flags=0):
    """flags 0x8000 asks for a broadcast answer."""
    return struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, xid, 0, flags, b"", b"", b"", b"") + client + b"\0" * 10 \
        + b"\0" * 192 + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


class Packet:
    """What a guest received: an IPv4 packet in an Ethernet frame, taken apart."""

    def __init__(self, frame):
        self.frame = frame
        self.destination_mac, self.source_mac = frame[:6], frame[6:12]
        self.kind = struct.unpack("!H", frame[12:14])[0]
        self.payload = frame[14:]
        self.protocol = None
        if self.kind != IPV4:
            return
        header = (self.payload[0] & 15) * 4
        self.protocol = self.payload[9]
        self.source = socket.inet_ntoa(self.payload[12:16])
        self.destination = socket.inet_ntoa(self.payload[16:20])
        segment = self.payload[header:struct.unpack("!H", self.payload[2:4])[0]]
        if self.protocol in (6, 17):
            self.sport, self.dport = struct.unpack("!HH", segment[:4])
        if self.protocol == 17:
            self.data = segment[8:]
        if self.protocol == 6:
            self.seq, self.ack = struct.unpack("!II", segment[4:12])
            self.flags = segment[13]
            self.data = segment[(segment[12] >> 4) * 4:]

    def __repr__(self):
        return f"<{self.kind:04x} {self.frame.hex()}>"


def dhcp_fields(data):
    """The address offered, and options by number, of a DHCP answer."""
    options, at = {}, 240
    while at < len(data) and data[at] != 255:
        if data[at]:
            options[data[at]] = data[at + 2:at + 2 + data[at + 1]]
            at += 2 + data[at + 1]
        else:
            at += 1
    return socket.inet_ntoa(data[16:20]), options
