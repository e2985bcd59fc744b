# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What the tests here share: sh TEST.sh DISK_IO RVIVE_IMG. Sets disk_io, img, work (a folder that is removed at the end).
[ $# -ge 2 ] || { echo "usage: $0 DISK_IO RVIVE_IMG" >&2; exit 2; }
disk_io=$1
img=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
cd "$work" || exit 1
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null || { echo "qemu-utils is not installed" >&2; exit 1; }

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# clean IMAGE: qemu-img and rvive-img find nothing wrong with it.
clean() {
    qemu-img check "$1" >check.log 2>&1 || { cat check.log >&2; fail "qemu-img check $1${seed:+ (seed $seed)}"; }
    "$img" check "$1" >check.log 2>&1 || { cat check.log >&2; fail "rvive-img check $1${seed:+ (seed $seed)}"; }
}

# same IMAGE FORMAT RAW: the disk in the image equals that raw file.
same() {
    qemu-img compare -f "$2" -F raw "$1" "$3" >compare.log 2>&1 ||
        { cat compare.log >&2; fail "$1 differs from $3${seed:+ (seed $seed)}"; }
}
