/* SPDX-License-Identifier: MIT
 *
 * Breakpoints and watchpoints that gdb sets. gdb removes all of them when the guest stops, and sets them
 * again before it continues. So they are only listed here, and given to the harts when these run next. There,
 * a list with the same addresses as before costs nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "machine/gdb/internal.h"

static void free_conditions(struct gdb_point *point)
{
    for (size_t i = 0; i < point->condition_count; i++)
        free(point->conditions[i].code);
    free(point->conditions);
}

static struct gdb_point *find_point(const struct gdb *gdb, unsigned type, uint64_t addr, uint64_t length,
                                    bool physical)
{
    bool watch = type >= GDB_WATCH_WRITE;
    for (size_t i = 0; i < gdb->point_count; i++) {
        struct gdb_point *point = &gdb->points[i];
        if (point->type == type && point->addr == addr && point->physical == physical &&
            (!watch || point->length == length))
            return point;
    }
    return NULL;
}

bool gdb_point_at(const struct gdb *gdb, unsigned type, uint64_t addr)
{
    return find_point(gdb, type, addr, 0, false) != NULL;
}

bool gdb_point_add(struct gdb *gdb, const struct gdb_point *point)
{
    struct gdb_point *known = find_point(gdb, point->type, point->addr, point->length, point->physical);
    if (known) { /* it is set again, with new conditions */
        free_conditions(known);
        *known = *point;
        return true;
    }
    if (gdb->point_count == gdb->point_room) {
        size_t room = gdb->point_room ? 2 * gdb->point_room : 16;
        struct gdb_point *grown = realloc(gdb->points, room * sizeof(*grown));
        if (!grown)
            return false;
        gdb->points = grown;
        gdb->point_room = room;
    }
    gdb->points[gdb->point_count++] = *point;
    return true;
}

bool gdb_point_remove(struct gdb *gdb, unsigned type, uint64_t addr, uint64_t length, bool physical)
{
    struct gdb_point *point = find_point(gdb, type, addr, length, physical);
    if (!point)
        return false;
    free_conditions(point);
    *point = gdb->points[--gdb->point_count];
    return true;
}

void gdb_points_clear(struct gdb *gdb)
{
    for (size_t i = 0; i < gdb->point_count; i++)
        free_conditions(&gdb->points[i]);
    gdb->point_count = 0;
}

/* ---- Z and z ------------------------------------------------------------------------------------------- */

/* One or more of X LENGTH , BYTES. */
static bool take_conditions(struct gdb_rest *rest, struct gdb_point *point)
{
    while (gdb_take_char(rest, 'X')) {
        uint64_t length;
        if (!gdb_take_number(rest, &length) || !gdb_take_char(rest, ',') ||
            length > gdb_rest_length(rest) / 2)
            return false;
        struct gdb_condition *grown =
            realloc(point->conditions, (point->condition_count + 1) * sizeof(*grown));
        if (!grown)
            return false;
        point->conditions = grown;
        struct gdb_condition *condition = &grown[point->condition_count];
        *condition = (struct gdb_condition){ malloc((size_t)length + 1), (size_t)length };
        if (!condition->code)
            return false;
        point->condition_count++;
        if (!gdb_take_bytes(rest, condition->code, condition->length))
            return false;
    }
    return true;
}

static bool take_point(struct gdb_rest *rest, struct gdb_point *point)
{
    uint64_t type;
    *point = (struct gdb_point){ 0 };
    if (!gdb_take_number(rest, &type) || !gdb_take_char(rest, ',') || !gdb_take_number(rest, &point->addr) ||
        !gdb_take_char(rest, ',') || !gdb_take_number(rest, &point->length) || type > GDB_WATCH_ACCESS)
        return false;
    point->type = (unsigned)type;
    while (gdb_take_char(rest, ';'))
        if (!take_conditions(rest, point))
            return false;
    return gdb_rest_length(rest) == 0;
}

void gdb_set_point(struct gdb *gdb, struct gdb_rest rest, bool insert)
{
    struct gdb_point point;
    bool sound = take_point(&rest, &point);
    bool watch = point.type >= GDB_WATCH_WRITE;
    if (!sound || (watch && (!point.length || point.addr + (point.length - 1) < point.addr))) {
        free_conditions(&point);
        gdb_reply_error(gdb, "22");
        return;
    }
    if (!insert) {
        free_conditions(&point);
        gdb_point_remove(gdb, point.type, point.addr, point.length, false);
        gdb_reply_ok(gdb); /* it is no error if it is not there any more */
        return;
    }
    if (gdb_point_add(gdb, &point)) {
        gdb_reply_ok(gdb);
        return;
    }
    free_conditions(&point);
    gdb_reply_error(gdb, ".out of memory for the breakpoint");
}

/* ---- Handing them to the harts ------------------------------------------------------------------------- */

static bool apply_breaks(struct gdb *gdb)
{
    size_t count = 0;
    struct debug_break *breaks = calloc(gdb->point_count + 1, sizeof(*breaks));
    for (size_t i = 0; breaks && i < gdb->point_count; i++) {
        const struct gdb_point *point = &gdb->points[i];
        if (point->type <= GDB_HARD_BREAK)
            breaks[count++] =
                (struct debug_break){ .addr = point->addr, .physical = point->physical, .condition = point };
    }
    bool done = breaks && debug_set_breaks(gdb->debug, breaks, count);
    free(breaks);
    return done;
}

static bool apply_watches(struct gdb *gdb)
{
    static const unsigned kinds[] = {
        [GDB_WATCH_WRITE] = DEBUG_WATCH_WRITE,
        [GDB_WATCH_READ] = DEBUG_WATCH_READ,
        [GDB_WATCH_ACCESS] = DEBUG_WATCH_READ | DEBUG_WATCH_WRITE,
    };
    size_t count = 0;
    struct debug_watch *watches = calloc(gdb->point_count + 1, sizeof(*watches));
    for (size_t i = 0; watches && i < gdb->point_count; i++) {
        const struct gdb_point *point = &gdb->points[i];
        if (point->type >= GDB_WATCH_WRITE)
            watches[count++] =
                (struct debug_watch){ point->addr, point->length,
                                      kinds[point->type] | (point->physical ? DEBUG_WATCH_PHYSICAL : 0) };
    }
    bool done = watches && debug_set_watches(gdb->debug, watches, count);
    free(watches);
    return done;
}

bool gdb_points_apply(struct gdb *gdb)
{
    if (apply_breaks(gdb) && apply_watches(gdb))
        return true;
    gdb_reply_error(gdb, ".out of memory for the breakpoints");
    return false;
}

bool gdb_point_accept(void *opaque, struct hart *hart, const struct debug_break *reached)
{
    (void)opaque;
    const struct gdb_point *point = reached->condition;
    for (size_t i = 0; i < point->condition_count; i++)
        if (gdb_agent_true(hart, point->conditions[i].code, point->conditions[i].length))
            return true;
    return point->condition_count == 0;
}
