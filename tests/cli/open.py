# SPDX-License-Identifier: GPL-2.0-or-later
"""The main job: a suspicious attachment opened in a disposable VM, on real parts."""
import hashlib
import json
import os
import sys
import tempfile
import unittest

import tap
from host import SAMPLE, SOURCE, Host, Uplink

sys.path.insert(0, os.path.join(SOURCE, "tests/share"))
import make_container  # noqa: E402

SAMPLE_NAME = "updates.genkan-sample.example"


class Open(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.uplink = Uplink()
        cls.addClassCleanup(cls.uplink.remove)
        cls.host = Host(images=("debian-wine",), config=f"[bridge]\nuplink={cls.uplink.path}\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.report = cls.host.json("open", "--keep", "--timeout", "400", SAMPLE, timeout=1000)
        cls.run_id = cls.report["run"]

    def test_1_triage_sees_through_it(self):
        """the verdict is at least suspicious, with the padding and the true arguments"""
        triage = self.report["triage"]
        self.assertIn(triage["verdict"], ("suspicious", "malicious"))
        self.assertIn("arguments-padded", [indicator["id"] for indicator in triage["indicators"]])
        details = {indicator["id"]: indicator["detail"] for indicator in triage["indicators"]}
        self.assertIn(f"http://{SAMPLE_NAME}/payload.msi", details["builtin-with-url"])
        self.assertIn("msiexec", triage["lnk"]["arguments"])
        self.assertIn(f"http://{SAMPLE_NAME}", triage["lnk"]["arguments"])
        self.assertTrue(triage["lnk"]["target"].lower().endswith("cmd.exe"))

    def test_2_the_guest_really_ran_it(self):
        """the file that it leaves is seen before disposal, from outside and in the guest"""
        paths = [file["path"] for file in self.report["left_behind"]]
        left = [path for path in paths if path.endswith("genkan-sample.txt")]
        self.assertTrue(left, paths)
        code, out, err = self.host.genkan("run", "--vm", self.run_id, "--", "cat", left[0])
        self.assertEqual(code, 0, err)
        self.assertTrue(out.strip())

    def test_3_its_question_was_denied_and_recorded(self):
        """at least one DNS question for its name, denied"""
        asked = [query for query in self.report["network"]["queries"] if query["name"] == SAMPLE_NAME]
        self.assertTrue(asked, self.report["network"])
        self.assertEqual({query["verdict"] for query in asked}, {"denied"})

    def test_4_nothing_reached_the_uplink(self):
        """the namespace outside counted no packet, and does count"""
        self.assertEqual(self.uplink.packets(), 0)
        doctor = self.host.genkan("doctor", "--json")[1]
        netd = next(f["detail"] for f in json.loads(doctor) if f["check"] == "bridge").split("process ")[1]
        pid = netd.split(";")[0]
        self.uplink.be_sent_a_frame(pid)
        self.assertEqual(self.uplink.packets(), 1)

    def test_5_the_report_is_whole(self):
        """image, policy, times, screenshot, exit: what DESIGN promises"""
        report = self.report
        self.assertEqual(report["file"]["name"], "sample.pdf.lnk")
        self.assertEqual(report["policy"]["name"], "none")
        self.assertRegex(report["image"]["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertEqual(report["started"]["via"], "warm")
        self.assertLessEqual({"claim", "network", "share", "command", "total"}, report["started"]["ms"].keys())
        self.assertIsInstance(report["exit"], int)
        with open(report["screenshot"], "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")
        self.assertFalse(report["disposed"])

    def test_6_removal_leaves_nothing_but_evidence(self):
        """after rm: no domain, tap, mount, overlay, virtiofsd; report and evidence stay"""
        self.host.json("rm", self.run_id)
        self.host.assert_nothing_left(self)
        report = self.host.json("report", self.run_id)
        self.assertTrue(report["disposed"])
        self.assertTrue(report["golden_unchanged"])
        evidence = os.path.join(self.host.state, "runs", self.run_id, "evidence/in")
        self.assertEqual(len(os.listdir(evidence)), 1)
        with tempfile.TemporaryDirectory() as folder:
            screen, ledger = os.path.join(folder, "screen.png"), os.path.join(folder, "ledger.jsonl")
            self.host.json("report", self.run_id, "--screenshot", screen, "--ledger", ledger)
            with open(screen, "rb") as saved, open(report["screenshot"], "rb") as kept:
                self.assertEqual(saved.read(), kept.read())
            self.assertEqual(sum(1 for _ in open(ledger)), report["ledger"]["events"])
        code, out, _ = self.host.genkan("report", self.run_id)
        self.assertEqual(code, 0)
        self.assertIn(SAMPLE_NAME, out)

    def test_9_one_member_of_a_mail_is_opened(self):
        """the mail is evidence, the member goes into the guest, and the report says which is which"""
        with open(SAMPLE, "rb") as sample:
            data = sample.read()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "order.eml")
            with open(path, "wb") as file:
                file.write(make_container.mail({"order.zip": make_container.zipped({"order.pdf.lnk": data})}).as_bytes())
            self.assertEqual(self.host.genkan("open", "--member", "7", path)[0], 5)
            report = self.host.json("open", "--timeout", "5", "--member", "2.1", path, timeout=1000)
        self.assertEqual((report["file"]["name"], report["file"]["sha256"]),
                         ("order.pdf.lnk", hashlib.sha256(data).hexdigest()))
        self.assertEqual((report["container"]["file"]["name"], report["container"]["member"], report["container"]["verdict"]),
                         ("order.eml", "2.1", "malicious"))
        self.assertEqual(report["triage"]["verdict"], "malicious")


if __name__ == "__main__":
    tap.main()
