/* SPDX-License-Identifier: MIT
 *
 * The manual pages, in the macros of man(7).
 */
#include "frontend/package/generate.h"

#include <stdio.h>
#include <string.h>

/* Text as it is: characters that roff takes for commands are escaped. */
static void put(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

/* The form of an argument: long ones may be broken between their keys. */
static void put_argument(const char *text)
{
    for (; *text; text++) {
        char one[] = { *text, 0 };
        if (*text == '[')
            fputs("\\:", stdout);
        put(one);
        if (*text == '|' || *text == ',')
            fputs("\\:", stdout);
    }
}

static void title(const char *name, const char *text)
{
    printf(".TH %s 1 \"\" \"Rvive " RVIVE_VERSION "\" \"User Commands\"\n.SH NAME\n", name);
    put(name);
    printf(" \\- %s\n.ad l\n.nh\n", text);
}

static void section(const char *name)
{
    printf(".SH %s\n", name);
}

static void paragraph(const char *text)
{
    put(text);
    puts("\n.PP");
}

/* A command line, and what it does. */
static void example(const char *command, const char *text)
{
    puts(".PP");
    put(text);
    puts("\n.PP\n.in +4n\n.nf");
    put(command);
    puts("\n.fi\n.in");
}

static void flags(void)
{
    for (size_t n = 0; n < package_flag_count; n++) {
        const struct package_flag *flag = &package_flags[n];
        fputs(".TP\n\\fB\\-", stdout);
        put(flag->name);
        fputs("\\fR", stdout);
        if (flag->argument) {
            putchar(' ');
            put_argument(flag->argument);
        }
        putchar('\n');
        put(flag->text);
        putchar('\n');
    }
}

void package_manual_rvive(void)
{
    title("rvive", "RISC-V machine emulator");
    section("SYNOPSIS");
    puts(".B rvive\n.RI [ -flag\n.RI [ argument ]]...\n.br\n.B rvive32\n.RI [ -flag\n.RI [ argument ]]...");
    section("DESCRIPTION");
    paragraph(
        "Rvive is a RISC-V computer with one to many harts, RAM, a console, disks, a network, a screen and "
        "a clock. It runs unmodified operating systems and firmware. The machine and the flags are those "
        "of QEMU's virt. rvive32 is the same program with RV32 harts.");
    paragraph("Ctrl-A X ends it, Ctrl-A C leads to the monitor and back, Ctrl-A H lists the other keys.");
    section("EXAMPLES");
    example("rvive -m 1G -nographic -kernel vmlinux -initrd initrd -append console=ttyS0",
            "A kernel with an initial RAM disk, on OpenSBI:");
    example("rvive -m 1G -nographic -kernel Image -append \"console=ttyS0 root=/dev/vda\" \\\n"
            "    -drive file=disk.qcow2,if=virtio",
            "A disk image:");
    example("rvive -m 2G -device virtio-gpu-pci -device virtio-keyboard-pci \\\n"
            "    -device virtio-tablet-pci -kernel /usr/lib/u-boot/qemu-riscv64_smode/uboot.elf \\\n"
            "    -drive file=disk.img,format=raw,if=virtio",
            "A disk with a boot loader, in a window:");
    example("rvive -bios none -kernel program.elf -nographic -s -S",
            "A program that waits for gdb at port 1234:");
    section("OPTIONS");
    flags();
    section("ENVIRONMENT");
    puts(".TP\n.B TMPDIR\nWhere temporary files of \\-snapshot lie, instead of /var/tmp.");
    section("EXIT STATUS");
    paragraph(
        "0 if the guest powered off or the user ended the program, the guest's number if it ended with a "
        "failure by its test device or by semihosting, and 1 after an error.");
    section("SEE ALSO");
    puts(".BR rvive-img (1)");
    paragraph("The documents in /usr/share/doc/rvive.");
}

void package_manual_img(void)
{
    title("rvive-img", "disk images for Rvive");
    section("SYNOPSIS");
    puts(".B rvive-img\n.I command\n.RI [ option ]...");
    section("DESCRIPTION");
    paragraph("Makes, checks, converts and changes disk images of the formats raw and qcow2. Without -f, the "
              "format is found by looking into the file. Sizes are bytes, or numbers with k, M, G, T.");
    section("COMMANDS");
    for (size_t n = 0; n < package_command_count; n++) {
        const struct package_command *command = &package_commands[n];
        printf(".TP\n\\fB");
        put(command->name);
        fputs("\\fR ", stdout);
        put(command->usage);
        putchar('\n');
        put(command->text);
        putchar('\n');
    }
    section("OPTIONS OF QCOW2");
    paragraph("For -o, with commas between them: size=, backing_file=, backing_fmt=, cluster_size=, "
              "compat=0.10|1.1, refcount_bits=, lazy_refcounts=on|off, compression_type=zlib|zstd, "
              "preallocation=off.");
    section("EXIT STATUS");
    paragraph("0, or 1 after an error; check ends with 2 if the image is damaged and 3 if clusters leak.");
    section("SEE ALSO");
    puts(".BR rvive (1)");
}
