/* SPDX-License-Identifier: MIT
 *
 * gdb's `monitor` commands about the past: where the guest is in it, going somewhere, who wrote something.
 * gdb asks for registers only when it believes that the guest has moved, so after these it has to be told.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/gdb/internal.h"
#include "machine/timeline/timeline.h"

#define FLUSH "gdb does not know yet: type maintenance flush register-cache\n"

static void say_when(const struct timeline *timeline, uint64_t now, struct gdb_text *out)
{
    gdb_text_printf(out, "instruction %" PRIu64 "; recorded: %" PRIu64 " to %" PRIu64 "%s\n", now,
                    timeline_first(timeline), timeline_present(timeline),
                    timeline_is_replay(timeline) ? " (a replay)"
                    : timeline_is_past(timeline) ? ""
                                                 : " (the present)");
}

/* ---- Bookmarks ----------------------------------------------------------------------------------------- */

static struct gdb_bookmark *find_bookmark(struct gdb *gdb, const char *name)
{
    for (unsigned n = 0; n < gdb->bookmark_count; n++)
        if (strcmp(gdb->bookmarks[n].name, name) == 0)
            return &gdb->bookmarks[n];
    return NULL;
}

static void list_bookmarks(const struct gdb *gdb, struct gdb_text *out)
{
    for (unsigned n = 0; n < gdb->bookmark_count; n++)
        gdb_text_printf(out, "%s: instruction %" PRIu64 "\n", gdb->bookmarks[n].name,
                        gdb->bookmarks[n].instant);
    if (!gdb->bookmark_count)
        gdb_text_printf(out, "there is none: bookmark NAME makes one\n");
}

static void set_bookmark(struct gdb *gdb, const char *name, struct gdb_text *out)
{
    struct gdb_bookmark *bookmark = find_bookmark(gdb, name);
    bool word = (*name < '0' || *name > '9') && !strchr(name, ' ') && strcmp(name, "start") != 0 &&
                strcmp(name, "end") != 0;
    if (!word || strlen(name) >= sizeof(gdb->bookmarks[0].name)) {
        gdb_text_printf(out, "bookmark %s: a name is a word of up to %zu characters, and no number\n", name,
                        sizeof(gdb->bookmarks[0].name) - 1);
        return;
    }
    if (!bookmark && gdb->bookmark_count == GDB_BOOKMARKS_MAX) {
        gdb_text_printf(out, "bookmark: there are %u already\n", GDB_BOOKMARKS_MAX);
        return;
    }
    if (!bookmark)
        bookmark = &gdb->bookmarks[gdb->bookmark_count++];
    strcpy(bookmark->name, name);
    bookmark->instant = machine_instructions(gdb->machine);
    gdb_text_printf(out, "%s: instruction %" PRIu64 "\n", name, bookmark->instant);
}

/* ---- Going --------------------------------------------------------------------------------------------- */

static bool take_instant(struct gdb *gdb, const char *text, uint64_t *instant)
{
    char *end = NULL;
    const struct timeline *timeline = gdb->machine->timeline;
    const struct gdb_bookmark *bookmark = find_bookmark(gdb, text);
    if (strcmp(text, "start") == 0)
        *instant = timeline_first(timeline);
    else if (strcmp(text, "end") == 0)
        *instant = timeline_present(timeline);
    else if (bookmark)
        *instant = bookmark->instant;
    else
        *instant = strtoull(text, &end, 0);
    return !end || (*text >= '0' && *text <= '9' && !*end);
}

static void go_to(struct gdb *gdb, const char *text, struct gdb_text *out)
{
    struct error error;
    struct timeline *timeline = gdb->machine->timeline;
    uint64_t instant;
    if (!gdb_points_apply(gdb)) /* conditions of those that gdb has removed are gone */
        return;
    if (!take_instant(gdb, text, &instant)) {
        gdb_text_printf(out, "goto %s: it is the number of an instruction, start, end or a bookmark\n", text);
        return;
    }
    timeline_ask(timeline, gdb_wants_end, gdb);
    bool ok = timeline_goto(timeline, instant, &error);
    timeline_ask(timeline, NULL, NULL);
    if (ok)
        gdb_text_printf(out, "at instruction %" PRIu64 "; " FLUSH, machine_instructions(gdb->machine));
    else
        gdb_text_printf(out, "goto: %s\n", error.text);
}

/* ---- Who wrote this ------------------------------------------------------------------------------------ */

/* With only this watchpoint, back to the last time that it stops a hart. */
static enum timeline_end search(struct gdb *gdb, const struct gdb_point *point, struct error *error)
{
    struct gdb_point *points = gdb->points;
    size_t count = gdb->point_count, room = gdb->point_room;
    enum timeline_end end = TIMELINE_FAILED;
    gdb->points = NULL;
    gdb->point_count = gdb->point_room = 0;
    if (gdb_point_add(gdb, point) && gdb_points_apply(gdb)) {
        timeline_ask(gdb->machine->timeline, gdb_wants_end, gdb);
        end = timeline_back(gdb->machine->timeline, error);
        timeline_ask(gdb->machine->timeline, NULL, NULL);
    } else {
        error_set(error, "out of memory");
    }
    gdb_points_clear(gdb);
    free(gdb->points);
    gdb->points = points;
    gdb->point_count = count;
    gdb->point_room = room;
    gdb_points_apply(gdb);
    return end;
}

static void say_write(struct gdb *gdb, const struct gdb_point *point, struct gdb_text *out)
{
    int number = gdb_stopped_hart(gdb);
    struct hart *hart = gdb->machine->harts[number < 0 ? gdb->hart : (unsigned)number];
    uint8_t bytes[16];
    size_t length = point->length < sizeof(bytes) ? point->length : sizeof(bytes);
    gdb_text_printf(out, "instruction %" PRIu64 ": hart %u at pc 0x%" PRIx64 " is about to write; before:",
                    machine_instructions(gdb->machine), hart_id(hart), hart_pc(hart));
    length = point->physical ? hart_view_read_physical(hart, point->addr, bytes, length)
                             : hart_view_read(hart, point->addr, bytes, length);
    for (size_t n = 0; n < length; n++)
        gdb_text_printf(out, " %02x", bytes[n]);
    gdb_text_printf(out, "\n" FLUSH);
    gdb->hart = gdb->resumed_hart = hart_id(hart);
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        hart_debug_told(gdb->machine->harts[i]);
}

/* ADDRESS [LENGTH]; without: the same as before. */
static bool take_place(struct gdb *gdb, const char *text, struct gdb_text *out)
{
    char *end = (char *)(uintptr_t)text;
    struct gdb_point point = { .type = GDB_WATCH_WRITE, .physical = gdb->physical, .length = 8 };
    if (*text)
        point.addr = strtoull(text, &end, 0);
    bool number = *text >= '0' && *text <= '9';
    if (number && *end == ' ')
        point.length = strtoull(end, &end, 0);
    if ((!number && (*text || !gdb->last_write.length)) || *end || !point.length ||
        point.addr + (point.length - 1) < point.addr) {
        gdb_text_printf(out, "last-write ADDRESS [LENGTH]: a number, such as gdb's `output &variable` shows; "
                             "LENGTH is 8 unless it is given\n");
        return false;
    }
    if (number)
        gdb->last_write = point;
    return true;
}

static void find_last_write(struct gdb *gdb, const char *text, struct gdb_text *out)
{
    struct error error;
    uint64_t here = machine_instructions(gdb->machine);
    if (!take_place(gdb, text, out))
        return;
    enum timeline_end end = search(gdb, &gdb->last_write, &error);
    if (end == TIMELINE_STOPPED) {
        say_write(gdb, &gdb->last_write, out);
    } else if (end == TIMELINE_END) {
        bool back = timeline_goto(gdb->machine->timeline, here, &error);
        gdb_text_printf(out, "no hart has written there since instruction %" PRIu64 "%s%s\n",
                        timeline_first(gdb->machine->timeline), back ? "" : "; ", back ? "" : error.text);
    } else {
        gdb_text_printf(out, "last-write: %s; " FLUSH, error.text);
    }
}

/* ---- Who changed this ---------------------------------------------------------------------------------- */

static bool take_number(const char *name, char letter, unsigned *number)
{
    char *end = NULL;
    *number =
        name[0] == letter && name[1] >= '0' && name[1] <= '9' ? (unsigned)strtoul(name + 1, &end, 10) : 0;
    return end && !*end && *number < 32;
}

/* A register, a CSR, or memory: ADDRESS [LENGTH]. */
static bool take_changing(struct gdb *gdb, const char *text, struct gdb_changing *what)
{
    char *end, name[16];
    *what = (struct gdb_changing){ .hart = gdb->machine->harts[gdb->hart], .physical = gdb->physical };
    for (unsigned n = 0; n < 32; n++) {
        bool x = strcmp(text, isa_x_names[n]) == 0, f = strcmp(text, isa_f_names[n]) == 0;
        what->number = n;
        what->kind = x ? GDB_CHANGING_X : GDB_CHANGING_F;
        if (x || f)
            return true;
    }
    what->kind = take_number(text, 'f', &what->number) ? GDB_CHANGING_F : GDB_CHANGING_X;
    if (what->kind == GDB_CHANGING_F || take_number(text, 'x', &what->number))
        return true;
    what->kind = GDB_CHANGING_CSR;
    for (what->number = 0; what->number < 4096; what->number++) {
        const char *known = hart_view_csr_name(what->number, name);
        if (known && strcmp(known, text) == 0)
            return hart_view_csr(what->hart, what->number, &what->addr);
    }
    what->kind = GDB_CHANGING_MEMORY;
    what->addr = strtoull(text, &end, 0);
    what->length = *end == ' ' ? strtoull(end, &end, 0) : 8;
    return *text >= '0' && *text <= '9' && !*end && what->length && what->length <= 8;
}

static uint64_t value_of(void *opaque)
{
    const struct gdb_changing *what = opaque;
    uint64_t value = 0;
    switch (what->kind) {
    case GDB_CHANGING_X: return hart_view_x(what->hart, what->number);
    case GDB_CHANGING_F: return hart_view_f(what->hart, what->number);
    case GDB_CHANGING_CSR: hart_view_csr(what->hart, what->number, &value); break;
    case GDB_CHANGING_MEMORY:
        if (what->physical)
            hart_view_read_physical(what->hart, what->addr, &value, what->length);
        else
            hart_view_read(what->hart, what->addr, &value, what->length);
    }
    return value;
}

static void find_last_change(struct gdb *gdb, const char *text, struct gdb_text *out)
{
    struct error error;
    struct gdb_changing what;
    struct timeline *timeline = gdb->machine->timeline;
    if (*text && !take_changing(gdb, text, &what)) {
        gdb_text_printf(
            out, "last-change NAME|ADDRESS [LENGTH]: a register or a CSR of this hart, or up to 8 bytes of "
                 "memory\n");
        return;
    }
    if (*text)
        gdb->last_change = what;
    if (!gdb->last_change.hart) {
        gdb_text_printf(out, "last-change: of what? last-change a0, last-change satp, last-change ADDRESS\n");
        return;
    }
    if (!gdb_points_apply(gdb))
        return;
    timeline_ask(timeline, gdb_wants_end, gdb);
    enum timeline_end end = timeline_back_change(timeline, value_of, &gdb->last_change, &error);
    timeline_ask(timeline, NULL, NULL);
    if (end == TIMELINE_STOPPED)
        gdb_text_printf(out,
                        "instruction %" PRIu64 ": hart %u at pc 0x%" PRIx64
                        " is about to change it; before: 0x%" PRIx64 "\n" FLUSH,
                        machine_instructions(gdb->machine), timeline_hart(timeline),
                        hart_pc(gdb->machine->harts[timeline_hart(timeline)]), value_of(&gdb->last_change));
    else if (end == TIMELINE_END)
        gdb_text_printf(out, "it has not changed since instruction %" PRIu64 "\n", timeline_first(timeline));
    else
        gdb_text_printf(out, "last-change: %s; " FLUSH, error.text);
}

/* ---- All of them --------------------------------------------------------------------------------------- */

/* Is it that command? Then *rest is what follows it. */
static bool is_command(const char *command, const char *name, const char **rest)
{
    size_t length = strlen(name);
    if (strncmp(command, name, length) != 0 || (command[length] && command[length] != ' '))
        return false;
    *rest = command + length + strspn(command + length, " ");
    return true;
}

static void run(struct gdb *gdb, const char *command, const char *rest, struct gdb_text *out)
{
    if (*command == 'w')
        say_when(gdb->machine->timeline, machine_instructions(gdb->machine), out);
    else if (*command == 'b' && *rest)
        set_bookmark(gdb, rest, out);
    else if (*command == 'b')
        list_bookmarks(gdb, out);
    else if (strncmp(command, "last-c", 6) == 0)
        find_last_change(gdb, rest, out);
    else if (*command == 'l')
        find_last_write(gdb, rest, out);
    else if (*command == 'g' && !*rest)
        gdb_text_printf(out, "goto: where to? goto N, goto start, goto end or goto BOOKMARK; `when` says "
                             "which instruction this is\n");
    else
        go_to(gdb, *command == 'g' ? rest : command, out);
}

bool gdb_time_command(struct gdb *gdb, const char *command, struct gdb_text *out)
{
    const char *rest = "";
    if (!is_command(command, "when", &rest) && !is_command(command, "goto", &rest) &&
        !is_command(command, "bookmark", &rest) && !is_command(command, "last-write", &rest) &&
        !is_command(command, "last-change", &rest) && strcmp(command, "start") != 0 &&
        strcmp(command, "end") != 0)
        return false;
    if (!timeline_keeps(gdb->machine->timeline))
        gdb_text_printf(out, "the past is not recorded: start with -icount and -record on\n");
    else
        run(gdb, command, rest, out);
    return true;
}
