#!/bin/sh
# SPDX-License-Identifier: MIT
# The first boot of the root that roms/make-rootfs.sh makes, run as the guest's init: configures the packages, which are only
# extracted so far, sets up the machine, and powers off. Prints "rootfs-setup: done" if all went well, else "rootfs-setup:
# unfinished" and what is missing. If a package's script fails, the others are still configured. The next boot does not
# repeat what is done.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DPKG_ROOT=''
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp

finished=/var/lib/rootfs-setup # a file for each preinst that has run
mkdir -p "$finished"
missing='' # packages that are not as they should be

# preinst NAME: runs a package's script once, as dpkg would have done before unpacking the package.
preinst() {
    [ -x "/var/lib/dpkg/info/$1.preinst" ] && [ ! -e "$finished/$1" ] || return 0
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${1%:*} DPKG_MAINTSCRIPT_ARCH=$(dpkg --print-architecture) \
        DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 "/var/lib/dpkg/info/$1.preinst" install &&
        : >"$finished/$1"
}

configure() {
    # All other scripts need the users, the shell and libc's tools of these packages.
    preinst base-passwd || { missing=base-passwd && return 1; }
    for script in /var/lib/dpkg/info/*.preinst; do
        name=${script##*/}
        name=${name%.preinst}
        [ "$name" = base-passwd ] || preinst "$name" || missing="$missing ${name%:*}(preinst)"
    done
    dpkg --force-depends --force-unsafe-io --configure base-passwd base-files ||
        { missing='base-passwd base-files' && return 1; }
    dpkg --force-depends --force-unsafe-io --abort-after=100000 --configure -a
    # A package that is not "ii" now would be reported as broken at the next apt run.
    missing="$missing $(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n '/^ii /d; s/^[^ ]* *//p' | tr '\n' ' ')"
    [ -z "$(echo $missing)" ]
}

set_up() {
    echo rvive >/etc/hostname
    printf '127.0.0.1 localhost rvive\n::1 localhost\n' >/etc/hosts
    echo '/dev/vda / ext4 defaults,noatime 0 1' >/etc/fstab
    passwd -d root
    # Services on which an emulated machine would spend its first minutes are not started.
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
        fstrim.timer systemd-tmpfiles-clean.timer; do
        ln -sf /dev/null "/etc/systemd/system/$unit"
    done
    systemd-machine-id-setup
    # The packages' users, caches and catalogues are up to date: systemd need not make them again at the first boot.
    touch -r /usr /etc/.updated /var/.updated
}

# more: runs the script that the maker of the image added (RVIVE_ROOTFS_OVERLAY).
more() {
    [ -f /rootfs-more ] || return 0
    sh -eu /rootfs-more && rm -f /rootfs-more
}

echo "rootfs-setup: configuring packages"
configured=true
configure || configured=false
if ! set_up; then
    echo "rootfs-setup: unfinished: the machine's settings (see above)"
elif ! more; then
    echo "rootfs-setup: unfinished: /rootfs-more (see above)"
elif ! $configured; then
    echo "rootfs-setup: unfinished:" $missing
else
    rm -rf /rootfs-setup "$finished"
    echo "rootfs-setup: done in $(cut -d' ' -f1 /proc/uptime) s"
fi
# Write everything back, remount read-only, power off. The kernel only starts what a key asks for, so each key gets a second.
sync
for key in s u o; do
    echo $key >/proc/sysrq-trigger
    sleep 1
done
while :; do sleep 60; done
