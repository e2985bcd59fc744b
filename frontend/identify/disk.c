/* SPDX-License-Identifier: MIT
 *
 * Disk images, file systems and archives, by their magic numbers; see identify.h. Of a large image only the
 * beginning is read.
 */
#include "frontend/identify/identify.h"

#include <inttypes.h>
#include <string.h>

#define SECTOR         512
#define PARTITIONS_MAX 128

/* A magic number, and what the file is. */
static const struct {
    uint64_t offset;
    const char *magic;
    unsigned length;
    const char *what, *machine, *flags, *note;
} kinds[] = {
    { 0, "QFI\xfb", 4, "a qcow2 disk image", "virt",
      "-m 1G -nographic -kernel KERNEL -drive file=%s,format=qcow2,if=virtio",
      "rvive-img info says more; if there is a boot loader in it, U-Boot as -kernel" },
    { 0, "070701", 6, "a cpio archive: an initial RAM disk", "virt",
      "-m 1G -nographic -kernel KERNEL -initrd %s", NULL },
    { 0, "hsqs", 4, "a squashfs file system", "virt",
      "-m 1G -nographic -kernel KERNEL -drive file=%s,format=raw,if=virtio,readonly=on "
      "-append \"root=/dev/vda console=ttyS0\"",
      NULL },
    { 1080, "\x53\xef", 2, "an ext2, ext3 or ext4 file system", "virt",
      "-m 1G -nographic -kernel KERNEL -drive file=%s,format=raw,if=virtio -append \"root=/dev/vda rw "
      "console=ttyS0\"",
      NULL },
    { 32769, "CD001", 5, "a CD image (ISO 9660)", "virt",
      "-m 2G -nographic -kernel U-BOOT -drive file=%s,format=raw,if=virtio,readonly=on", NULL },
    { 65600, "_BHRfS_M", 8, "a btrfs file system", "virt",
      "-m 1G -nographic -kernel KERNEL -drive file=%s,format=raw,if=virtio -append \"root=/dev/vda rw "
      "console=ttyS0\"",
      NULL },
    { 257, "ustar", 5, "a tar archive", NULL, NULL, "unpack it first" },
    { 0,
      "\xfd"
      "7zXZ",
      5, "a file packed by xz", NULL, NULL, "unpack it first (unxz)" },
    { 0, "\x28\xb5\x2f\xfd", 4, "a file packed by zstd", NULL, NULL, "unpack it first (unzstd)" },
    { 0, "BZh", 3, "a file packed by bzip2", NULL, NULL, "unpack it first (bunzip2)" },
    { 0, "PK\x03\x04", 4, "a zip archive", NULL, NULL, "unpack it first" },
    { 0, "UF2\n", 4, "a UF2 file", NULL, NULL, "turn it into raw bytes first" },
};

/* ---- Disks --------------------------------------------------------------------------------------------- */

/* The partition types of SiFive's boot ROM, as they lie in the table: the first program, and U-Boot with
 * OpenSBI. */
static const uint8_t fsbl_type[16] = { 0x00, 0x33, 0x19, 0x5b, 0x78, 0xfc, 0x02, 0x40,
                                       0x80, 0xcd, 0x2e, 0x86, 0xc4, 0x55, 0x58, 0x0b };

static void use_disk(struct identity *identity)
{
    identity_set(identity->machine, sizeof(identity->machine), "virt");
    identity_set(identity->flags, sizeof(identity->flags),
                 "-m 2G -nographic -kernel U-BOOT -drive file=%%s,format=raw,if=virtio");
    identity_note(
        identity,
        "U-BOOT is U-Boot for virt in S-mode (u-boot-qemu of Debian: qemu-riscv64_smode/uboot.elf); "
        "without a boot loader: -kernel KERNEL -append \"root=/dev/vda1 rw console=ttyS0\"");
}

/* True: there is a table of GPT. */
static bool read_gpt(const struct subject *subject, struct identity *identity)
{
    if (!subject_has(subject, SECTOR, 92) || memcmp(subject->bytes + SECTOR, "EFI PART", 8) != 0)
        return false;
    uint64_t table = subject_le(subject, SECTOR + 72, 8);
    unsigned count = (unsigned)subject_le(subject, SECTOR + 80, 4),
             size = (unsigned)subject_le(subject, SECTOR + 84, 4);
    unsigned used = 0;
    bool fsbl = false;
    for (unsigned i = 0; size >= 128 && i < count && i < PARTITIONS_MAX && table < (1u << 20); i++) {
        static const uint8_t none[16];
        uint64_t at = table * SECTOR + (uint64_t)i * size;
        if (!subject_has(subject, at, 128))
            break;
        used += memcmp(subject->bytes + at, none, 16) != 0;
        fsbl |= memcmp(subject->bytes + at, fsbl_type, 16) == 0;
    }
    identity_set(identity->what, sizeof(identity->what), "a disk with a GPT");
    identity_why(identity, "%u partitions, %" PRIu64 " MiB", used, subject->file_size >> 20);
    use_disk(identity);
    if (fsbl) {
        identity_why(identity, "a partition for the boot ROM of SiFive's FU540 or FU740");
        identity_note(identity, "on HiFive Unleashed: take out that partition as SPL, and type "
                                "rvive -M sifive_u,msel=11 -smp 5 -m 1G -nographic -bios SPL "
                                "-drive file=FILE,if=sd,format=raw");
    }
    return true;
}

/* True: there is a table of an MBR with at least one partition in it. */
static bool read_mbr(const struct subject *subject, struct identity *identity)
{
    unsigned used = 0;
    if (!subject_has(subject, 0, SECTOR) || subject_le(subject, 510, 2) != 0xaa55)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        unsigned status = subject->bytes[446 + 16 * i], type = subject->bytes[450 + 16 * i];
        if (status & 0x7f)
            return false; /* code, not a table */
        used += type != 0;
    }
    if (!used)
        return false;
    identity_set(identity->what, sizeof(identity->what), "a disk with an MBR");
    identity_why(identity, "%u partitions, %" PRIu64 " MiB", used, subject->file_size >> 20);
    use_disk(identity);
    return true;
}

bool identify_disk(const struct subject *subject, struct identity *identity)
{
    if (read_gpt(subject, identity) || read_mbr(subject, identity))
        return true;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!subject_has(subject, kinds[i].offset, kinds[i].length) ||
            memcmp(subject->bytes + kinds[i].offset, kinds[i].magic, kinds[i].length) != 0)
            continue;
        identity_set(identity->what, sizeof(identity->what), "%s", kinds[i].what);
        identity_why(identity, "its magic number at %" PRIu64, kinds[i].offset);
        if (kinds[i].machine)
            identity_set(identity->machine, sizeof(identity->machine), "%s", kinds[i].machine);
        if (kinds[i].flags)
            identity_set(identity->flags, sizeof(identity->flags), "%s", kinds[i].flags);
        if (kinds[i].note)
            identity_note(identity, "%s", kinds[i].note);
        return true;
    }
    return false;
}
