/* SPDX-License-Identifier: MIT
 *
 * Makes the program that executes cases; see vector.h. Under QEMU, its first instructions ask Linux for
 * SIGILL, SIGSEGV and SIGBUS. A hart begins after these, with a trap handler of the program's own. Both
 * handlers record what happened and skip the instruction.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/diff/vector/vector.h"

enum {
    RA = 1,
    SP = 2,
    T0 = 5,
    T1 = 6,
    T2 = 7,
    S2 = 18,
    S3 = 19,
    S4 = 20,
    S5 = 21,
    S6 = 22,
    S7 = 23,
    S8 = 24
};
enum { A0 = 10, A1 = 11, A2 = 12, A3 = 13, A7 = 17 };
enum { SYS_WRITE = 64, SYS_EXIT = 93, SYS_SIGACTION = 134, SIG_ILL = 4, SIG_BUS = 7, SIG_SEGV = 11 };
enum { CSR_FCSR = 3, CSR_VSTART = 8, CSR_VCSR = 15, CSR_VL = 0xc20, CSR_VTYPE = 0xc21, CSR_VLENB = 0xc22 };
enum { CSR_MTVEC = 0x305, CSR_MEPC = 0x341, CSR_MCAUSE = 0x342, CSR_MTVAL = 0x343 };

/* The part of a case that the program reads. */
struct descriptor {
    uint64_t code, pool, mask, result, stores;
    uint64_t vtype, avl, vstart, vcsr, fcsr;
    uint64_t x[SCALARS], f[SCALARS];
};

/* The beginning of the data: what a trap handler records, and the argument of rt_sigaction. */
struct head {
    uint64_t trap, address;
    uint64_t handler, flags, mask;
    uint64_t unused[3];
};

/* Offsets, by XLEN, in struct ucontext, whose mcontext begins with the pc, and in struct siginfo. */
#define CONTEXT_PC(xlen)   ((xlen) == 64 ? 176 : 160)
#define SIGINFO_ADDR(xlen) ((xlen) == 64 ? 16 : 12)
#define STUB_HANDLER       (PROGRAM_CODE - 4096 + 64) /* run.c's handler, for environment calls */
#define CODE_MAX           4096                       /* bytes, without the cases */

static size_t align_up(size_t value, size_t to)
{
    return (value + to - 1) & ~(to - 1);
}

static size_t results_offset(size_t count)
{
    return sizeof(struct head) + POOL_KINDS * POOL_PART + count * sizeof(struct descriptor);
}

static size_t window_offset(size_t count, unsigned vlen)
{
    size_t behind = PROGRAM_DATA % 4096 + results_offset(count) + count * vector_result_size(vlen);
    return align_up(behind, 4096) - PROGRAM_DATA % 4096;
}

uint64_t vector_window(size_t count, unsigned vlen)
{
    return PROGRAM_DATA + window_offset(count, vlen);
}

const uint8_t *vector_result_at(const struct vector_program *program, const uint8_t *data, size_t index)
{
    return data + program->results + index * vector_result_size(program->vlen);
}

/* ---- Code ---------------------------------------------------------------------------------------------- */

static void emit(struct program *program, uint32_t code)
{
    memcpy(program->code + program->code_size, &code, 4);
    program->code_size += 4;
}

static void insn(struct program *program, enum isa_insn which, unsigned rd, unsigned rs1, unsigned rs2,
                 int32_t imm)
{
    struct isa_operands o = {
        .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .rm = 1, .imm = imm
    };
    emit(program, isa_encode(which, &o));
}

static void load(struct program *program, unsigned rd, unsigned base, size_t offset)
{
    insn(program, program->xlen == 64 ? ISA_INSN_ld : ISA_INSN_lw, rd, base, 0, (int32_t)offset);
}
static void store(struct program *program, unsigned rs2, unsigned base, size_t offset)
{
    insn(program, program->xlen == 64 ? ISA_INSN_sd : ISA_INSN_sw, 0, base, rs2, (int32_t)offset);
}
static void write_csr(struct program *program, unsigned csr, unsigned rs1)
{
    insn(program, ISA_INSN_csrrw, 0, rs1, 0, (int32_t)csr);
}
static void read_csr(struct program *program, unsigned rd, unsigned csr)
{
    insn(program, ISA_INSN_csrrs, rd, 0, 0, (int32_t)csr);
}
static void set_constant(struct program *program, unsigned rd, uint32_t value)
{
    uint32_t low = value & 0xfff;
    insn(program, ISA_INSN_lui, rd, 0, 0, (int32_t)(value - low + (low >= 0x800 ? 0x1000 : 0)));
    insn(program, ISA_INSN_addi, rd, rd, 0, (int32_t)(low >= 0x800 ? low - 0x1000 : low));
}
static void call_environment(struct program *program, unsigned number)
{
    insn(program, ISA_INSN_addi, A7, 0, 0, (int32_t)number);
    insn(program, ISA_INSN_ecall, 0, 0, 0, 0);
}
static uint32_t here(const struct program *program)
{
    return PROGRAM_CODE + (uint32_t)program->code_size;
}

/* Returns the address of the handler. */
static uint32_t emit_signal_handler(struct program *program)
{
    uint32_t at = here(program);
    set_constant(program, T0, PROGRAM_DATA);
    store(program, A0, T0, offsetof(struct head, trap));
    load(program, T1, A1, SIGINFO_ADDR(program->xlen));
    store(program, T1, T0, offsetof(struct head, address));
    load(program, T1, A2, CONTEXT_PC(program->xlen));
    insn(program, ISA_INSN_addi, T1, T1, 0, 4);
    store(program, T1, A2, CONTEXT_PC(program->xlen));
    insn(program, ISA_INSN_jalr, 0, RA, 0, 0);
    return at;
}

static uint32_t emit_trap_handler(struct program *program)
{
    enum { ECALL_M = 11 };
    while (program->code_size % 4)
        program->code_size++;
    uint32_t at = here(program);
    read_csr(program, T0, CSR_MCAUSE);
    insn(program, ISA_INSN_addi, T1, 0, 0, ECALL_M);
    insn(program, ISA_INSN_bne, 0, T0, T1, 16);
    set_constant(program, T1, STUB_HANDLER);
    insn(program, ISA_INSN_jalr, 0, T1, 0, 0);
    set_constant(program, T1, PROGRAM_DATA);
    store(program, T0, T1, offsetof(struct head, trap));
    read_csr(program, T0, CSR_MTVAL);
    store(program, T0, T1, offsetof(struct head, address));
    read_csr(program, T0, CSR_MEPC);
    insn(program, ISA_INSN_addi, T0, T0, 0, 4);
    write_csr(program, CSR_MEPC, T0);
    insn(program, ISA_INSN_mret, 0, 0, 0, 0);
    return at;
}

/* Emits the two beginnings, and the jump over the handlers. */
static void emit_start(struct vector_program *v, uint32_t *signal_handler)
{
    struct program *program = &v->program;
    static const uint8_t signals[] = { SIG_ILL, SIG_BUS, SIG_SEGV };
    size_t jump = program->code_size;
    emit(program, 0);
    *signal_handler = emit_signal_handler(program);
    uint32_t trap_handler = emit_trap_handler(program);
    struct isa_operands o = { .imm = (int32_t)(program->code_size - jump) };
    uint32_t code = isa_encode(ISA_INSN_jal, &o);
    memcpy(program->code + jump, &code, 4);
    for (unsigned i = 0; i < sizeof(signals); i++) {
        insn(program, ISA_INSN_addi, A0, 0, 0, signals[i]);
        set_constant(program, A1, PROGRAM_DATA + offsetof(struct head, handler));
        insn(program, ISA_INSN_addi, A2, 0, 0, 0);
        insn(program, ISA_INSN_addi, A3, 0, 0, 8);
        call_environment(program, SYS_SIGACTION);
    }
    insn(program, ISA_INSN_jal, 0, 0, 0, 16);
    program->hart_start = (uint32_t)program->code_size;
    set_constant(program, T0, trap_handler);
    write_csr(program, CSR_MTVEC, T0);
}

static void emit_prepare(struct program *program)
{
    load(program, T0, S2, offsetof(struct descriptor, pool));
    read_csr(program, T1, CSR_VLENB);
    insn(program, program->xlen == 64 ? ISA_INSN_slli : ISA_INSN_slli32, T1, T1, 0, 3);
    for (unsigned i = 0; i < 32; i += 8) {
        insn(program, ISA_INSN_vl8re8_v, i, T0, 0, 0);
        insn(program, ISA_INSN_add, T0, T0, T1, 0);
    }
    load(program, T0, S2, offsetof(struct descriptor, mask));
    insn(program, ISA_INSN_vl1re8_v, 0, T0, 0, 0);
    load(program, T0, S2, offsetof(struct descriptor, fcsr));
    write_csr(program, CSR_FCSR, T0);
    load(program, T0, S2, offsetof(struct descriptor, vcsr));
    write_csr(program, CSR_VCSR, T0);
    load(program, T0, S2, offsetof(struct descriptor, vtype));
    load(program, T1, S2, offsetof(struct descriptor, avl));
    insn(program, ISA_INSN_vsetvl, T2, T1, T0, 0);
    for (unsigned i = 0; i < SCALARS; i++) {
        load(program, FIRST + i, S2, offsetof(struct descriptor, x) + 8 * i);
        insn(program, ISA_INSN_fld, FIRST + i, S2, 0, (int32_t)(offsetof(struct descriptor, f) + 8 * i));
    }
    store(program, 0, S4, offsetof(struct head, trap));
    store(program, 0, S4, offsetof(struct head, address));
    load(program, S5, S2, offsetof(struct descriptor, code));
    load(program, T0, S2, offsetof(struct descriptor, vstart));
    write_csr(program, CSR_VSTART, T0);
    insn(program, ISA_INSN_jalr, RA, S5, 0, 0);
}

static void emit_note(struct program *program)
{
    static const struct {
        unsigned csr;
        size_t offset;
    } csrs[] = { { CSR_VSTART, offsetof(struct vector_result, vstart) },
                 { CSR_VL, offsetof(struct vector_result, vl) },
                 { CSR_VTYPE, offsetof(struct vector_result, vtype) },
                 { CSR_VCSR, offsetof(struct vector_result, vcsr) },
                 { CSR_FCSR, offsetof(struct vector_result, fcsr) } };
    load(program, S5, S2, offsetof(struct descriptor, result));
    for (unsigned i = 0; i < sizeof(csrs) / sizeof(csrs[0]); i++) {
        read_csr(program, T0, csrs[i].csr);
        store(program, T0, S5, csrs[i].offset);
    }
    for (unsigned i = 0; i < SCALARS; i++) {
        store(program, FIRST + i, S5, offsetof(struct vector_result, x) + 8 * i);
        insn(program, ISA_INSN_fsd, 0, S5, FIRST + i, (int32_t)(offsetof(struct vector_result, f) + 8 * i));
    }
    load(program, T0, S4, offsetof(struct head, trap));
    store(program, T0, S5, offsetof(struct vector_result, trap));
    load(program, T0, S4, offsetof(struct head, address));
    store(program, T0, S5, offsetof(struct vector_result, address));
    write_csr(program, CSR_VSTART, 0);
    insn(program, ISA_INSN_addi, T0, S5, 0, sizeof(struct vector_result));
    read_csr(program, T1, CSR_VLENB);
    insn(program, program->xlen == 64 ? ISA_INSN_slli : ISA_INSN_slli32, T1, T1, 0, 3);
    for (unsigned i = 0; i < 32; i += 8) {
        insn(program, ISA_INSN_vs8r_v, i, T0, 0, 0);
        insn(program, ISA_INSN_add, T0, T0, T1, 0);
    }
}

/* Hashes the window (S6 to S7) and restores it: each word, of XLEN bits, holds its own address. */
static void emit_window(struct program *program)
{
    load(program, T0, S2, offsetof(struct descriptor, stores));
    insn(program, ISA_INSN_beq, 0, T0, 0, 4 * 11);
    insn(program, ISA_INSN_addi, T0, S6, 0, 0);
    insn(program, ISA_INSN_addi, T1, 0, 0, 0);
    load(program, T2, T0, 0);
    store(program, T0, T0, 0);
    insn(program, ISA_INSN_xor, T1, T1, T2, 0);
    insn(program, program->xlen == 64 ? ISA_INSN_rori : ISA_INSN_rori32, T1, T1, 0, 13);
    insn(program, ISA_INSN_mul, T1, T1, S8, 0);
    insn(program, ISA_INSN_addi, T0, T0, 0, (int32_t)program->xlen / 8);
    insn(program, ISA_INSN_bne, 0, T0, S7, -6 * 4);
    store(program, T1, S5, offsetof(struct vector_result, window));
}

static void emit_loop(struct vector_program *v)
{
    struct program *program = &v->program;
    uint32_t descriptors = PROGRAM_DATA + (uint32_t)(sizeof(struct head) + POOL_KINDS * POOL_PART);
    uint32_t window = (uint32_t)vector_window(v->count, v->vlen);
    set_constant(program, S2, descriptors);
    set_constant(program, S3, descriptors + (uint32_t)(v->count * sizeof(struct descriptor)));
    set_constant(program, S4, PROGRAM_DATA);
    set_constant(program, S6, window);
    set_constant(program, S7, window + WINDOW_SIZE);
    set_constant(program, S8, 0x2545f491);
    size_t begin = program->code_size;
    emit_prepare(program);
    emit_note(program);
    emit_window(program);
    insn(program, ISA_INSN_addi, S2, S2, 0, sizeof(struct descriptor));
    insn(program, ISA_INSN_bne, 0, S2, S3, (int32_t)(begin - program->code_size));
    insn(program, ISA_INSN_addi, A0, 0, 0, 1);
    set_constant(program, A1, PROGRAM_DATA);
    set_constant(program, A2, (uint32_t)program->data_size);
    call_environment(program, SYS_WRITE);
    insn(program, ISA_INSN_addi, A0, 0, 0, 0);
    call_environment(program, SYS_EXIT);
}

/* ---- Data ---------------------------------------------------------------------------------------------- */

static void add_case(struct vector_program *v, const struct vector_case *c, size_t index)
{
    struct descriptor d = {
        .code = here(&v->program),
        .pool = PROGRAM_DATA + sizeof(struct head) + c->pool * POOL_PART + c->pool_offset,
        .mask = PROGRAM_DATA + sizeof(struct head) + c->mask_offset,
        .result = PROGRAM_DATA + v->results + index * vector_result_size(v->vlen),
        .stores = c->stores,
        .vtype = c->vtype,
        .avl = c->avl,
        .vstart = c->vstart,
        .vcsr = c->vcsr,
        .fcsr = (uint64_t)c->frm << 5,
    };
    memcpy(d.x, c->x, sizeof(d.x));
    memcpy(d.f, c->f, sizeof(d.f));
    /* The translator knows vtype in a block that sets it, and in a block that was made for the vtype at its
     * entry: this tests both. T1 still has avl. */
    if (!c->vstart && index % 2)
        insn(&v->program, ISA_INSN_vsetvli, T2, T1, 0, c->vtype);
    emit(&v->program, c->bits);
    insn(&v->program, ISA_INSN_jalr, 0, RA, 0, 0);
    memcpy(v->program.data + sizeof(struct head) + POOL_KINDS * POOL_PART + index * sizeof(d), &d, sizeof(d));
}

static void fill_window(struct vector_program *v)
{
    size_t offset = window_offset(v->count, v->vlen);
    for (size_t at = 0; at < WINDOW_SIZE; at += v->program.xlen / 8) {
        uint64_t address = PROGRAM_DATA + offset + at;
        memcpy(v->program.data + offset + at, &address, v->program.xlen / 8);
    }
}

bool vector_program_create(struct vector_program *v, unsigned xlen, const struct vector_case *cases,
                           size_t count, unsigned vlen, const uint8_t *pool)
{
    struct head head = { .flags = 4 /* SA_SIGINFO */ };
    uint32_t handler;
    *v = (struct vector_program){ .vlen = vlen, .count = count, .results = results_offset(count) };
    v->program = (struct program){ .xlen = xlen, .count = 1 };
    v->program.code_room = CODE_MAX + count * 12;
    v->program.data_size = window_offset(count, vlen) + WINDOW_SIZE;
    v->program.code = calloc(1, v->program.code_room);
    v->program.data = calloc(1, v->program.data_size);
    if (!v->program.code || !v->program.data)
        return false;
    emit_start(v, &handler);
    emit_loop(v);
    head.handler = handler;
    memcpy(v->program.data, &head, sizeof(head));
    memcpy(v->program.data + sizeof(head), pool, POOL_KINDS * POOL_PART);
    for (size_t i = 0; i < count; i++)
        add_case(v, &cases[i], i);
    fill_window(v);
    return true;
}
