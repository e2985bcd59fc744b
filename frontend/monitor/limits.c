/* SPDX-License-Identifier: MIT
 *
 * Limits of the disks' speed while the machine runs: block_set_io_throttle, and what query-block says of
 * them. Names and messages are those of QEMU.
 */
#include <string.h>

#include "frontend/monitor/internal.h"

static const char *const names[BLOCK_THROTTLE_UNITS][BLOCK_THROTTLE_KINDS] = {
    { "bps", "bps_rd", "bps_wr" }, { "iops", "iops_rd", "iops_wr" }
};

void monitor_put_limits(struct json_object *medium, const struct block_throttle_limits *limits)
{
    char text[32];
    for (unsigned n = 0; n < BLOCK_THROTTLE_UNITS * BLOCK_THROTTLE_KINDS; n++) {
        unsigned unit = n / BLOCK_THROTTLE_KINDS, kind = n % BLOCK_THROTTLE_KINDS;
        const struct block_throttle_rate *rate = &limits->rates[unit][kind];
        monitor_put_number(medium, names[unit][kind], rate->rate);
        snprintf(text, sizeof(text), "%s_max", names[unit][kind]);
        if (rate->burst)
            monitor_put_number(medium, text, rate->burst);
        snprintf(text, sizeof(text), "%s_max_length", names[unit][kind]);
        if (rate->burst)
            monitor_put_number(medium, text, rate->seconds ? rate->seconds : 1);
    }
    if (limits->request_size)
        monitor_put_number(medium, "iops_size", limits->request_size);
}

/* A number, 0 if it was not given; what is negative becomes too large. */
static uint64_t take(const struct monitor_call *call, const char *name)
{
    struct json_object *value = monitor_get(call->arguments, name);
    bool negative = json_object_is_type(value, json_type_int) && json_object_get_int64(value) < 0;
    return negative ? UINT64_MAX : json_object_get_uint64(value);
}

static void take_limits(const struct monitor_call *call, struct block_throttle_limits *limits)
{
    char text[32];
    for (unsigned n = 0; n < BLOCK_THROTTLE_UNITS * BLOCK_THROTTLE_KINDS; n++) {
        unsigned unit = n / BLOCK_THROTTLE_KINDS, kind = n % BLOCK_THROTTLE_KINDS;
        struct block_throttle_rate *rate = &limits->rates[unit][kind];
        rate->rate = take(call, names[unit][kind]);
        snprintf(text, sizeof(text), "%s_max", names[unit][kind]);
        rate->burst = take(call, text);
        snprintf(text, sizeof(text), "%s_max_length", names[unit][kind]);
        rate->seconds = take(call, text);
    }
    limits->request_size = take(call, "iops_size");
}

/* Is that the disk? `id` is the name of a device, or the path of what is behind it; otherwise that of a
 * drive. */
static bool is_meant(const struct machine_disk *disk, const char *name, bool id)
{
    char path[MONITOR_PATH];
    if (!id)
        return disk->id && strcmp(disk->id, name) == 0;
    return (disk->device_id && strcmp(disk->device_id, name) == 0) ||
           strcmp(monitor_disk_path(disk, path), name) == 0;
}

bool monitor_set_limits(struct monitor_call *call)
{
    bool id = monitor_given(call, "id");
    struct block_throttle_limits limits = { .request_size = 0 };
    struct machine_disk disk;
    if (id == monitor_given(call, "device"))
        return error_set(&call->error, "Need exactly one of 'device' and 'id'");
    const char *name = monitor_text(call, id ? "id" : "device", "");
    take_limits(call, &limits);
    if (!block_throttle_check(&limits, &call->error))
        return false;
    for (unsigned n = 0; machine_disk(call->machine, n, &disk); n++)
        if (is_meant(&disk, name, id))
            return machine_limit_disk(call->machine, n, &limits, &call->error);
    call->error_class = "DeviceNotFound";
    return error_set(&call->error, "Device '%.60s' not found", name);
}
