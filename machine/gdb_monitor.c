/* SPDX-License-Identifier: MIT
 *
 * gdb's `monitor` commands. Those that are about the conversation with gdb are here; all others go to the
 * machine's monitor, if it has one (machine_set_monitor()).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/gdb_internal.h"

static const char help[] =
    "phys on|off            memory commands take physical addresses (as maintenance packet "
    "Qqemu.PhyMemMode:1)\n"
    "mmio on|off            memory commands may read and write device registers, with all that follows\n"
    "step-irq on|off        a single step may enter an interrupt's handler; off: interrupts wait\n"
    "break-phys ADDRESS     stops before the instruction at a physical address, however it is mapped\n"
    "delete-phys ADDRESS    takes it away\n"
    "quit                   ends the emulator, as kill does\n"
    "cpu [HART]             the commands below are about this hart; without it, about the one gdb asked "
    "about "
    "last\n";

/* NAME, NAME on, NAME off. True: it was that command. */
static bool take_switch(const char *command, const char *name, bool *value, struct gdb_text *out)
{
    size_t length = strlen(name);
    if (strncmp(command, name, length) != 0 || (command[length] && command[length] != ' '))
        return false;
    const char *word = command + length + strspn(command + length, " ");
    if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)
        *value = word[1] == 'n';
    else if (*word)
        gdb_text_printf(out, "%s %s: it is on or off\n", name, word);
    gdb_text_printf(out, "%s is %s\n", name, *value ? "on" : "off");
    return true;
}

static bool take_physical(struct gdb *gdb, const char *command, const char *name, bool add,
                          struct gdb_text *out)
{
    size_t length = strlen(name);
    char *end;
    if (strncmp(command, name, length) != 0 || command[length] != ' ')
        return false;
    struct gdb_point point = { .type = GDB_HARD_BREAK, .physical = true };
    point.addr = strtoull(command + length, &end, 0);
    if (*end)
        gdb_text_printf(out, "%s: not an address\n", command);
    else if (add && gdb_point_add(gdb, &point))
        gdb_text_printf(out, "breakpoint at physical address 0x%" PRIx64 "\n", point.addr);
    else if (!add && gdb_point_remove(gdb, point.type, point.addr, 0, true))
        gdb_text_printf(out, "deleted\n");
    else
        gdb_text_printf(out, add ? "out of memory\n" : "there is no such breakpoint\n");
    return true;
}

/* gdb does not tell which thread is selected when a command is given. */
static bool take_cpu(struct gdb *gdb, const char *command, struct gdb_text *out)
{
    if (strncmp(command, "cpu", 3) != 0 || (command[3] && command[3] != ' '))
        return false;
    const char *number = command + 3 + strspn(command + 3, " ");
    char *end;
    unsigned long hart = strtoul(number, &end, 0);
    if (*end || hart >= gdb->machine->hart_count) {
        gdb_text_printf(out, "cpu %s: the harts are numbered from 0 to %u\n", number,
                        gdb->machine->hart_count - 1);
        return true;
    }
    gdb->monitor_hart = *number ? (int)hart : -1;
    gdb_text_printf(out, "hart %u\n", *number ? (unsigned)hart : gdb->hart);
    return true;
}

static void ask_machine(struct gdb *gdb, const char *command, struct gdb_text *out)
{
    char *text = NULL;
    size_t length = 0;
    bool known = false;
    FILE *stream = open_memstream(&text, &length);
    if (stream) {
        known = gdb->machine->monitor &&
                gdb->machine->monitor(gdb->machine->monitor_opaque,
                                      gdb->monitor_hart < 0 ? gdb->hart : (unsigned)gdb->monitor_hart,
                                      command, stream);
        fclose(stream);
        gdb_text_add(out, text, length);
        free(text);
    }
    if (!known)
        gdb_text_printf(out, "%s: unknown command; these are known:\n%s", command, help);
}

static void run_command(struct gdb *gdb, const char *command, struct gdb_text *out)
{
    if (take_switch(command, "phys", &gdb->physical, out) || take_switch(command, "mmio", &gdb->mmio, out) ||
        take_switch(command, "step-irq", &gdb->step_irq, out) ||
        take_physical(gdb, command, "break-phys", true, out) ||
        take_physical(gdb, command, "delete-phys", false, out) || take_cpu(gdb, command, out))
        return;
    if (strcmp(command, "quit") == 0 || strcmp(command, "q") == 0) {
        gdb_kill_guest(gdb);
        return;
    }
    if (strcmp(command, "help") == 0 || !*command)
        gdb_text_printf(out, "%s", help);
    if (strcmp(command, "help") != 0 || gdb->machine->monitor)
        ask_machine(gdb, command, out);
}

void gdb_monitor_command(struct gdb *gdb, struct gdb_rest rest)
{
    char command[1024];
    size_t length = gdb_rest_length(&rest) / 2;
    if (length >= sizeof(command) || !gdb_take_bytes(&rest, command, length) || gdb_rest_length(&rest)) {
        gdb_reply_error(gdb, "22");
        return;
    }
    command[length] = '\0';
    struct gdb_text out = { 0 };
    run_command(gdb, command, &out);
    /* In pieces that gdb has room for. */
    for (size_t done = 0; done < out.length; done += 4096) {
        struct gdb_text piece = { 0 };
        gdb_text_add(&piece, "O", 1);
        gdb_text_hex(&piece, out.bytes + done, out.length - done < 4096 ? out.length - done : 4096);
        gdb_send_extra(gdb, &piece);
        gdb_text_free(&piece);
    }
    gdb_text_free(&out);
    if (!gdb->closing)
        gdb_reply_ok(gdb);
}
