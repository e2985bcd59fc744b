/* SPDX-License-Identifier: MIT
 *
 * Spends nine tenths of its time in heavy(), which middle() calls, and one tenth in light(), a leaf; then
 * powers off.
 */
static volatile unsigned long sink;

__attribute__((noinline)) void heavy(long rounds)
{
    for (long i = 0; i < rounds; i++)
        sink += (unsigned long)i;
}

__attribute__((noinline)) void light(long rounds)
{
    for (long i = 0; i < rounds; i++)
        sink -= (unsigned long)i;
}

__attribute__((noinline)) void middle(long rounds)
{
    heavy(rounds);
    sink = 1;
}

void outer(long times)
{
    for (long i = 0; i < times; i++) {
        middle(900000);
        light(100000);
    }
    *(volatile unsigned *)0x100000 = 0x5555;
    for (;;)
        ;
}

__asm__(".section .text.start,\"ax\"\n.globl _start\n_start:\nla sp, stack_top\nli s0, 0\nli a0, 150\ncall "
        "outer\n"
        ".bss\n.balign 16\n.zero 4096\nstack_top:\n.text\n");
