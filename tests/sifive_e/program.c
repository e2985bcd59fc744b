/* SPDX-License-Identifier: MIT
 *
 * A program for HiFive1: prints what the board's devices do, on UART 0, and ends by semihosting. It repeats a
 * line that is typed, byte by byte from the interrupt of the UART's receiver.
 */
#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(uintptr_t)(addr))
#define CLINT     0x2000000u
#define PLIC      0xc000000u
#define AON       0x10000000u
#define PRCI      0x10008000u
#define GPIO      0x10012000u
#define UART0     0x10013000u
#define UART1     0x10023000u

enum { TXDATA = 0, RXDATA = 4, TXCTRL = 8, RXCTRL = 12, IE = 16, IP = 20 };
enum { INPUT_VAL = 0, INPUT_EN = 4, OUTPUT_EN = 8, OUTPUT_VAL = 12, RISE_IE = 0x18, RISE_IP = 0x1c };
enum { WDOGCFG = 0, WDOGCOUNT = 8, WDOGKEY = 0x1c, WDOGCMP0 = 0x20 };
enum { SOURCE_WATCHDOG = 1, SOURCE_UART0 = 3, SOURCE_GPIO0 = 8 };

static uint32_t initialised = 0x1234; /* copied from flash */
static volatile uint32_t timers, sources[64], line_length;
static volatile char line[32];

static void print(const char *text)
{
    for (; *text; text++) {
        while (REG(UART0 + TXDATA) >> 31) {
        }
        REG(UART0 + TXDATA) = (unsigned char)*text;
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

static void feed(uint32_t reg, uint32_t value)
{
    REG(AON + WDOGKEY) = 0x51f15e;
    REG(AON + reg) = value;
}

static void on_source(uint32_t source)
{
    sources[source & 63]++;
    if (source == SOURCE_UART0) {
        uint32_t byte = REG(UART0 + RXDATA);
        if (!(byte >> 31) && line_length < sizeof(line) - 1)
            line[line_length++] = (char)byte;
    } else if (source == SOURCE_WATCHDOG) {
        feed(WDOGCFG, 0);
    } else if (source >= SOURCE_GPIO0) {
        REG(GPIO + RISE_IP) = 1u << (source - SOURCE_GPIO0);
    }
}

void trap(void);
__attribute__((interrupt, aligned(4))) void trap(void)
{
    uintptr_t cause;
    __asm__ volatile("csrr %0, mcause" : "=r"(cause));
    if ((cause & 0xff) == 7) {
        timers++;
        REG(CLINT + 0x4004) = 0xffffffff;
    } else {
        uint32_t source = REG(PLIC + 0x200004);
        on_source(source);
        REG(PLIC + 0x200004) = source;
    }
}

static void set_up(void)
{
    REG(UART0 + TXCTRL) = 1;
    __asm__ volatile("csrw mtvec, %0" ::"r"(trap));
    for (unsigned source = 1; source <= 52; source++)
        REG(PLIC + 4 * source) = 1;
    REG(PLIC + 0x2000) = 0xffffffff;
    REG(PLIC + 0x2004) = 0xffffffff;
    REG(CLINT + 0x4004) = 0xffffffff;
    __asm__ volatile("csrs mie, %0" ::"r"(1 << 7 | 1 << 11));
    __asm__ volatile("csrsi mstatus, 8");
}

static void wait_for(volatile uint32_t *count)
{
    while (!*count) {
    }
}

static void show_registers(void)
{
    uintptr_t misa;
    __asm__ volatile("csrr %0, misa" : "=r"(misa));
    print_hex("misa", (uint32_t)misa);
    print_hex("data", initialised);
    print_hex("hfrosccfg", REG(PRCI));
    print_hex("hfxosccfg", REG(PRCI + 4));
    print_hex("pllcfg", REG(PRCI + 8));
    print_hex("plloutdiv", REG(PRCI + 12));
    print_hex("wdogcfg", REG(AON + WDOGCFG));
    print_hex("wdogcmp0", REG(AON + WDOGCMP0));
    print_hex("rxdata", REG(UART1 + RXDATA));
    print_hex("spi", REG(0x10014000));
    print_hex("pwm", REG(0x10025000));
}

static void use_pins(void)
{
    REG(GPIO + INPUT_EN) = 1 << 5;
    REG(GPIO + OUTPUT_EN) = 1 << 5;
    REG(GPIO + RISE_IE) = 1 << 5;
    print_hex("pins", REG(GPIO + INPUT_VAL));
    REG(GPIO + OUTPUT_VAL) = 1 << 5;
    print_hex("pins", REG(GPIO + INPUT_VAL));
    wait_for(&sources[SOURCE_GPIO0 + 5]);
    print("pin interrupt\n");
}

__attribute__((unused)) static void use_watchdog(void)
{
    feed(WDOGCMP0, 0x10);
    REG(AON + WDOGCOUNT) = 1; /* locked */
    print_hex("wdogcount", REG(AON + WDOGCOUNT));
    feed(WDOGCFG, 1 << 12);
    wait_for(&sources[SOURCE_WATCHDOG]);
    print("watchdog interrupt\n");
}

static void use_timer(void)
{
    uint32_t now = REG(CLINT + 0xbff8);
    REG(CLINT + 0x4000) = now + 100;
    REG(CLINT + 0x4004) = 0;
    wait_for(&timers);
    print("timer interrupt\n");
}

/* txwm: fewer bytes wait than the one of txcnt. */
static void wait_until_sent(void)
{
    while (!(REG(UART0 + IP) & 1)) {
    }
}

static void repeat_line(void)
{
    REG(UART0 + TXCTRL) = 1 << 16 | 1;
    REG(UART0 + RXCTRL) = 1;
    wait_until_sent();
    print_hex("ip", 1);
    REG(UART0 + IE) = 2;
    while (!line_length || line[line_length - 1] != '\n') {
    }
    REG(UART0 + IE) = 0;
    print((const char *)line);
    wait_until_sent();
}

void program(void);
void program(void)
{
    set_up();
    show_registers();
    use_pins();
#ifndef NO_WATCHDOG
    use_watchdog();
#endif
    use_timer();
    repeat_line();
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
