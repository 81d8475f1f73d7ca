# SPDX-License-Identifier: GPL-2.0-or-later
"""genkan-build on the real parts: what it makes, and what it leaves when it fails, is cancelled or is
killed, which is nothing."""
import glob
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

import cached_image
import tap

TINY = """[Image]
Name={name}
Version={version}
Description=Nothing but Debian's essential packages
Suite=bookworm
Packages=hostname;
Steps=step.sh;
[Machine]
DiskMiB=512
MemoryMiB=256
VCpus=1
[Files]
{target}=note 0640
"""
PREFIX = ".build-"


def live_processes(folder):
    """Processes that have to do with @folder: by their command line or their working directory."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as file:
                said = file.read().replace(b"\0", b" ").decode(errors="replace")
            if folder in said + os.readlink(path + "/cwd") + os.readlink(path + "/root"):
                found.append(said)
        except OSError:
            pass  # it ended while we looked
    return found


class Case(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="genkan-build-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.state)
        os.mkdir(f"{self.state}/recipe")

    def recipe(self, step="true", target="/etc/note", name="tiny", version="1"):
        path = f"{self.state}/recipe/{name}.recipe"
        for file, text in ((path, TINY.format(name=name, target=target, version=version)),
                           (f"{self.state}/recipe/step.sh", step), (f"{self.state}/recipe/note", "hello\n")):
            with open(file, "w", encoding="utf-8") as out:
                out.write(text)
        return path

    def start(self, recipe, *args):
        job = subprocess.Popen([cached_image.builder(), recipe, "--state-dir", self.state, *args],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
        self.addCleanup(self.end, job)
        return job

    @staticmethod
    def end(job):
        if job.poll() is None:
            job.kill()
        job.communicate()

    def build(self, recipe, *args):
        """(exit code, standard output, the sentence that it ended with)"""
        job = self.start(recipe, *args)
        out, err = job.communicate(timeout=900)
        return job.returncode, out, err.strip().splitlines()[-1] if err else ""

    def sweep(self):
        subprocess.run([cached_image.builder(), "--sweep", "--state-dir", self.state], check=True)

    def wait_for(self, job, what):
        for line in job.stderr:
            if what in line:
                return
        self.fail(f"the build never came to {what!r}")

    def assert_nothing_left(self, seconds=10):
        end = time.monotonic() + seconds
        while (left := live_processes(self.state)) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(left, [])
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            self.assertNotIn(self.state, file.read())
        self.assertEqual(os.listdir(f"{self.state}/images"), [])


class WhatIsMade(Case):
    """The image that the tests share: debian-base, as it was built on this machine."""

    def setUp(self):
        super().setUp()
        self.cache = cached_image.state_dir_with("debian-base")
        self.image = cached_image.image_folder("debian-base")
        with open(f"{self.image}/manifest.json", "rb") as file:
            self.text = file.read()
        self.manifest = json.loads(self.text)

    def share_image(self):
        os.mkdir(f"{self.state}/images")
        os.symlink(f"{self.cache}/images/debian-base", f"{self.state}/images/debian-base")

    def test_the_manifests_digests_are_those_of_the_files(self):
        self.assertEqual(set(self.manifest["files"]), {"disk", "kernel", "initrd"})
        for said in self.manifest["files"].values():
            with open(f"{self.image}/{said['name']}", "rb") as file:
                self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), said["sha256"])
                self.assertEqual(os.fstat(file.fileno()).st_size, said["size"])

    def test_all_of_it_is_read_only_and_nothing_else_is_there(self):
        self.assertEqual(sorted(os.listdir(self.image)),
                         ["disk.qcow2", "identity", "initrd.img", "manifest.json", "vmlinuz"])
        for name in os.listdir(self.image):
            info = os.stat(f"{self.image}/{name}")
            self.assertEqual((stat.S_IMODE(info.st_mode), info.st_uid, info.st_nlink), (0o444, 0, 1))

    def test_the_manifest_names_packages_and_tools(self):
        packages = {package["name"]: package["version"] for package in self.manifest["packages"]}
        self.assertIn("qemu-guest-agent", packages)
        self.assertTrue(all(packages.values()))
        self.assertTrue({"mmdebstrap", "qemu-img", "libguestfs"} <= set(self.manifest["tools"]))
        info = json.loads(subprocess.check_output(["qemu-img", "info", "-U", "--output=json",
                                                   f"{self.image}/disk.qcow2"]))
        self.assertEqual((info["format"], info["virtual-size"]), ("qcow2", self.manifest["size"]))
        self.assertNotIn("backing-filename", info)

    def test_the_same_recipe_is_not_built_again(self):
        self.share_image()
        code, out, _ = self.build(cached_image.recipe_path("debian-base"))
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out), {"image": f"debian-base:{os.path.basename(self.image)}",
                                           "digest": "sha256:" + hashlib.sha256(self.text).hexdigest()})

    def test_another_recipe_of_the_same_version_is_refused(self):
        self.share_image()
        code, out, said = self.build(self.recipe(name="debian-base", version=os.path.basename(self.image)))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("raise Version", said)
        self.assertEqual(os.listdir(f"{self.state}/images"), ["debian-base"])


class WhatFails(Case):
    def test_a_failing_step_is_told_and_leaves_nothing(self):
        # Steps also see neither the network nor the host's processes.
        step = ('test "$(grep -c : /proc/net/dev)" = 1\ntest "$(ls -d /proc/[0-9]* | wc -l)" -lt 8\n'
                'grep -q hello /etc/note\ntest ! -s /etc/resolv.conf\nmount -t tmpfs x /mnt\n'
                'sleep 1000 &\necho "the reason" >&2\nexit 7\n')
        code, out, said = self.build(self.recipe(step))
        self.assertEqual((code, out), (1, ""))
        self.assertRegex(said, "cannot build 'tiny:1': step 1 of the recipe failed: .* exited with 7: the reason")
        self.assert_nothing_left()

    def test_an_image_without_a_kernel_is_refused(self):
        code, _, said = self.build(self.recipe())
        self.assertEqual(code, 1)
        self.assertIn("the new image lacks /usr/sbin/qemu-ga", said)
        self.assert_nothing_left()

    def test_a_file_over_a_link_is_refused(self):
        # /lib is a link in Debian: followed, it could lead into the host.
        code, _, said = self.build(self.recipe(target="/lib/note"))
        self.assertEqual(code, 1)
        self.assertIn("cannot put /lib/note into the image", said)
        self.assert_nothing_left()

    def test_a_mirror_that_does_not_answer_is_told(self):
        code, _, said = self.build(self.recipe(), "--mirror", "http://127.0.0.1:9/debian")
        self.assertEqual(code, 1)
        self.assertIn("is the package mirror reachable?", said)
        self.assert_nothing_left()

    def test_a_missing_recipe_and_wrong_usage_are_told(self):
        code, _, said = self.build(f"{self.state}/none.recipe")
        self.assertEqual(code, 1)
        self.assertIn("none.recipe", said)
        done = subprocess.run([cached_image.builder()], capture_output=True, check=False)
        self.assertEqual(done.returncode, 2)

    def test_a_full_disk_is_told_and_leaves_nothing(self):
        os.mkdir(f"{self.state}/images")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", f"{self.state}/images"], check=True)
        try:
            code, _, said = self.build(self.recipe())
            self.assertEqual(code, 1)
            self.assertIn("No space left on device", said)
            self.assertEqual(os.listdir(f"{self.state}/images"), [])
        finally:
            subprocess.run(["umount", "-l", f"{self.state}/images"], check=True)


class WhatIsInterrupted(Case):
    def test_a_second_build_of_the_same_is_busy_and_a_cancelled_one_leaves_nothing(self):
        first = self.start(self.recipe())
        self.wait_for(first, "unpacking")
        code, out, said = self.build(self.recipe())
        self.assertEqual((code, out), (3, ""))
        self.assertIn("it is being built already", said)
        self.sweep()
        self.assertTrue(os.path.isdir(f"{self.state}/images/{PREFIX}tiny+1"), "a live build was swept")
        first.terminate()
        self.assertIn("the build was cancelled", first.stderr.read())
        self.assertEqual(first.wait(), 1)
        self.assert_nothing_left()

    def test_killed_builds_are_swept(self):
        # Only genkan-build itself is killed: all else must follow by itself.
        for what in ("unpacking Debian", "running step", "inspecting the disk"):
            with self.subTest(what=what):
                job = self.start(self.recipe("sleep 3\n"))
                self.wait_for(job, what)
                os.kill(job.pid, signal.SIGKILL)
                job.wait()
                end = time.monotonic() + 10
                while live_processes(self.state) and time.monotonic() < end:
                    time.sleep(0.1)
                self.assertEqual(os.listdir(f"{self.state}/images"), [PREFIX + "tiny+1"])
                self.sweep()
                self.assert_nothing_left()

    def test_what_a_killed_build_left_does_not_hinder_the_next(self):
        left = f"{self.state}/images/{PREFIX}tiny+1/root/etc"
        os.makedirs(left)
        code, _, said = self.build(self.recipe("exit 7"))
        self.assertEqual(code, 1)
        self.assertIn("exited with 7", said)
        self.assert_nothing_left()


if __name__ == "__main__":
    tap.main()
