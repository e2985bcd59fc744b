#!/bin/sh
# SPDX-License-Identifier: MIT
# libvirt drives Rvive under QEMU's name: a libvirtd of its own, in session mode, and virsh. Prints "ok" or "FAILED" for each
# operation, and ends with status 1 if one failed. It is run by hand, and needs the packages libvirt-daemon,
# libvirt-daemon-driver-qemu and libvirt-clients, and the guest of roms/run.sh --fetch-only.
# Usage: sh tests/libvirt/run.sh RVIVE          (as root it changes to the user `nobody`, since root has no session mode)
# RVIVE_KEEP=1 keeps the folder with the logs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"

[ $# -eq 1 ] || die "usage: $0 RVIVE"
rvive=$(realpath "$1")
for program in libvirtd virsh; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || die "no $program: install libvirt's daemon, driver and clients"
done
[ -f "$guest_dir/initramfs.cpio" ] || die "no guest in $guest_dir: run roms/run.sh --fetch-only first"

work=$(mktemp -d)
daemon=
finish() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
    wait
    [ -n "${RVIVE_KEEP:-}" ] && echo "logs: $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

as= # the user
[ "$(id -u)" != 0 ] || as="setpriv --reuid=65534 --regid=65534 --clear-groups"
mkdir "$work/bin" "$work/config" "$work/config/libvirt" "$work/cache" "$work/run" "$work/data"
cp "$rvive" "$work/bin/rvive"
for module in "${rvive%/*}"/*.so; do
    [ ! -f "$module" ] || cp "$module" "$work/bin/"
done
# The sandbox lets only those files be opened that the command line names, but disks are attached later.
cat >"$work/bin/qemu-system-riscv64" <<END
#!/bin/sh
exec -a qemu-system-riscv64 "$work/bin/rvive" "\$@"
END
sed -i '1s/sh$/bash/' "$work/bin/qemu-system-riscv64"
chmod 755 "$work/bin/qemu-system-riscv64"
echo 'seccomp_sandbox = 0' >"$work/config/libvirt/qemu.conf"
cp "$guest_dir/vmlinux" "$guest_dir/initramfs.cpio" "$work/data"
head -c 1048576 /dev/urandom >"$work/data/hot.img"
truncate -s 16M "$work/data/cold.img"
chmod 755 "$work"
[ -z "$as" ] || chown -R 65534:65534 "$work"
export HOME="$work" XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache" XDG_RUNTIME_DIR="$work/run" \
    XDG_DATA_HOME="$work/data" PATH="$work/bin:$PATH:/usr/sbin" LIBVIRT_LOG_OUTPUTS="1:file:$work/libvirtd.log" \
    LIBVIRT_LOG_FILTERS="1:qemu 3:*"

cat >"$work/guest.xml" <<END
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='riscv64' machine='virt'>hvm</type>
    <kernel>$work/data/vmlinux</kernel>
    <initrd>$work/data/initramfs.cpio</initrd>
    <cmdline>console=ttyS0</cmdline>
  </os>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>$work/bin/qemu-system-riscv64</emulator>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'/>
    <controller type='pci' index='2' model='pcie-root-port'/>
    <controller type='pci' index='3' model='pcie-root-port'/>
    <controller type='pci' index='4' model='pcie-root-port'/>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='$work/data/cold.img'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0' bus='3' slot='0' function='0'/>
    </disk>
    <interface type='user'>
      <model type='virtio'/>
      <address type='pci' domain='0' bus='2' slot='0' function='0'/>
    </interface>
    <rng model='virtio'>
      <backend model='random'>/dev/urandom</backend>
      <address type='pci' domain='0' bus='1' slot='0' function='0'/>
    </rng>
    <memballoon model='none'/>
    <serial type='file'><source path='$work/data/console.log'/></serial>
  </devices>
</domain>
END
cat >"$work/hot.xml" <<END
<disk type='file' device='disk'>
  <driver name='qemu' type='raw'/>
  <source file='$work/data/hot.img'/>
  <target dev='vdb' bus='virtio'/>
  <address type='pci' domain='0' bus='4' slot='0' function='0'/>
</disk>
END
failed=0
# try NAME COMMAND...: NAME is what the line says.
try() {
    try_name=$1
    shift
    if timeout 30 "$@" >"$work/answer" 2>&1; then
        echo "ok      $try_name"
    else
        echo "FAILED  $try_name: $(tr '\n' ' ' <"$work/answer")"
        failed=1
    fi
}
virsh() {
    timeout 20 $as virsh -q -c qemu:///session "$@"
}
# The following are commands of try, which runs programs only.
cat >"$work/virsh" <<END
#!/bin/sh
exec $as virsh -q -c qemu:///session "\$@"
END
chmod 755 "$work/virsh"
v=$work/virsh
state_is() { # STATE SECONDS
    state_tries=0
    until [ "$(virsh domstate guest 2>/dev/null | head -n 1)" = "$1" ]; do
        state_tries=$((state_tries + 1))
        if [ $state_tries -ge $(($2 * 2)) ]; then
            echo "FAILED  the guest is $(virsh domstate guest), not $1"
            failed=1
            return
        fi
        sleep 0.5
    done
    echo "ok      the guest is: $1"
}
console_has() { # TEXT COUNT SECONDS
    console_tries=0
    until [ "$(cat "$work/data/console.log" 2>/dev/null | grep -c "$1")" -ge "$2" ]; do
        console_tries=$((console_tries + 1))
        if [ $console_tries -ge $(($3 * 2)) ]; then
            echo "FAILED  the console has no $2 $1"
            failed=1
            return
        fi
        sleep 0.5
    done
    echo "ok      the console says: $1"
}

$as libvirtd --timeout 600 >"$work/daemon.out" 2>&1 &
daemon=$!
tries=0
until virsh list >"$work/version" 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 20 ] || { cat "$work/version" "$work/daemon.out"; exit 1; }
    sleep 0.5
done
echo "libvirt $(virsh --version), $("$rvive" -version | head -n 1)"
try "domcapabilities" "$v" domcapabilities --emulatorbin "$work/bin/qemu-system-riscv64" --arch riscv64 \
    --machine virt --virttype qemu
try "define" "$v" define "$work/guest.xml"
[ $failed = 0 ] || exit 1
try "start" "$v" start guest
[ $failed = 0 ] || exit 1
console_has "Rvive guest is up" 1 120
state_is running 5
try "list" "$v" list
try "dominfo" "$v" dominfo guest
try "domstats" "$v" domstats guest
try "domblklist" "$v" domblklist guest --details
try "domiflist" "$v" domiflist guest
try "suspend" "$v" suspend guest
state_is paused 5
try "resume" "$v" resume guest
state_is running 5
try "attach-disk" "$v" attach-device guest "$work/hot.xml" --live
try "dumpxml" "$v" dumpxml guest
try "detach-disk" "$v" detach-device guest "$work/hot.xml" --live
try "qemu-monitor-command" "$v" qemu-monitor-command guest --hmp "info pci"
try "reset" "$v" reset guest
console_has "Rvive guest is up" 2 120
try "destroy" "$v" destroy guest
state_is "shut off" 5
try "start again" "$v" start guest
console_has "Rvive guest is up" 1 120
try "destroy" "$v" destroy guest
try "undefine" "$v" undefine guest
exit $failed
