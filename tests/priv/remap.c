/* SPDX-License-Identifier: MIT
 *
 * One hart walks over pages, loading and storing, in S-mode and in U-mode, while the other hart remaps,
 * protects and unmaps them. Before a fence it may see the old or the new page. When its sfence.vma has
 * completed, it may see only the new one, and none of its stores may reach the old page (Priv. 4.2.1). Run
 * with two harts.
 */
#include "vm.h"

const char test_name[] = "remap";

#define PAGES   16u /* page p has two frames: data pages 2 p and 2 p + 1 */
#define ROUNDS  60u
#define NOTHING 0xffffu /* not mapped */

/* The page tables that hart 0 has made. */
static volatile struct {
    uint32_t frame; /* data page, or NOTHING */
    bool store;
} now[PAGES], before[PAGES];
static volatile uint32_t started, asked, fenced; /* changes: begun; made; seen by hart 1's fence */
static volatile uint32_t changing;               /* the page of the last change */
static volatile uint32_t passes, wrong;
static volatile bool stop;
static uintptr_t satp;

/* What hart 1 saw in its present pass. */
static volatile uint32_t seen[PAGES], at;
static volatile bool stored[PAGES];

/* Runs in S or U: walks from page `first` on, until an access traps. */
static void visit(uintptr_t base, uintptr_t first, volatile uint32_t *to, volatile bool *done,
                  volatile uint32_t *where, uintptr_t value)
{
    for (uintptr_t p = first; p < PAGES; p++) {
        volatile uint32_t *page = (volatile uint32_t *)(base + p * PAGE);
        *where = p;
        to[p] = page[1];
        page[2] = value;
        done[p] = true;
    }
}

static bool matches(unsigned p, uint32_t frame, bool store)
{
    return seen[p] == frame && stored[p] == (store && frame != NOTHING);
}

static void pass(enum mode mode)
{
    uintptr_t offset = mode == MODE_U ? VM_USER : 0, first = 0;
    for (unsigned p = 0; p < PAGES; p++) {
        seen[p] = NOTHING;
        stored[p] = false;
    }
    while (first < PAGES) {
        struct trap trap = run(mode, (uintptr_t)visit,
                               ARGS(DATA_VA, first, (uintptr_t)seen + offset, (uintptr_t)stored + offset,
                                    (uintptr_t)&at + offset, passes + 1));
        if (trap.cause == CAUSE_NONE)
            break;
        uintptr_t place = DATA_VA + at * PAGE + (trap.cause == CAUSE_LOAD_PAGE ? 4 : 8);
        if ((trap.cause != CAUSE_LOAD_PAGE && trap.cause != CAUSE_STORE_PAGE) || trap.tval != place)
            wrong++;
        first = at + 1;
    }
    bool differs[PAGES];
    for (unsigned p = 0; p < PAGES; p++)
        differs[p] = !matches(p, now[p].frame, now[p].store);
    __asm__ volatile("fence" ::: "memory");
    bool unfenced = started != fenced; /* a change that began meanwhile, or that is not fenced yet */
    for (unsigned p = 0; p < PAGES; p++) {
        /* The load may have seen one of the two, and the store the other. */
        bool either = seen[p] == now[p].frame || seen[p] == before[p].frame;
        wrong += differs[p] && !(unfenced && p == changing && either);
    }
}

static void walk(uintptr_t mode)
{
    csr_write(CSR_SATP, satp);
    vm_flush();
    while (!stop) {
        uint32_t number = asked;
        __asm__ volatile("fence" ::: "memory");
        if (number != fenced) {
            if (number & 1)
                vm_flush();
            else
                __asm__ volatile("sfence.vma %0, zero" ::"r"(DATA_VA + changing * PAGE) : "memory");
            __asm__ volatile("fence" ::: "memory");
            fenced = number;
        }
        pass((enum mode)mode);
        passes++;
    }
    csr_write(CSR_SATP, 0);
    vm_flush();
}

static bool wait_for(volatile uint32_t *word, uint32_t value)
{
    uint64_t end = clint_mtime() + 200000000; /* 20 s */
    while ((int32_t)(*word - value) < 0) {
        if (clint_mtime() > end)
            return false;
        __asm__ volatile(".word 0x0100000f"); /* pause */
    }
    return true;
}

static uint32_t random_state = 1;

static unsigned below(unsigned limit)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % limit;
}

static volatile uint32_t *stored_word(uint32_t frame)
{
    return (volatile uint32_t *)(DATA(frame) + 8);
}

static uintptr_t user_bit(enum mode mode)
{
    return mode == MODE_U ? PTE_U : 0;
}

/* Changes a page; false: hart 1 does not answer. */
static bool change(enum mode mode, unsigned p)
{
    uint32_t old = now[p].frame, frame = below(4) ? 2 * p + below(2) : NOTHING;
    bool store = below(2);
    before[p].frame = old;
    before[p].store = now[p].store;
    changing = p;
    started++;
    __asm__ volatile("fence" ::: "memory");
    now[p].frame = frame;
    now[p].store = store;
    uintptr_t rights = PTE_V | PTE_R | PTE_A | PTE_D | (store ? PTE_W : 0) | user_bit(mode);
    vm_map(DATA_VA + p * PAGE, frame == NOTHING ? 0 : DATA(frame), frame == NOTHING ? 0 : rights, 0);
    __asm__ volatile("fence" ::: "memory");
    asked = started;
    if (!wait_for(&fenced, asked))
        return false;
    /* From here on no store reaches the old frame, and stores reach the new one. */
    uint32_t old_word = old == NOTHING ? 0 : *stored_word(old), begun = passes;
    bool ended = wait_for(&passes, begun + 2);
    if (old != NOTHING && (old != frame || !store))
        check_equal(*stored_word(old), old_word, "store-after-fence");
    if (ended && frame != NOTHING && store)
        check_true(*stored_word(frame) > begun, "store-to-new-page");
    return ended;
}

static void test_mode(enum mode mode)
{
    vm_begin(vm_mode(0));
    for (unsigned p = 0; p < PAGES; p++) {
        now[p].frame = 2 * p;
        now[p].store = true;
        vm_map(DATA_VA + p * PAGE, DATA(2 * p), PTE_V | PTE_R | PTE_W | PTE_A | PTE_D | user_bit(mode), 0);
    }
    satp = vm_satp(1);
    stop = false;
    passes = started = asked = fenced = wrong = 0;
    run_offset = mode == MODE_U ? VM_USER : 0;
    hart1_start(walk, mode);
    bool answers = true;
    for (unsigned i = 0; i < ROUNDS && answers; i++)
        answers = change(mode, below(PAGES));
    stop = true;
    check_true(answers, "answers");
    check_true(hart1_wait(), "hart1-end");
    run_offset = 0;
    check_equal(wrong, 0, mode == MODE_U ? "pages-of-u" : "pages-of-s");
}

void test_main(void)
{
    test_mode(MODE_S);
    test_mode(MODE_U);
}
