/* SPDX-License-Identifier: MIT
 *
 * Host code and objdump's listing of it; see listing.h.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/dbt/listing.h"

#define CODE_SIZE (4u << 20)
#define LINES_MAX 200000

const char *const names64[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

static uint8_t *code;
static char **lines;
static size_t line_count;
struct x86_emit emit;

void expect(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    ck_assert_uint_lt(line_count, LINES_MAX);
    ck_assert_int_gt(vasprintf(&lines[line_count++], format, arguments), 0);
    va_end(arguments);
}

/* "DWORD PTR [rbx+rcx*1-0x10]"; the result is in one of several buffers, which take turns. */
const char *mem_text(unsigned bits, struct x86_mem mem)
{
    static char texts[4][96];
    static unsigned turn;
    char *text = texts[turn++ % 4], index[16] = "", disp[24] = "";
    if (mem.index != X86_NONE)
        snprintf(index, sizeof(index), "+%s*%u", names64[mem.index], 1u << mem.scale);
    if (mem.disp || (mem.base & 7) == X86_RBP)
        snprintf(disp, sizeof(disp), "%c0x%x", mem.disp < 0 ? '-' : '+',
                 mem.disp < 0 ? 0u - (uint32_t)mem.disp : (uint32_t)mem.disp);
    snprintf(text, 96, "%s PTR [%s%s%s]",
             bits == 64   ? "QWORD"
             : bits == 32 ? "DWORD"
             : bits == 16 ? "WORD"
                          : "BYTE",
             names64[mem.base], index, disp);
    return text;
}

/* ---- objdump ------------------------------------------------------------------------------------------- */

/* Turns "10000000:\t48 8b c1 \tmov    rax,rcx" into "mov rax,rcx"; false: the line has no instruction. */
static bool instruction_of(char *line, char *text)
{
    char *at = strstr(line, ":\t");
    at = at ? strchr(at + 2, '\t') : NULL;
    if (!at)
        return false;
    at++;
    at[strcspn(at, "\n#")] = 0;
    for (size_t n = strlen(at); n && at[n - 1] == ' '; n--)
        at[n - 1] = 0;
    if (strncmp(at, "{evex} ", 7) == 0) /* the instruction also has a VEX form */
        at += 7;
    size_t mnemonic = strcspn(at, " "), gap = strspn(at + mnemonic, " ");
    sprintf(text, "%.*s%s%s", (int)mnemonic, at, gap ? " " : "", at + mnemonic + gap);
    return true;
}

static void compare_listing(FILE *listing)
{
    char line[1024], text[1024];
    size_t at = 0;
    while (fgets(line, sizeof(line), listing)) {
        if (!instruction_of(line, text))
            continue;
        ck_assert_msg(at < line_count, "more instructions than expected: %s", text);
        ck_assert_msg(strcmp(text, lines[at]) == 0, "%zu: objdump says \"%s\", not \"%s\"", at, text,
                      lines[at]);
        free(lines[at++]);
    }
    ck_assert_uint_eq(at, line_count);
}

void listing_begin(void)
{
    code = aligned_alloc(64, CODE_SIZE);
    lines = calloc(LINES_MAX, sizeof(*lines));
    ck_assert(code && lines);
    line_count = 0;
    emit = (struct x86_emit){ code, code + CODE_SIZE, (ptrdiff_t)(CODE_START - (uintptr_t)code), false, 0 };
}

void listing_end(void)
{
    char path[] = "/tmp/rvive-x86-XXXXXX", command[256];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");
    ck_assert(!e->overflow && line_count > 0);
    ck_assert(file && fwrite(code, (size_t)(e->at - code), 1, file) == 1 && fclose(file) == 0);
    snprintf(command, sizeof(command),
             "objdump -D -z -w -b binary -m i386:x86-64 -M intel --adjust-vma=0x%x '%s'", CODE_START, path);
    FILE *listing = popen(command, "r");
    ck_assert_ptr_nonnull(listing);
    compare_listing(listing);
    int status = pclose(listing);
    unlink(path);
    ck_assert_int_eq(status, 0);
    free(code);
    free(lines);
}
