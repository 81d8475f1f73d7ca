# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that lie about who they are, and guests that reach for each other.

Every case is sent by one guest while another, and the world outside, listen: nobody may receive a
frame, and the liar may receive no answer.
"""
import struct
import unittest

import tap

import frames
from rig import GATEWAY, OUTSIDE, UPLINK_FAR, Rig

DNS_QUESTION = frames.dns([b"who", b"example"])


class Isolation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = Rig()
        cls.addClassCleanup(cls.rig.close)
        cls.liar, cls.victim = cls.rig.guest().add(), cls.rig.guest().add()
        for guest in (cls.liar, cls.victim):
            guest.find_gateway()

    def setUp(self):
        self.liar.receive(0.05)
        self.victim.receive(0.05)
        self.rig.uplink.seen()
        self.rig.events.clear()

    def silent(self, *sent, **event):
        """The frames have no effect, and, where @event is given, are recorded as that."""
        self.liar.send(*sent)
        if event:
            self.rig.event(vm=self.liar.vm, allowed=False, **event)
        self.assertEqual(self.liar.receive(), [], "the liar got an answer")
        self.assertEqual(self.victim.receive(0), [], "another guest received something")
        self.assertEqual(self.rig.uplink.seen(), [], "the uplink received something")
        self.assertEqual({e["vm"] for e in self.rig.events} - {self.liar.vm}, set())

    def ip(self, packet, source_mac=None, kind=frames.IPV4):
        return frames.ether(self.liar.gateway_mac, source_mac or self.liar.mac, kind, packet)

    def test_this_guest_is_heard_at_all(self):
        self.assertIsNotNone(self.liar.ask_dns([b"heard", b"example"]))
        self.assertIsNotNone(self.victim.ask_dns([b"heard", b"example"]))

    def test_foreign_source_addresses(self):
        for source in (self.victim.address, GATEWAY, "10.213.99.99", UPLINK_FAR, "8.8.8.8", "192.168.1.5", "0.0.0.0"):
            with self.subTest(source):
                self.rig.events.clear()
                self.silent(self.ip(frames.udp(source, GATEWAY, 4000, 53, DNS_QUESTION)), rule="spoof", protocol="udp",
                            destination=GATEWAY, port=53)
                self.silent(self.ip(frames.tcp(source, OUTSIDE, 4000, 443)), rule="spoof", protocol="tcp",
                            destination=OUTSIDE, port=443)
                self.silent(self.ip(frames.icmp(source, self.victim.address)), rule="spoof", protocol="icmp")

    def test_foreign_hardware_addresses(self):
        question = frames.udp(self.liar.address, GATEWAY, 4001, 53, DNS_QUESTION)
        for source in (self.victim.mac, frames.mac("52:54:00:77:77:77"), b"\0" * 6):
            with self.subTest(source.hex()):
                self.rig.events.clear()
                self.silent(self.ip(question, source_mac=source), rule="spoof", protocol="udp", port=53)

    def test_loopback_and_odd_sources(self):
        for source in ("127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"):
            with self.subTest(source):
                self.silent(self.ip(frames.udp(source, GATEWAY, 4000, 53, DNS_QUESTION)))

    def test_arp_in_the_name_of_another(self):
        me, other = self.liar, self.victim
        for sender_mac, sender in ((me.mac, other.address), (other.mac, other.address), (other.mac, me.address),
                                   (me.mac, GATEWAY), (me.mac, "0.0.0.0")):
            with self.subTest(f"{sender_mac.hex()} {sender}"):
                self.rig.events.clear()
                self.silent(frames.ether(frames.BROADCAST, me.mac, frames.ARP, frames.arp(1, sender_mac, sender, GATEWAY)),
                            rule="spoof", protocol="arp", destination=GATEWAY)

    def test_arp_answers_that_nobody_asked_for(self):
        me, other = self.liar, self.victim
        for sender in (other.address, GATEWAY):
            self.rig.events.clear()
            self.silent(frames.ether(self.liar.gateway_mac, me.mac, frames.ARP,
                                     frames.arp(2, me.mac, sender, GATEWAY, self.liar.gateway_mac)),
                        rule="spoof", protocol="arp")
        self.assertIsNotNone(other.ask_dns([b"still", b"example"]), "the other guest has lost its way")

    def test_arp_for_anybody_but_the_gateway(self):
        me = self.liar
        for target in (self.victim.address, UPLINK_FAR, "10.213.255.253", "10.213.44.44", OUTSIDE):
            with self.subTest(target):
                self.silent(frames.ether(frames.BROADCAST, me.mac, frames.ARP, frames.arp(1, me.mac, me.address, target)),
                            rule="arp", protocol="arp", destination=target)

    def test_the_test_for_a_duplicate_address_is_left_alone(self):
        me = self.liar
        self.silent(*(frames.ether(frames.BROADCAST, me.mac, frames.ARP, frames.arp(1, me.mac, sender, me.address))
                      for sender in ("0.0.0.0", me.address)))
        self.assertEqual(self.rig.events, [])

    def test_guest_to_guest(self):
        me, other = self.liar, self.victim
        packets = ((frames.tcp(me.address, other.address, 1, 445), {"protocol": "tcp", "port": 445}),
                   (frames.udp(me.address, other.address, 1, 137, b"x"), {"protocol": "udp", "port": 137}),
                   (frames.icmp(me.address, other.address), {"protocol": "icmp", "port": 8}))
        for packet, event in packets:
            for destination in (me.gateway_mac, other.mac, frames.BROADCAST):
                self.rig.events.clear()
                routed = destination == me.gateway_mac
                self.silent(frames.ether(destination, me.mac, frames.IPV4, packet),
                            **({**event, "destination": other.address, "rule": "policy none"} if routed else {}))

    def test_frames_for_other_stations(self):
        for destination in (self.victim.mac, frames.BROADCAST, b"\1\x80\xc2\0\0\0", b"\x33\x33\0\0\0\1"):
            for kind in (frames.IPV4, 0x88cc, 0x888e, 0x8863, 0x0027, 0x9000):
                self.silent(frames.ether(destination, self.liar.mac, kind, b"\0" * 60))

    def test_ipv6_in_all_forms(self):
        link_local = bytes.fromhex("fe80000000000000505400fffe000001")
        everybody = bytes.fromhex("ff020000000000000000000000000001")
        for header, body in ((58, b"\x85\0\0\0" + b"\0" * 4), (58, b"\x86\0\0\0" + b"\0" * 12), (58, b"\x87\0\0\0" + b"\0" * 20),
                             (17, struct.pack("!HHHH", 546, 547, 8, 0)), (6, b"\0" * 20), (0, b"\x3a\0\5\2\0\0\0\0"),
                             (43, b"\x3a\0" + b"\0" * 6), (44, b"\x3a\0" + b"\0" * 6), (59, b"")):
            packet = struct.pack("!IHBB", 6 << 28, len(body), header, 255) + link_local + everybody + body
            with self.subTest(header):
                self.silent(frames.ether(b"\x33\x33\0\0\0\1", self.liar.mac, frames.IPV6, packet),
                            self.ip(packet, kind=frames.IPV6))

    def test_vlan_and_qinq_tags(self):
        question = frames.udp(self.liar.address, GATEWAY, 4002, 53, DNS_QUESTION)
        connect = frames.tcp(self.liar.address, OUTSIDE, 4002, 443)
        for packet in (question, connect):
            for tag in (1, 100, 4094):
                tagged = struct.pack("!HH", tag, frames.IPV4) + packet
                self.silent(self.ip(tagged, kind=frames.VLAN))
                self.silent(self.ip(struct.pack("!HH", tag, frames.VLAN) + tagged, kind=frames.QINQ))
        # A tag that names no VLAN is a priority: such a packet is a plain one, to every rule.
        self.silent(self.ip(struct.pack("!HH", 0, frames.IPV4) + connect, kind=frames.VLAN), rule="policy none", port=443)
        self.silent(self.ip(struct.pack("!HH", 0, frames.IPV4) + frames.tcp("8.8.8.8", OUTSIDE, 4002, 443), kind=frames.VLAN),
                    rule="spoof", port=443)

    def test_fragments(self):
        whole = frames.udp(self.liar.address, OUTSIDE, 4003, 9999, b"x" * 64)[20:]
        for fragment, part in ((0x2000, whole[:32]), (4, whole[32:]), (0x2000 | 4, whole[32:40]), (0x1fff, whole[:8])):
            with self.subTest(fragment):
                self.rig.events.clear()
                self.silent(self.ip(frames.ipv4(self.liar.address, OUTSIDE, 17, part, fragment=fragment)),
                            rule="fragment", protocol="udp", destination=OUTSIDE)

    def test_ip_options(self):
        for options in (b"\x83\x07\x04\x0a\xd5\0\x03\0", b"\x89\x07\x04\x0a\xd5\0\x03\0", b"\x07\x07\4\0\0\0\0\0", b"\x94\4\0\0"):
            with self.subTest(options.hex()):
                self.rig.events.clear()
                self.silent(self.ip(frames.udp(self.liar.address, GATEWAY, 4004, 53, DNS_QUESTION, options=options)),
                            rule="ip options")

    def test_broken_headers(self):
        good = bytearray(frames.udp(self.liar.address, OUTSIDE, 4005, 80, b"x" * 30))
        for at, value in ((0, 0x44), (0, 0x4f), (0, 0x65), (2, 0xff), (3, 10), (10, good[10] ^ 0xff)):
            broken = bytearray(good)
            broken[at] = value
            self.silent(self.ip(bytes(broken)))
        for size in (0, 1, 13, 19, 20, 24):
            self.silent(self.ip(bytes(good[:size])))
        self.silent(b"", b"\0", self.liar.mac, self.liar.mac * 2)

    def test_a_dying_packet_has_no_last_words(self):
        for ttl in (0, 1):
            self.silent(self.ip(frames.udp(self.liar.address, OUTSIDE, 4006, 33434, b"x", ttl=ttl)))

    def test_nobody_outside_gets_in(self):
        far = self.rig.uplink.socket
        near = next(line.split()[2] for line in self.rig.run("ip", "-br", "link", "show", "uplink").stdout.splitlines())
        for packet in (frames.udp(UPLINK_FAR, self.victim.address, 53, 4000, b"x"), frames.tcp(OUTSIDE, self.victim.address, 80, 4000),
                       frames.udp("8.8.8.8", "10.213.255.253", 53, 4000, b"x"), frames.udp(UPLINK_FAR, GATEWAY, 4000, 53, DNS_QUESTION),
                       frames.icmp(UPLINK_FAR, "10.213.255.253")):
            far.send(frames.ether(frames.mac(near), b"\2\0\0\0\0\1", frames.IPV4, packet))
        self.silent()


if __name__ == "__main__":
    tap.main()
