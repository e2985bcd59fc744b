/* SPDX-License-Identifier: MIT
 *
 * -smp: how many harts there are. Sockets, cores and threads are only checked.
 */
#include <inttypes.h>

#include "frontend/options/options.h"

/* Other levels of the topology: only their product counts, since the board is one cluster of single-threaded
 * cores. 0: not given. */
struct topology {
    uint64_t cpus, maxcpus, sockets, cores, threads, others;
};

static bool smp_number(const char *key, const char *value, uint64_t *number, struct error *error)
{
    if (option_parse_number(value, number) && *number >= 1 && *number <= 1u << 16)
        return true;
    return error_set(error, "-smp %s=%s: not a number of harts", key, value ? value : "");
}

static bool smp_cpus(struct options *options, void *item, const char *value, struct error *error)
{
    return smp_number("cpus", value, &((struct topology *)item)->cpus, error);
}

static bool smp_maxcpus(struct options *options, void *item, const char *value, struct error *error)
{
    return smp_number("maxcpus", value, &((struct topology *)item)->maxcpus, error);
}

#define SMP_LEVEL(level)                                                                                     \
    static bool smp_##level(struct options *options, void *item, const char *value, struct error *error)     \
    {                                                                                                        \
        return smp_number(#level, value, &((struct topology *)item)->level, error);                          \
    }
SMP_LEVEL(sockets)
SMP_LEVEL(cores)
SMP_LEVEL(threads)

static bool smp_factor(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t number = 0;
    if (!smp_number("clusters", value, &number, error))
        return false;
    if (__builtin_mul_overflow(((struct topology *)item)->others, number, &((struct topology *)item)->others))
        return error_set(error, "-smp: too many clusters, dies, modules, books and drawers");
    return true;
}

/* What is not given follows from the rest, as on QEMU: the number of cores from that of all harts, or else
 * that of sockets, or else that of threads. False: the numbers do not fit together. */
static bool complete_topology(struct topology *smp)
{
    uint64_t product;
    bool counted = smp->cpus || smp->maxcpus;
    if (!smp->maxcpus)
        smp->maxcpus = smp->cpus;
    uint64_t *const missing = !counted        ? NULL
                              : !smp->cores   ? &smp->cores
                              : !smp->sockets ? &smp->sockets
                              : !smp->threads ? &smp->threads
                                              : NULL;
    smp->sockets += !smp->sockets && missing != &smp->sockets;
    smp->cores += !smp->cores && missing != &smp->cores;
    smp->threads += !smp->threads && missing != &smp->threads;
    if (missing) {
        uint64_t rest = (smp->sockets ? smp->sockets : 1) * (smp->cores ? smp->cores : 1);
        rest *= smp->threads ? smp->threads : 1;
        *missing =
            smp->others > smp->maxcpus || rest > smp->maxcpus ? 0 : smp->maxcpus / (rest * smp->others);
    }
    if (__builtin_mul_overflow(smp->sockets * smp->cores * smp->threads, smp->others, &product))
        return false;
    if (!smp->maxcpus)
        smp->maxcpus = product;
    if (!smp->cpus)
        smp->cpus = smp->maxcpus;
    return product == smp->maxcpus;
}

bool options_take_smp(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "cpus", smp_cpus },
        { "maxcpus", smp_maxcpus },
        { "sockets", smp_sockets },
        { "cores", smp_cores },
        { "threads", smp_threads },
        { "clusters", smp_factor },
        { "dies", smp_factor },
        { "modules", smp_factor },
        { "books", smp_factor },
        { "drawers", smp_factor },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    struct topology topology = { .others = 1 };
    if (!option_pairs_split(&pairs, &options->strings, argument, "cpus", error) ||
        !options_take_pairs(options, &pairs, rows, &topology, "-smp", error))
        return false;
    if (!complete_topology(&topology))
        return error_set(error,
                         "-smp %s: sockets * cores * threads (%" PRIu64 " * %" PRIu64 " * %" PRIu64
                         ") is not the number of harts",
                         argument, topology.sockets, topology.cores, topology.threads);
    if (topology.maxcpus < topology.cpus)
        return error_set(error, "-smp %s: maxcpus is less than the %" PRIu64 " harts at the start", argument,
                         topology.cpus);
    if (topology.cpus > MACHINE_HARTS_MAX)
        return error_set(error, "-smp %s: the board has 1 to %d harts", argument, MACHINE_HARTS_MAX);
    options->machine.smp = (unsigned)topology.cpus;
    return true;
}
