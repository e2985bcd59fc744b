/* SPDX-License-Identifier: MIT
 *
 * A small kernel on bare metal, to be debugged. Hart 0 sets up two address spaces and runs a process in each,
 * taking turns: both have the same code at the same virtual address, on physical pages of their own, and
 * compute a checksum; each ecall switches to the other. Hart 1 counts in `shared`. After `limit` switches
 * hart 0 prints the checksums and ends the machine, with status 0 if they are right, else with 1.
 */
typedef unsigned long ux;

#define USER_VADDR 0x10000
#define ROUNDS     1000 /* of the checksum between two ecalls */

volatile ux limit = LIMIT;
volatile ux shared __attribute__((aligned(4096)));
volatile ux busy; /* on the same page */
volatile ux untouched;
volatile ux switches;
volatile unsigned char bytes[16] __attribute__((aligned(16)));
struct process {
    ux satp, pc, sum; /* satp must be first: start.S */
} processes[2];
struct process *current = &processes[0];

static unsigned char user_pages[2][4096] __attribute__((aligned(4096)));
extern const unsigned char user_code[], user_end[];
void enter_user(struct process *process) __attribute__((noreturn));

#if __riscv_xlen == 64
#define ENTRIES   512
#define LEVELS    3
#define SATP_MODE (8ul << 60)
#else
#define ENTRIES   1024
#define LEVELS    2
#define SATP_MODE (1ul << 31)
#endif
#define INDEX_BITS (LEVELS == 3 ? 9 : 10)
static ux tables[2][LEVELS][ENTRIES] __attribute__((aligned(4096)));

static ux entry(const void *target, ux flags)
{
    return ((ux)target >> 12) << 10 | flags;
}

/* One page for the process; the kernel runs untranslated. */
static void make_space(unsigned n)
{
    for (unsigned level = 0; level < LEVELS; level++) {
        unsigned shift = 12 + INDEX_BITS * (LEVELS - 1 - level);
        ux *slot = &tables[n][level][USER_VADDR >> shift & (ENTRIES - 1)];
        *slot = level == LEVELS - 1 ? entry(user_pages[n], 0xdb) : entry(tables[n][level + 1], 1);
    }
    for (unsigned i = 0; i < (unsigned)(user_end - user_code); i++)
        user_pages[n][i] = user_code[i];
    processes[n].satp = SATP_MODE | (ux)n << (LEVELS == 3 ? 44 : 22) | (ux)tables[n][0] >> 12;
    processes[n].pc = USER_VADDR;
    processes[n].sum = n;
}

__attribute__((noinline)) ux before_mmu(ux value)
{
    ux doubled = value * 2;
    bytes[3] = (unsigned char)doubled;
    return doubled + 1;
}

static ux expected(ux sum, ux rounds)
{
    for (ux i = 0; i < rounds; i++)
        sum = sum * 5 + 1;
    return sum;
}

static void print_hex(ux value)
{
    volatile unsigned char *uart = (volatile unsigned char *)0x10000000;
    for (int shift = __riscv_xlen - 4; shift >= 0; shift -= 4)
        *uart = (unsigned char)"0123456789abcdef"[value >> shift & 15];
    *uart = '\n';
}

__attribute__((noinline)) void finish(void)
{
    ux good = 1;
    for (unsigned n = 0; n < 2; n++) {
        print_hex(processes[n].sum);
        good &= processes[n].sum == expected(n, ROUNDS * (limit / 2));
    }
    *(volatile unsigned *)0x100000 = good ? 0x5555 : 0x13333;
    for (;;)
        __asm__ volatile("wfi");
}

/* The trap handler of hart 0 gets the process's a0 and pc: the only trap is its ecall. */
__attribute__((noreturn)) void on_trap(ux a0, ux epc)
{
    current->sum = a0;
    current->pc = epc + 4;
    switches = switches + 1;
    if (switches >= limit && current == &processes[1])
        finish();
    current = current == &processes[0] ? &processes[1] : &processes[0];
    enter_user(current);
}

void hart1_main(void)
{
    for (;;) {
        for (unsigned i = 0; i < 200; i++)
            busy = busy + 1;
        shared = shared + 1;
    }
}

void hart0_main(void)
{
    make_space(0);
    make_space(1);
    untouched = before_mmu(21);
    enter_user(current);
}
