/* SPDX-License-Identifier: MIT
 *
 * Turns snippets into a program for Linux's user mode. Each snippet loads its registers, runs its groups,
 * stores the registers and writes its block to file descriptor 1; at the end the program exits. See
 * snippet.h.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/diff/snippet.h"

/* Bytes of code around the groups of one snippet, and bytes of the largest group. */
#define FRAME_MAX   (160 * 4)
#define SNIPPET_MAX (FRAME_MAX + SNIPPET_GROUPS * GROUP_CODES * 4)

enum { SYS_WRITE = 64, SYS_EXIT = 93, A0 = 10, A1 = 11, A2 = 12, A7 = 17 };

static void emit(struct program *program, uint32_t code)
{
    size_t length = (code & 3) == 3 ? 4 : 2;
    memcpy(program->code + program->code_size, &code, length);
    program->code_size += length;
}

static void emit_insn(struct program *program, enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2,
                      int32_t imm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm };
    emit(program, isa_encode(insn, &o));
}

static int32_t slot(unsigned area, unsigned index)
{
    return (int32_t)(area + index * 8) - BLOCK_P;
}

static unsigned f_registers(const struct program *program)
{
    return program->without_f ? 0 : 32;
}

static void emit_prologue(struct program *program, const struct snippet *snippet, uint32_t p)
{
    enum isa_insn load = program->xlen == 64 ? ISA_INSN_ld : ISA_INSN_lw;
    unsigned base = snippet->base, other = base == 1 ? 2 : 1;
    emit_insn(program, ISA_INSN_lui, base, 0, 0, (int32_t)p);
    emit_insn(program, load, other, base, 0, slot(BLOCK_INPUT, 0));
    emit_insn(program, ISA_INSN_csrrw, 0, other, 0, 3);
    for (unsigned i = 0; i < f_registers(program); i++)
        emit_insn(program, ISA_INSN_fld, i, base, 0, slot(BLOCK_INPUT, 32 + i));
    for (unsigned i = 1; i < 32; i++)
        if (i != base)
            emit_insn(program, load, i, base, 0, slot(BLOCK_INPUT, i));
}

static void emit_epilogue(struct program *program, const struct snippet *snippet)
{
    enum isa_insn store = program->xlen == 64 ? ISA_INSN_sd : ISA_INSN_sw;
    unsigned base = snippet->base, other = base == 1 ? 2 : 1;
    for (unsigned i = 1; i < 32; i++)
        emit_insn(program, store, 0, base, i, slot(BLOCK_RESULT, i));
    for (unsigned i = 0; i < f_registers(program); i++)
        emit_insn(program, ISA_INSN_fsd, 0, base, i, slot(BLOCK_RESULT, 32 + i));
    emit_insn(program, ISA_INSN_csrrs, other, 0, 0, 3);
    emit_insn(program, store, 0, base, other, slot(BLOCK_RESULT, 0));
    emit_insn(program, ISA_INSN_addi, A1, base, 0, -BLOCK_P);
    emit_insn(program, ISA_INSN_addi, A0, 0, 0, 1);
    emit_insn(program, ISA_INSN_lui, A2, 0, 0, BLOCK_SIZE);
    emit_insn(program, ISA_INSN_addi, A7, 0, 0, SYS_WRITE);
    emit_insn(program, ISA_INSN_ecall, 0, 0, 0, 0);
}

static void add_snippet(struct program *program, const struct snippet *snippet, size_t index)
{
    uint8_t *block = program->data + index * BLOCK_SIZE;
    memcpy(block + BLOCK_INPUT, &snippet->input, sizeof(snippet->input));
    memcpy(block + BLOCK_SCRATCH, snippet->scratch, SCRATCH_SIZE);
    program->address[index] = PROGRAM_CODE + (uint32_t)program->code_size;
    emit_prologue(program, snippet, PROGRAM_DATA + (uint32_t)index * BLOCK_SIZE + BLOCK_P);
    for (unsigned i = 0; i < snippet->count; i++)
        for (unsigned j = 0; j < snippet->groups[i].count; j++)
            emit(program, snippet->groups[i].code[j]);
    emit_epilogue(program, snippet);
}

bool program_create(struct program *program, const struct isa_config *config,
                    const struct snippet *const *snippets, size_t count)
{
    *program = (struct program){ .xlen = config->xlen, .count = count };
    program->without_f = !isa_has(config, ISA_F);
    program->code_room = (count + 1) * SNIPPET_MAX;
    program->data_size = count * BLOCK_SIZE;
    program->code = malloc(program->code_room);
    program->data = calloc(count, BLOCK_SIZE);
    program->address = calloc(count, sizeof(*program->address));
    if (!program->code || !program->data || !program->address) {
        program_destroy(program);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        add_snippet(program, snippets[i], i);
    emit_insn(program, ISA_INSN_addi, A0, 0, 0, 0);
    emit_insn(program, ISA_INSN_addi, A7, 0, 0, SYS_EXIT);
    emit_insn(program, ISA_INSN_ecall, 0, 0, 0, 0);
    return true;
}

void program_destroy(struct program *program)
{
    free(program->code);
    free(program->data);
    free(program->address);
    *program = (struct program){ 0 };
}

uint64_t program_group_address(const struct program *program, const struct snippet *snippet, size_t index,
                               unsigned group)
{
    uint64_t address = program->address[index] + 4 * (3 + f_registers(program) + 30); /* the prologue */
    for (unsigned i = 0; i < group; i++)
        for (unsigned j = 0; j < snippet->groups[i].count; j++)
            address += (snippet->groups[i].code[j] & 3) == 3 ? 4 : 2;
    return address;
}

/* Header, two segments, code and data; the ELF classes differ in the widths of types. Offsets in the file
 * equal the addresses modulo 4096. */
#define WRITE_ELF(CLASS)                                                                                     \
    static bool write_elf##CLASS(const struct program *program, FILE *file)                                  \
    {                                                                                                        \
        Elf##CLASS##_Ehdr header = {                                                                         \
            .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS##CLASS, ELFDATA2LSB, EV_CURRENT },                    \
            .e_type = ET_EXEC,                                                                               \
            .e_machine = EM_RISCV,                                                                           \
            .e_version = EV_CURRENT,                                                                         \
            .e_entry = PROGRAM_CODE,                                                                         \
            .e_phoff = sizeof(header),                                                                       \
            .e_flags = 0x5, /* RVC, double-precision argument registers */                                   \
            .e_ehsize = sizeof(header),                                                                      \
            .e_phentsize = sizeof(Elf##CLASS##_Phdr),                                                        \
            .e_phnum = 2,                                                                                    \
        };                                                                                                   \
        size_t data_offset = 4096 + ((program->code_size + 4095) & ~(size_t)4095) + PROGRAM_DATA % 4096;     \
        Elf##CLASS##_Phdr segments[2] = {                                                                    \
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 4096, .p_vaddr = PROGRAM_CODE },        \
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = PROGRAM_DATA },                          \
        };                                                                                                   \
        segments[0].p_filesz = segments[0].p_memsz = (Elf##CLASS##_Word)program->code_size;                  \
        segments[1].p_filesz = segments[1].p_memsz = (Elf##CLASS##_Word)program->data_size;                  \
        segments[1].p_offset = (Elf##CLASS##_Off)data_offset;                                                \
        segments[0].p_align = segments[1].p_align = 4096;                                                    \
        return fwrite(&header, sizeof(header), 1, file) == 1 &&                                              \
               fwrite(segments, sizeof(segments), 1, file) == 1 && fseek(file, 4096, SEEK_SET) == 0 &&       \
               fwrite(program->code, program->code_size, 1, file) == 1 &&                                    \
               fseek(file, (long)data_offset, SEEK_SET) == 0 &&                                              \
               fwrite(program->data, program->data_size, 1, file) == 1;                                      \
    }

WRITE_ELF(32)
WRITE_ELF(64)

bool program_write_elf(const struct program *program, const char *path)
{
    FILE *file = fopen(path, "wb");
    bool done = file && (program->xlen == 64 ? write_elf64 : write_elf32)(program, file);
    if (file && fclose(file) != 0)
        done = false;
    if (!done)
        perror(path);
    return done;
}
