# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks stops traffic, and leaves nothing behind."""
import os
import socket
import subprocess
import tempfile
import threading
import unittest

import tap

import frames
from rig import GATEWAY, OUTSIDE, Host, Rig, descendants, inside, kill, new_id, new_mac, wait_until

REFUSED = 1


def attempts(guest, other):
    """Frames by which a guest would get out, or at another guest, if it could."""
    me = guest.address
    packets = [frames.tcp(me, OUTSIDE, 1, 443), frames.udp(me, OUTSIDE, 1, 53, frames.dns([b"leak", b"example"])),
               frames.udp(me, OUTSIDE, 1, 9999, b"x"), frames.icmp(me, OUTSIDE), frames.tcp(me, "10.213.255.254", 1, 22),
               frames.tcp("8.8.8.8", OUTSIDE, 1, 443), frames.tcp(me, other.address, 1, 445),
               frames.udp(other.address, OUTSIDE, 1, 9999, b"x"), frames.icmp(me, other.address)]
    return [frames.ether(guest.gateway_mac, guest.mac, frames.IPV4, packet) for packet in packets]


class OneBridge(unittest.TestCase):
    def setUp(self):
        self.rig = Rig()
        self.addCleanup(self.rig.close)

    def two_guests(self):
        pair = self.rig.guest().add(), self.rig.guest().add()
        for guest in pair:
            guest.find_gateway()
            guest.receive(0.05)
        return pair

    def assert_nothing_passes(self, guest, other):
        self.rig.uplink.seen()
        other.receive(0.05)
        guest.send(*attempts(guest, other))
        self.assertEqual(other.receive(), [], "another guest received something")
        self.assertEqual(self.rig.uplink.seen(), [], "the uplink received something")


class FailClosed(OneBridge):
    def open_up(self, guest):
        """Puts a guest under a policy of the test's that lets everything go."""
        self.rig.run("nft", "add chain inet genkan policy_test { meta mark set 0x676b0001 return; }")
        self.rig.run("nft", f'delete element inet genkan policies {{ "{guest.tap}" }}; '
                            f'add element inet genkan policies {{ "{guest.tap}" : goto policy_test }}')

    def get_out(self, guest):
        """What of one packet to the outside reaches the uplink."""
        self.rig.uplink.seen()
        guest.ip(frames.tcp(guest.address, OUTSIDE, 5, 443))
        return wait_until(self.rig.uplink.seen, 3, "a packet at the uplink")

    def test_the_watcher_sees_what_a_policy_lets_go_and_nothing_once_the_rules_are_flushed(self):
        guest, other = self.two_guests()
        self.assert_nothing_passes(guest, other)
        self.open_up(guest)
        seen = self.get_out(guest)
        self.assertTrue(any(frame[12:14] == b"\x08\x00" and frame[23] == 6 for frame in seen) or
                        wait_until(lambda: [f for f in self.rig.uplink.seen() if f[12:14] == b"\x08\x00"], 3, "the packet itself"))
        self.rig.run("nft", "flush ruleset")
        self.assert_nothing_passes(guest, other)
        self.assert_nothing_passes(other, guest)

    def test_a_flushed_ruleset_is_whole_again_with_the_next_guest(self):
        guest, other = self.two_guests()
        self.rig.run("nft", "flush ruleset")
        third = self.rig.guest().add()
        self.assert_nothing_passes(guest, third)
        for each in (guest, other, third):
            self.rig.events.clear()
            each.ip(frames.tcp(each.address, OUTSIDE, 1, 8443))
            self.rig.event(vm=each.vm, protocol="tcp", port=8443, rule="policy none")

    def test_a_guest_can_be_removed_from_flushed_rules(self):
        guest, other = self.two_guests()
        self.rig.run("nft", "flush ruleset")
        guest.remove()
        other.remove()
        self.assertEqual(self.rig.run("ip", "-br", "link", "show", "group", "77").stdout, "")

    def test_a_tap_is_down_and_unknown_to_the_rules_until_it_is_added(self):
        guest, other = self.rig.guest(), self.rig.guest().add()
        other.find_gateway()
        guest.address, guest.gateway_mac = "10.213.0.2", other.gateway_mac
        self.assert_nothing_passes(guest, other)

    def test_netd_killed_stops_everything_and_is_replaced_with_every_guest_under_none(self):
        guest, other = self.two_guests()
        self.open_up(guest)
        self.get_out(guest)
        dead = self.rig.pid()
        netns = os.readlink(f"/proc/{dead}/ns/net")
        kill(dead)
        lost = self.rig.event(10, event="lost")
        self.assertTrue(lost["restarted"], lost)
        self.assertIn("killed by signal 9", lost["why"])
        self.assert_nothing_passes(guest, other)
        self.assertEqual(os.readlink(f"/proc/{self.rig.pid()}/ns/net"), netns)
        self.rig.events.clear()
        for each in (guest, other):
            each.ip(frames.tcp(each.address, OUTSIDE, 1, 443))
            self.rig.event(vm=each.vm, protocol="tcp", port=443, rule="policy none")
            self.assertIsNotNone(each.ask_dns([b"back", b"example"]))
        third = self.rig.guest().add()
        self.assertNotIn(third.address, (guest.address, other.address))
        guest.remove()

    def test_netd_stopped_in_its_tracks_is_killed_when_it_does_not_answer(self):
        guest, other = self.two_guests()
        os.kill(self.rig.pid(), 19)
        self.assert_nothing_passes(guest, other)
        answer = self.rig.try_ask("remove", guest.vm)
        self.assertFalse(answer["ok"])
        self.assertTrue(self.rig.event(20, event="lost")["restarted"])
        self.assertTrue(self.rig.try_ask("remove", guest.vm)["ok"])
        self.assertIsNotNone(other.ask_dns([b"back", b"example"]))

    def test_netd_that_dies_again_and_again_is_given_up_and_the_namespace_goes(self):
        guest, _ = self.two_guests()
        while True:
            lost = len([e for e in self.rig.events if e["event"] == "lost"])
            pid = self.rig.pid()
            if not pid:
                break
            kill(pid)
            wait_until(lambda: len([e for e in self.rig.events if e["event"] == "lost"]) > lost, 15, "netd is lost")
        self.assertFalse(self.rig.events[-1]["restarted"])
        self.assertTrue(self.rig.try_ask("remove", guest.vm)["ok"])
        self.assertFalse(self.rig.try_ask("add", new_id(), "gkx", new_mac(), "none")["ok"])
        with inside(self.rig.uplink.path):
            wait_until(lambda: subprocess.run(["ip", "link", "show", "outside"], capture_output=True).returncode, 5,
                       "the uplink's far end goes")

    def test_dnsmasq_killed_is_started_again(self):
        guest, other = self.two_guests()
        kill(descendants(self.rig.pid())[0])
        wait_until(lambda: guest.ask_dns([b"again", b"example"]), 10, "an answer")
        third = self.rig.guest().add()
        self.assertTrue(third.find_gateway())
        self.assert_nothing_passes(guest, other)


class NothingLeft(OneBridge):
    def end(self):
        """The processes and the namespace that must go, before they do."""
        pid = self.rig.pid()
        return [pid, *descendants(pid)], self.rig.uplink.path

    def assert_gone(self, pids, uplink):
        for pid in pids:
            wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), 10, f"process {pid} ends")
        with inside(uplink):
            wait_until(lambda: subprocess.run(["ip", "link", "show", "outside"], capture_output=True).returncode, 5,
                       "the uplink's far end goes")
        taps = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("gk", taps)

    def test_killed_host_takes_netd_dnsmasq_and_the_namespace_along(self):
        guest = self.rig.guest().add()
        guest.find_gateway()
        pids, uplink = self.end()
        self.assertGreaterEqual(len(pids), 2)
        self.rig.process.kill()
        self.rig.process.wait()
        self.assert_gone(pids, uplink)

    def test_killed_host_takes_a_connection_by_tcp_to_dnsmasq_along(self):
        guest = self.rig.guest().add()
        packet = frames.tcp(guest.address, GATEWAY, 7, 53)
        self.assertIsNotNone(guest.exchange(guest.frame(packet), lambda p: p.protocol == 6))
        guest.ip(frames.tcp(guest.address, GATEWAY, 7, 53, frames.ACK, 1001, 0))
        pids, uplink = self.end()
        self.rig.process.kill()
        self.rig.process.wait()
        self.assert_gone(pids, uplink)

    def test_stop_ends_everything(self):
        self.rig.guest().add()
        pids, uplink = self.end()
        self.rig.process.stdin.close()
        self.assertEqual(self.rig.process.wait(10), 0)
        self.assert_gone(pids, uplink)

    def test_a_guest_removed_leaves_nothing_in_the_namespace(self):
        empty = self.rig.run("nft", "list", "ruleset").stdout
        guest = self.rig.guest().add()
        self.assertIn(guest.tap, self.rig.run("nft", "list", "ruleset").stdout)
        guest.remove()
        guest.remove()
        self.assertEqual(self.rig.run("nft", "list", "ruleset").stdout, empty)
        self.assertNotIn("gk", self.rig.run("ip", "-br", "link").stdout)
        self.assertNotIn(guest.address, self.rig.run("ip", "route", "show", "table", "all").stdout)

    def test_events_on_their_way_arrive_before_remove_answers(self):
        for _ in range(10):
            guest = self.rig.guest().add()
            guest.find_gateway()
            guest.send(*(guest.frame(frames.tcp(guest.address, OUTSIDE, 1, 2000 + i)) for i in range(20)),
                       *(guest.frame(frames.udp(guest.address, GATEWAY, 3000 + i, 53, frames.dns([b"n%d" % i]))) for i in range(20)))
            guest.remove()
            self.assertEqual(self.rig.count(vm=guest.vm, event="flow"), 20)
            self.assertEqual(self.rig.count(vm=guest.vm, event="query"), 20)


class Requests(OneBridge):
    def test_wrong_requests_are_refused_with_a_reason(self):
        vm, mac = new_id(), new_mac()
        for words in (("UPPERCASE", "gkx", mac, "none"), ("../../etc", "gkx", mac, "none"), (vm, "eth0", mac, "none"),
                      (vm, "gk", mac, "none"), (vm, "gk;x", mac, "none"), (vm, "gkaaaaaaaaaaaaaa", mac, "none"),
                      (vm, "uplink", mac, "none"), (vm, "gkx", "01:00:5e:00:00:01", "none"), (vm, "gkx", "00:16:3e:00:00:01", "none"),
                      (vm, "gkx", "ff:ff:ff:ff:ff:ff", "none"), (vm, "gkx", "52:54:00:00:00", "none"), (vm, "gkx", mac, "internet"),
                      (vm, "gkx", mac, "none;")):
            answer = self.rig.try_ask("add", *words)
            self.assertFalse(answer["ok"], words)
            self.assertEqual((answer["domain"], answer["code"]), ("gk-bridge-error", REFUSED), words)
            self.assertTrue(answer["error"].isprintable())

    def test_what_is_no_tap_is_not_taken(self):
        subprocess.run(["ip", "link", "add", "gkveth", "type", "veth", "peer", "name", "gkpeer"], check=True)
        self.addCleanup(subprocess.run, ["ip", "link", "del", "gkveth"], check=True)
        for name in ("gkveth", "gkmissing"):
            self.assertFalse(self.rig.try_ask("add", new_id(), name, new_mac(), "none")["ok"])
        self.assertEqual(subprocess.run(["ip", "link", "show", "gkveth"], capture_output=True).returncode, 0)

    def test_duplicates_are_refused_and_leave_the_first_alone(self):
        first = self.rig.guest().add()
        same_mac = self.rig.guest(mac=first.mac_text)
        answer = self.rig.try_ask("add", same_mac.vm, same_mac.tap, same_mac.mac_text, "none")
        self.assertEqual((answer["ok"], answer["code"]), (False, REFUSED))
        same_vm = self.rig.guest()
        answer = self.rig.try_ask("add", first.vm, same_vm.tap, same_vm.mac_text, "none")
        self.assertEqual((answer["ok"], answer["code"]), (False, REFUSED))
        self.rig.ask("tap", first.tap)
        self.addCleanup(self.rig.try_ask, "untap", first.tap)
        self.assertFalse(self.rig.try_ask("add", new_id(), first.tap, new_mac(), "none")["ok"])
        self.assertIsNotNone(first.ask_dns([b"still", b"example"]))
        self.assertEqual(self.rig.run("ip", "-br", "link", "show", "group", "77").stdout.count("gk"), 1)

    def test_what_a_guest_says_when_it_declines_its_address_stops_nobody(self):
        guest = self.rig.guest().add()
        text = b"x]: read /run/dhcp-hosts"
        options = bytes([54, 4]) + socket.inet_aton(GATEWAY) + bytes([50, 4]) + socket.inet_aton(guest.address) \
            + bytes([56, len(text)]) + text
        packet = frames.udp("0.0.0.0", "255.255.255.255", 68, 67, frames.dhcp(4, guest.mac, options=options))
        frame = frames.ether(frames.BROADCAST, guest.mac, frames.IPV4, packet)
        done = threading.Event()

        def decline():
            while not done.is_set():
                guest.send(*[frame] * 50)

        thread = threading.Thread(target=decline)
        thread.start()
        try:
            for _ in range(5):
                self.rig.guest().add().remove()
        finally:
            done.set()
            thread.join()

    def test_fifty_guests_come_and_go(self):
        guests = [self.rig.guest().add() for _ in range(50)]
        self.assertEqual(len({guest.address for guest in guests}), 50)
        for guest in guests[::7]:
            self.assertIsNotNone(guest.ask_dns([guest.vm.encode(), b"example"]))
            self.rig.event(event="query", vm=guest.vm, name=f"{guest.vm}.example")
        for guest in guests:
            guest.remove()
        again = self.rig.guest().add()
        self.assertNotIn(again.address, {guest.address for guest in guests}, "an address is given again at once")
        self.assertEqual(self.rig.run("ip", "-br", "link", "show", "group", "77").stdout.count("gk"), 1)

    def test_netd_has_no_more_rights_than_it_needs(self):
        pid = self.rig.pid()
        for each in (pid, *descendants(pid)):
            with open(f"/proc/{each}/status", encoding="ascii") as status:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
            self.assertNotIn("0", fields["Uid"].split())
            for capabilities in ("CapPrm", "CapEff", "CapBnd"):
                self.assertEqual(int(fields[capabilities], 16), 1 << 12 | 1 << 13 | 1 << 10)
            self.assertEqual(fields["NoNewPrivs"], "1")
            self.assertEqual(sorted(os.listdir(f"/proc/{each}/root/")),
                             sorted({"run", "proc", "dev"} | {n for n in ("usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
                                                              if os.path.lexists("/" + n)}))
        for name in os.listdir(f"/proc/{pid}/fd"):
            self.assertNotIn("net:[", os.readlink(f"/proc/{pid}/fd/{name}"), "a way out of the namespace")


class OtherConfigurations(unittest.TestCase):
    def test_an_uplink_on_the_host_itself_lets_nothing_through_and_goes_with_the_bridge(self):
        rig = Rig(uplink=Host)
        self.addCleanup(rig.close)
        guest, other = rig.guest().add(), rig.guest().add()
        guest.find_gateway()
        rig.uplink.seen()
        guest.send(*attempts(guest, other))
        self.assertEqual((other.receive(), rig.uplink.seen()), ([], []))
        self.assertIn("10.213.255.254/30", subprocess.run(["ip", "addr", "show", "outside"], capture_output=True, text=True,
                                                          check=True).stdout)
        rig.process.kill()
        rig.process.wait()
        wait_until(lambda: subprocess.run(["ip", "link", "show", "outside"], capture_output=True).returncode, 5,
                   "the uplink's far end goes")

    def test_netd_that_is_ready_and_then_silent_is_given_up(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as script:
            script.write("#!/bin/sh\nprintf 'ready\\n' >&3\nexec sleep 600\n")
        self.addCleanup(os.unlink, script.name)
        os.chmod(script.name, 0o755)
        with self.assertRaisesRegex(AssertionError, "it does not answer"):
            Rig(netd=script.name)

    def test_a_full_subnet_refuses_and_an_address_given_back_is_given_again(self):
        rig = Rig(uplink=None, subnet="192.168.77.0/28")
        self.addCleanup(rig.close)
        guests = [rig.guest().add() for _ in range(10)]
        self.assertEqual([g.address for g in guests], [f"192.168.77.{n}" for n in range(2, 12)])
        self.assertEqual(rig.try_ask("add", "abcdefgh", rig.guest().tap, new_mac(), "none")["code"], REFUSED)
        guests[3].remove()
        self.assertEqual(rig.guest().add().address, "192.168.77.5")


if __name__ == "__main__":
    tap.main()
