/* SPDX-License-Identifier: MIT
 *
 * The state of one hart: architectural registers, translation caches, predecoded blocks. Only files of cpu/
 * and dbt/ include this. The thread in hart_run() owns everything except the members marked atomic.
 *
 * The upper halves of an RV32 hart's x registers, pc and addresses are 0, as the host's operations of 32 bits
 * leave them. x[ISA_X_SINK] takes the writes to x0: the decoder renames rd = 0 to it, so no handler has to
 * look.
 */
#ifndef CPU_HART_STATE_H
#define CPU_HART_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cpu/debug.h"
#include "cpu/fp/fp.h"
#include "cpu/hart.h"
#include "cpu/isa/isa.h"
#include "cpu/recorder.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096u
#define PAGE_MASK  (~(uint64_t)(PAGE_SIZE - 1))

#define ISA_X_SINK 32

enum privilege { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* Exception codes (Priv. "Machine Cause (mcause) Register"). */
enum cause {
    CAUSE_FETCH_MISALIGNED = 0,
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_MISALIGNED = 6,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_ECALL_VS = 10,
    CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
    CAUSE_SOFTWARE_CHECK = 18,
    CAUSE_FETCH_GUEST_PAGE = 20,
    CAUSE_LOAD_GUEST_PAGE = 21,
    CAUSE_VIRTUAL = 22,
    CAUSE_STORE_GUEST_PAGE = 23,
};
/* tval of a software check ("Control-flow Integrity"). */
enum { SOFTWARE_CHECK_LANDING_PAD = 2, SOFTWARE_CHECK_SHADOW_STACK = 3 };

/* ---- Predecoded code (block.c) ------------------------------------------------------------------------- */

struct hart_accel;
struct insn;
typedef void exec_fn(struct hart *hart, const struct insn *insn);

/* One predecoded instruction. The handler ends by calling the next instruction's handler, or returns at a
 * block's end. */
struct insn {
    exec_fn *exec;
    int32_t imm; /* jumps, branches and auipc: relative to the block's first instruction */
    uint32_t
        aux; /* the encoding; jumps and branches: offset of the next instruction from the block's first */
    uint8_t rd, rs1, rs2, rs3;
    uint16_t offset; /* from the block's first instruction, bytes */
    uint8_t rm;      /* rounding mode; aq, rl; for jumps and branches: INSN_CHAIN_* */
    uint8_t length;
};

/* The target (or the next instruction) lies in the block's own page: the block may be linked to it. */
enum { INSN_CHAIN_TAKEN = 1, INSN_CHAIN_NEXT = 2 };

/* Straight-line code inside one page, found by its physical address, so that all address spaces share it. It
 * is valid while its epoch is the hart's: fence.i opens a new epoch, and a block of an older one is compared
 * with memory before it runs again. If the only instruction of a block straddles two pages, the block says
 * where the second half is. */
struct block {
    uint64_t paddr;
    uint64_t paddr2; /* physical page of the second half, or NO_PAGE */
    uint64_t epoch;
    const uint8_t *host, *host2; /* the code in guest memory; host2 for the second page */
    struct block *hash_next;
    struct block *link[2]; /* taken, next */
    uint32_t bytes;
    uint32_t count;
    int32_t heat; /* runs left until the translator is asked */
    void *native; /* the translator's, with the generation it belongs to */
    uint64_t native_generation;
    uint8_t *code;    /* copy of the guest's bytes, after insns */
    exec_fn *guarded; /* the first instruction's handler, if a check for a breakpoint replaced it */
    struct insn insns[];
};
#define NO_PAGE UINT64_MAX

#define BLOCK_HEAT_NEVER INT32_MAX

#define BLOCK_INSNS_MAX 64
#define BLOCK_HASH_SIZE 65536

/* ---- Software TLB (mmu.c) ------------------------------------------------------------------------------ */

#define TLB_INDEX_BITS  9
#define TLB_SIZE        (1 << TLB_INDEX_BITS)
#define TLB_EXEC_SIZE   1024
#define TLB_SECOND_SIZE 8192
#define TLB_IO_SIZE     16
#define TLB_BESIDE_SIZE 64
#define TLB_JUMPS       4096
#define TLB_POOL        16
/* The alignment of a TLB: translated code uses bits of its address for a second purpose (HOST_TLB), for which
 * `read` lies at HEAD. */
#define TLB_ALIGN 65536
#define TLB_HEAD  0x8c0

/* tag: the number of the virtual page, or TLB_INVALID; host address = virtual address + addend. One
 * comparison of the tag with the page of the access's last byte checks validity, permission, canonical form
 * and page crossing. Tags and addends lie in separate arrays, so that translated code computes an entry's
 * place from an address by one instruction. */
struct tlb_side {
    uint64_t tag[TLB_SIZE], addend[TLB_SIZE];
};
#define TLB_INVALID      UINT64_MAX
#define TLB_INDEX(vaddr) ((vaddr) >> PAGE_SHIFT & (TLB_SIZE - 1))

struct tlb_entry { /* of the second level */
    uint64_t tag, addend;
};

/* Pages that code is fetched from; tlb->exec_host has their host addresses. */
struct tlb_exec {
    uint64_t tag, paddr;
};
#define TLB_EXEC_INDEX(vaddr) ((vaddr) >> PAGE_SHIFT & (TLB_EXEC_SIZE - 1))

/* Pages without host memory (devices): their addresses, and which accesses are allowed. */
struct tlb_io {
    uint64_t tag, paddr;
    unsigned allowed; /* bit n: enum mmu_access n */
};

/* Pages that may be stored to, but only by the slow path, since code of them is kept (code_watch.h): the
 * stores of JITs beside code. */
struct tlb_beside {
    uint64_t tag, paddr;
    uint8_t *host;
};
#define TLB_BESIDE_INDEX(vaddr) ((vaddr) >> PAGE_SHIFT & (TLB_BESIDE_SIZE - 1))

/* The table in which translated code finds its next block; see TLB_NATIVE_INDEX(). code is never NULL in a
 * valid entry. */
struct tlb_native {
    uint64_t pc; /* TLB_INVALID: empty */
    const uint8_t *code;
};
#define TLB_NATIVES 16384
/* The entries of one page lie together, in one of 64 groups, so that flushing a page clears only those. */
#define TLB_NATIVE_INDEX(pc) (((pc) >> 1 & 255) | TLB_NATIVE_GROUP(pc) << 8)
#define TLB_NATIVE_GROUP(pc) ((pc) >> 12 & 63)
#define TLB_NATIVES_OF_PAGE  256

#define TLB_NATIVE_PAGE_BITS    32768
#define TLB_NATIVE_PAGE_BIT(pc) (((pc) >> 12 ^ (pc) >> 27) & (TLB_NATIVE_PAGE_BITS - 1))

struct tlb_jump {
    uint64_t pc;
    uint64_t generation;
    struct block *block;
};

#define TLB_HOST_BITS      1024
#define TLB_HOST_BIT(host) ((uintptr_t)(host) >> PAGE_SHIFT & (TLB_HOST_BITS - 1))

/* Translations of one address space as one privilege mode sees it. The pool of them is searched by (satp,
 * mode), so that switching between them flushes nothing. */
struct tlb {
    union {
        struct {
            uint64_t satp, hgatp;
            unsigned mode;         /* TLB_MODE() and TLB_VIRT to TLB_CODE; TLB_FREE: not in use */
            uint64_t generation;   /* of the jump cache: raised to empty it */
            bool used;             /* since the replacement hand passed */
            uint8_t kind;          /* of translated code that runs with it: TLB_KIND_* */
            struct window *window; /* cpu/mmu/window.h; NULL: none */
            /* Virtual addresses covered by cached parts of large pages, lower and upper half: [first,
             * last]. */
            uint64_t large_first[2], large_last[2];
            /* Host pages that there may be entries for stores to: one bit by TLB_HOST_BIT(). */
            uint64_t stored[TLB_HOST_BITS / 64];
            uint64_t native_groups; /* of `native`; bit n: some entry of group n may be valid */
        };
        uint8_t head[TLB_HEAD];
    };
    struct tlb_side read, write;
    struct {
        unsigned generation;
        struct tlb_entry entries[TLB_SECOND_SIZE];
    } second[2]; /* of read and write: cpu/mmu/tlb_second.h */
    struct tlb_exec exec[TLB_EXEC_SIZE];
    const uint8_t *exec_host[TLB_EXEC_SIZE];
    struct tlb_io io[TLB_IO_SIZE];
    struct tlb_beside beside[TLB_BESIDE_SIZE];
    struct tlb_jump jump[TLB_JUMPS];
    struct tlb_native native[TLB_NATIVES];
    /* Which pages may have entries in `native`: one bit by the page's number. Flushing others, as each page
     * fault does, is cheap. */
    uint8_t native_pages[TLB_NATIVE_PAGE_BITS / 8];
} __attribute__((aligned(TLB_ALIGN)));
/* Translated code looks each page up in the TLB, or finds it in the window: of the lower half of addresses
 * (of RV32, all of them), or of the upper half. */
enum { TLB_KIND_LOOKS, TLB_KIND_LOW, TLB_KIND_HIGH };
#define TLB_MODE(privilege, sum, mxr, pmm)                                                                   \
    ((unsigned)(privilege) | (unsigned)(sum) << 2 | (unsigned)(mxr) << 3 | (unsigned)(pmm) << 4)
/* Of a virtual machine: two stages, MXR of the second, and loads that need the right to execute (HLVX). */
#define TLB_VIRT 64u
#define TLB_GMXR 128u
#define TLB_CODE 256u
#define TLB_FREE 512u

/* Bytes that a hart has room for that belong to its translator, which alone knows what is in them. They lie
 * inside the hart because translated code reaches them by constant offsets from the register that has the
 * hart. */
#define HART_ACCEL_SIZE 2048

/* ---- Vectors (cpu/exec/vector) ------------------------------------------------------------------------- */

#define VLENB_MAX (ISA_VLEN_MAX / 8)

/* The state of V, without the registers themselves. */
struct hart_vector {
    uint32_t vlenb; /* bytes of a register; 0: no V */
    uint32_t vl, vstart;
    uint8_t vtype; /* bits 7:0 of the CSR; 0 if `vill` is set */
    uint8_t sew;   /* log2 of the bytes of an element */
    int8_t lmul;   /* log2: -3 to 3 */
    bool vill;     /* of vector instructions, only those that set vtype or move whole registers may run */
    uint8_t vxrm;  /* 0 to 3 */
    uint8_t vxsat; /* 0 or 1 */
};

/* ---- Virtual machines (H) ------------------------------------------------------------------------------ */

/* The state of H. While the hart is in VS- or VU-mode, the registers of S-mode in struct hart (and the bits
 * HYPER_STATUS of mstatus) are those of VS-mode, and `bank` has those of HS-mode; otherwise it is the other
 * way round (hyper.h). So all code that works with them serves both. */
struct hart_hyper {
    uint32_t virt;   /* V: the mode is VS or VU */
    uint32_t access; /* of the present load or store: HYPER_ACCESS_* */
    struct {
        uint64_t status, tvec, scratch, epc, cause, tval, satp;
    } bank;
    uint64_t off; /* while V is 1: vsstatus's FS and VS where those of HS-mode are Off, and so are these */
    uint64_t hstatus, hedeleg, hideleg, hgatp, htval, htinst, mtval2, mtinst;
    uint64_t htimedelta, henvcfg, vstimecmp; /* the timer's thread reads them: timer_lock */
    uint32_t hcounteren;
    uint64_t hstateen[4]; /* Smstateen */
    /* Of the last guest-page fault: the guest's physical address, and the pseudoinstruction of an access to a
     * page table, or 0. */
    uint64_t fault_gpa, fault_insn;
};
enum { HYPER_ACCESS_OWN, HYPER_ACCESS_DATA, HYPER_ACCESS_CODE }; /* HLV and HSV; HLVX */

/* ---- Advanced interrupts (cpu/csr/aia.c, aia_guest.c, imsic.c) ----------------------------------------- */

/* The levels that interrupts are taken at. VS-mode has the guest's interrupt file that hstatus.VGEIN says. */
enum hart_file { HART_FILE_M, HART_FILE_S, HART_FILES, HART_FILE_VS = HART_FILES, HART_LEVELS };
#define HART_FILE_WORDS (HART_FILE_IDS / 64)

/* An interrupt file: what messages made pending. */
struct hart_imsic_file {
    bool delivers;
    uint32_t threshold; /* 0: none */
    uint64_t pending[HART_FILE_WORDS], enabled[HART_FILE_WORDS];
};

/* Owned by the hart's thread, except what has the lock. */
struct hart_aia {
    bool on;                        /* the hart has Smaia */
    bool imsic;                     /* and interrupt files */
    unsigned guest_files;           /* GEILEN; 0 without H */
    unsigned told;                  /* what this instruction has read from mtopei or stopei; 0: nothing */
    unsigned selected[HART_LEVELS]; /* miselect, siselect, vsiselect */
    uint8_t iprio[HART_LEVELS][64]; /* of VS-mode: hviprio1 and hviprio2 */
    uint64_t mvien;
    uint64_t mvip, sie;         /* only the bits that mvien has */
    uint64_t hvien, hvip, vsie; /* of local interrupts alone */
    uint32_t hvictl;
    pthread_mutex_t lock;
    /* [lock] to the end: */
    struct hart_imsic_file files[HART_FILES];
    struct hart_imsic_file *guests; /* file n is guests[n - 1] */
    uint64_t hgeip, hgeie;
    unsigned vgein; /* hstatus.VGEIN */
};

/* ---- Core-local interrupt controller of Nuclei's cores (cpu/csr/clic.c) -------------------------------- */

/* Owned by the hart's thread, except `offer`. */
struct hart_clic {
    bool on;           /* the core has one; mtvec says whether it is used */
    atomic_uint offer; /* HART_CLIC_OFFER() - HART_CLIC + 1; 0: nothing */
    unsigned level;    /* mintstatus.MIL */
    unsigned previous; /* mcause.MPIL */
    bool fetching;     /* mcause.MINHV: the table of vectors could not be read */
    uint32_t mtvt, mtvt2, msubm, mmisc, wfe, sleepvalue;
    unsigned taking;  /* the offer for which a trap is entered; 0: an exception */
    uint64_t handler; /* of that */
    hart_clic_taken_fn *taken;
    void *opaque;
};

/* ---- The hart ------------------------------------------------------------------------------------------ */

#define PMP_COUNT 16

/* A hart's state of debugging (debug.c); all zero: there is no debugger. */
struct hart_debug {
    struct debug *shared;
    atomic_bool breaks; /* there are some; a translator's thread reads it, too */
    bool watches;       /* there are some */
    bool passing;       /* the next instruction may access what is watched: the user knows */
    bool irq;
    enum debug_action action;
    uint64_t first, end; /* DEBUG_RANGE */
    uint64_t skip;       /* pc at which a physical breakpoint does not count now */
    uint64_t pass;       /* pc at which no breakpoint does */
    uint64_t told_pc;    /* where a physical breakpoint or a watchpoint was reported */
    bool told_watch;     /* which of them */
    uint64_t marks_seen;
    struct debug_stop stop;
    struct hart *next;
};

struct hart {
    uint64_t x[33];
    uint64_t pc; /* of the running block's first instruction; exact between blocks */
    uint64_t f[32];
    struct tlb *tlb_data, *tlb_fetch; /* for loads and stores (MPRV), for fetches */
    uint64_t epoch;                   /* of decoded code; never 0 */
    atomic_uint requests;             /* enum hart_request */
    _Atomic uint64_t instret;         /* raw count; a block adds its instructions when it starts */
    struct block *block;              /* the running one */
    struct block **exit_link;         /* where the run loop may store the next block */
    struct fp_env fp;
    uint64_t loaded; /* result of mem_read_slow() */

    enum privilege priv;
    uint64_t mstatus; /* without SD */
    uint64_t medeleg, mideleg, mie;
    uint64_t mtvec, mscratch, mepc, mcause, mtval;
    uint64_t stvec, sscratch, sepc, scause, stval;
    uint64_t satp;
    uint64_t menvcfg, senvcfg, mseccfg;
    struct hart_hyper hyper;
    bool masks_pointers; /* some mode masks pointers: a field PMM of these registers is set */
    /* Control-flow integrity: whether each mode has landing pads (xLPE) and shadow stacks (xSSE), and whether
     * the present mode has them. Translated code reads the latter. */
    bool pads_of[PRIV_M + 1], shadow_of[PRIV_M + 1];
    uint32_t pads, shadow;
    /* The same for cbo.zero. And PRIV_S if mstatus has all of the mode's sstatus (hyper_hides_units()). */
    bool zeroes_of[PRIV_M + 1];
    uint32_t zeroes, plain_s;
    bool pad_expected; /* ELP: the next instruction must be a landing pad; only between blocks */
    uint64_t ssp, jvt;
    uint32_t mcounteren, scounteren, mcountinhibit;
    uint64_t cycle_base, instret_base; /* counter = raw + base; inhibited: base alone */
    atomic_uint irq_lines;             /* levels of the inputs, and Sstc's STIP */
    atomic_uint irq_soft;              /* SSIP, STIP and SEIP as software wrote them */

    /* LR's reservation: the host address, the value that was read, and its size; size 0: none. */
    void *reserve_host;
    uint64_t reserve_value;
    unsigned reserve_size;

    /* A device's register while an atomic works on it: the value that was read, and the one that will be
     * written. */
    struct {
        uint64_t value, paddr;
    } cell;

    struct hart_aia aia;
    struct hart_clic clic;
    uint64_t mstateen[4];

    uint8_t pmpcfg[PMP_COUNT];
    uint64_t pmpaddr[PMP_COUNT];
    uint64_t pmp_first[PMP_COUNT], pmp_last[PMP_COUNT]; /* decoded; off: ~0, 0 */
    bool pmp_any;                                       /* some entry is on */

    pthread_mutex_t timer_lock; /* stimecmp, the timer and STIP's level */
    uint64_t stimecmp;
    struct clock_timer timer;

    pthread_mutex_t sleep_lock;
    pthread_cond_t wake;
    atomic_bool sleeping;

    struct isa_config isa;
    unsigned id;
    uint64_t misa;
    uint64_t ialign_mask; /* bits that a jump target must not have */
    uint64_t reset_pc;
    uint64_t timebase_hz;
    _Atomic int64_t *mtime_offset;
    struct hart_bus *bus;
    struct clock *clock;
    exec_fn *const *exec_table;

    struct code_watch *watch; /* stores to code; NULL: not watched */
    uint64_t watch_atomic;    /* where an atomic stored to a watched page; NO_PAGE: nowhere */
    atomic_bool watch_asked;  /* to drop its entries for stores */
    uint64_t watch_forgotten; /* as many pages were forgotten when it last fenced its code */
    uint64_t watch_begun;     /* as many were begun to be watched when it last dropped entries for stores */

    void *room; /* the memory that contains this struct */
    struct tlb *tlb_pool[TLB_POOL];
    struct window *windows;      /* of each; NULL: there are none */
    const char *windows_refused; /* why, where there were to be some */
    bool kernel_windows;         /* S-mode with page tables may have one, too (HART_WINDOWS_KERNEL) */
    struct tlb *tlb_hint[TLB_FREE];
    unsigned tlb_hand;
    struct tlb_sharing {
        bool on;        /* one TLB of S-mode without SUM serves all address spaces: cpu/mmu/tlb.h */
        bool met_local; /* a page that is not global was met; ends it when the TLBs are next flushed */
        unsigned fences, patience; /* fences of everything since it ended; it is tried again after so many */
    } tlb_sharing;

    struct hart_debug debug;

    uint8_t *arena; /* blocks, allocated in order; emptied as a whole */
    size_t arena_used;
    struct block *block_hash[BLOCK_HASH_SIZE];
    struct hart_accel *accel; /* the translator; NULL: none */
    int32_t hot;              /* runs of a block after which it is offered to the translator */
    /* The translator's; zero at first. */
    uint8_t accel_own[HART_ACCEL_SIZE] __attribute__((aligned(8)));
    struct block *scratch;          /* one instruction that must not be cached */
    struct hart_sampler *sampler;   /* NULL: none */
    struct hart_cover *cover;       /* NULL: coverage is off */
    struct semihost *semihost;      /* serves calls to the host; NULL: there are none */
    struct hart_recorder *recorder; /* NULL: none */
    /* hart_turn.c: */
    bool exact;           /* devices are accessed by instructions that run alone, between two blocks */
    bool alone;           /* the next instruction is to run alone */
    bool waits;           /* hart_run_until() returned HART_WAITS */
    bool trapped;         /* an exception was taken that turn_run() has not counted */
    unsigned traps;       /* exceptions in a row, between which no instruction retired, */
    uint64_t traps_at;    /* when instret was this */
    enum hart_end end;    /* why it will return; HART_STOPPED: for no reason of its own */
    uint64_t limit;       /* of instret */
    struct hart *sleeper; /* whose sleep requests end: this hart itself, or the first one */
    struct hart *partner; /* the next of those that share it, in a ring */

    bool single;               /* runs instruction by instruction: hart_step(), or a trace of instructions */
    bool stepping;             /* in hart_step(): wfi does not wait */
    unsigned wfi_turns;        /* of a loop in which wfi ends at once */
    uint64_t wfi_instructions; /* done at its last turn */
    uint64_t wfi_until;        /* the end of its turn's rest (host_now_ns()); 0: it does not rest */
    bool outside; /* CSRs are read or written for a debugger or a monitor, not by an instruction */
    struct hart_vector vector;
    /* v0, v1, ..., each of vector.vlenb bytes. A piece of the host's widest register is one line of its
     * cache. */
    uint8_t v[32 * VLENB_MAX] __attribute__((aligned(64)));
    /* Counted by the owner, read by anybody. */
    struct {
        uint64_t tlb_misses[3];  /* by enum mmu_access: page tables walked */
        uint64_t tlb_recalls;    /* misses that the second level served */
        uint64_t code_stores[2]; /* slow stores to watched pages: beside code, and to code */
        uint64_t window_faults;  /* accesses of translated code that a window did not have the page for */
        uint64_t window_maps, window_pages;      /* calls that mapped some, and how many */
        uint64_t window_drops, window_protected; /* pages dropped, and that may not be stored to any more */
    } counts;
};

static inline void hart_count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* The block is about to run: its instructions are counted at once, and a trap subtracts those that did not
 * retire. */
static inline void hart_begin_block(struct hart *hart, struct block *block)
{
    hart->block = block;
    atomic_store_explicit(&hart->instret,
                          atomic_load_explicit(&hart->instret, memory_order_relaxed) + block->count,
                          memory_order_relaxed);
}

/* The architectural pc of an instruction of the running block. */
static inline uint64_t hart_insn_pc(const struct hart *hart, const struct insn *insn)
{
    return hart->pc + insn->offset;
}

/* A value that the hart has from outside, as recorder.h says. */
static inline uint64_t hart_outside(struct hart *hart, uint64_t value)
{
    return UNLIKELY(hart->recorder) && !hart->outside ? hart->recorder->ops->value(hart->recorder, value)
                                                      : value;
}

static inline void hart_request_self(struct hart *hart, unsigned requests)
{
    atomic_fetch_or_explicit(&hart->requests, requests, memory_order_relaxed);
}

/* ---- Bits of mstatus (Priv. "Machine Status (mstatus and mstatush) Registers") ------------------------- */

#define MSTATUS_SIE   (1ull << 1)
#define MSTATUS_MIE   (1ull << 3)
#define MSTATUS_SPIE  (1ull << 5)
#define MSTATUS_MPIE  (1ull << 7)
#define MSTATUS_SPP   (1ull << 8)
#define MSTATUS_VS    (3ull << 9)
#define MSTATUS_MPP   (3ull << 11)
#define MSTATUS_FS    (3ull << 13)
#define MSTATUS_MPRV  (1ull << 17)
#define MSTATUS_SUM   (1ull << 18)
#define MSTATUS_MXR   (1ull << 19)
#define MSTATUS_TVM   (1ull << 20)
#define MSTATUS_TW    (1ull << 21)
#define MSTATUS_TSR   (1ull << 22)
#define MSTATUS_SPELP (1ull << 23)
#define MSTATUS_UXL   (3ull << 32)
#define MSTATUS_SXL   (3ull << 34)
#define MSTATUS_GVA   (1ull << 38)
#define MSTATUS_MPV   (1ull << 39)
#define MSTATUS_MPELP (1ull << 41)

#define MSTATUS_MPP_SHIFT 11

/* Interrupt bits of mip, mie, mideleg. */
#define IRQ_SSI   (1u << 1)
#define IRQ_MSI   (1u << 3)
#define IRQ_STI   (1u << 5)
#define IRQ_MTI   (1u << 7)
#define IRQ_SEI   (1u << 9)
#define IRQ_MEI   (1u << 11)
#define IRQ_LCOFI (1u << 13) /* Sscofpmf */
#define IRQ_VSSI  (1u << 2)
#define IRQ_VSTI  (1u << 6)
#define IRQ_VSEI  (1u << 10)
#define IRQ_VS    (IRQ_VSSI | IRQ_VSTI | IRQ_VSEI)
#define IRQ_SGEI  (1u << 12) /* there are guests' interrupt files */

#define ENVCFG_FIOM  (1ull << 0)
#define ENVCFG_LPE   (1ull << 2)
#define ENVCFG_SSE   (1ull << 3)
#define ENVCFG_CBIE  (3ull << 4)
#define ENVCFG_CBCFE (1ull << 6)
#define ENVCFG_CBZE  (1ull << 7)
#define ENVCFG_PMM   (3ull << 32)
#define ENVCFG_ADUE  (1ull << 61)
#define ENVCFG_PBMTE (1ull << 62)
#define ENVCFG_STCE  (1ull << 63)

#define MSECCFG_MML   (1ull << 0) /* Smepmp */
#define MSECCFG_MMWP  (1ull << 1)
#define MSECCFG_RLB   (1ull << 2)
#define MSECCFG_USEED (1ull << 8)
#define MSECCFG_SSEED (1ull << 9)
#define MSECCFG_MLPE  (1ull << 10)
#define MSECCFG_PMM   ENVCFG_PMM

#define ENVCFG_PMM_SHIFT 32

#define HSTATUS_GVA       (1ull << 6)
#define HSTATUS_SPV       (1ull << 7)
#define HSTATUS_SPVP      (1ull << 8)
#define HSTATUS_HU        (1ull << 9)
#define HSTATUS_VGEIN     (63ull << 12)
#define HSTATUS_VTVM      (1ull << 20)
#define HSTATUS_VTW       (1ull << 21)
#define HSTATUS_VTSR      (1ull << 22)
#define HSTATUS_HUPMM     (3ull << 48)
#define HSTATUS_PMM_SHIFT 48

#define HSTATUS_VGEIN_SHIFT 12

#define HVICTL_VTI (1u << 30)
#define HVICTL_IID (0xfffu << 16)

#define HVICTL_IID_SHIFT 16

#endif
