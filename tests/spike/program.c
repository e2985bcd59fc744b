/* SPDX-License-Identifier: MIT
 *
 * A program for Spike: what to do comes as arguments from the frontend server, or is built in (FIXED), for
 * QEMU, which has no server. `tohost` and `fromhost` are words of its own data, or with -DREGISTERS those at
 * a fixed address. Words:
 *
 *     echo           repeats a line of the console, which it reads key by key
 *     line           the same with the system call read
 *     read NAME      prints a file, up to 64 bytes
 *     write NAME     writes one
 *     stat NAME      prints its size
 *     remove NAME
 *     page           atomics and code in the page of tohost
 *     call N         makes a system call without arguments
 *     raw            system calls with pointers that lead nowhere
 *     exit N
 */
#include <stdint.h>

#ifdef REGISTERS
#define fromhost (*(volatile uint64_t *)0x1000000)
#define tohost   (*(volatile uint64_t *)0x1000008)
static uint32_t counter;
#else
volatile uint64_t tohost __attribute__((section(".htif"), aligned(8)));
volatile uint64_t fromhost __attribute__((section(".htif"), aligned(8)));
static uint32_t counter __attribute__((section(".htif")));
#endif

enum { FD_CWD = -100, O_WRONLY_CREAT_TRUNC = 01 | 0100 | 01000 };
enum { OPENAT = 56, CLOSE = 57, READ = 63, WRITE = 64, FSTATAT = 79, UNLINKAT = 35, MAINVARS = 2011 };

void *memset(void *to, int byte, unsigned long length);
void *memset(void *to, int byte, unsigned long length)
{
    for (unsigned long i = 0; i < length; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}

static void command(unsigned device, unsigned number, uint64_t payload)
{
    while (tohost) {
    }
    tohost = (uint64_t)device << 56 | (uint64_t)number << 48 | payload;
}

/* The lower half says all that is needed here, and an RV32 hart reads one half at a time. */
static uint32_t answer(void)
{
    uint32_t value;
    while (!(value = *(volatile uint32_t *)&fromhost)) {
    }
    fromhost = 0;
    return value;
}

static void put(char c)
{
    command(1, 1, (unsigned char)c);
    answer();
}

static void print(const char *text)
{
    while (*text)
        put(*text++);
}

static void print_number(long number)
{
    if (number < 0) {
        put('-');
        number = -number;
    }
    if (number >= 10)
        print_number(number / 10);
    put((char)('0' + number % 10));
}

static char get(void)
{
    command(1, 0, 0);
    return (char)answer();
}

static long call(long number, long a, long b, long c, long d, long e)
{
    static volatile uint64_t block[8] __attribute__((aligned(64)));
    const long words[6] = { number, a, b, c, d, e };
    for (int i = 0; i < 6; i++)
        block[i] = (uint64_t)words[i];
    __sync_synchronize();
    command(0, 0, (uintptr_t)block);
    answer();
    return (long)block[0];
}

static long length(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    return n + 1;
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static long number_of(const char *text)
{
    long n = 0;
    while (*text)
        n = 10 * n + *text++ - '0';
    return n;
}

static void report(const char *what, const char *name, long result)
{
    print(what);
    put(' ');
    print(name);
    print(": ");
    print_number(result);
    put('\n');
}

static void read_file(const char *name)
{
    char bytes[64];
    long fd = call(OPENAT, FD_CWD, (long)name, length(name), 0, 0);
    if (fd < 0) {
        report("read", name, fd);
        return;
    }
    long n = call(READ, fd, (long)bytes, sizeof(bytes), 0, 0);
    call(CLOSE, fd, 0, 0, 0, 0);
    call(WRITE, 1, (long)bytes, n, 0, 0);
}

static void write_file(const char *name)
{
    long fd = call(OPENAT, FD_CWD, (long)name, length(name), O_WRONLY_CREAT_TRUNC, 0644);
    if (fd > 0) {
        call(WRITE, fd, (long)"from the guest\n", 15, 0, 0);
        fd = call(CLOSE, fd, 0, 0, 0, 0);
    }
    report("write", name, fd);
}

static void stat_file(const char *name)
{
    uint64_t status[16];
    long result = call(FSTATAT, FD_CWD, (long)name, length(name), (long)status, 0);
    report("stat", name, result ? result : (long)status[6]);
}

static void echo(void)
{
    char c;
    do
        put(c = get());
    while (c != '\n');
}

static void line(void)
{
    char bytes[64];
    long n = call(READ, 0, (long)bytes, sizeof(bytes), 0, 0);
    call(WRITE, 1, (long)bytes, n, 0, 0);
}

/* Atomics near tohost are atomics, and stores to it are seen though code was executed in its page. */
static void page(void)
{
    for (int i = 0; i < 1000; i++)
        __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    uint32_t seen = counter;
    while (!__atomic_compare_exchange_n(&counter, &seen, seen + 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    report("page", "counter", counter);
}

static void raw(void)
{
    report("raw", "read", call(READ, 0, -8, 16, 0, 0));
    report("raw", "write", call(WRITE, 1, -8, 16, 0, 0));
    report("raw", "open", call(OPENAT, FD_CWD, 16, 4, 0, 0));
    report("raw", "name", call(OPENAT, FD_CWD, (long)"abc", 3, 0, 0));
    report("raw", "long", call(OPENAT, FD_CWD, (long)"abc", 1 << 30, 0, 0));
    report("raw", "descriptor", call(CLOSE, 77, 0, 0, 0, 0));
    report("raw", "vars", call(MAINVARS, 0, 65536, 0, 0, 0));
}

/* Returns how many words it used. */
static int do_word(const char *word, const char *next)
{
    if (same(word, "echo"))
        echo();
    else if (same(word, "line"))
        line();
    else if (same(word, "page"))
        page();
    else if (same(word, "raw"))
        raw();
    else if (same(word, "exit"))
        tohost = (uint64_t)(number_of(next) << 1 | 1);
    if (same(word, "read"))
        read_file(next);
    else if (same(word, "write"))
        write_file(next);
    else if (same(word, "stat"))
        stat_file(next);
    else if (same(word, "remove"))
        report(word, next, call(UNLINKAT, FD_CWD, (long)next, length(next), 0, 0));
    else if (same(word, "call"))
        report(word, next, call(number_of(next), 0, 0, 0, 0, 0));
    else
        return 1;
    return 2;
}

static int arguments(const char *words[32])
{
#ifdef FIXED
    static const char *const fixed[] = { FIXED };
    int count = sizeof(fixed) / sizeof(fixed[0]);
    for (int i = 0; i < count; i++)
        words[i] = fixed[i];
    return count;
#else
    static uint64_t vars[256];
    call(MAINVARS, (long)vars, sizeof(vars), 0, 0, 0);
    int count = (int)vars[0] - 1;
    for (int i = 0; i < count && i < 32; i++)
        words[i] = (const char *)(uintptr_t)vars[i + 2]; /* without the program's name */
    return count;
#endif
}

void program(void);
void program(void)
{
    const char *words[32] = { 0 };
    int count = arguments(words);
    print("hello\n");
    for (int i = 0; i < count;)
        i += do_word(words[i], i + 1 < count ? words[i + 1] : "");
    for (;;) {
    }
}

__asm__(".pushsection .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: csrr t0, mhartid\n"
        "1: bnez t0, 1b\n"
        "la sp, stack_top\n"
        "j program\n"
        ".popsection\n"
        ".pushsection .bss\n"
        ".align 4\n"
        ".space 8192\n"
        "stack_top:\n"
        ".popsection\n");
