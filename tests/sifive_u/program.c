/* SPDX-License-Identifier: MIT
 *
 * A program for HiFive Unleashed: prints what the board's devices do, on UART 0. Hart 0, the E51, uses them;
 * hart 1, a U54, says what it is, and gets an interrupt for S-mode. It ends by semihosting, or by the pin
 * that resets the board.
 */
#include <stdint.h>

#define REG(addr) (*(volatile uint32_t *)(uintptr_t)(addr))
#define MSEL      0x1000u
#define CLINT     0x2000000u
#define PDMA      0x3000000u
#define PLIC      0xc000000u
#define PRCI      0x10000000u
#define UART0     0x10010000u
#define SPI2      0x10050000u
#define GPIO      0x10060000u
#define OTP       0x10070000u

enum { TXDATA = 0, TXCTRL = 8, IP = 0x14 };
enum { SOURCE_PDMA_DONE = 23, CONTEXT_M0 = 0, CONTEXT_M1 = 1, CONTEXT_S1 = 2 };

static volatile uint32_t second_is_done;
static uint8_t from[64], to[64];

static void print(const char *text)
{
    for (; *text; text++) {
        while (REG(UART0 + TXDATA) >> 31) {
        }
        REG(UART0 + TXDATA) = (unsigned char)*text;
    }
}

/* On QEMU the end loses what is still in the UART's FIFO. */
static void drain(void)
{
    REG(UART0 + TXCTRL) = 1 | 1 << 16; /* TXWM: less than one byte */
    while (!(REG(UART0 + IP) & 1)) {
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

static uint32_t misa(void)
{
    uintptr_t value;
    __asm__ volatile("csrr %0, misa" : "=r"(value));
    return (uint32_t)value;
}

static uint32_t pending(uint32_t bit)
{
    uintptr_t value;
    __asm__ volatile("csrr %0, mip" : "=r"(value));
    return (uint32_t)value >> bit & 1;
}

static void show_registers(void)
{
    print_hex("misa", misa());
    print_hex("msel", REG(MSEL));
    print_hex("hfxosccfg", REG(PRCI));
    print_hex("corepllcfg0", REG(PRCI + 4));
    print_hex("coreclksel", REG(PRCI + 0x24));
    REG(PRCI + 4) = 0x2110100;
    print_hex("corepllcfg0", REG(PRCI + 4));
    REG(OTP) = 0xfc;
    print_hex("fuses off", REG(OTP + 0x18));
    REG(OTP + 0x0c) = REG(OTP + 0x1c) = REG(OTP + 0x34) = 1;
    print_hex("serial", REG(OTP + 0x18));
    REG(OTP) = 0xfd;
    print_hex("serial", REG(OTP + 0x18));
}

/* The interrupt is seen in mip, by hart 0 for M-mode and by hart 1 for S-mode. */
static void use_dma(void)
{
    for (unsigned i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)i;
    REG(PLIC + 4 * SOURCE_PDMA_DONE) = 1;
    REG(PLIC + 0x2000 + 0x80 * CONTEXT_M0) = 1u << SOURCE_PDMA_DONE;
    REG(PLIC + 0x2000 + 0x80 * CONTEXT_S1) = 1u << SOURCE_PDMA_DONE;
    REG(PDMA) = 1;
    print_hex("pdma config", REG(PDMA + 4));
    REG(PDMA + 8) = sizeof(to);
    REG(PDMA + 0x10) = (uint32_t)(uintptr_t)to;
    REG(PDMA + 0x18) = (uint32_t)(uintptr_t)from;
    REG(PDMA) = 0xc003;
    print_hex("pdma control", REG(PDMA));
    print_hex("pdma data", *(volatile uint32_t *)&to[60]);
    print_hex("meip", pending(11));
}

void second(void);
void second(void)
{
    print_hex("second misa", misa());
    print_hex("second seip", pending(9));
    print_hex("second meip", pending(11));
    second_is_done = 1;
    for (;;) {
    }
}

static void use_second(void)
{
    REG(CLINT + 4) = 1;
    while (!second_is_done) {
    }
    uint32_t source = REG(PLIC + 0x200004 + 0x1000 * CONTEXT_S1);
    print_hex("claimed", source);
    REG(PDMA) = 1;
    REG(PLIC + 0x200004 + 0x1000 * CONTEXT_S1) = source;
    print_hex("meip", pending(11));
}

/* ---- SD card ------------------------------------------------------------------------------------------- */

static uint8_t swap(uint8_t byte)
{
    uint32_t value;
    REG(SPI2 + 0x48) = byte;
    while ((value = REG(SPI2 + 0x4c)) >> 31) {
    }
    return (uint8_t)value;
}

static uint8_t wait_byte(void)
{
    uint8_t byte = 0xff;
    for (unsigned i = 0; i < 10 && byte == 0xff; i++)
        byte = swap(0xff);
    return byte;
}

static uint8_t command(uint8_t number, uint32_t argument, uint8_t crc)
{
    swap(0xff);
    swap(0x40 | number);
    for (int shift = 24; shift >= 0; shift -= 8)
        swap((uint8_t)(argument >> shift));
    swap(crc);
    return wait_byte();
}

static void use_card(void)
{
    REG(SPI2 + 0x40) = 0x80000;
    REG(SPI2 + 0x18) = 2;
    print_hex("cmd0", command(0, 0, 0x95));
    print_hex("cmd8", command(8, 0x1aa, 0x87));
    uint32_t echo = 0;
    for (unsigned i = 0; i < 4; i++)
        echo = echo << 8 | swap(0xff);
    print_hex("echo", echo);
    for (unsigned i = 0; i < 3; i++) {
        command(55, 0, 1);
        if (!command(41, 0x40000000, 1))
            break;
    }
    print_hex("cmd17", command(17, 512, 1));
    print_hex("token", wait_byte());
    uint32_t first = 0, crc = 0;
    for (unsigned i = 0; i < 512; i++)
        first = i < 4 ? first << 8 | swap(0xff) : (swap(0xff), first);
    crc = (uint32_t)swap(0xff) << 8;
    crc |= swap(0xff);
    print_hex("data", first);
    print_hex("crc", crc);
}

/* ---- The end ------------------------------------------------------------------------------------------- */

static void end(void)
{
    static uintptr_t words[2] = { 0x20026, 17 };
    register uintptr_t a0 __asm__("a0") = 0x20, a1 __asm__("a1") = (uintptr_t)words;
    __asm__ volatile(
        ".balign 16\n.option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
}

void program(void);
void program(void)
{
    REG(UART0 + TXCTRL) = 1;
    show_registers();
    use_dma();
    use_second();
    use_card();
#ifdef BY_PIN
    print("pin\n");
    drain();
    REG(GPIO + 0x0c) = 1 << 10;
    REG(GPIO + 0x08) = 1 << 10;
    REG(GPIO + 0x0c) = 0;
#endif
    drain();
    end();
    for (;;) {
    }
}

__asm__(".pushsection .text.init, \"ax\"\n"
        ".globl _start\n"
        "_start: la sp, stack_top\n"
        "csrr t0, mhartid\n"
        "beqz t0, program\n"
        "la sp, stack_top1\n"
        "1: csrr t0, mip\n"
        "andi t0, t0, 8\n"
        "beqz t0, 1b\n"
        "j second\n"
        ".popsection\n");
