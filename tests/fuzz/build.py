# SPDX-License-Identifier: GPL-2.0-or-later
"""build.py CLANG SOURCE_ROOT OUTPUT [--package=NAME…] [-DNAME…] SOURCE…: a libFuzzer program with AddressSanitizer and UBSan.

meson compiles a project with one compiler; libFuzzer is clang's.
"""
import subprocess
import sys

clang, root, output, *words = sys.argv[1:]
packages = [word.removeprefix("--package=") for word in words if word.startswith("--package=")]
defines = [word for word in words if word.startswith("-D")]
sources = [word for word in words if not word.startswith("-")]
flags = subprocess.run(["pkg-config", "--cflags", "--libs", "glib-2.0", "gio-unix-2.0", "json-glib-1.0", "nettle", *packages],
                       check=True, capture_output=True, text=True).stdout.split()
subprocess.run([clang, "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all",
                "-DGK_LNK_CHUNK=1", *defines,
                "-fsanitize=fuzzer,address,undefined", "-I", root, "-o", output, *sources, *flags], check=True)
