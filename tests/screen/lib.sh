# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the screen tests share in addition to tests/linux/lib.sh. Each is called as `sh TEST.sh SCREEN EMULATOR ...`. Sets:
# screen.

. "${top:?}/tests/linux/lib.sh"
screen=$console # the first argument

# picture_guest: makes $work/initramfs, the usual one with its screen drivers; its /run.sh shows the picture.
picture_guest() {
    mkdir "$work/root"
    "${cross}gcc" -O2 -static -I"$top/tests/screen" "$top/tests/screen/picture.c" -o "$work/root/picture"
    echo 'exec /picture >/dev/console 2>&1' >"$work/root/run.sh"
    make_initramfs "$work/root" screen
}
