# SPDX-License-Identifier: GPL-2.0-or-later
# A 64-bit Wine prefix made ahead, so that the first file opens soon. No Mono and no Gecko: both
# would be asked for on the screen, and fetched.
as_analyst () {
    setpriv --reuid analyst --regid analyst --init-groups --reset-env \
        env WINEDEBUG=-all WINEDLLOVERRIDES='mscoree=;mshtml=' WINEARCH=win64 "$@"
}

as_analyst wineboot --init

# What Wine starts before anything else but a guest of ours has no use for: services for devices that
# are plugged in, network adapters and the event log; menu entries. Each takes seconds under emulation.
services='HKLM\System\CurrentControlSet\Services'
for service in PlugPlay Eventlog NDIS winebus winehid wineusb; do
    as_analyst wine reg add "$services\\$service" /v Start /t REG_DWORD /d 4 /f
done
as_analyst wine reg delete 'HKLM\Software\Microsoft\Windows\CurrentVersion\RunServices' /v winemenubuilder /f

# A console would look through all fonts for one of its liking.
as_analyst wine reg add 'HKCU\Console' /v FaceName /d 'DejaVu Sans Mono' /f
as_analyst wine reg add 'HKCU\Console' /v FontSize /t REG_DWORD /d 0x000e0000 /f

# Wine itself knows no program for plain text.
as_analyst wine reg add 'HKLM\Software\Classes\txtfile\shell\open\command' /ve /d 'notepad.exe "%1"' /f
for extension in txt log csv; do
    as_analyst wine reg add "HKLM\Software\Classes\.$extension" /ve /d txtfile /f
done

as_analyst wineserver -w
test -s /home/analyst/.wine/system.reg
rm -rf /home/analyst/.cache
