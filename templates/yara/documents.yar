/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What documents carry that runs. */

rule ole_with_macros_that_start_themselves
{
    meta:
        description = "an Office document with macros that run when it is opened"
        severity = "high"
    strings:
        $project = "_VBA_PROJECT" wide
        $a = "AutoOpen" nocase
        $b = "Document_Open" nocase
        $c = "Workbook_Open" nocase
        $d = "Auto_Open" nocase
    condition:
        uint32be(0) == 0xd0cf11e0 and $project and any of ($a, $b, $c, $d)
}

rule rtf_with_an_object
{
    meta:
        description = "an RTF document that carries an object, as exploits of the equation editor do"
        severity = "medium"
    strings:
        $object = /\\obj(data|update|ocx)/
        $equation = "4571756174696F6E2E33" nocase
    condition:
        uint32be(0) == 0x7b5c7274 and ($equation or #object > 1)
}

rule pdf_that_launches
{
    meta:
        description = "a PDF document that starts a program or a script by itself"
        severity = "high"
    strings:
        $pdf = "%PDF-"
        $launch = /\/Launch[\s\/<]/
        $open = "/OpenAction"
        $script = /\/JavaScript[\s\/(<]/
        $file = "/EmbeddedFile"
    condition:
        $pdf in (0..1024) and ($launch or ($open and $script and $file))
}

rule onenote_with_a_script
{
    meta:
        description = "a OneNote section that carries a script or program"
        severity = "high"
    strings:
        $embedded = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $a = "<script" nocase
        $b = "WScript.Shell" nocase
        $c = "This program cannot be run"
        $d = "powershell" nocase
    condition:
        uint32be(0) == 0xe4525c7b and $embedded and any of ($a, $b, $c, $d)
}
