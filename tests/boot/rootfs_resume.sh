#!/bin/sh
# SPDX-License-Identifier: MIT
# roms/make-rootfs.sh after a run that did not finish: it names the packages that are not configured and keeps the root, and
# the next run continues with it; a root that was made with other settings is not used. A stand-in for the emulator prints
# what a guest would print. sh rootfs_resume.sh
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
. "$top/roms/lib.sh"
image=$work/root.img
truncate -s 8M "$image.new"
mkfs.ext4 -q "$image.new"
echo 2 >"$image.new.count"
echo "$guest_suite 8M systemd-sysv,udev,dbus,apt,kmod,procps,iproute2,iputils-ping,less,nano " >"$image.new.settings"
cat >"$work/emulator" <<'END'
#!/bin/sh
echo "Setting up fine (1) ..."
cat "$ANSWER"
END
chmod 755 "$work/emulator"

# make ANSWER: one run; its messages in $work/messages
make() {
    printf '%s\r\n' "$1" >"$work/answer"
    ANSWER=$work/answer RVIVE_EMULATOR=$work/emulator RVIVE_ROOTFS_IMAGE=$image RVIVE_ROOTFS_SIZE=8M \
        sh "$top/roms/make-rootfs.sh" >"$work/messages" 2>&1
}
fail() {
    echo "FAIL: $*"
    cat "$work/messages"
    exit 1
}
! make "rootfs-setup: unfinished: broken other(preinst)" || fail "status 0 with two packages that are not configured"
grep -q "not configured: broken other(preinst)" "$work/messages" || fail "the packages are not named"
[ -f "$image.new" ] && [ ! -f "$image" ] || fail "the work is gone"
make "rootfs-setup: done in 1 s" || fail "the second run does not go on"
grep -q "Going on with" "$work/messages" || fail "it began anew"
[ -f "$image" ] && [ ! -f "$image.new" ] && [ ! -f "$image.new.settings" ] || fail "the image is not in its place"
