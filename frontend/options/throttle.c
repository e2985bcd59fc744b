/* SPDX-License-Identifier: MIT
 *
 * Limits of a disk's speed: throttling.bps-total=, throttling.iops-read-max= and the like, as QEMU has them
 * since 2.4, and its older names (bps=, iops_rd_max=).
 */
#include <string.h>

#include "frontend/options/options.h"

static const struct {
    const char *name, *old;
} units[] = { { "bps", "bps" }, { "iops", "iops" } },
  kinds[] = { { "-total", "" }, { "-read", "_rd" }, { "-write", "_wr" } };

/* Returns where the value of the key goes; NULL: it is not one of these. */
static uint64_t *find_value(struct block_throttle_limits *limits, const char *key)
{
    char name[64];
    if (strcmp(key, "throttling.iops-size") == 0 || strcmp(key, "iops_size") == 0)
        return &limits->request_size;
    for (unsigned n = 0; n < BLOCK_THROTTLE_UNITS * BLOCK_THROTTLE_KINDS; n++) {
        unsigned unit = n / BLOCK_THROTTLE_KINDS, kind = n % BLOCK_THROTTLE_KINDS;
        struct block_throttle_rate *rate = &limits->rates[unit][kind];
        uint64_t *const values[] = { &rate->rate, &rate->burst, &rate->seconds };
        static const char *const ends[] = { "", "-max", "-max-length" }, *const old[] = { "", "_max",
                                                                                          "_max_length" };
        for (unsigned end = 0; end < 3; end++) {
            snprintf(name, sizeof(name), "throttling.%s%s%s", units[unit].name, kinds[kind].name, ends[end]);
            if (strcmp(key, name) == 0)
                return values[end];
            snprintf(name, sizeof(name), "%s%s%s", units[unit].old, kinds[kind].old, old[end]);
            if (strcmp(key, name) == 0)
                return values[end];
        }
    }
    return NULL;
}

bool options_take_throttle(struct option_pairs *pairs, struct block_throttle_limits *limits, const char *flag,
                           struct error *error)
{
    unsigned kept = 0;
    struct error reason;
    for (unsigned n = 0; n < pairs->count; n++) {
        const struct option_pair *pair = &pairs->pairs[n];
        uint64_t *value = find_value(limits, pair->key);
        if (strcmp(pair->key, "throttling.group") == 0 || strcmp(pair->key, "group") == 0)
            return error_set(error, "%s %s=%s: each disk has limits of its own", flag, pair->key,
                             pair->value ? pair->value : "");
        if (!value)
            pairs->pairs[kept++] = *pair;
        else if (!pair->value || !option_parse_number(pair->value, value))
            return error_set(error, "%s %s=%s: not a number", flag, pair->key,
                             pair->value ? pair->value : "");
    }
    pairs->count = kept;
    return block_throttle_check(limits, &reason) || error_set(error, "%s: %.200s", flag, reason.text);
}
