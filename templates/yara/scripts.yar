/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts that fetch, hide or unpack what they run; and pages that hand out files by themselves. */

rule script_fetches_and_runs
{
    meta:
        description = "a script that fetches something and runs it"
        severity = "high"
    strings:
        $f1 = "DownloadString" nocase ascii wide
        $f2 = "DownloadFile" nocase ascii wide
        $f3 = "MSXML2.XMLHTTP" nocase ascii wide
        $f4 = "WinHttp.WinHttpRequest" nocase ascii wide
        $f5 = "Invoke-WebRequest" nocase ascii wide
        $f6 = "URLDownloadToFile" nocase ascii wide
        $r1 = "Invoke-Expression" nocase ascii wide
        $r2 = /\biex[\s(]/ nocase ascii
        $r3 = "WScript.Shell" nocase ascii wide
        $r4 = "Start-Process" nocase ascii wide
        $r5 = "ADODB.Stream" nocase ascii wide
        $r6 = "ShellExecute" nocase ascii wide
    condition:
        filesize < 4MB and uint16be(0) != 0x4d5a and any of ($f*) and any of ($r*)
}

rule script_runs_what_it_decodes
{
    meta:
        description = "a script that decodes text and loads it as code"
        severity = "high"
    strings:
        $d1 = "FromBase64String" nocase ascii wide
        $d2 = "Reflection.Assembly" nocase ascii wide
        $d3 = "GzipStream" nocase ascii wide
        $l1 = "::Load(" nocase ascii wide
        $l2 = "Invoke-Expression" nocase ascii wide
        $l3 = "VirtualAlloc" nocase ascii wide
    condition:
        filesize < 4MB and uint16be(0) != 0x4d5a and $d1 and ($d2 or $d3) and any of ($l*)
}

rule hta_with_a_shell
{
    meta:
        description = "an HTML application that starts programs"
        severity = "high"
    strings:
        $hta = "<hta:application" nocase ascii wide
        $script = "<script" nocase ascii wide
        $shell = /WScript\.Shell|Shell\.Application|powershell|cmd\.exe/ nocase ascii wide
    condition:
        ($hta or $script) and $shell and filesize < 4MB and uint16be(0) != 0x4d5a
}

rule page_hands_out_a_file
{
    meta:
        description = "a page that puts a file together and saves it by itself (HTML smuggling)"
        severity = "high"
    strings:
        $html = /<(html|script|body|!doctype)/ nocase
        $blob = /new\s+Blob\s*\(/ nocase
        $save1 = "msSaveOrOpenBlob" nocase
        $save2 = "createObjectURL" nocase
        $click = ".click()" nocase
        $decode = "atob(" nocase
    condition:
        filesize < 20MB and $html and $blob and $decode and ($save1 or ($save2 and $click))
}

rule program_in_text
{
    meta:
        description = "text that holds a whole Windows program in base64 or hex"
        severity = "medium"
    strings:
        $base64 = /TVqQAAMAAAAEAAAA[A-Za-z0-9+\/]{200}/
        $hex = /4D5A90000300000004000000[0-9A-F]{200}/ nocase
    condition:
        uint16be(0) != 0x4d5a and any of them
}
