#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# /init of the guest's initramfs: mounts the kernel's file systems, loads the modules that roms/make-initramfs.sh chose,
# then follows the kernel's arguments:
#   root=DEVICE          switch to the ext4 file system on DEVICE and start its init (init=PATH, default /sbin/init)
#   rvive.test=poweroff  power off at once        rvive.test=reboot  restart at once
#   rvive.test=run:PATH  run the shell script PATH (of an initramfs appended to this one), then power off
# Without any of these: a shell on the console, with job control; the machine powers off when it ends.

/bin/busybox mkdir -p /bin /sbin /proc /sys /dev /tmp /mnt /root /etc
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root TERM="${TERM:-linux}"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
while read -r module; do
    insmod "/modules/$module" || echo "init: $module did not load"
done </modules/order
# These files exist if initramfs-screen.cpio, -sound.cpio or -nvme.cpio was appended.
for order in /modules/*/order; do
    [ -f "$order" ] || continue
    while read -r module; do
        insmod "${order%order}$module" || echo "init: $module did not load"
    done <"$order"
done

root=''
init=/sbin/init
action=''
for argument in $(cat /proc/cmdline); do
    case $argument in
    root=*) root=${argument#root=} ;;
    init=*) init=${argument#init=} ;;
    rvive.test=*) action=${argument#rvive.test=} ;;
    esac
done

if [ -n "$root" ]; then
    waited=0
    until [ -b "$root" ] || [ $waited -ge 10 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    if mount -t ext4 "$root" /mnt; then
        umount /dev/pts /dev /sys /proc
        mount -t devtmpfs devtmpfs /mnt/dev
        exec switch_root -c /dev/console /mnt "$init"
    fi
    echo "init: cannot mount root=$root"
fi

echo "Rvive guest is up: $(uname -srm), $(nproc) hart(s), booted in $(cut -d' ' -f1 /proc/uptime) s"
case $action in
poweroff) poweroff -f ;;
reboot) reboot -f ;;
run:*)
    sh "${action#run:}" || echo "init: ${action#run:} failed"
    poweroff -f
    ;;
*)
    cd /root || cd /
    # busybox asks init, which is not here; -f asks the kernel.
    printf 'alias poweroff="poweroff -f" reboot="reboot -f" halt="halt -f"\n' >/etc/profile
    # What `udhcpc -i eth0` does with its lease (single quotes: the lease's variables are expanded then).
    mkdir -p /etc/udhcpc
    cat >/etc/udhcpc/default.script <<'END'
#!/bin/sh
[ "$1" != deconfig ] || exec ip link set "$interface" up
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev "$interface"
ip addr add "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route add default via "${router%% *}"
: >/etc/resolv.conf
for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
END
    chmod 755 /etc/udhcpc/default.script
    setsid cttyhack sh -l
    poweroff -f
    ;;
esac
# The kernel is ending the machine; its first process must not end before that.
while :; do sleep 60; done
