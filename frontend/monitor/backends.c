/* SPDX-License-Identifier: MIT
 *
 * Commands for programs about -object: query-iothreads and query-memdev, in QEMU's form.
 */
#include <unistd.h>

#include "frontend/monitor/internal.h"

/* The objects of the command line. They have no threads of their own: disks have, as many as they need. So
 * the number is that of the process, as for harts. The other numbers are about how QEMU's threads wait. */
bool monitor_iothreads(struct monitor_call *call)
{
    call->result = json_object_new_array();
    for (unsigned n = 0; n < call->options->iothread_count; n++) {
        struct json_object *row = monitor_add_row(call->result);
        monitor_put_text(row, "id", call->options->iothreads[n].id);
        monitor_put_number(row, "thread-id", (uint64_t)getpid());
        monitor_put_number(row, "poll-max-ns", 0);
        monitor_put_number(row, "poll-grow", 0);
        monitor_put_number(row, "poll-shrink", 0);
        monitor_put_number(row, "aio-max-batch", 0);
    }
    return true;
}

void monitor_print_iothreads(FILE *out, struct json_object *result)
{
    for (size_t n = 0; n < json_object_array_length(result); n++) {
        struct json_object *row = json_object_array_get_idx(result, n);
        fprintf(out, "%s: thread_id=%s\n", monitor_get_text(row, "id"), monitor_get_text(row, "thread-id"));
    }
}

static void add_memory(struct monitor_call *call, const char *id, const struct machine_memory *memory)
{
    struct json_object *row = monitor_add_row(call->result);
    monitor_put_text(row, "id", id);
    monitor_put_number(row, "size", memory->size);
    monitor_put_bool(row, "merge", memory->merge);
    monitor_put_bool(row, "dump", !memory->undumped);
    monitor_put_bool(row, "prealloc", memory->prealloc);
    monitor_put_bool(row, "share", memory->shared);
    monitor_put_bool(row, "reserve", true);
    json_object_object_add(row, "host-nodes", json_object_new_array());
    monitor_put_text(row, "policy", "default");
}

bool monitor_memdev(struct monitor_call *call)
{
    const struct options *options = call->options;
    struct machine_memory plain = { .size = options->machine.ram_size,
                                    .prealloc = options->mem_prealloc,
                                    .merge = options->mem_merge,
                                    .undumped = options->mem_undumped };
    call->result = json_object_new_array();
    for (unsigned n = 0; n < options->memory_count; n++)
        add_memory(call, options->memories[n].id, &options->memories[n].memory);
    if (!options->memory_count)
        add_memory(call, monitor_ram_id(options->machine.board), &plain);
    return true;
}
