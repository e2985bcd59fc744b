/* SPDX-License-Identifier: MIT
 *
 * Runs a program in QEMU's user mode and in a hart of this process; see snippet.h.
 *
 * The hart has no Linux. A few instructions in front of the program switch the FPU and the vector unit on and
 * set a trap handler, which counts the write calls and ends the run on exit or on any other trap. They report
 * to this file by stores to addresses outside RAM. Code and data have the same addresses as in QEMU.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cpu/hart.h"
#include "dbt/dbt.h"
#include "dbt/runtime/state.h"
#include "tests/diff/snippet.h"

void run_destroy(struct run *run)
{
    free(run->blocks);
    *run = (struct run){ 0 };
}

/* ---- QEMU ---------------------------------------------------------------------------------------------- */

static void peer_folder(char *folder, size_t size)
{
    const char *qemu = getenv("RVIVE_QEMU"), *cache = getenv("RVIVE_CACHE");
    if (qemu)
        snprintf(folder, size, "%s", qemu);
    else
        snprintf(folder, size, "%s/qemu10", cache ? cache : SOURCE_DIR "/.cache");
}

static bool read_qemu(const struct program *program, const char *path, struct run *run)
{
    char folder[512], command[2048], rest;
    peer_folder(folder, sizeof(folder));
    snprintf(command, sizeof(command),
             "exec sh '" SOURCE_DIR "/tests/peers/qemu' '%s' qemu-riscv%u -cpu %s '%s'", folder,
             program->xlen, program->qemu_cpu ? program->qemu_cpu : "max", path);
    FILE *output = popen(command, "r");
    if (!output) {
        perror("popen");
        return false;
    }
    size_t got = fread(run->blocks, 1, program->data_size, output);
    bool more = fread(&rest, 1, 1, output) == 1;
    int status = pclose(output);
    run->completed = got / BLOCK_SIZE;
    if (status != 0 || got != program->data_size || more)
        snprintf(run->fault, sizeof(run->fault), "QEMU stopped after %zu snippets, status 0x%x",
                 run->completed, (unsigned)status);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0 && got == 0 && program->count > 1) {
        fprintf(stderr, "qemu-riscv%u cannot be run from %s: run tests/peers/qemu10.sh, or set RVIVE_QEMU\n",
                program->xlen, folder);
        return false;
    }
    return true;
}

bool run_qemu(const struct program *program, struct run *run)
{
    char path[] = "/tmp/rvive-diff-XXXXXX";
    *run = (struct run){ .blocks = calloc(1, program->data_size) };
    int fd = mkstemp(path);
    bool done = fd >= 0 && run->blocks && program_write_elf(program, path) && fchmod(fd, 0700) == 0;
    if (fd >= 0)
        close(fd);
    done = done && read_qemu(program, path, run);
    if (fd >= 0)
        unlink(path);
    if (!done)
        run_destroy(run);
    return done;
}

/* ---- A hart with a little memory ----------------------------------------------------------------------- */

#define STUB_ADDRESS (PROGRAM_CODE - 4096)
/* Stores: + 0 ends the run with mcause, + 8 mepc, + 16 mtval, + 32 a snippet is done. */
#define PORT_ADDRESS 0x08000000u

struct board {
    struct hart_bus bus; /* must be first, since the hart's functions get it */
    struct hart *hart;
    uint8_t *stub, *code, *data; /* each is whole pages; data begins half a page early */
    size_t code_size, data_size;
    uint64_t cause, epc, tval;
    size_t completed;
};

static uint8_t *board_page(struct hart_bus *bus, uint64_t paddr, bool *writable)
{
    struct board *board = (struct board *)bus;
    *writable = true;
    if (paddr == STUB_ADDRESS)
        return board->stub;
    if (paddr >= PROGRAM_CODE && paddr - PROGRAM_CODE < board->code_size)
        return board->code + (paddr - PROGRAM_CODE);
    uint64_t data = PROGRAM_DATA & ~4095u;
    if (paddr >= data && paddr - data < board->data_size)
        return board->data + (paddr - data);
    return NULL;
}

static bool board_read(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t *value)
{
    (void)bus, (void)paddr, (void)size, (void)value;
    return false;
}

static bool board_write(struct hart_bus *bus, uint64_t paddr, unsigned size, uint64_t value)
{
    struct board *board = (struct board *)bus;
    (void)size;
    switch (paddr) {
    case PORT_ADDRESS:
        board->cause = value;
        hart_request(board->hart, HART_REQUEST_STOP);
        return true;
    case PORT_ADDRESS + 8: board->epc = value; return true;
    case PORT_ADDRESS + 16: board->tval = value; return true;
    case PORT_ADDRESS + 32: board->completed++; return true;
    default: return false;
    }
}

static void board_code_page(struct hart_bus *bus, uint64_t paddr)
{
    (void)bus, (void)paddr;
}

static bool board_mapped(struct hart_bus *bus, uint64_t paddr)
{
    bool writable;
    return board_page(bus, paddr & ~UINT64_C(4095), &writable) != NULL;
}

static const struct hart_bus_ops board_ops = { .page = board_page,
                                               .read = board_read,
                                               .write = board_write,
                                               .code_page = board_code_page,
                                               .mapped = board_mapped };

static uint32_t encode(enum isa_insn insn, unsigned rd, unsigned rs1, unsigned rs2, int32_t imm)
{
    struct isa_operands o = { .rd = (uint8_t)rd, .rs1 = (uint8_t)rs1, .rs2 = (uint8_t)rs2, .imm = imm };
    return isa_encode(insn, &o);
}

/* The start, and from + 64 on the trap handler. t0 = x5, t1 = x6, t2 = x7, a7 = x17. */
static void make_stub(struct board *board, unsigned xlen, uint32_t program_start)
{
    enum {
        MSTATUS = 0x300,
        MTVEC = 0x305,
        MEPC = 0x341,
        MCAUSE = 0x342,
        MTVAL = 0x343,
        ECALL_M = 11,
        SYS_EXIT = 93
    };
    enum isa_insn store = xlen == 64 ? ISA_INSN_sd : ISA_INSN_sw;
    const uint32_t start[] = {
        encode(ISA_INSN_lui, 5, 0, 0, STUB_ADDRESS),
        encode(ISA_INSN_addi, 5, 5, 0, 64),
        encode(ISA_INSN_csrrw, 0, 5, 0, MTVEC),
        encode(ISA_INSN_lui, 5, 0, 0, 3 << 13), /* mstatus.FS */
        encode(ISA_INSN_addi, 5, 5, 0, 3 << 9), /* and mstatus.VS */
        encode(ISA_INSN_csrrs, 0, 5, 0, MSTATUS),
        encode(ISA_INSN_lui, 5, 0, 0, PROGRAM_CODE),
        encode(ISA_INSN_jalr, 0, 5, 0, (int32_t)program_start),
    };
    const uint32_t handler[] = {
        encode(ISA_INSN_lui, 7, 0, 0, PORT_ADDRESS),
        encode(ISA_INSN_csrrs, 5, 0, 0, MCAUSE),
        encode(ISA_INSN_addi, 6, 0, 0, ECALL_M),
        encode(ISA_INSN_bne, 0, 5, 6, 7 * 4), /* to the end */
        encode(store, 0, 7, 5, 32),
        encode(ISA_INSN_addi, 6, 0, 0, SYS_EXIT),
        encode(ISA_INSN_beq, 0, 17, 6, 4 * 4), /* to the end */
        encode(ISA_INSN_csrrs, 6, 0, 0, MEPC),
        encode(ISA_INSN_addi, 6, 6, 0, 4),
        encode(ISA_INSN_jal, 0, 0, 0, 7 * 4), /* to the return */
        encode(ISA_INSN_csrrs, 6, 0, 0, MEPC),
        encode(store, 0, 7, 6, 8),
        encode(ISA_INSN_csrrs, 6, 0, 0, MTVAL),
        encode(store, 0, 7, 6, 16),
        encode(store, 0, 7, 5, 0),
        encode(ISA_INSN_jal, 0, 0, 0, 0),
        encode(ISA_INSN_csrrw, 0, 6, 0, MEPC),
        encode(ISA_INSN_mret, 0, 0, 0, 0),
    };
    memcpy(board->stub, start, sizeof(start));
    memcpy(board->stub + 64, handler, sizeof(handler));
}

/* Maps zeroes from a file, so that windows can map them, too; NULL: out of memory. */
static uint8_t *map_data(struct board *board)
{
    int fd = memfd_create("data", MFD_CLOEXEC);
    void *data = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, (off_t)board->data_size) == 0)
        data = mmap(NULL, board->data_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    board->bus.ram =
        (struct hart_ram){ .fd = fd, .host = data, .base = PROGRAM_DATA & ~4095u, .size = board->data_size };
    return data;
}

static bool board_load(struct board *board, const struct program *program)
{
    board->code_size = (program->code_size + 4095) & ~(size_t)4095;
    board->data_size = (PROGRAM_DATA % 4096 + program->data_size + 4095) & ~(size_t)4095;
    board->stub = aligned_alloc(4096, 4096);
    board->code = aligned_alloc(4096, board->code_size);
    board->data = map_data(board);
    if (!board->stub || !board->code || !board->data)
        return false;
    memset(board->code, 0, board->code_size);
    memcpy(board->code, program->code, program->code_size);
    memcpy(board->data + PROGRAM_DATA % 4096, program->data, program->data_size);
    make_stub(board, program->xlen, program->hart_start);
    return true;
}

/* RVIVE_DIFF_ACCEL=t1 or t2: this tier translates every block before it first runs; with RVIVE_DIFF_WINDOWS
 * translated accesses go to windows. */
static bool accel_is(const char *name)
{
    const char *accel = getenv("RVIVE_DIFF_ACCEL");
    return accel && strcmp(accel, name) == 0;
}

/* RVIVE_DIFF_HOST=avx2: the translator does not use AVX-512. RVIVE_DIFF_CHECK=on: each access of translated
 * code is compared with the MMU. */
static struct dbt *make_dbt(struct error *error)
{
    const char *host = getenv("RVIVE_DIFF_HOST"), *check = getenv("RVIVE_DIFF_CHECK");
    struct dbt *dbt = dbt_create(error);
    if (dbt && host && strcmp(host, "avx2") == 0)
        x86_features_without_avx512(&dbt->host);
    if (dbt && check && strcmp(check, "on") == 0)
        dbt_check_accesses(dbt);
    return dbt;
}

static bool board_run(struct board *board, const struct isa_config *isa, struct error *error)
{
    struct clock *clock = clock_create(error);
    bool windows = getenv("RVIVE_DIFF_WINDOWS");
    struct hart_config config = { .isa = isa,
                                  .bus = &board->bus,
                                  .clock = clock,
                                  .timebase_hz = 10000000,
                                  .reset_pc = STUB_ADDRESS,
                                  .windows = windows ? HART_WINDOWS_KERNEL : HART_WINDOWS_NONE };
    if (!clock)
        return false;
    board->hart = hart_create(&config, error);
    bool regions = accel_is("t2");
    struct dbt *dbt = regions || accel_is("t1") ? make_dbt(error) : NULL;
    if (regions && !dbt_optimise(dbt, true, error))
        abort();
    if (dbt && windows)
        dbt_use_windows(dbt, true);
    if (board->hart && hart_windows_refused(board->hart))
        abort();
    if (board->hart && dbt && !dbt_attach(dbt, board->hart, 1, error))
        abort();
    if (board->hart) {
        hart_run(board->hart);
        hart_destroy(board->hart);
    }
    if (dbt && (!dbt_translated(dbt) || (regions && !dbt_regions(dbt))))
        abort(); /* nothing was translated, so the test would show nothing */
    dbt_destroy(dbt);
    clock_destroy(clock);
    return board->hart != NULL;
}

bool run_hart(const struct program *program, const struct isa_config *config, struct run *run)
{
    struct board board = { .bus = { .ops = &board_ops } };
    struct error error = { "out of memory" };
    *run = (struct run){ .blocks = malloc(program->data_size) };
    bool done = run->blocks && board_load(&board, program) && board_run(&board, config, &error);
    if (done) {
        bool ended = board.completed == program->count + 1; /* the exit call counts, too */
        memcpy(run->blocks, board.data + PROGRAM_DATA % 4096, program->data_size);
        run->completed = ended ? program->count : board.completed;
        if (!ended)
            snprintf(run->fault, sizeof(run->fault), "Rvive trapped: mcause 0x%llx mepc 0x%llx mtval 0x%llx",
                     (unsigned long long)board.cause, (unsigned long long)board.epc,
                     (unsigned long long)board.tval);
    } else {
        fprintf(stderr, "a hart cannot be run: %s\n", error.text);
        run_destroy(run);
    }
    free(board.stub);
    free(board.code);
    if (board.data) {
        munmap(board.data, board.data_size);
        close(board.bus.ram.fd);
    }
    return done;
}
