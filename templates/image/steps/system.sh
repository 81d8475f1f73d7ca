# SPDX-License-Identifier: GPL-2.0-or-later
# What all our Debian guests have: no way in but the agent, the network when it comes, a fast boot.

echo desktop >/etc/hostname
install -d /genkan /genkan/inbound /genkan/outbound
passwd -q -l root

systemctl enable --quiet systemd-networkd resolver.path
ln -sfn /run/resolv.conf /etc/resolv.conf

# Nothing runs by itself in a guest that lives for minutes; and under emulation each unit costs
# a good part of a second.
systemctl mask --quiet \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-tmpfiles-clean.timer e2scrub_reap.service \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service dbus.service dbus.socket \
    getty.target getty@tty1.service serial-getty@ttyS0.service getty-static.service \
    kmod-static-nodes.service ldconfig.service syslog.socket systemd-ask-password-console.path \
    systemd-ask-password-wall.path systemd-binfmt.service systemd-boot-system-token.service \
    systemd-firstboot.service systemd-hwdb-update.service systemd-initctl.socket \
    systemd-journal-catalog-update.service systemd-journal-flush.service \
    systemd-journald-audit.socket systemd-journald-dev-log.socket systemd-journald.service \
    systemd-journald.socket systemd-logind.service systemd-machine-id-commit.service \
    systemd-modules-load.service systemd-network-generator.service \
    systemd-networkd-wait-online.service systemd-pcrphase-sysinit.service \
    systemd-pcrphase.service systemd-pstore.service systemd-random-seed.service \
    systemd-remount-fs.service systemd-repart.service systemd-sysctl.service \
    systemd-sysusers.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup.service \
    systemd-update-done.service systemd-update-utmp-runlevel.service systemd-update-utmp.service \
    systemd-user-sessions.service
install -d /etc/systemd/system-generators
for generator in /usr/lib/systemd/system-generators/*; do
    ln -s /dev/null "/etc/systemd/system-generators/${generator##*/}"
done

# The modules of the devices that a guest of ours has, and no others.
wanted="ext4 crc32c_generic crc32c_intel virtio_pci virtio_blk virtio_net virtio_console virtio_rng
    virtio_balloon virtio_input virtiofs vmgenid bochs psmouse evdev autofs4 af_packet"
version=$(basename /lib/modules/*)
modprobe -S "$version" --all --show-depends --ignore-install $wanted 2>/dev/null |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u >/tmp/wanted-modules
find "/lib/modules/$version/kernel" -name '*.ko' | sort | comm -23 - /tmp/wanted-modules | xargs rm -f
rm /tmp/wanted-modules
find "/lib/modules/$version/kernel" -type d -empty -delete
depmod "$version"
mktirfs -o "/boot/initrd.img-$version" "$version"

# The agent sets the guest's clock, and then has hwclock set the host's, as it seems from here: which is
# right already, and takes a second.
ln -sf ../bin/true /usr/sbin/hwclock

# Rules for what a guest of ours has no use for, and the data that they look up (see 50-guest.rules).
find /usr/lib/udev/rules.d -type f ! -name 60-input-id.rules ! -name 60-qemu-guest-agent.rules -delete
rm -f /usr/lib/udev/hwdb.bin
