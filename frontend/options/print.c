/* SPDX-License-Identifier: MIT
 *
 * Longer texts that the command line can ask for: see options_print().
 */
#include <string.h>

#include "cpu/isa/isa.h"
#include "frontend/options/options.h"

void options_print_first_steps(FILE *out)
{
    fputs(
        "Rvive " RVIVE_VERSION " is a RISC-V computer. It needs to know what to start:\n"
        "\n"
        "  a kernel, on this terminal (Ctrl-A X ends it):\n"
        "    rvive -m 1G -nographic -kernel IMAGE -initrd INITRD -append console=ttyS0\n"
        "  a disk with a boot loader, in a window; U-Boot is in Debian's package u-boot-qemu:\n"
        "    rvive -m 2G -kernel /usr/lib/u-boot/qemu-riscv64_smode/uboot.elf -drive file=DISK,if=virtio \\\n"
        "        -device virtio-gpu-pci -device virtio-keyboard-pci -device virtio-tablet-pci\n"
        "  a program without an operating system, which waits for gdb at port 1234:\n"
        "    rvive -nographic -bios none -kernel PROGRAM.elf -s -S\n"
        "\n"
        "In Rvive's own folder, sh roms/run.sh fetches and starts a Debian. rvive -help lists all flags.\n",
        out);
}

#define CARDS                                                                                                \
    "Available NIC models for this configuration:\n"                                                         \
    "e1000\ne1000e\nvirtio\nvirtio-net-device\nvirtio-net-pci\n"

bool options_asks_for_values(const char *flag, const char *argument, const char **text)
{
    static const struct {
        const char *flag, *key, *text;
    } lists[] = {
        { "nic", "model", CARDS },
        { "net", "model", CARDS },
        { "drive", "format", "Supported formats: raw qcow2\n" },
        { "audio", "model", "Valid sound card names (comma separated):\nvirtio  virtio-sound-pci\n" },
    };
    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        size_t length = strlen(lists[n].key);
        if (strcmp(lists[n].flag, flag) != 0)
            continue;
        for (const char *at = argument; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
            bool is_key = strncmp(at, lists[n].key, length) == 0 && at[length] == '=';
            size_t value = is_key ? strcspn(at + length + 1, ",") : 0;
            *text = lists[n].text;
            if ((value == 4 && strncmp(at + length + 1, "help", 4) == 0) ||
                (value == 1 && at[length + 1] == '?'))
                return true;
        }
    }
    *text = NULL;
    return false;
}

#define CPU_LINE 110 /* columns */

static void print_cpu(const struct isa_model *model, FILE *out)
{
    struct isa_config config;
    struct error error;
    size_t column = CPU_LINE;
    fprintf(out, "  %-12s %s", model->name, model->text);
    if (!isa_config_parse(&config, model->name, &error))
        return;
    for (unsigned i = 0; i < ISA_EXTENSION_COUNT; i++) {
        const char *name = isa_extension_in(&config, (enum isa_extension)i);
        if (!isa_has(&config, (enum isa_extension)i))
            continue;
        if (column + strlen(name) + 1 > CPU_LINE)
            column = (size_t)fprintf(out, "\n%15s", "") - 1;
        column += (size_t)fprintf(out, "%s ", name);
    }
    fprintf(out, "\n");
}

void options_print_cpus(FILE *out)
{
    const struct isa_model *model;
    fprintf(out, "CPUs, and the extensions that they have:\n");
    for (unsigned i = 0; (model = isa_model_row(i)); i++)
        print_cpu(model, out);
    fprintf(out, "Extensions, NAME=on or NAME=off after a comma:\n");
#define X(name, string, rv64, rv32, text)                                                                    \
    fprintf(out, "  %-12s %s%s\n", string, text, rv64 || rv32 ? "" : " (off in rv64 and rv32)");
    ISA_EXTENSIONS(X)
#undef X
    fprintf(out,
            "Others:\n"
            "  %-12s widest address translation: sv32, sv39, sv48, sv57\n"
            "  %-12s S-mode and U-mode\n"
            "  %-12s physical memory protection\n"
            "  %-12s bits of a vector register: 128, 256 (the default), 512, 1024\n",
            "svNN", "s", "pmp", "vlen=BITS");
}
