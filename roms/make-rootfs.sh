#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes RVIVE_CACHE/rootfs.img: a whole Debian 13 for riscv64 on an ext4 disk, which boots to systemd's login prompt on the
# serial console (user root, no password, host name rvive). mmdebstrap extracts the packages here, without root; the step
# that must run as riscv64 code, the configuration of the packages, runs in Rvive itself at a first boot.
# Usage: roms/make-rootfs.sh     does nothing if the image is there; delete it to have it made again.
# If a package's script fails, the others are configured all the same; the message names it, and the next run continues with
# what there is (IMAGE.new) instead of starting again. So does a run after one that was killed. Delete IMAGE.new to start
# again.
# RVIVE_EMULATOR: another emulator for the first boot. RVIVE_ROOTFS_SIZE: of the disk, default 2G (the file is sparse).
# RVIVE_ROOTFS_PACKAGES: more packages, with commas between them. RVIVE_ROOTFS_IMAGE: another place for the image.
# RVIVE_ROOTFS_OVERLAY: a folder whose files are put over the packages' files; if it has a shell script /rootfs-more, the
# guest runs it after the packages are configured.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/roms/lib.sh"
PATH=$PATH:/usr/sbin:/sbin

image=${RVIVE_ROOTFS_IMAGE:-$RVIVE_CACHE/rootfs.img}
[ ! -f "$image" ] || exit 0
sh "$top/roms/setup.sh" "$top/roms/packages.txt" "$top/roms/packages-rootfs.txt"
sh "$top/roms/fetch-kernel.sh"
sh "$top/roms/make-initramfs.sh"
[ -n "${RVIVE_EMULATOR:-}" ] || build_rvive

packages=systemd-sysv,udev,dbus,apt,kmod,procps,iproute2,iputils-ping,less,nano
packages=$packages${RVIVE_ROOTFS_PACKAGES:+,$RVIVE_ROOTFS_PACKAGES}
work=$image.work
log=${image%.img}.log
settings="$guest_suite ${RVIVE_ROOTFS_SIZE:-2G} $packages ${RVIVE_ROOTFS_OVERLAY:-}"

# begun: is there a complete root of an earlier run, made with the same settings, of which only packages must be configured?
begun() {
    [ -f "$image.new" ] && [ "$(cat "$image.new.settings" 2>/dev/null)" = "$settings" ] || return 1
    checked=0
    e2fsck -fp "$image.new" >/dev/null 2>&1 || checked=$?
    [ $checked -le 1 ]
}

# extract: makes IMAGE.new, with packages that are not configured yet.
extract() {
    apt_private_setup riscv64
    # A person sees mmdebstrap's progress; otherwise its output is shown only if it fails.
    if [ -t 2 ]; then
        extract_quiet=''
        extract_log=/dev/stderr
    else
        extract_quiet=--quiet
        extract_log=$work/log
    fi
    rm -rf "$work" "$image.new" "$image.making"
    mkdir "$work"
    say "Fetching and extracting Debian's packages"
    # Owners and device nodes exist only inside one fakeroot, so the file system is made inside it, too.
    source=$apt_source top=$top work=$work image=$image packages=$packages suite=$guest_suite \
        size=${RVIVE_ROOTFS_SIZE:-2G} overlay=${RVIVE_ROOTFS_OVERLAY:-} quiet=$extract_quiet log=$extract_log \
        fakeroot sh -eu -c '
            mmdebstrap $quiet --mode=root --variant=extract --architectures=riscv64 \
                --include="?essential" --include="?priority(required)" --include="$packages" \
                --extract-hook="sh \"$top/roms/rootfs-database.sh\" \"\$1\"" \
                "$suite" "$work/root" "$source" >>"$log" 2>&1 ||
                { [ ! -f "$work/log" ] || cat "$work/log" >&2; exit 1; }
            [ -z "$overlay" ] || cp -r "$overlay/." "$work/root/"
            grep -c "^Package:" "$work/root/var/lib/dpkg/status" >"$work/count"
            cp "$top/roms/rootfs-setup.sh" "$work/root/rootfs-setup"
            chmod 755 "$work/root/rootfs-setup"
            truncate -s "$size" "$image.making"
            mkfs.ext4 -q -L rvive-root -d "$work/root" "$image.making"
        ' || die "the root could not be extracted"
    printf '%s\n' "$settings" >"$image.new.settings"
    cp "$work/count" "$image.new.count"
    mv "$image.making" "$image.new"
    rm -rf "$work"
}

if begun; then
    say "Going on with $image.new, which an earlier run has begun"
else
    extract
fi
count=$(cat "$image.new.count")

# configured: copies the guest's console to the log; counts the packages for a person.
configured() {
    done=0
    while IFS= read -r line; do
        printf '%s\n' "$line" >&3
        case $line in
        "Setting up "*)
            done=$((done + 1))
            [ ! -t 2 ] || printf '\r    %d of %d ' "$done" "$count" >&2
            ;;
        esac
    done 3>"$log"
    [ ! -t 2 ] || printf '\r                 \r' >&2
}

say "Configuring $count packages in the guest (this takes a few minutes)"
${RVIVE_EMULATOR:-$top/build/rvive} -M virt -m 1G -smp 2 -nographic -no-reboot \
    -kernel "$guest_dir/vmlinux" -initrd "$guest_dir/initramfs.cpio" \
    -append "console=ttyS0 quiet root=/dev/vda init=/rootfs-setup" \
    -drive file="$image.new",if=none,format=raw,id=root -device virtio-blk-device,drive=root \
    </dev/null 2>&1 | configured
grep -q '^rootfs-setup: done' "$log" || {
    unfinished=$(sed -n 's/^rootfs-setup: unfinished: *//p' "$log" | tr -d '\r')
    [ -n "$unfinished" ] || tail -n 40 "$log" >&2
    [ -z "$unfinished" ] || grep -A3 -E 'error processing package|installed .* script subprocess' "$log" >&2 || :
    die "${unfinished:+not configured: $unfinished. }The root is not finished, and $image.new is kept:" \
        "the next run goes on with it; the log is $log"
}
mv "$image.new" "$image"
rm -f "$image.new.settings" "$image.new.count"
say "$image is ready"
