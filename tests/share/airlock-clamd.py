# SPDX-License-Identifier: GPL-2.0-or-later
"""A real clamd, started by the test with one signature of its own; and sockets that only look like one."""
import os
import socket
import struct
import threading
import time

import tap
from airlock_case import AirlockCase
from clamd import BAD, EICAR, FAIL_CLOSED, Clamd
from make_container import mail, zipped


def archive(data, flags=0):
    """A ZIP with one stored member; flags 1 makes it an encrypted one."""
    entry = struct.pack("<HHHIIIIHH", 20, flags, 0, 0, 0, len(data), len(data), 4, 0)
    local = b"PK\3\4" + entry + b"name" + data
    directory = b"PK\1\2" + struct.pack("<H", 20) + entry + bytes(14) + b"name"
    return (local + directory + b"PK\5\6" +
            struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(local), 0))


class RealClamd(AirlockCase):
    @classmethod
    def setUpClass(cls):
        cls.clamd = Clamd()
        cls.addClassCleanup(cls.clamd.remove)

    def setUp(self):
        super().setUp()
        self.environment["CLAMD"] = self.clamd.socket
        self.environment["TIMEOUT_MS"] = "20000"
        self.scanner("triage['verdict'] = 'unscannable'")

    def test_clean(self):
        """clamd: its OK vouches for what genkan-scan has no parser for"""
        answer = self.succeed("judge", "a.txt", data=b"harmless")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("clean", True), answer["why"])
        self.assertEqual(answer["triage"]["verdict"], "clean")
        self.assertEqual(answer["triage"]["clamd"], {"verdict": "clean", "what": None})

    def test_found(self):
        """clamd: what it finds is malicious, whatever genkan-scan says"""
        for verdict in ("clean", "unscannable", "suspicious", "error"):
            self.scanner(f"triage['verdict'] = '{verdict}'; triage['kind'] = 'lnk'")
            answer = self.succeed("judge", "a.txt", data=BAD)
            self.assertEqual((answer["verdict"], answer["vouched"]), ("malicious", False))
            self.assertIn("Genkan.Test", answer["why"])
            self.assertIn({"id": "clamd", "severity": "critical",
                           "detail": answer["triage"]["clamd"]["what"]},
                          answer["triage"]["indicators"])

    def test_own_finding_stands(self):
        """clamd: its OK does not lift what genkan-scan found or failed at"""
        for verdict in ("suspicious", "malicious", "error"):
            self.scanner(f"triage['verdict'] = '{verdict}'")
            answer = self.succeed("judge", "a.txt", data=b"harmless")
            self.assertEqual((answer["verdict"], answer["vouched"]), (verdict, False))

    def test_inside_an_archive(self):
        """clamd: finds its signature inside an archive"""
        self.assertEqual(self.succeed("judge", "a.zip", data=archive(BAD))["verdict"], "malicious")
        self.assertEqual(self.succeed("judge", "a.zip", data=archive(b"harmless"))["verdict"], "clean")

    def test_encrypted(self):
        """clamd: an encrypted archive is unscannable, not clean and not malicious"""
        answer = self.succeed("judge", "a.zip", data=archive(b"x" * 40, flags=1))
        self.assertEqual((answer["verdict"], answer["vouched"]), ("unscannable", False))
        self.assertIn("Encrypted", answer["triage"]["clamd"]["what"])

    def test_too_deep(self):
        """clamd: archives in archives beyond its limits are unscannable"""
        data = BAD
        for _ in range(25):
            data = archive(data)
        answer = self.succeed("judge", "a.zip", data=data)
        self.assertEqual((answer["verdict"], answer["vouched"]), ("unscannable", False))
        self.assertIn("Limits.Exceeded", answer["triage"]["clamd"]["what"])

    def test_through_the_airlock(self):
        """clamd: judges evidence that only root may open, by its descriptor"""
        self.succeed("create", self.folder)
        self.drop("found", BAD)
        self.drop("harmless", b"harmless")
        answer = self.succeed("take", self.folder, "found", "100")
        self.assert_evidence(answer, "out", BAD)
        self.assertEqual(answer["verdict"], "malicious")
        self.assertTrue(self.succeed("take", self.folder, "harmless", "100")["vouched"])

    def test_empty(self):
        """clamd: has an answer to an empty file"""
        self.scanner("triage['kind'] = 'empty'")
        self.assertEqual(self.succeed("judge", "a.txt", data=b"")["verdict"], "clean")

    def test_version(self):
        """clamd: tells its version"""
        self.assertRegex(self.succeed("clamd-version")["version"], "^ClamAV [0-9.]+")

    def test_many_at_once(self):
        """clamd: answers twenty at once, each about its own file"""
        answers = [None] * 20

        def ask(number):
            data = BAD if number % 2 else b"harmless %d" % number
            answers[number] = self.drive("clamd", data=data)["verdict"]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, ["clean", "malicious"] * 10)


class ClamdSetUpWrong(AirlockCase):
    def asked(self, more):
        clamd = Clamd(more)
        self.addCleanup(clamd.remove)
        self.environment["CLAMD"] = clamd.socket
        self.environment["TIMEOUT_MS"] = "20000"
        return clamd

    def test_defaults(self):
        """clamd: that fails open, as by default, is not believed, and why says what to set"""
        self.asked("")
        answer = self.succeed("clamd", data=b"harmless")
        self.assertEqual(answer["verdict"], "error")
        self.assertIn("AlertEncrypted yes", answer["what"])
        self.assertEqual(self.succeed("clamd", data=BAD)["verdict"], "malicious")

    def test_half(self):
        """clamd: that reports what is encrypted, but not what is over its limits, neither"""
        self.asked("AlertEncrypted yes")
        answer = self.succeed("clamd", data=b"harmless")
        self.assertEqual(answer["verdict"], "error")
        self.assertIn("AlertExceedsMax yes", answer["what"])

    def test_deepest(self):
        """clamd: that is told to go as deep as it can still passes"""
        self.asked(FAIL_CLOSED + "\nMaxRecursion 100")
        self.assertEqual(self.succeed("clamd", data=b"harmless"), {"verdict": "clean", "what": None})

    def test_killed(self):
        """clamd: killed, it is an error and not clean"""
        clamd = self.asked(FAIL_CLOSED)
        self.scanner("triage['kind'] = 'lnk'")
        self.assertEqual(self.succeed("judge", "a.lnk", data=b"harmless")["verdict"], "clean")
        clamd.kill()
        answer = self.succeed("judge", "a.lnk", data=b"harmless")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("error", False))
        self.assertIn("no answer from clamd", answer["why"])
        self.assertIn("no answer from clamd", self.fail_with("connection-refused", "clamd-version"))


class Eicar(AirlockCase):
    def setUp(self):
        super().setUp()
        self.real_scanners()

    def test_is_found_wherever_it_lies(self):
        """clamd with one signature: EICAR is malicious in a file, in a ZIP and in a mail"""
        clamd = Clamd(bad=EICAR)
        self.addCleanup(clamd.remove)
        self.environment["CLAMD"] = clamd.socket
        self.environment["TIMEOUT_MS"] = "20000"
        for what, data in (("a file", EICAR), ("a zip", zipped({"eicar.com": EICAR})),
                           ("a mail", mail({"eicar.com": EICAR}).as_bytes()),
                           ("a zip in a mail", mail({"a.zip": zipped({"eicar.com": EICAR})}).as_bytes())):
            with self.subTest(what):
                self.assertEqual(self.succeed("judge", "attachment", data=data)["verdict"], "malicious")
                self.assertEqual(self.succeed("judge", "attachment", data=data.replace(b"EICAR", b"elder")
                                              if what == "a file" else b"nothing")["verdict"], "clean")

    def test_a_frozen_clamd_is_an_error_in_time(self):
        """clamd: stopped in the middle (SIGSTOP), it is not clean, within the time limit"""
        clamd = Clamd()
        self.addCleanup(clamd.remove)
        self.environment["CLAMD"] = clamd.socket
        self.environment["TIMEOUT_MS"] = "1500"
        clamd.freeze()
        begun = time.monotonic()
        answer = self.succeed("judge", "a.txt", data=b"harmless")
        self.assertEqual((answer["verdict"], answer["vouched"]), ("error", False))
        self.assertLess(time.monotonic() - begun, 5)


class SocketsThatLookLikeIt(AirlockCase):
    """Servers of the test's own: they play a clamd that is broken or taken over."""

    def setUp(self):
        super().setUp()
        self.environment["TIMEOUT_MS"] = "800"
        self.environment["CLAMD"] = self.path("socket")

    def serve(self, behave):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path("socket"))
        listener.listen()
        self.addCleanup(listener.close)
        stop = threading.Event()

        def run():
            while not stop.is_set():
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    try:
                        behave(peer, stop)
                    except OSError:
                        pass

        server = threading.Thread(target=run, daemon=True)
        server.start()
        self.addCleanup(stop.set)

    @staticmethod
    def hear(peer):
        """Takes the whole question: the command, and the byte that the descriptor comes with."""
        heard = b""
        while len(heard) < len(b"zFILDES\0.") and (more := peer.recv(100)):
            heard += more

    def assert_error(self, why):
        begun = time.monotonic()
        answer = self.succeed("clamd", data=b"harmless")
        self.assertEqual(answer["verdict"], "error")
        self.assertIn(why, answer["what"])
        self.assertLess(time.monotonic() - begun, 3)

    def test_nothing_there(self):
        """clamd: no socket, a plain file, or nobody behind the socket is an error"""
        self.assert_error("no answer from clamd")
        with open(self.path("socket"), "w"):
            pass
        self.assert_error("no answer from clamd")
        os.unlink(self.path("socket"))
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(self.path("socket"))
        self.assert_error("no answer from clamd")

    def test_long_path(self):
        """clamd: a path that no socket can have is an error"""
        self.environment["CLAMD"] = "/" + "x" * 200
        self.assert_error("path is too long")

    def test_silent(self):
        """clamd: one that takes the question and never answers is an error in time"""
        self.serve(lambda peer, stop: stop.wait(30))
        self.assert_error("took too long")

    def test_queue_full(self):
        """clamd: one that never takes the question is an error in time"""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path("socket"))
        listener.listen(0)
        self.addCleanup(listener.close)
        waiting = []
        with self.assertRaises(BlockingIOError):
            for _ in range(10):
                waiting.append(socket.socket(socket.AF_UNIX))
                self.addCleanup(waiting[-1].close)
                waiting[-1].setblocking(False)
                waiting[-1].connect(self.path("socket"))
        self.assert_error("no answer from clamd")

    def test_drips(self):
        """clamd: one that answers a byte at a time does not get more time for it"""
        def drip(peer, stop):
            while not stop.wait(0.2):
                peer.sendall(b"f")
        self.serve(drip)
        self.assert_error("took too long")

    def test_half_and_garbage(self):
        """clamd: half an answer, no answer, two, or something else is an error"""
        said = []
        self.serve(lambda peer, stop: (self.hear(peer), peer.sendall(said[0])))
        for answer, why in ((b"", "cut off"), (b"fd[10]: O", "cut off"), (b"fd[10]: OK", "cut off"),
                            (b"fd[10]: OK\n", "cut off"), (b"\0", "answered ''"),
                            (b"OK\0", "answered 'OK'"), (b"fd[10]: OK\0fd[10]: OK\0", "cut off"),
                            (b"stream: OK\0", "answered"), (b"fd[10]: \x1b[2J ERROR\0", "\\x1b[2J"),
                            (b"x" * 100000, "too long")):
            said[:] = [answer]
            self.assert_error(why)

    def test_endless(self):
        """clamd: an answer without end is cut off"""
        def talk(peer, stop):
            while not stop.is_set():
                peer.sendall(b"x" * 4096)
        self.serve(talk)
        self.assert_error("too long")

    def test_always_ok(self):
        """clamd: one that says OK to everything is not believed"""
        self.serve(lambda peer, stop: (self.hear(peer), peer.sendall(b"fd[10]: OK\0")))
        self.assert_error("does not report an encrypted archive")


if __name__ == "__main__":
    tap.main()
