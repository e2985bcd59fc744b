/* SPDX-License-Identifier: MIT
 *
 * q and Q packets: what the server can do, the threads (one a hart), and the documents that gdb reads in
 * pieces (gdb manual, "General Query Packets"). The qqemu and Qqemu packets are QEMU's, so that scripts for
 * it work here. There is no memory map: debuggers apply it to the addresses that they use, which are virtual.
 * It could only say that everything is memory, and without a map debuggers assume that anyway.
 */
#include <string.h>

#include "cpu/hart_view.h"
#include "machine/gdb/internal.h"
#include "machine/timeline/timeline.h"

static void supported(struct gdb *gdb, struct gdb_rest rest)
{
    gdb->tells_why = memmem(rest.at, gdb_rest_length(&rest), "swbreak+", 8) != NULL;
    gdb_text_printf(&gdb->reply,
                    "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;qXfer:threads:read+;"
                    "vContSupported+;ConditionalBreakpoints+;swbreak+;hwbreak+%s",
                    GDB_PACKET_MAX - 1,
                    timeline_keeps(gdb->machine->timeline) ? ";ReverseStep+;ReverseContinue+" : "");
}

static void thread_list(struct gdb *gdb)
{
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        gdb_text_printf(&gdb->reply, "%c%x", i ? ',' : 'm', i + 1);
}

/* Returns a text such as "S-mode". */
static const char *mode_of(struct gdb *gdb, unsigned hart)
{
    static const char *const modes[] = { "U-mode", "S-mode", "?", "M-mode" };
    return modes[hart_view_privilege(gdb->machine->harts[hart]) & 3];
}

static void thread_info(struct gdb *gdb, struct gdb_rest rest)
{
    int thread;
    if (!gdb_take_thread(gdb, &rest, &thread) || thread <= 0) {
        gdb_reply_error(gdb, "22");
        return;
    }
    struct gdb_text info = { 0 };
    gdb_text_printf(&info, "hart %d, %s", thread - 1, mode_of(gdb, (unsigned)thread - 1));
    gdb_text_hex(&gdb->reply, info.bytes, info.length);
    gdb_text_free(&info);
}

/* ---- Documents ----------------------------------------------------------------------------------------- */

static void describe_threads(struct gdb *gdb, struct gdb_text *xml)
{
    gdb_text_printf(xml, "<?xml version=\"1.0\"?><threads>");
    for (unsigned i = 0; i < gdb->machine->hart_count; i++)
        gdb_text_printf(xml, "<thread id=\"%x\" core=\"%u\" name=\"hart %u\">%s</thread>", i + 1, i, i,
                        mode_of(gdb, i));
    gdb_text_printf(xml, "</threads>");
}

/* Replies with a piece of a document, for OFFSET,LENGTH. */
static void reply_piece(struct gdb *gdb, struct gdb_rest rest, struct gdb_text *document)
{
    uint64_t offset, length;
    if (document->failed || !gdb_take_number(&rest, &offset) || !gdb_take_char(&rest, ',') ||
        !gdb_take_number(&rest, &length)) {
        gdb_reply_error(gdb, "22");
    } else if (offset >= document->length) {
        gdb_text_printf(&gdb->reply, "l");
    } else {
        uint64_t left = document->length - offset, limit = GDB_PACKET_MAX - 64;
        length = length < limit ? length : limit;
        gdb_text_printf(&gdb->reply, "%c", length < left ? 'm' : 'l');
        gdb_text_add(&gdb->reply, document->bytes + offset, (size_t)(length < left ? length : left));
    }
    gdb_text_free(document);
}

/* OBJECT:read:ANNEX:OFFSET,LENGTH */
static void transfer(struct gdb *gdb, struct gdb_rest rest)
{
    struct gdb_text document = { 0 };
    if (gdb_take_text(&rest, "features:read:target.xml:"))
        gdb_describe_target(gdb, &document);
    else if (gdb_take_text(&rest, "threads:read::"))
        describe_threads(gdb, &document);
    else if (gdb_take_text(&rest, "features:read:"))
        gdb_reply_error(gdb, "00"); /* there is no such annex */
    else
        return; /* an empty reply: there is no such object */
    if (!gdb->reply.length)
        reply_piece(gdb, rest, &document);
}

/* ---- The packets --------------------------------------------------------------------------------------- */

void gdb_query(struct gdb *gdb, struct gdb_rest rest)
{
    if (gdb_take_text(&rest, "Supported"))
        supported(gdb, rest);
    else if (gdb_take_text(&rest, "Xfer:"))
        transfer(gdb, rest);
    else if (gdb_take_text(&rest, "Rcmd,"))
        gdb_monitor_command(gdb, rest);
    else if (gdb_take_text(&rest, "CRC:"))
        gdb_memory_crc(gdb, rest);
    else if (gdb_take_text(&rest, "Search:memory:"))
        gdb_memory_search(gdb, rest);
    else if (gdb_take_text(&rest, "ThreadExtraInfo,"))
        thread_info(gdb, rest);
    else if (gdb_take_text(&rest, "fThreadInfo"))
        thread_list(gdb);
    else if (gdb_take_text(&rest, "sThreadInfo"))
        gdb_text_printf(&gdb->reply, "l");
    else if (gdb_take_text(&rest, "Attached"))
        gdb_text_printf(&gdb->reply, "1");
    else if (gdb_take_text(&rest, "Symbol:"))
        gdb_reply_ok(gdb);
    else if (gdb_take_text(&rest, "qemu.PhyMemMode"))
        gdb_text_printf(&gdb->reply, "%d", gdb->physical);
    else if (gdb_take_text(&rest, "qemu.sstepbits"))
        gdb_text_printf(&gdb->reply, "ENABLE=1,NOIRQ=2,NOTIMER=4");
    else if (gdb_take_text(&rest, "qemu.sstep"))
        gdb_text_printf(&gdb->reply, "0x%x", gdb->step_irq ? 1 : 3);
    else if (gdb_take_char(&rest, 'C') && !gdb_rest_length(&rest))
        gdb_text_printf(&gdb->reply, "QC%x", gdb->hart + 1);
}

void gdb_set(struct gdb *gdb, struct gdb_rest rest)
{
    uint64_t value;
    if (gdb_take_text(&rest, "StartNoAckMode")) {
        gdb_reply_ok(gdb);
        gdb->no_ack_soon = true;
    } else if (gdb_take_text(&rest, "qemu.PhyMemMode:") && gdb_take_number(&rest, &value)) {
        gdb->physical = value != 0;
        gdb_reply_ok(gdb);
    } else if (gdb_take_text(&rest, "qemu.sstep=") && (gdb_take_text(&rest, "0x") || true) &&
               gdb_take_number(&rest, &value)) {
        gdb->step_irq = !(value & 2);
        gdb_reply_ok(gdb);
    }
}
