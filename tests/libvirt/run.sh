#!/bin/sh
# SPDX-License-Identifier: MIT
# libvirt drives Rvive under QEMU's name: a libvirtd of its own, in session mode, virsh and virt-install. Prints "ok" or
# "FAILED" for each operation, and ends with status 1 if one failed, 77 if libvirtd itself does not work here. Packages:
# libvirt-daemon, libvirt-daemon-driver-qemu, libvirt-clients, virtinst and qemu-utils, and the guest of roms/run.sh --fetch-only.
# Usage: sh tests/libvirt/run.sh RVIVE          (as root it changes to the user `nobody`, since root has no session mode)
# RVIVE_KEEP=1 keeps the folder with the logs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/roms/lib.sh"

[ $# -eq 1 ] || die "usage: $0 RVIVE"
rvive=$(realpath "$1")
for program in libvirtd virsh virt-install qemu-img script cpio; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || die "no $program: install the packages named above"
done
[ -f "$guest_dir/initramfs.cpio" ] || die "no guest in $guest_dir: run roms/run.sh --fetch-only first"

work=$(mktemp -d)
daemon=
console=
# stop PID: asks the process to end, and ends it if it has not after 10 s.
stop() {
    kill "$1" 2>/dev/null || return 0
    stop_tries=0
    while kill -0 "$1" 2>/dev/null; do
        stop_tries=$((stop_tries + 1))
        [ $stop_tries -lt 20 ] || { kill -KILL "$1" && break; }
        sleep 0.5
    done
    wait "$1" || :
}
finish() {
    [ -z "$console" ] || stop "$console"
    [ ! -e "$work/virsh" ] || for name in guest imported; do "$work/virsh" destroy $name >/dev/null 2>&1 || :; done
    [ -z "$daemon" ] || stop "$daemon"
    [ -n "${RVIVE_KEEP:-}" ] && echo "logs: $work" || rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

as= # the user
[ "$(id -u)" != 0 ] || as="setpriv --reuid=65534 --regid=65534 --clear-groups"
lib=$work/config/libvirt/qemu/lib # where libvirt has the screenshots made
mkdir -p "$work/bin" "$lib" "$work/cache" "$work/run" "$work/data" "$work/root/etc/acpi/PWRF"
cp "$rvive" "$work/bin/rvive"
for module in "${rvive%/*}"/*.so; do
    [ ! -f "$module" ] || cp "$module" "$work/bin/"
done
# The sandbox lets only those files be opened that the command line names. Here are those that come later (docs/libvirt.md).
cat >"$work/bin/qemu-system-riscv64" <<END
#!/bin/sh
exec "$work/bin/rvive" "\$@" -sandbox on,folder=$work/data,folder=$lib
END
chmod 755 "$work/bin/qemu-system-riscv64"

# Displays have ports that no other test, and no connection of the host, takes.
printf 'remote_display_port_min = 61000\nremote_display_port_max = 61099\n' >"$work/config/libvirt/qemu.conf"

# The guest: it says which keys it gets and which lines, and powers off when its power button is pressed.
cat >"$work/root/run.sh" <<'END'
mkdir -p /var/run /var/log
waited=0
until [ -c /dev/input/event0 ] || [ $waited -ge 50 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
acpid -f -l /dev/null &
od -An -v -tu2 -w24 </dev/input/event0 & # a line for each event; its last numbers are type, code and value
echo "the guest listens"
while read -r line; do echo "the guest heard $line"; done
END
printf '#!/bin/sh\necho "the power button was pressed" >/dev/console\npoweroff -f\n' >"$work/root/etc/acpi/PWRF/00000080"
chmod 755 "$work/root/run.sh" "$work/root/etc/acpi/PWRF/00000080"
(cd "$work/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc --owner=0:0) >"$work/extra.cpio"
cat "$guest_dir/initramfs.cpio" "$guest_dir/initramfs-screen.cpio" "$work/extra.cpio" >"$work/data/initramfs.cpio"
cp "$guest_dir/vmlinux" "$work/data"
head -c 1048576 /dev/urandom >"$work/data/hot.img"
truncate -s 65536 "$work/data/one.iso"
truncate -s 131072 "$work/data/two.iso"
qemu-img create -q -f qcow2 "$work/data/cold.qcow2" 64M
qemu-img create -q -f qcow2 "$work/data/imported.qcow2" 64M
chmod 755 "$work"
[ -z "$as" ] || chown -R 65534:65534 "$work"
export HOME="$work" XDG_CONFIG_HOME="$work/config" XDG_CACHE_HOME="$work/cache" XDG_RUNTIME_DIR="$work/run" \
    XDG_DATA_HOME="$work/data" PATH="$work/bin:$PATH:/usr/sbin"

cat >"$work/guest.xml" <<END
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <iothreads>1</iothreads>
  <os>
    <type arch='riscv64' machine='virt'>hvm</type>
    <kernel>$work/data/vmlinux</kernel>
    <initrd>$work/data/initramfs.cpio</initrd>
    <cmdline>console=ttyS0 rvive.test=run:/run.sh</cmdline>
  </os>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>$work/bin/qemu-system-riscv64</emulator>
    <controller type='pci' model='pcie-root'/>
$(for _ in 1 2 3 4 5 6 7 8; do echo "    <controller type='pci' model='pcie-root-port'/>"; done)
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='$work/data/cold.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='sata'><address type='pci' bus='0' slot='0x1e'/></controller>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <source file='$work/data/one.iso'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <interface type='user'>
      <model type='virtio'/>
    </interface>
    <interface type='user'>
      <model type='e1000'/>
    </interface>
    <watchdog model='i6300esb' action='reset'/>
    <rng model='virtio'>
      <rate bytes='1024' period='1000'/>
      <backend model='random'>/dev/urandom</backend>
    </rng>
    <memballoon model='virtio'/>
    <input type='keyboard' bus='virtio'/>
    <graphics type='vnc' port='-1' autoport='yes'/>
    <video><model type='virtio'/></video>
    <serial type='pty'/>
  </devices>
</domain>
END
failed=0
# try NAME COMMAND...: NAME is what the line says.
try() {
    try_name=$1
    shift
    if timeout --kill-after=5 60 "$@" >"$work/answer" 2>&1; then
        echo "ok      $try_name"
    else
        echo "FAILED  $try_name: $(tr '\n' ' ' <"$work/answer")"
        failed=1
    fi
}
# tries COMMAND...: runs commands of virsh, each one argument.
tries() {
    for command; do
        # shellcheck disable=SC2086 # the words of the command
        try "$command" "$v" $command
    done
}
# answers TEXT: the last answer contains the text.
answers() {
    grep -q -- "$1" "$work/answer" && echo "ok        it answers: $1" || {
        echo "FAILED    it does not answer $1: $(cat "$work/answer")"
        failed=1
    }
}
# virsh as that user, and with a limit: a daemon or a guest that hangs fails its step, not the whole run.
printf '#!/bin/sh\nexec %s virsh -q -c qemu:///session "$@"\n' "$as" >"$work/virsh-endless"
printf '#!/bin/sh\nexec timeout --kill-after=5 60 "%s" "$@"\n' "$work/virsh-endless" >"$work/virsh"
chmod 755 "$work/virsh" "$work/virsh-endless"
v=$work/virsh
state_is() { # STATE SECONDS
    state_tries=0
    until [ "$("$v" domstate guest 2>/dev/null | head -n 1)" = "$1" ]; do
        state_tries=$((state_tries + 1))
        if [ $state_tries -ge $(($2 * 2)) ]; then
            echo "FAILED  the guest is $("$v" domstate guest), not $1"
            failed=1
            return
        fi
        sleep 0.5
    done
    echo "ok      the guest is: $1"
}
# console_open: from now on `virsh console` writes to console.log, and gets what is written to descriptor 8, a pipe that this
# script holds open for reading, too: a console that could not be had must not make it wait for a reader.
console_open() {
    [ -z "$console" ] || stop "$console"
    : >"$work/console.log"
    rm -f "$work/typed"
    mkfifo "$work/typed"
    exec 8<>"$work/typed"
    script -qefc "$v-endless console guest --force" "$work/console.log" <&8 8>&- >/dev/null 2>&1 &
    console=$!
}
console_has() { # TEXT COUNT SECONDS
    console_tries=0
    until [ "$(grep -ac "$1" "$work/console.log")" -ge "$2" ]; do
        console_tries=$((console_tries + 1))
        if [ $console_tries -ge $(($3 * 2)) ]; then
            echo "FAILED  the console has no $2 $1: $(tail -c 300 "$work/console.log")"
            failed=1
            return
        fi
        sleep 0.5
    done
    echo "ok      the console says: $1"
}

LIBVIRT_LOG_OUTPUTS="1:file:$work/libvirtd.log" LIBVIRT_LOG_FILTERS="1:qemu 3:*" \
    $as libvirtd --timeout 1200 >"$work/daemon.out" 2>&1 &
daemon=$!
tries=0
until timeout --kill-after=5 10 "$v-endless" list >"$work/version" 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 10 ] || { cat "$work/version" "$work/daemon.out"; echo "skipped: libvirtd does not answer here"; exit 77; }
    sleep 1
done
echo "libvirt $("$v" --version), $("$rvive" -version | head -n 1)"
tries "domcapabilities --emulatorbin $work/bin/qemu-system-riscv64 --arch riscv64 --machine virt --virttype qemu" \
    "define $work/guest.xml"
[ $failed = 0 ] || exit 1
tries "start guest"
[ $failed = 0 ] || exit 1
console_open
console_has "the guest listens" 1 120
state_is running 5
echo "a line" >&8
console_has "the guest heard a line" 1 10
tries "list" "dominfo guest" "domstats guest" "domblklist guest --details" "domiflist guest" "dumpxml guest" \
    "ttyconsole guest" "domdisplay guest" "vcpucount guest" "suspend guest"
state_is paused 5
tries "resume guest"
state_is running 5
tries "screenshot guest $work/data/picture"
head -c 2 "$work/data/picture" 2>/dev/null | grep -q P6 || { echo "FAILED  there is no picture"; failed=1; }
tries "send-key guest KEY_A KEY_Z"
console_has " 1  *44  *0  *0" 1 10
tries "attach-disk guest $work/data/hot.img vdb --targetbus virtio --live" "domblkinfo guest vdb"
answers "Capacity: *1048576"
tries "detach-disk guest vdb --live" "blockresize guest vda 96M"
console_has "detected capacity change from 131072 to 196608" 1 10
tries "domblkinfo guest vda"
answers "Capacity: *100663296"
tries "domblkstat guest vda"
answers "rd_bytes [1-9]"
tries "setmem guest 200M --live" "dommemstat guest --period 2 --live" "dommemstat guest" "blkdeviotune guest vda" \
    "qemu-monitor-command guest --hmp info pci"
answers "PCI bridge"
tries "attach-disk guest $work/data/hot.img sdb --targetbus scsi --live" "domblkinfo guest sdb"
answers "Capacity: *1048576"
tries "detach-disk guest sdb --live"
tries "change-media guest sda $work/data/two.iso --update --live" "domblkinfo guest sda"
answers "Capacity: *131072"
tries "change-media guest sda --eject --live" "change-media guest sda $work/data/one.iso --insert --live" \
    "domblklist guest" "iothreadinfo guest" "dump guest $work/data/core --memory-only --format elf"
[ "$(stat -c %s "$work/data/core")" -gt 268435456 ] || { echo "FAILED  the dump is too short"; failed=1; }
tries "blkdeviotune guest vda --total-bytes-sec 50000000 --write-iops-sec 500 --live" "blkdeviotune guest vda"
answers "total_bytes_sec: *50000000"
tries "blkdeviotune guest vda --total-bytes-sec 0 --write-iops-sec 0 --live"
tries "snapshot-create-as guest one" "snapshot-list guest"
answers one
tries "save guest $work/data/saved"
state_is "shut off" 5
tries "restore $work/data/saved"
state_is running 10
console_open
sleep 1
echo "another line" >&8
console_has "the guest heard another line" 1 20
tries "snapshot-revert guest one"
state_is running 20
tries "snapshot-delete guest one" "managedsave guest"
state_is "shut off" 5
tries "start guest"
state_is running 10
console_open
sleep 1
echo "the third" >&8
console_has "the guest heard the third" 1 20
tries "reset guest"
console_has "the guest listens" 1 120
tries "shutdown guest"
console_has "the power button was pressed" 1 10
state_is "shut off" 30
tries "start guest"
state_is running 5
tries "destroy guest"
state_is "shut off" 5

try "virt-install --import" $as virt-install --connect qemu:///session --name imported --memory 256 --vcpus 1 --arch riscv64 \
    --machine virt --virt-type qemu --osinfo detect=on,require=off --import --noautoconsole --graphics none \
    --boot "kernel=$work/data/vmlinux,initrd=$work/data/initramfs.cpio,kernel_args=console=ttyS0 rvive.test=poweroff" \
    --disk "$work/data/imported.qcow2" --network user
imported=0
until [ "$("$v" domstate imported 2>/dev/null | head -n 1)" = "shut off" ] || [ $imported -ge 120 ]; do
    sleep 0.5
    imported=$((imported + 1))
done
tries "domstate imported"
answers "shut off"
tries "undefine imported"

cat >"$work/data/card.xml" <<END
<interface type='user'>
  <mac address='52:54:00:00:00:77'/>
  <model type='virtio'/>
</interface>
END
tries "start guest" "attach-device guest $work/data/card.xml --live" "domiflist guest"
answers 52:54:00:00:00:77
tries "detach-interface guest user --mac 52:54:00:00:00:77 --live"
tries "destroy guest" "undefine guest"
sed -n 's/.*"class": "CommandNotFound", "desc": "\([^"]*\)".*/missing: \1/p' "$work/libvirtd.log" | sort -u
exit $failed
