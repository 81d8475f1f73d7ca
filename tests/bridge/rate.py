# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that sends more than it may: what is too much is dropped and counted, and costs nobody else."""
import threading
import time
import unittest

import tap

import frames
from rig import GATEWAY, OUTSIDE, Rig, wait_until

RATE, BURST, PAUSE = 400, 100, 5
RULE = "rate limit"


class Rate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rig = Rig(packets=RATE)
        cls.addClassCleanup(cls.rig.close)

    def setUp(self):
        self.guest = self.rig.guest().add()
        self.guest.find_gateway()
        self.rig.uplink.seen()
        self.rig.events.clear()

    def tearDown(self):
        self.guest.remove()
        self.assertEqual(self.rig.uplink.seen(), [], "frames reached the uplink")

    def told(self, **fields):
        return [e for e in list(self.rig.events) if all(e.get(k) == v for k, v in fields.items())]

    def test_what_is_within_the_rate_passes(self):
        packet = self.guest.frame(frames.udp(self.guest.address, OUTSIDE, 1, 7000, b""))
        for _ in range(10):
            self.guest.send(*[packet] * (RATE // 20))
            time.sleep(0.1)
        wait_until(lambda: self.rig.count(vm=self.guest.vm) >= RATE // 2, 5, "all are recorded")
        time.sleep(1.2)
        self.assertEqual(self.told(rule=RULE), [])

    def test_a_flood_is_cut_to_the_rate_and_every_packet_of_it_is_counted(self):
        number = 20000
        packet = self.guest.frame(frames.udp(self.guest.address, OUTSIDE, 1, 7000, b""))
        start = time.monotonic()
        for _ in range(number):
            self.guest.send(packet)
        passed = BURST + RATE * (time.monotonic() - start)
        event = self.rig.event(vm=self.guest.vm, rule=RULE, protocol="any", destination="", port=0, allowed=False)
        self.assertGreater(event["count"], 0)
        self.guest.remove()
        self.assertEqual(self.rig.count(vm=self.guest.vm), number)
        dropped = self.rig.count(vm=self.guest.vm, rule=RULE)
        self.assertGreaterEqual(dropped, number - passed - 1)
        self.assertGreater(number - dropped, BURST // 2, "nothing passed")

    def test_frames_of_every_kind_that_the_host_looks_at_count(self):
        kinds = {
            "arp": lambda g: frames.ether(frames.BROADCAST, g.mac, frames.ARP, frames.arp(1, g.mac, g.address, GATEWAY)),
            "a liar's arp": lambda g: frames.ether(frames.BROADCAST, g.mac, frames.ARP, frames.arp(1, g.mac, "8.8.8.8", GATEWAY)),
            "a liar's": lambda g: g.frame(frames.udp("8.8.8.8", OUTSIDE, 1, 7000, b"")),
            "fragments": lambda g: g.frame(frames.udp(g.address, OUTSIDE, 1, 7000, b"", fragment=0x2000)),
            "dns": lambda g: g.frame(frames.udp(g.address, GATEWAY, 1, 53, frames.dns([b"x"]))),
            "tcp": lambda g: g.frame(frames.tcp(g.address, OUTSIDE, 1, 443)),
            "dhcp": lambda g: frames.ether(frames.BROADCAST, g.mac, frames.IPV4,
                                           frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(1, g.mac))),
        }
        for kind, make in kinds.items():
            with self.subTest(kind):
                flooder = self.rig.guest().add()
                frame, start = make(flooder), time.monotonic()
                flooder.send(*[frame] * 3000)
                passed = BURST + RATE * (time.monotonic() - start)
                self.rig.event(vm=flooder.vm, rule=RULE)
                flooder.remove()
                self.assertGreaterEqual(self.rig.count(vm=flooder.vm, rule=RULE), 3000 - passed - 1)

    def flood(self, done):
        packet = self.guest.frame(frames.udp(self.guest.address, GATEWAY, 1, 53, frames.dns([b"flood"])))
        while not done.is_set():
            self.guest.send(*[packet] * 20)
            time.sleep(0.001)

    def test_a_flood_costs_another_guest_nothing_and_is_told_now_and_then(self):
        other = self.rig.guest().add()
        done = threading.Event()
        thread = threading.Thread(target=self.flood, args=(done,))
        start = time.monotonic()
        thread.start()
        try:
            asked = 0
            while time.monotonic() < start + 7:
                answer = other.ask_dns([b"n%d" % asked, b"other", b"example"], sport=4000 + asked)
                self.assertIsNotNone(answer, f"question {asked} of the other guest is not answered")
                self.rig.event(event="query", vm=other.vm, name=f"n{asked}.other.example")
                asked += 1
        finally:
            done.set()
            thread.join()
        self.assertGreater(asked, 10)
        self.assertEqual(self.told(vm=other.vm, rule=RULE), [])
        told = self.told(vm=self.guest.vm, rule=RULE)
        self.assertTrue(1 <= len(told) <= 1 + (time.monotonic() - start) / PAUSE, told)
        self.assertGreater(sum(e["count"] for e in told), 1000)
        # And it is heard again, once it is quiet.
        self.guest.receive()
        self.assertIsNotNone(self.guest.ask_dns([b"again", b"example"]))
        other.remove()

    def test_a_guest_begins_with_a_rate_and_leaves_none(self):
        listing = self.rig.run("nft", "list", "table", "inet", "genkan").stdout
        self.assertIn(f'"{self.guest.tap}" limit rate over {RATE}/second burst {BURST} packets counter', listing)
        other = self.rig.guest().add()
        other.remove()
        self.assertNotIn(other.tap, self.rig.run("nft", "list", "ruleset").stdout)


class Configuration(unittest.TestCase):
    def test_without_a_number_it_is_the_usual_one(self):
        rig = Rig(uplink=None)
        self.addCleanup(rig.close)
        guest = rig.guest().add()
        for family in ("inet", "arp"):
            self.assertIn(f'"{guest.tap}" limit rate over 20000/second burst 5000 packets',
                          rig.run("nft", "list", "set", family, "genkan", "over_rate").stdout)

    def test_the_ends_of_the_range_can_be_enforced_and_more_is_refused(self):
        for packets in (1, 10, 1000000):
            rig = Rig(uplink=None, packets=packets)
            try:
                rig.guest().add()
            finally:
                rig.close()
        with self.assertRaisesRegex(AssertionError, "at most 1000000 packets"):
            Rig(uplink=None, packets=1000001)


if __name__ == "__main__":
    tap.main()
