/* SPDX-License-Identifier: MIT
 *
 * A program for Longan Nano: prints what the board's devices do, on USART 0, and ends by semihosting. It
 * takes interrupts with and without vectors, some of them while others are served, and repeats a line that is
 * typed, byte by byte from the interrupt of the receiver.
 */
#include <stdint.h>

#define REG(addr)  (*(volatile uint32_t *)(uintptr_t)(addr))
#define BYTE(addr) (*(volatile uint8_t *)(uintptr_t)(addr))
#define ECLIC      0xd2000000u
#define MTIME      0xd1000000u
#define RCU        0x40021000u
#define AFIO       0x40010000u
#define EXTI       0x40010400u
#define GPIOA      0x40010800u
#define USART0     0x40013800u
#define TIMER2     0x40000400u
#define TIMER5     0x40001000u
#define SPI0       0x40013000u
#define CSR(name)                                                                                            \
    ({                                                                                                       \
        uint32_t value_;                                                                                     \
        __asm__ volatile("csrr %0, " name : "=r"(value_));                                                   \
        value_;                                                                                              \
    })

enum {
    SOFTWARE = 3,
    MTIMER = 7,
    EXTI0 = 25,
    EXTI5_9 = 42,
    TIMER2_IRQ = 48,
    USART0_IRQ = 56,
    TIMER5_IRQ = 73
};
enum { EDGE = 2, VECTOR = 1 };

static uint32_t initialised = 0x1234; /* copied from flash */
static volatile uint32_t counts[87], order[8], order_count, line_length;
static volatile char line[32];
static uint32_t vectors[87] __attribute__((aligned(512)));

static void print(const char *text)
{
    for (; *text; text++) {
        while (!(REG(USART0) & 0x80)) {
        }
        REG(USART0 + 4) = (unsigned char)*text;
    }
}

static void print_hex(const char *what, uint32_t value)
{
    char text[] = "00000000\n";
    for (int i = 7; i >= 0; i--, value >>= 4)
        text[i] = "0123456789abcdef"[value & 15];
    print(what);
    print(" ");
    print(text);
}

static void source(uint32_t id, uint32_t attr, uint32_t level)
{
    BYTE(ECLIC + 0x1002 + 4 * id) = (uint8_t)attr;
    BYTE(ECLIC + 0x1003 + 4 * id) = (uint8_t)level;
    BYTE(ECLIC + 0x1001 + 4 * id) = 1;
}

static void pend(uint32_t id)
{
    BYTE(ECLIC + 0x1000 + 4 * id) = 1;
}

static void note(uint32_t id)
{
    counts[id]++;
    if (order_count < 8)
        order[order_count++] = id << 8 | CSR("0x346") >> 24; /* mintstatus */
}

/* ---- Handlers without vectors are called by the common entry; with a vector they return by mret -------- */

static void on_exti0(void)
{
    note(EXTI0);
    REG(EXTI + 0x14) = 1;
    pend(71); /* the same level: it comes after this one */
    pend(70); /* a higher level: it comes at once */
    while (!counts[70]) {
    }
    note(1);
}

static void on_70(void)
{
    note(70);
}

static void on_71(void)
{
    note(71);
}

static void on_software(void)
{
    note(SOFTWARE);
    REG(MTIME + 0xffc) = 0;
}

__attribute__((interrupt)) static void on_mtime(void)
{
    note(MTIMER);
    REG(MTIME + 0xc) = 0xffffffff;
}

__attribute__((interrupt)) static void on_timer2(void)
{
    counts[TIMER2_IRQ]++;
    REG(TIMER2 + 0x10) = 0;
}

static void on_timer5(void)
{
    counts[TIMER5_IRQ]++;
    REG(TIMER5 + 0x10) = 0;
}

static void on_usart(void)
{
    uint32_t byte = REG(USART0 + 4);
    if (line_length < sizeof(line) - 1)
        line[line_length++] = (char)byte;
}

/* ecall: the next instruction. */
static volatile uint32_t exception[3];
void on_exception(void);
void on_exception(void)
{
    exception[0] = CSR("mcause");
    exception[1] = CSR("0x7c4"); /* msubm */
    exception[2]++;
    __asm__ volatile("csrw mepc, %0" ::"r"(CSR("mepc") + 4));
}

__asm__(".balign 64\n.globl trap_entry\n"
        "trap_entry: addi sp, sp, -80\n"
        "sw ra, 0(sp); sw t0, 4(sp); sw t1, 8(sp); sw t2, 12(sp); sw a0, 16(sp); sw a1, 20(sp)\n"
        "sw a2, 24(sp); sw a3, 28(sp); sw a4, 32(sp); sw a5, 36(sp); sw t3, 40(sp); sw t4, 44(sp)\n"
        "call on_exception\n"
        "lw ra, 0(sp); lw t0, 4(sp); lw t1, 8(sp); lw t2, 12(sp); lw a0, 16(sp); lw a1, 20(sp)\n"
        "lw a2, 24(sp); lw a3, 28(sp); lw a4, 32(sp); lw a5, 36(sp); lw t3, 40(sp); lw t4, 44(sp)\n"
        "addi sp, sp, 80\n"
        "mret\n"
        /* The common entry: caller-saved registers, then mcause, mepc and msubm at 17, 18 and 19. */
        ".balign 4\n.globl irq_entry\n"
        "irq_entry: addi sp, sp, -96\n"
        "sw ra, 0(sp); sw t0, 4(sp); sw t1, 8(sp); sw t2, 12(sp); sw a0, 16(sp); sw a1, 20(sp)\n"
        "sw a2, 24(sp); sw a3, 28(sp); sw a4, 32(sp); sw a5, 36(sp); sw a6, 40(sp); sw a7, 44(sp)\n"
        "sw t3, 48(sp); sw t4, 52(sp); sw t5, 56(sp); sw t6, 60(sp)\n"
        "csrrwi x0, 0x7ee, 17\n"
        "csrrwi x0, 0x7ef, 18\n"
        "csrrwi x0, 0x7eb, 19\n"
        "csrrw ra, 0x7ed, ra\n"
        "csrci mstatus, 8\n"
        "lw t0, 76(sp)\n csrw 0x7c4, t0\n"
        "lw t0, 72(sp)\n csrw mepc, t0\n"
        "lw t0, 68(sp)\n csrw mcause, t0\n"
        "lw ra, 0(sp); lw t0, 4(sp); lw t1, 8(sp); lw t2, 12(sp); lw a0, 16(sp); lw a1, 20(sp)\n"
        "lw a2, 24(sp); lw a3, 28(sp); lw a4, 32(sp); lw a5, 36(sp); lw a6, 40(sp); lw a7, 44(sp)\n"
        "lw t3, 48(sp); lw t4, 52(sp); lw t5, 56(sp); lw t6, 60(sp)\n"
        "addi sp, sp, 96\n"
        "mret\n");
extern char trap_entry[], irq_entry[];

/* ---- What is used -------------------------------------------------------------------------------------- */

static void set_up_interrupts(void)
{
    vectors[SOFTWARE] = (uint32_t)(uintptr_t)on_software;
    vectors[MTIMER] = (uint32_t)(uintptr_t)on_mtime;
    vectors[EXTI0] = (uint32_t)(uintptr_t)on_exti0;
    vectors[TIMER2_IRQ] = (uint32_t)(uintptr_t)on_timer2;
    vectors[TIMER5_IRQ] = (uint32_t)(uintptr_t)on_timer5;
    vectors[USART0_IRQ] = (uint32_t)(uintptr_t)on_usart;
    vectors[70] = (uint32_t)(uintptr_t)on_70;
    vectors[71] = (uint32_t)(uintptr_t)on_71;
    __asm__ volatile("csrw 0x307, %0" ::"r"(vectors));
    __asm__ volatile("csrw 0x7ec, %0" ::"r"((uintptr_t)irq_entry | 1));
    __asm__ volatile("csrw mtvec, %0" ::"r"((uintptr_t)trap_entry | 3));
    BYTE(ECLIC) = 3 << 1; /* three bits of level */
    REG(MTIME + 0xc) = 0xffffffff;
    source(SOFTWARE, 0, 0x20);
    source(MTIMER, VECTOR, 0x40);
    source(EXTI0, 0, 0x40);
    source(70, EDGE, 0x80);
    source(71, EDGE, 0x40);
    source(TIMER2_IRQ, VECTOR, 0x60);
    source(TIMER5_IRQ, 0, 0x60);
    source(USART0_IRQ, 0, 0x60);
    __asm__ volatile("csrsi mstatus, 8");
}

static void start_clocks(void)
{
    REG(RCU) |= 1 << 16;
    while (!(REG(RCU) & 1 << 17)) {
    }
    REG(RCU) |= 1 << 24;
    while (!(REG(RCU) & 1 << 25)) {
    }
    REG(RCU + 4) |= 2;
    while ((REG(RCU + 4) & 12) != 8) {
    }
    REG(USART0 + 12) = 0x200c;
}

static void show_registers(void)
{
    print_hex("misa", CSR("misa"));
    print_hex("marchid", CSR("marchid"));
    print_hex("data", initialised);
    print_hex("alias", REG(0) == REG(0x08000000));
    print_hex("clicinfo", REG(ECLIC + 4));
    print_hex("rcu", REG(RCU));
    print_hex("size", REG(0x1ffff7e0));
    print_hex("stat", REG(USART0));
    REG(SPI0) = 0x344;
    REG(SPI0 + 12) = 0x55;
    print_hex("spi", REG(SPI0 + 8) << 8 | REG(SPI0 + 12));
}

static void use_interrupts(void)
{
    __asm__ volatile("ecall");
    print_hex("exception", exception[0] & 0xfff);
    print_hex("msubm", exception[1]);
    REG(MTIME + 0xffc) = 1;
    while (!counts[SOFTWARE]) {
    }
    REG(GPIOA) = 0x44444443; /* pin 0 drives itself */
    REG(AFIO + 8) = 0;
    REG(EXTI) = 1;
    REG(EXTI + 8) = 1;
    REG(GPIOA + 0x10) = 1;
    while (!counts[71]) {
    }
    for (uint32_t i = 0; i < order_count; i++)
        print_hex("order", order[i]);
    print_hex("pin", REG(GPIOA + 8));
    print_hex("level", CSR("0x346"));
    BYTE(ECLIC + 0xb) = 0x9f; /* the threshold */
    pend(70);
    print_hex("masked", counts[70]);
    print_hex("mnxti", CSR("0x345"));
    BYTE(ECLIC + 0xb) = 0;
    while (counts[70] < 2) {
    }
    print_hex("taken", counts[70]);
}

/* An interrupt that comes between the comparison and wfi ends that, since it is not taken before. */
static void sleep_until(volatile uint32_t *count, uint32_t least)
{
    __asm__ volatile("csrci mstatus, 8");
    while (*count < least)
        __asm__ volatile("wfi\n csrsi mstatus, 8\n csrci mstatus, 8");
    __asm__ volatile("csrsi mstatus, 8");
}

static void use_timers(void)
{
    order_count = 0;
    uint32_t begin = REG(MTIME);
    REG(MTIME + 8) = begin + 27000; /* a millisecond */
    REG(MTIME + 0xc) = 0;
    sleep_until(&counts[MTIMER], 1);
    print_hex("mtime", REG(MTIME) - begin >= 27000);
    print_hex("mtime at", order[0]);
    REG(TIMER2 + 0x28) = 107; /* a microsecond */
    REG(TIMER2 + 0x2c) = 499;
    REG(TIMER2 + 0x14) = 1;
    REG(TIMER2 + 0x10) = 0;
    REG(TIMER2 + 0x0c) = 1;
    REG(TIMER2) = 1;
    begin = REG(MTIME);
    sleep_until(&counts[TIMER2_IRQ], 4);
    uint32_t took = REG(MTIME) - begin;
    REG(TIMER2) = 0;
    print_hex("timer2", took >= 4 * 13400);
    REG(TIMER5 + 0x28) = 107;
    REG(TIMER5 + 0x2c) = 999;
    REG(TIMER5 + 0x0c) = 1;
    REG(TIMER5) = 9; /* once */
    sleep_until(&counts[TIMER5_IRQ], 1);
    print_hex("timer5", REG(TIMER5));
}

static void repeat_line(void)
{
    REG(USART0 + 12) |= 0x20;
    for (uint32_t got = 0; !got || line[got - 1] != '\n'; got++)
        sleep_until(&line_length, got + 1);
    REG(USART0 + 12) &= ~0x20u;
    print((const char *)line);
}

/* For measurements: sorting and sums, without a division of 64 bits. */
static uint32_t work(uint32_t rounds)
{
    static uint16_t list[256];
    uint32_t sum = 1;
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < 256; i++)
            list[i] = (uint16_t)(sum = sum * 1103515245u + 12345u) >> 3;
        for (uint32_t i = 1; i < 256; i++)
            for (uint32_t k = i; k && list[k - 1] > list[k]; k--) {
                uint16_t swap = list[k];
                list[k] = list[k - 1];
                list[k - 1] = swap;
            }
        for (uint32_t i = 0; i < 256; i++)
            sum = (sum << 1 | sum >> 31) ^ list[i];
    }
    return sum;
}

void program(void);
void program(void)
{
    start_clocks();
#ifdef ROUNDS
    print_hex("work", work(ROUNDS));
#else
    set_up_interrupts();
    show_registers();
    use_interrupts();
    print_hex("work", work(20));
    use_timers();
    repeat_line();
#endif
    static uintptr_t words[2] = { 0x20026, 17 };
    register uintptr_t a0 __asm__("a0") = 0x20, a1 __asm__("a1") = (uintptr_t)words;
    __asm__ volatile(
        ".balign 16\n.option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    for (;;) {
    }
}

__asm__(".pushsection .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: la sp, stack_top\n"
        "la t0, data_load\n"
        "la t1, data_start\n"
        "la t2, data_end\n"
        "1: bgeu t1, t2, 2f\n"
        "lw t3, 0(t0)\n"
        "sw t3, 0(t1)\n"
        "addi t0, t0, 4\n"
        "addi t1, t1, 4\n"
        "j 1b\n"
        "2: j program\n"
        ".popsection\n");
