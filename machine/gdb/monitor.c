/* SPDX-License-Identifier: MIT
 *
 * gdb's `monitor` commands. Those that are about the session with gdb are here; all others go to the
 * machine's monitor, if it has one (machine_set_monitor()).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/gdb/internal.h"

static const char help[] =
    "phys on|off            memory commands take physical addresses (as maintenance packet "
    "Qqemu.PhyMemMode:1)\n"
    "mmio on|off            memory commands may read and write device registers, with all that follows\n"
    "step-irq on|off        a single step may enter an interrupt's handler; off: interrupts wait\n"
    "break-phys [ADDRESS]   stops before the instruction at a physical address, however it is mapped; "
    "without "
    "an address: lists what there is\n"
    "watch-phys [ADDRESS [LENGTH] [r|w|rw]]\n"
    "                       stops before an access to physical memory: 8 bytes and writes, unless it says "
    "else\n"
    "delete-phys ADDRESS    takes them away\n"
    "when                   which instruction this is, of those that were recorded\n"
    "goto N|start|end|BOOKMARK\n"
    "                       goes to an instruction that was executed, to the first one, or to the present; "
    "start and end alone do the same\n"
    "bookmark [NAME]        names this instruction for goto; without a name: lists what there is\n"
    "last-write [ADDRESS [LENGTH]]\n"
    "                       goes back to the store that wrote there last (8 bytes); again without an "
    "address: to the one before\n"
    "last-change [NAME|ADDRESS [LENGTH]]\n"
    "                       goes back to the instruction that changed a register, a CSR or memory last; "
    "again "
    "without a name: to the one before\n"
    "quit                   ends the emulator, as kill does\n"
    "cpu [HART]             the commands below are about this hart; without it, about the one gdb asked "
    "about "
    "last\n";

/* Takes NAME, NAME on, NAME off. True: it was that command. */
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

/* ---- Breakpoints and watchpoints by physical address --------------------------------------------------- */

static const char *point_name(const struct gdb_point *point)
{
    static const char *const names[] = {
        [GDB_WATCH_WRITE] = "watch w", [GDB_WATCH_READ] = "watch r", [GDB_WATCH_ACCESS] = "watch rw"
    };
    return point->type >= GDB_WATCH_WRITE ? names[point->type] : "break";
}

static void print_point(const struct gdb_point *point, struct gdb_text *out)
{
    gdb_text_printf(out, "0x%" PRIx64, point->addr);
    if (point->type >= GDB_WATCH_WRITE)
        gdb_text_printf(out, "..0x%" PRIx64, point->addr + (point->length - 1));
    gdb_text_printf(out, " %s\n", point_name(point));
}

static void list_physical(struct gdb *gdb, struct gdb_text *out)
{
    unsigned count = 0;
    for (size_t i = 0; i < gdb->point_count; i++) {
        if (!gdb->points[i].physical)
            continue;
        print_point(&gdb->points[i], out);
        count++;
    }
    if (!count)
        gdb_text_printf(out, "there is none at a physical address\n");
}

/* Deletes everything that begins at the address. */
static void delete_physical(struct gdb *gdb, uint64_t addr, struct gdb_text *out)
{
    unsigned count = 0;
    for (size_t i = gdb->point_count; i-- > 0;) {
        const struct gdb_point point = gdb->points[i];
        if (!point.physical || point.addr != addr)
            continue;
        gdb_point_remove(gdb, point.type, point.addr, point.length, true);
        count++;
    }
    gdb_text_printf(out, count ? "deleted\n" : "there is no such breakpoint\n");
}

/* Takes [LENGTH] [r|w|rw], which may follow the address. */
static bool take_watch(const char *text, struct gdb_point *point)
{
    static const struct {
        const char *name;
        unsigned type;
    } kinds[] = {
        { "", GDB_WATCH_WRITE }, { "w", GDB_WATCH_WRITE }, { "r", GDB_WATCH_READ }, { "rw", GDB_WATCH_ACCESS }
    };
    char *end;
    text += strspn(text, " ");
    if (*text >= '0' && *text <= '9') {
        point->length = strtoull(text, &end, 0);
        if (*end && *end != ' ')
            return false;
        text = end + strspn(end, " ");
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        point->type = kinds[i].type;
        if (strcmp(text, kinds[i].name) == 0)
            return point->length && point->addr + (point->length - 1) >= point->addr;
    }
    return false;
}

/* Takes what follows a command's name: ADDRESS and the rest. False: there is no address. */
static bool take_address(const char *rest, uint64_t *addr, const char **behind)
{
    char *end;
    rest += strspn(rest, " ");
    if (*rest < '0' || *rest > '9')
        return false;
    *addr = strtoull(rest, &end, 0);
    *behind = end;
    return *end == '\0' || *end == ' ';
}

static bool take_physical(struct gdb *gdb, const char *command, const char *name, struct gdb_text *out)
{
    size_t length = strlen(name);
    struct gdb_point point = { .type = GDB_HARD_BREAK, .physical = true, .length = 8 };
    const char *rest = command + length;
    if (strncmp(command, name, length) != 0 || (*rest && *rest != ' '))
        return false;
    bool watch = *name == 'w', delete = *name == 'd';
    if (!rest[strspn(rest, " ")] && !delete)
        list_physical(gdb, out);
    else if (!take_address(rest, &point.addr, &rest))
        gdb_text_printf(out, "%s: not an address\n", command);
    else if (watch ? !take_watch(rest, &point) : rest[strspn(rest, " ")] != '\0')
        gdb_text_printf(out, "%s: %s ADDRESS%s\n", command, name, watch ? " [LENGTH] [r|w|rw]" : "");
    else if (delete)
        delete_physical(gdb, point.addr, out);
    else if (gdb_point_add(gdb, &point))
        print_point(&point, out);
    else
        gdb_text_printf(out, "out of memory\n");
    return true;
}

/* The cpu command is needed since gdb does not tell which thread is selected when it sends a command. */
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

/* The lines of the help that are about one command; false: there are none. */
static bool help_with(const char *command, struct gdb_text *out)
{
    size_t length = strlen(command);
    bool shows = false, found = false;
    for (const char *line = help; *line; line += strcspn(line, "\n") + 1) {
        if (*line != ' ')
            shows = strncmp(line, command, length) == 0 && strchr(" \n", line[length]);
        if (shows)
            gdb_text_add(out, line, strcspn(line, "\n") + 1);
        found |= shows;
    }
    return found;
}

static void run_command(struct gdb *gdb, const char *command, struct gdb_text *out)
{
    if (take_switch(command, "phys", &gdb->physical, out) || take_switch(command, "mmio", &gdb->mmio, out) ||
        take_switch(command, "step-irq", &gdb->step_irq, out) ||
        take_physical(gdb, command, "break-phys", out) || take_physical(gdb, command, "watch-phys", out) ||
        take_physical(gdb, command, "delete-phys", out) || take_cpu(gdb, command, out) ||
        gdb_time_command(gdb, command, out))
        return;
    if (strcmp(command, "quit") == 0 || strcmp(command, "q") == 0) {
        gdb_kill_guest(gdb);
        return;
    }
    if (strncmp(command, "help ", 5) == 0 && help_with(command + 5 + strspn(command + 5, " "), out))
        return;
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
    /* In pieces for which gdb has room. */
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
