# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM's life on the command line: new, run, put, get, revert, rm."""
import os
import subprocess
import tempfile
import time
import unittest

import tap
from host import Host


FLOOD = "sh -c 'while :; do echo flood; done'"


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = Host(config="[vm]\ndefault-image=debian-base\n")
        cls.addClassCleanup(cls.host.clean)
        cls.host.start()
        cls.vm = cls.host.json("new", "--name", "amber-fox")

    def guest(self, *command):
        return self.host.genkan("run", "--vm", "amber-fox", "--", *command)

    def count(self, event):
        return sum(line["event"] == event for line in self.host.ledger(self.vm["id"]))

    def test_1_ls_shows_it(self):
        """ls has every member that it promises"""
        listed = self.host.json("ls")
        self.assertEqual(len(listed), 1)
        self.assertLessEqual({"id", "name", "state", "image", "policy", "owner", "created", "via", "expires", "why"},
                             listed[0].keys())
        self.assertEqual((listed[0]["name"], listed[0]["state"]), ("amber-fox", "running"))

    def test_2_run_streams_and_returns_the_code(self):
        """standard output, standard error and exit code are the command's"""
        code, out, err = self.guest("sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((code, out, err), (7, "out\n", "err\n"))
        code, out, _ = self.guest("head", "-c", "300000", "/dev/zero")
        self.assertEqual((code, out), (0, "\0" * 300000))
        self.assertEqual(self.guest("/nonexistent")[0], 127)

    def test_3_run_streams_while_it_runs(self):
        """output comes before the command has ended"""
        process = self.host.popen("run", "--vm", "amber-fox", "--", "sh", "-c", "echo first; sleep 30")
        self.assertEqual(process.stdout.readline(), "first\n")
        self.assertIsNone(process.poll())
        process.terminate()
        process.communicate(timeout=20)

    def test_4_put_is_read_only(self):
        """a file comes in, and root in the guest cannot change it"""
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(b"brought in\n")
            file.flush()
            put = self.host.json("put", "amber-fox", file.name)[0]
        self.assertEqual(self.guest("cat", put["guest_path"])[1], "brought in\n")
        for attempt in (f"echo x >> '{put['guest_path']}'", f"rm '{put['guest_path']}'",
                        "mount -o remount,rw /genkan/inbound; touch /genkan/inbound/new"):
            self.assertNotEqual(self.guest("sh", "-c", attempt)[0], 0, attempt)
        self.assertEqual(self.guest("cat", put["guest_path"])[1], "brought in\n")

    def test_5_get_holds_what_nobody_vouches_for(self):
        """without a content scanner a file is held, with exit code 3"""
        self.guest("sh", "-c", "echo taken out > /genkan/outbound/note.txt")
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "note.txt")
            code, _, err = self.host.genkan("get", "amber-fox", "note.txt", "--output", target)
            self.assertEqual(code, 3, err)
            self.assertFalse(os.path.exists(target))
        self.assertEqual(self.host.genkan("get", "amber-fox", "never-there.txt")[0], 5)
        self.assertEqual(self.host.genkan("get", "amber-fox", "../run.json")[0], 2)

    def test_5_timeout_holds_against_a_flood(self):
        """--timeout ends a command that never stops writing, and one whose children go on writing"""
        for script, code, by in ((FLOOD, 1, "timeout"), (f"(timeout 9 {FLOOD} &) ; exit 0", 0, "ended")):
            begun = time.monotonic()
            process = self.host.popen("run", "--vm", "amber-fox", "--timeout", "4", "--", "sh", "-c", script,
                                      stdout=subprocess.DEVNULL)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, code)
            self.assertLess(time.monotonic() - begun, 30)
            ends = [line["by"] for line in self.host.ledger(self.vm["id"]) if line["event"] == "ended"]
            self.assertEqual(ends[-1], by)
            if by == "timeout":
                time.sleep(1)
                self.assertNotIn("flood", self.guest("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")[1]
                                 .replace("cmdline", ""))
            time.sleep(8)

    def test_5_sparse_files_cost_what_the_box_holds(self):
        """files that claim more than the drop box holds do not fill the host's disk"""
        self.guest("truncate", "-s", "200M", *(f"/genkan/outbound/s{n}" for n in range(8)))

    def test_6_revert_takes_back_what_the_guest_wrote(self):
        """after revert the guest's writes are gone, name and inbound files are kept, the image is unchanged"""
        before = self.host.json("image", "verify", "debian-base")["digest"]
        inbound = self.guest("ls", "/genkan/inbound")[1]
        self.assertEqual(self.guest("sh", "-c", "echo mark > /root/mark; rm -rf /usr/share/doc; sync")[0], 0)
        self.assertEqual(self.host.json("revert", "amber-fox")["id"], self.vm["id"])
        evidence = os.path.join(self.host.state, "runs", self.vm["id"], "evidence/out")
        self.host.until(lambda: self.count("outbound-refused"), "what the old VM left is taken as evidence")
        taken = sum(os.stat(os.path.join(evidence, name)).st_size for name in os.listdir(evidence))
        self.assertLess(taken, 300 << 20)
        self.assertEqual(self.guest("test", "-e", "/root/mark")[0], 1)
        self.assertEqual(self.guest("test", "-d", "/usr/share/doc")[0], 0)
        self.assertEqual(self.guest("ls", "/genkan/outbound")[1], "")
        self.assertEqual(self.guest("ls", "/genkan/inbound")[1], inbound)
        self.assertEqual(self.host.json("image", "verify", "debian-base")["digest"], before)

    def test_7_the_name_is_taken(self):
        """a second VM of that name is refused"""
        self.assertEqual(self.host.genkan("new", "--name", "amber-fox")[0], 2)

    def test_8_rm_leaves_nothing(self):
        """after rm the VM is gone, its drop box is evidence, its ledger's chain holds"""
        self.host.json("rm", "amber-fox")
        self.host.wait_closed(self.vm["id"])
        self.host.assert_nothing_left(self)
        report = self.host.json("report", self.vm["id"])
        self.assertTrue(report["golden_unchanged"])
        held = [file for file in report["outbound"] if file["name"] == "note.txt"]
        self.assertEqual([file["state"] for file in held], ["held"])
        lines = open(os.path.join(self.host.state, "runs", self.vm["id"], "ledger.jsonl"), "rb").read().split(b"\n")
        head = subprocess.run(["sha256sum"], input=lines[-2], capture_output=True, check=True).stdout.split()[0]
        self.assertEqual(report["ledger"]["head"], head.decode())


if __name__ == "__main__":
    tap.main()
