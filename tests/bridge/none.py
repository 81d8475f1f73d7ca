# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy `none`: addresses and names are served, nothing goes out, every attempt is recorded."""
import socket
import struct
import unittest

import tap

import frames
from rig import GATEWAY, OUTSIDE, UPLINK_FAR, UPLINK_NEAR, Rig, wait_until

NXDOMAIN = 3


def code(answer):
    """The response code of a DNS answer, and how many records it has."""
    flags, _, answers, _, additional = struct.unpack("!HHHHH", answer[2:12])
    return flags & 15, answers + additional


class PolicyNone(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = Rig()
        cls.addClassCleanup(cls.rig.close)
        cls.guest = cls.rig.guest().add()

    def setUp(self):
        self.guest.receive(0.05)
        self.rig.uplink.seen()
        self.rig.events.clear()

    def tearDown(self):
        self.assertEqual(self.rig.uplink.seen(), [], "frames reached the uplink")

    def refused(self, packet, **event):
        """Nothing comes back, and the attempt is recorded."""
        self.guest.ip(packet)
        found = self.rig.event(vm=self.guest.vm, allowed=False, **event)
        self.assertEqual(self.guest.receive(), [])
        return found

    def test_dhcp_gives_the_announced_address_gateway_and_resolver(self):
        for kind, options in ((1, b""), (3, bytes([50, 4]) + socket.inet_aton(self.guest.address))):
            packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(kind, self.guest.mac, options=options))
            answer = self.guest.exchange(frames.ether(frames.BROADCAST, self.guest.mac, frames.IPV4, packet),
                                         lambda p: p.protocol == 17 and p.dport == 68)
            self.assertIsNotNone(answer)
            address, fields = frames.dhcp_fields(answer.data)
            self.assertEqual(address, self.guest.address)
            self.assertEqual(fields[53], bytes([kind + 1 if kind == 1 else 5]))
            self.assertEqual(socket.inet_ntoa(fields[3]), GATEWAY)
            self.assertEqual(socket.inet_ntoa(fields[6]), GATEWAY)
            self.assertEqual(socket.inet_ntoa(fields[1]), "255.255.0.0")

    def test_an_answer_by_broadcast_is_not_taken_for_the_guests(self):
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(1, self.guest.mac, flags=0x8000))
        answer = self.guest.exchange(frames.ether(frames.BROADCAST, self.guest.mac, frames.IPV4, packet),
                                     lambda p: p.protocol == 17 and p.dport == 68)
        self.assertEqual(answer.destination, "255.255.255.255")
        self.refused(frames.udp(self.guest.address, "192.0.2.1", 1, 9, b"the next thing that is recorded"), port=9)
        self.assertEqual(self.rig.count(), 1)

    def test_a_lease_is_renewed_by_unicast(self):
        request = bytearray(frames.dhcp(3, self.guest.mac))
        request[12:16] = socket.inet_aton(self.guest.address)
        packet = frames.udp(self.guest.address, GATEWAY, 68, 67, bytes(request))
        answer = self.guest.exchange(self.guest.frame(packet), lambda p: p.protocol == 17 and p.dport == 68)
        self.assertIsNotNone(answer)
        self.assertEqual(frames.dhcp_fields(answer.data)[1][53], b"\5")

    def test_dhcp_in_the_name_of_another_is_dropped_and_recorded(self):
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(4, frames.mac("52:54:00:99:99:99")))
        self.refused(packet, rule="host", protocol="udp", port=67, destination="255.255.255.255")

    def test_a_guests_name_for_itself_is_no_name_for_others(self):
        other = self.rig.guest().add()
        other.find_gateway()
        options = bytes([12, 4]) + b"wpad" + bytes([50, 4]) + socket.inet_aton(self.guest.address)
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(3, self.guest.mac, options=options))
        answer = self.guest.exchange(frames.ether(frames.BROADCAST, self.guest.mac, frames.IPV4, packet),
                                     lambda p: p.protocol == 17 and p.dport == 68)
        self.assertEqual(frames.dhcp_fields(answer.data)[1][53], b"\5")
        reverse = [part.encode() for part in reversed(self.guest.address.split("."))] + [b"in-addr", b"arpa"]
        for labels, kind in (([b"wpad"], 1), (reverse, 12)):
            self.assertEqual(code(other.ask_dns(labels, kind).data), (NXDOMAIN, 0))
        other.remove()

    def test_every_name_is_nxdomain_and_every_question_is_recorded(self):
        kinds = {1: "A", 28: "AAAA", 16: "TXT", 10: "NULL", 255: "ANY", 65: "HTTPS", 15: "MX", 64999: "TYPE64999"}
        for number, kind in kinds.items():
            name = f"{kind.lower()}.c2.example"
            answer = self.guest.ask_dns([part.encode() for part in name.split(".")], number)
            self.assertIsNotNone(answer, kind)
            self.assertEqual(code(answer.data), (NXDOMAIN, 0))
            self.rig.event(event="query", vm=self.guest.vm, name=name, type=kind, allowed=False, rule="dns none")

    def test_dns_to_any_other_server_is_answered_by_ours_in_its_name(self):
        for server in ("8.8.8.8", UPLINK_FAR, "10.213.200.200"):
            answer = self.guest.ask_dns([b"via", server.encode(), b"example"], server=server)
            self.assertIsNotNone(answer, server)
            self.assertEqual(answer.source, server)
            self.assertEqual(code(answer.data)[0], NXDOMAIN)
            self.rig.event(event="query", vm=self.guest.vm)

    def tcp_question(self, server, sport, question):
        """The answer to a question by TCP, spoken segment by segment."""
        guest = self.guest

        def segment(flags, seq, ack, data=b""):
            return guest.frame(frames.tcp(guest.address, server, sport, 53, flags, seq, ack, data))

        opened = guest.exchange(segment(frames.SYN, 100, 0), lambda p: p.protocol == 6 and p.flags == frames.SYN | frames.ACK)
        self.assertIsNotNone(opened, "no connection")
        guest.send(segment(frames.ACK, 101, opened.seq + 1))
        data = struct.pack("!H", len(question)) + question
        answer = guest.exchange(segment(frames.ACK | frames.PSH, 101, opened.seq + 1, data),
                                lambda p: p.protocol == 6 and p.data)
        guest.send(segment(frames.RST, 101 + len(data), 0))
        self.assertIsNotNone(answer, "no answer")
        return answer.data[2:]

    def open_and_reset(self, server, sport):
        """A stream by which nothing is asked."""
        me = self.guest.address
        opened = self.guest.exchange(self.guest.frame(frames.tcp(me, server, sport, 53)),
                                     lambda p: p.protocol == 6 and p.flags == frames.SYN | frames.ACK)
        self.assertIsNotNone(opened, "no connection")
        self.guest.ip(frames.tcp(me, server, sport, 53, frames.RST, 1001, 0))

    def test_the_server_that_was_asked_is_recorded_whatever_it_was_asked(self):
        me = self.guest.address
        update = bytearray(frames.dns([b"zone", b"example"]))
        update[2] = 5 << 3
        for sport, data in ((4101, frames.dns([b"plain", b"example"])), (4102, b"no question at all"), (4103, bytes(update)),
                            (4104, b"")):
            server = f"198.51.100.{sport - 4000}"
            self.guest.ip(frames.udp(me, server, sport, 53, data))
            self.rig.event(event="flow", vm=self.guest.vm, protocol="udp", destination=server, port=53, allowed=False,
                           rule="dns elsewhere")
        self.open_and_reset("198.51.100.200", 4105)
        self.rig.event(event="flow", vm=self.guest.vm, protocol="tcp", destination="198.51.100.200", port=53, allowed=False,
                       rule="dns elsewhere")

    def test_a_stream_to_our_own_server_is_recorded_and_a_question_to_it_is_only_a_question(self):
        self.open_and_reset(GATEWAY, 4106)
        self.rig.event(event="flow", vm=self.guest.vm, protocol="tcp", destination=GATEWAY, port=53, allowed=False, rule="dns tcp")
        self.rig.events.clear()
        self.assertIsNotNone(self.guest.ask_dns([b"only", b"example"]))
        self.rig.event(event="query", name="only.example")
        self.assertEqual(self.rig.count(event="flow"), 0)

    def test_dns_by_tcp_is_answered_and_recorded(self):
        for sport, server in ((5001, GATEWAY), (5002, "9.9.9.9")):
            self.assertEqual(code(self.tcp_question(server, sport, frames.dns([b"tcp", str(sport).encode(), b"example"])))[0],
                             NXDOMAIN)
            self.rig.event(event="query", vm=self.guest.vm, name=f"tcp.{sport}.example", type="A")

    def test_names_of_hostile_bytes_are_recorded_as_this_guests_and_printable(self):
        for labels in ([b"x from 10.213.0.9"], [b"a\nquery[A] b from 10.213.0.9"], [b"\xff\0\x1b[31m", b"evil"],
                       [b"dot.inside", b"evil"], [b"<b>\"'&|", b"evil"], [b"a" * 63] * 3 + [b"b" * 61], []):
            self.rig.events.clear()
            self.assertIsNotNone(self.guest.ask_dns(labels))
            event = self.rig.event(event="query", type="A")
            self.assertEqual(event["vm"], self.guest.vm)
            self.assertTrue(event["name"].isprintable() and event["name"].isascii() and event["name"])
            self.assertEqual({e["vm"] for e in self.rig.events}, {self.guest.vm})

    def test_connections_outward_are_refused_and_recorded(self):
        me = self.guest.address
        for destination in (OUTSIDE, "169.254.169.254", "192.168.1.1", "10.213.77.77", "1.1.1.1"):
            with self.subTest(destination):
                self.refused(frames.tcp(me, destination, 4321, 443), protocol="tcp", destination=destination, port=443,
                             rule="policy none")
                self.refused(frames.udp(me, destination, 4321, 4444, b"beacon"), protocol="udp", destination=destination,
                             port=4444, rule="policy none")
                self.refused(frames.icmp(me, destination), protocol="icmp", destination=destination, port=8,
                             rule="policy none")

    def test_other_protocols_are_refused_and_recorded_by_number(self):
        for protocol in (4, 41, 47, 50, 132, 255):
            packet = frames.ipv4(self.guest.address, OUTSIDE, protocol, b"\0" * 40)
            self.refused(packet, protocol=str(protocol), destination=OUTSIDE, port=0, rule="policy none")

    def test_parts_of_connections_that_never_were_are_refused(self):
        for flags in (frames.ACK, frames.RST, frames.FIN | frames.ACK, frames.SYN | frames.ACK, 0, 0x3f):
            self.rig.events.clear()
            self.refused(frames.tcp(self.guest.address, OUTSIDE, 99, 80, flags, 5, 6), protocol="tcp", port=80)

    def test_forged_icmp_errors_are_refused(self):
        quoted = frames.udp(OUTSIDE, self.guest.address, 53, 4000, b"")[:28]
        for kind, number in ((3, 1), (5, 0), (11, 0), (12, 0)):
            self.rig.events.clear()
            self.refused(frames.icmp(self.guest.address, OUTSIDE, kind, number, b"\0" * 4 + quoted), protocol="icmp", port=kind)

    def test_the_bridge_itself_is_closed_but_for_dhcp_and_dns(self):
        me = self.guest.address
        for address in (GATEWAY, UPLINK_NEAR):
            for port in (22, 80, 5353, 67, 68):
                with self.subTest(f"{address}:{port}"):
                    self.refused(frames.tcp(me, address, 4000, port), protocol="tcp", destination=address, port=port,
                                 rule="host")
                    self.refused(frames.udp(me, address, 4000, port, b"x"), protocol="udp", destination=address, port=port,
                                 rule="host")
            self.refused(frames.icmp(me, address), protocol="icmp", destination=address, rule="host")

    def test_broadcast_and_multicast_are_refused_and_recorded(self):
        me = self.guest.address
        for destination, port in (("255.255.255.255", 9), ("224.0.0.251", 5353), ("239.255.255.250", 1900)):
            multicast = frames.BROADCAST if destination[0] == "2" and destination.endswith("255") else \
                b"\x01\0\x5e" + bytes([socket.inet_aton(destination)[1] & 127]) + socket.inet_aton(destination)[2:]
            self.guest.send(frames.ether(multicast, self.guest.mac, frames.IPV4, frames.udp(me, destination, port, port, b"hi")))
            self.rig.event(vm=self.guest.vm, protocol="udp", destination=destination, port=port, rule="broadcast", allowed=False)
            self.assertEqual(self.guest.receive(), [])

    def test_what_a_packet_weighed_is_recorded(self):
        packet = frames.udp(self.guest.address, OUTSIDE, 1, 6000, b"x" * 700)
        self.assertEqual(self.refused(packet, port=6000)["bytes_out"], 728)

    def test_a_flood_becomes_few_events_that_count_everything(self):
        packet = self.guest.frame(frames.udp(self.guest.address, OUTSIDE, 1, 7000, b""))
        for _ in range(5000):
            self.guest.send(packet)
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= 5000, 5, "5,000 counted")
        self.assertEqual(self.rig.count(vm=self.guest.vm), 5000)
        self.assertGreater(self.rig.count(rule="over limit"), 0)
        self.assertLess(len(self.rig.events), 30)

    def test_a_flood_hides_neither_another_destination_nor_another_server(self):
        packet = self.guest.frame(frames.udp(self.guest.address, OUTSIDE, 1, 7000, b""))
        self.guest.send(*[packet] * 2000)
        self.guest.ip(frames.tcp(self.guest.address, "203.0.113.9", 4107, 443))
        self.guest.ip(frames.udp(self.guest.address, "203.0.113.10", 4108, 53, b"beacon"))
        self.guest.send(*[packet] * 1000)
        self.rig.event(vm=self.guest.vm, protocol="tcp", destination="203.0.113.9", port=443, rule="policy none")
        self.rig.event(vm=self.guest.vm, protocol="udp", destination="203.0.113.10", port=53, rule="dns elsewhere")
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= 3002, 5, "3,002 counted")
        self.assertEqual(self.rig.count(vm=self.guest.vm), 3002)

    def test_a_flood_of_dhcp_is_recorded_and_leaves_another_guest_its_answers(self):
        other, flooder = self.rig.guest().add(), self.rig.guest().add()
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(1, flooder.mac))
        flooder.send(*[frames.ether(frames.BROADCAST, flooder.mac, frames.IPV4, packet)] * 1000)
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(1, other.mac))
        self.assertIsNotNone(other.exchange(frames.ether(frames.BROADCAST, other.mac, frames.IPV4, packet),
                                            lambda p: p.protocol == 17 and p.dport == 68))
        self.rig.event(vm=flooder.vm, rule="dhcp rate", protocol="udp", port=67, destination="255.255.255.255")
        wait_until(lambda: self.rig.count(vm=flooder.vm) >= 900, 5, "900 counted")
        flooder.remove()
        other.remove()

    def test_dhcp_messages_that_no_guest_needs_are_refused_and_recorded(self):
        for kind in (2, 4, 5, 6, 9, 10, 0, 255):
            self.rig.events.clear()
            packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(kind, self.guest.mac))
            self.refused(packet, rule="host", protocol="udp", port=67)
        for cut in (0, 100, 239, 242):
            self.rig.events.clear()
            packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(1, self.guest.mac)[:cut])
            self.refused(packet, rule="host", protocol="udp", port=67)

    def test_a_sweep_over_ports_is_capped_and_counted(self):
        for port in range(1001, 1401):
            self.guest.ip(frames.tcp(self.guest.address, OUTSIDE, 4000, port))
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= 400, 5, "400 counted")
        self.assertEqual(self.rig.count(vm=self.guest.vm), 400)
        self.assertLess(len(self.rig.events), 310)

    def test_a_flood_of_questions_leaves_another_guest_its_answers(self):
        other = self.rig.guest().add()
        other.find_gateway()
        question = self.guest.frame(frames.udp(self.guest.address, GATEWAY, 6001, 53, frames.dns([b"flood", b"example"])))
        fresh = [self.guest.frame(frames.udp(self.guest.address, GATEWAY, 10000 + i, 53, frames.dns([b"flood", b"example"])))
                 for i in range(3000)]
        self.guest.send(question, *fresh)
        self.assertIsNotNone(other.ask_dns([b"calm", b"example"]))
        self.rig.event(event="query", vm=other.vm, name="calm.example")
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= 3001, 5, "3,001 questions counted")
        other.remove()

    def test_a_flood_of_questions_from_one_port_is_counted_whole(self):
        self.assertIsNotNone(self.guest.ask_dns([b"flood", b"example"], sport=6002))
        question = self.guest.frame(frames.udp(self.guest.address, GATEWAY, 6002, 53, frames.dns([b"flood", b"example"])))
        self.guest.send(*[question] * 20000)
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= 20001, 8, "20,001 questions counted")


if __name__ == "__main__":
    tap.main()
