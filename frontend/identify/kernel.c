/* SPDX-License-Identifier: MIT
 *
 * Kernels and firmware that are no ELF files: Linux's Image (Linux, "Boot image header in RISC-V Linux"),
 * U-Boot's old uImage, and raw programs, which only their texts tell apart; see identify.h.
 */
#include "frontend/identify/identify.h"

#include <inttypes.h>
#include <string.h>

#include "machine/boot/loader.h"

/* ---- Texts --------------------------------------------------------------------------------------------- */

/* A text, and what it says. */
static const struct {
    const char *text, *what, *note;
} texts[] = {
    { "bbl loader", "BBL, the old boot loader, perhaps with a kernel in it", NULL },
    { "tell me what ELF to load", "pk, the proxy kernel",
      "its program: -append \"PROGRAM ARGUMENTS\" -semihosting-config path=FOLDER" },
    { "xv6 kernel is booting", "xv6",
      "its disk: -drive file=fs.img,if=none,format=raw,id=x0 "
      "-device virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0" },
    { "OpenSBI v", NULL, NULL },
    { "U-Boot SPL 20", NULL, NULL },
    { "U-Boot 20", NULL, NULL },
    { "Linux version ", NULL, NULL },
    { "RT-Thread", "RT-Thread", NULL },
    { "FreeRTOS", "FreeRTOS", NULL },
    { "*** Booting Zephyr OS", "Zephyr", NULL },
    { "*** Booting nuttx", "NuttX", NULL },
};

/* Notes of kernels that need something. */
static void note_linux(const char *banner, struct identity *identity)
{
    unsigned major = 0, minor = 0;
    if (sscanf(banner, "Linux version %u.%u", &major, &minor) != 2)
        return;
    if (major < 5 || (major == 5 && minor < 7))
        identity_note(
            identity,
            "a kernel this old may need older firmware: -bios with OpenSBI 0.6, or BBL with the kernel "
            "in it on -M spike");
    bool attributes = (major == 5 && minor >= 19) || (major == 6 && minor < 10);
    if (attributes)
        identity_note(identity, "on -cpu thead-c906 it needs xtheadmae=on");
}

void identify_texts(const struct subject *subject, struct identity *identity)
{
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const uint8_t *found = subject_find(subject, texts[i].text);
        char line[80];
        if (!found)
            continue;
        identity_text(line, sizeof(line), found, subject->length - (uint64_t)(found - subject->bytes));
        if (texts[i].what)
            identity_why(identity, "a text of %s: \"%.40s\"", texts[i].what, texts[i].text);
        else
            identity_why(identity, "a text: \"%s\"", line);
        if (texts[i].note)
            identity_note(identity, "%s", texts[i].note);
        if (strncmp(line, "Linux version ", 14) == 0)
            note_linux(line, identity);
    }
}

bool identify_by_text(const struct subject *subject, struct identity *identity)
{
    const bool sbi = subject_find(subject, "OpenSBI v"), spl = subject_find(subject, "U-Boot SPL 20");
    const bool uboot = subject_find(subject, "U-Boot 20"), bbl = subject_find(subject, "bbl loader");
    if (!sbi && !spl && !uboot && !bbl)
        return false;
    const char *machine = spl ? "sifive_u,msel=11" : bbl ? "spike" : "virt";
    identity_set(identity->what, sizeof(identity->what), "raw bytes with texts of firmware");
    identity_set(identity->machine, sizeof(identity->machine), "%s", machine);
    identity_set(identity->flags, sizeof(identity->flags),
                 uboot && !sbi && !spl ? "-nographic -kernel %%s" : "-nographic -bios %%s");
    identify_texts(subject, identity);
    if (spl)
        identity_note(identity, "if it was made for this board; on others -M virt -bios FILE");
    if (uboot && !sbi)
        identity_note(identity,
                      "made for S-mode it runs behind OpenSBI, as -kernel; made for M-mode, as -bios");
    return true;
}

/* ---- Linux --------------------------------------------------------------------------------------------- */

bool identify_kernel(const struct subject *subject, struct identity *identity)
{
    uint64_t offset, size;
    const struct image image = { .bytes = (uint8_t *)subject->bytes, .length = subject->length };
    if (!loader_boot_header(&image, &offset, &size))
        return false;
    unsigned version = (unsigned)subject_le(subject, 32, 4), flags = (unsigned)subject_le(subject, 24, 8);
    identity_set(identity->what, sizeof(identity->what),
                 "a kernel with the boot image header of RISC-V Linux");
    identity_why(identity, "header %u.%u, text offset 0x%" PRIx64 ", %" PRIu64 " bytes in memory%s",
                 version >> 16, version & 0xffff, offset, size, flags & 1 ? ", big-endian" : "");
    if (memcmp(subject->bytes, "MZ", 2) == 0)
        identity_why(identity, "it is an EFI program, too");
    if (flags & 1) {
        identity_note(identity, "harts here are little-endian");
        return true;
    }
    identity->rv32 = offset == 0x400000;
    identity_set(identity->machine, sizeof(identity->machine), "virt");
    if (identity->rv32)
        identity_set(identity->cpu, sizeof(identity->cpu), "rv32");
    identity_set(identity->flags, sizeof(identity->flags),
                 offset ? "-m 1G -nographic -kernel %%s -append console=ttyS0"
                        : "-m 1G -nographic -bios none -kernel %%s -append console=ttyS0");
    if (!offset)
        identity_why(identity, "an offset of 0 is that of a kernel for M-mode, which needs no firmware");
    else
        identity_why(identity, "the offset is that of RV%u", identity->rv32 ? 32 : 64);
    identity_note(
        identity,
        "its disk: -drive file=IMAGE,format=raw,if=virtio, and -append \"root=/dev/vda console=ttyS0\"");
    identify_texts(subject, identity);
    return true;
}

/* ---- uImage -------------------------------------------------------------------------------------------- */

#define UIMAGE_MAGIC 0x27051956
#define UIMAGE_ARCH  26 /* of 64 bytes of header: architecture at 29, type at 30, compression at 31 */

bool identify_uimage(const struct subject *subject, struct identity *identity)
{
    static const char *const types[] = { "?",        "program", "kernel",      "RAM disk",   "several files",
                                         "firmware", "script",  "file system", "device tree" };
    char name[33];
    if (!subject_has(subject, 0, 64) || subject_be(subject, 0, 4) != UIMAGE_MAGIC)
        return false;
    unsigned arch = subject->bytes[29], type = subject->bytes[30], packed = subject->bytes[31];
    identity_text(name, sizeof(name), subject->bytes + 32, 32);
    identity_set(identity->what, sizeof(identity->what), "a uImage of U-Boot (\"%s\")%s", name,
                 arch == UIMAGE_ARCH ? "" : ", for another processor");
    identity_why(identity, "%s, %" PRIu64 " bytes for 0x%" PRIx64 ", entry 0x%" PRIx64 "%s",
                 types[type < sizeof(types) / sizeof(types[0]) ? type : 0], subject_be(subject, 12, 4),
                 subject_be(subject, 16, 4), subject_be(subject, 20, 4), packed ? ", packed" : "");
    if (subject_be(subject, 12, 4) > subject->file_size - 64)
        identity_note(identity, "it is cut off");
    identity_note(identity,
                  "U-Boot loads it; or take what is in it: tail -c +65 FILE >PART; rvive -identify PART");
    return true;
}
