/* SPDX-License-Identifier: MIT
 *
 * Processes that keep values in all vector registers, while other processes do the same on the same hart and
 * signal handlers overwrite them. Prints "vectors-ok", or what differs. Arguments: processes, rounds.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
    (void)number;
    signals++;
    __asm__ volatile("vsetvli t0, zero, e8, m8, ta, ma\n\tvmv.v.i v0, -1\n\tvmv.v.i v8, -1\n\t"
                     "vmv.v.i v16, -1\n\tvmv.v.i v24, -1" ::
                         : "t0", "memory");
}

/* Fills v0 to v31, waits without a system call (which may change them), and compares. vl and vtype are
 * compared, too. */
static int round_differs(uint64_t seed, const uint8_t *pattern, uint8_t *found, size_t bytes)
{
    uint64_t vl, vtype, want_vl = seed % 5 + 1;
    size_t part = bytes / 4;
    __asm__ volatile("vl8re8.v v0, (%[p])\n\tadd t0, %[p], %[n]\n\tvl8re8.v v8, (t0)\n\tadd t0, t0, %[n]\n\t"
                     "vl8re8.v v16, (t0)\n\tadd t0, t0, %[n]\n\tvl8re8.v v24, (t0)\n\t"
                     "vsetvli zero, %[want], e16, m2, ta, mu\n\t"
                     "li t0, 300000\n1:\taddi t0, t0, -1\n\tbnez t0, 1b\n\t"
                     "csrr %[vl], vl\n\tcsrr %[vtype], vtype\n\t"
                     "vs8r.v v0, (%[f])\n\tadd t0, %[f], %[n]\n\tvs8r.v v8, (t0)\n\tadd t0, t0, %[n]\n\t"
                     "vs8r.v v16, (t0)\n\tadd t0, t0, %[n]\n\tvs8r.v v24, (t0)"
                     : [vl] "=&r"(vl), [vtype] "=&r"(vtype)
                     : [p] "r"(pattern), [f] "r"(found), [n] "r"(part), [want] "r"(want_vl)
                     : "t0", "memory");
    if (vl != want_vl || vtype != 0x49) {
        printf("vl %lu, vtype 0x%lx\n", (unsigned long)vl, (unsigned long)vtype);
        return 1;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (pattern[i] != found[i]) {
            printf("byte %zu of the registers: %02x, not %02x\n", i, found[i], pattern[i]);
            return 1;
        }
    }
    return 0;
}

static int process(unsigned number, unsigned rounds)
{
    uint64_t vlenb;
    static uint8_t pattern[4096], found[4096];
    struct itimerval timer = { .it_interval.tv_usec = 3000, .it_value.tv_usec = 3000 };
    __asm__("csrr %0, vlenb" : "=r"(vlenb));
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &timer, NULL);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < 32 * vlenb; i++)
            pattern[i] = (uint8_t)(i * 7 + number * 31 + round);
        if (round_differs(number + round, pattern, found, 32 * vlenb))
            return 1;
    }
    return signals == 0;
}

int main(int argc, char **argv)
{
    unsigned processes = argc > 1 ? (unsigned)atoi(argv[1]) : 4,
             rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
    int bad = 0, status;
    for (unsigned i = 0; i < processes; i++)
        if (fork() == 0)
            _exit(process(i, rounds));
    while (wait(&status) > 0)
        bad |= status;
    puts(bad ? "vectors-differ" : "vectors-ok");
    return bad != 0;
}
