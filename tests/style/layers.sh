#!/bin/sh
# SPDX-License-Identifier: MIT
# The floors of the source tree and the rooms of a floor (docs/outline.md): an include may only lead to a lower floor, and
# inside a floor only to rooms that the table below allows. Prints each include that does not and fails. First it proves on
# planted files that it finds them.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)

floors="util cpu dbt devices machine frontend"
# ROOM WHAT-IT-MAY-INCLUDE of its own floor besides itself: rooms, or single headers. !FLOOR: of this lower floor, only rooms
# that the row names. A floor that has rows has one for each of its folders.
rooms="
cpu                      cpu/isa cpu/exec cpu/csr cpu/fp cpu/mmu
cpu/isa
cpu/fp
cpu/mmu                  cpu
cpu/csr                  cpu cpu/isa cpu/mmu
cpu/exec                 cpu cpu/isa cpu/fp cpu/mmu cpu/csr cpu/exec/vector
cpu/exec/vector          cpu cpu/isa cpu/fp cpu/mmu cpu/exec/ops.h
dbt                      dbt/ir dbt/passes dbt/runtime dbt/x86 dbt/x86/t1 dbt/x86/select
dbt/ir
dbt/passes               dbt/ir
dbt/regalloc             dbt/ir dbt/passes dbt/x86/regmap.h
dbt/runtime              dbt/dbt.h dbt/x86/features.h dbt/x86/patch.h
dbt/x86                  dbt/runtime
dbt/x86/t1               dbt/runtime dbt/x86
dbt/x86/t1/vector        dbt/runtime dbt/x86 dbt/x86/t1
dbt/x86/select           dbt/ir dbt/runtime dbt/x86
devices
devices/block            devices
devices/block/qcow2      devices devices/block
devices/ahci             devices devices/block devices/pci devices/scsi
devices/catalog          devices devices/ahci devices/e1000 devices/iommu devices/nvme devices/pci devices/platform devices/scsi devices/usb devices/virtio devices/virtio/9p devices/virtio/gpu devices/virtio/snd
devices/char             devices
devices/net              devices
devices/audio            devices
devices/display          devices
devices/e1000            devices devices/net devices/pci
devices/iommu            devices devices/pci
devices/nvme             devices devices/block devices/pci
devices/pci              devices devices/display
devices/platform         devices devices/block devices/char devices/display
devices/scsi             devices devices/block
devices/usb              devices devices/block devices/display devices/pci devices/scsi
devices/virtio           devices devices/block devices/char devices/net devices/display devices/scsi
devices/virtio/9p        devices devices/virtio
devices/virtio/gpu       devices devices/virtio devices/display
devices/virtio/snd       devices devices/virtio devices/audio
devices/virtio/transport devices devices/virtio devices/pci devices/display
machine machine/boards machine/coverage machine/boot machine/gdb machine/profile machine/semihosting machine/timeline
machine/boards           machine machine/boot machine/semihosting/proxy.h machine/symbols/symbols.h
machine/boot             machine
machine/gdb              machine machine/timeline !devices
machine/coverage         machine machine/boot !devices
machine/profile          machine machine/symbols !devices
machine/semihosting      machine
machine/state            machine
machine/symbols          machine machine/boot !devices
machine/timeline         machine machine/state
frontend                 frontend/identify frontend/options frontend/monitor frontend/display frontend/state
frontend/identify        !devices !dbt
frontend/options
frontend/monitor         frontend frontend/options frontend/display frontend/state
frontend/display         frontend/options
frontend/package         frontend/options/options.def frontend/img/commands.def !devices !machine !dbt !cpu !util
frontend/state           frontend frontend/options
frontend/img             frontend/options/text.h devices/block devices/block/qcow2 !devices !machine !dbt !cpu
"

# check_includes ROOT: prints the offending includes of the sources under ROOT.
check_includes() {
    (cd "$1" && find util cpu dbt devices machine frontend -name '*.[ch]' -o -name '*.def' -o -name '*.inc') 2>/dev/null |
        LC_ALL=C sort | while read -r file; do
            awk -v file="$file" -v floors="$floors" -v rooms="$rooms" '
                function refuse(why) { print file ":" FNR ": " $0 "    (" why ")" }
                function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
                function floor_of(path) { sub(/\/.*/, "", path); return path }
                # Whether the row of this file names it, with `mark` before it.
                function row_has(mark, what) { return index(row " ", " " mark what " ") != 0 }
                BEGIN {
                    count = split(floors, names, " ")
                    for (i = 1; i <= count; i++)
                        level[names[i]] = i
                    own = floor_of(file)
                    room = folder(file)
                    count = split(rooms, lines, "\n")
                    for (i = 1; i <= count; i++) {
                        split(lines[i], words, " ")
                        if (floor_of(words[1]) == own)
                            has_rows = 1
                        if (words[1] == room) {
                            row = lines[i]
                            gsub(/ +/, " ", row)
                            row = " " row
                        }
                    }
                    if (has_rows && row == "")
                        print file ": " room " has no row in tests/style/layers.sh"
                }
                /^[ \t]*#[ \t]*include/ {
                    name = $0
                    sub(/^[^"<]*["<]/, "", name)
                    sub(/[">].*/, "", name)
                    target = floor_of(name)
                    if (name ~ /^SDL/ && own != "frontend")
                        refuse("only frontend/ knows SDL")
                    if (name ~ /^\.\./)
                        refuse("includes start at the checkout, not at ..")
                    if (!(target in level))
                        next
                    if (level[target] > level[own])
                        refuse(own " is below " target)
                    else if (own == "devices" && (target == "cpu" || target == "dbt"))
                        refuse("devices know no hart")
                    else if (file ~ /^dbt\/x86\/(emit|vex|evex|features)/ && target == "cpu")
                        refuse("the emitter knows no RISC-V")
                    else if (row_has("!", target) && !row_has("", folder(name)))
                        refuse(room " does not know " folder(name))
                    else if (row != "" && target == own && !row_has("", folder(name)) && !row_has("", name))
                        refuse(room " does not know " folder(name))
                }' "$1/$file"
        done
}

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir -p "$plant/util" "$plant/cpu" "$plant/dbt/x86" "$plant/devices/block" "$plant/devices/virtio/transport" \
    "$plant/devices/attic" "$plant/machine/boot" "$plant/machine/boards" "$plant/machine/gdb" "$plant/frontend/img" \
    "$plant/frontend/options"
echo '#include "cpu/hart.h"' >"$plant/util/up.c"
echo '#  include "machine/bus.h"' >"$plant/devices/up.h"
echo '#include "cpu/isa/isa.h"' >"$plant/devices/hart.c"
echo '#include "cpu/isa/isa.h"' >"$plant/dbt/x86/emit.c"
echo '#include <SDL.h>' >"$plant/machine/window.c"
echo '#include "../cpu/isa.h"' >"$plant/machine/dots.c"
echo '#include "devices/virtio/blk.h"' >"$plant/devices/block/user.c"
echo '#include "devices/block/blockdev.h"' >"$plant/devices/top.c"
echo '#include "devices/virtio/transport/pci.h"' >"$plant/devices/virtio/rng.c"
echo '#include "machine/boards/board.h"' >"$plant/machine/gdb/board.c"
echo '#include "devices/platform/uart16550.h"' >"$plant/machine/gdb/device.c"
echo '#include "machine/gdb/gdb.h"' >"$plant/machine/boot/gdb.c"
printf '#include "machine/boot/fdt.h"\n#include "devices/platform/plic.h"\n' >"$plant/machine/boards/fine.c"
printf '#include "frontend/monitor/monitor.h"\n#include "machine/machine.h"\n' >"$plant/frontend/img/img.c"
echo '#include "frontend/options/text.h"' >"$plant/frontend/img/fine.c"
echo '#include "frontend/monitor/monitor.h"' >"$plant/frontend/options/monitor.c"
echo '/* no row */' >"$plant/devices/attic/device.c"
printf '#include "devices/virtio/virtio.h"\n#include "devices/pci/pci.h"\n#include "devices/device.h"\n' \
    >"$plant/devices/virtio/transport/fine.c"
printf '#include <stdio.h>\n#include "machine/bus.h"\n#include "cpu/isa/isa.h"\n#include <SDL.h>\n' >"$plant/frontend/fine.c"
found=$(check_includes "$plant" | wc -l)
[ "$found" -eq 16 ] || { echo "layers.sh itself is broken: it saw $found of 16 planted includes" >&2; exit 1; }

bad=$(check_includes "$top")
if [ -n "$bad" ]; then
    printf '%s\n' "$bad" >&2
    exit 1
fi
