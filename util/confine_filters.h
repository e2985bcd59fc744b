/* SPDX-License-Identifier: MIT
 *
 * The lists of system calls, as programs for the kernel. There is one for each role of a thread and each
 * combination of what the policy allows in addition. confine_generate.c, which runs when the program is
 * built, writes them to confine_filters.c; confine_seccomp.c uses them.
 */
#ifndef UTIL_CONFINE_FILTERS_H
#define UTIL_CONFINE_FILTERS_H

#include <linux/filter.h>
#include <stdint.h>

#include "util/confine.h"

/* In the programs it stands for the number of this process; no process has this number. */
#define CONFINE_OWN_PID 0x7fede110u

struct confine_list {
    const struct sock_filter *code;
    unsigned short length;
};
extern const struct confine_list confine_lists[];

/* Each member of the policy that a list depends on. */
#define CONFINE_CHOICES(X) X(sockets) X(window) X(hart_files) X(spawn) X(privileges) X(resources) X(obsolete)
enum {
#define X(name) CONFINE_CHOICE_##name,
    CONFINE_CHOICES(X)
#undef X
        CONFINE_CHOICE_COUNT
};
#define CONFINE_VARIANTS (1u << CONFINE_CHOICE_COUNT)

static inline unsigned confine_variant(const struct confine_policy *policy)
{
    unsigned variant = 0;
#define X(name) variant |= (unsigned)policy->name << CONFINE_CHOICE_##name;
    CONFINE_CHOICES(X)
#undef X
    return variant;
}

/* Numbers of lists: indices into confine_lists. */
extern const uint8_t confine_list_of[THREAD_ROLES][CONFINE_VARIANTS];

#endif
