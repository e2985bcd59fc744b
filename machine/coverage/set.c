/* SPDX-License-Identifier: MIT
 *
 * Sets of instruction addresses, as bits in pages of 4 KiB; see internal.h. A hostile guest can execute code
 * at any number of addresses, so the number of pages is limited.
 */
#include <stdlib.h>

#include "machine/coverage/internal.h"

#define PAGES_MAX   (1u << 18) /* 1 GiB of code, which takes 140 MB */
#define SLOTS_FIRST 256u

void coverage_set_free(struct coverage_set *set)
{
    for (size_t i = 0; i < set->slot_count; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (struct coverage_set){ 0 };
}

static size_t slot_of(uint64_t number, unsigned space, size_t slot_count)
{
    uint64_t hash = (number ^ (uint64_t)space << 56) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32) & (slot_count - 1);
}

static void insert(struct coverage_page **slots, size_t slot_count, struct coverage_page *page)
{
    size_t at = slot_of(page->number, page->space, slot_count);
    while (slots[at])
        at = (at + 1) & (slot_count - 1);
    slots[at] = page;
}

/* Makes a table of that size, and puts all pages at the places of their hashes. */
static bool rehash(struct coverage_set *set, size_t slot_count)
{
    struct coverage_page **slots = calloc(slot_count, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < set->slot_count; i++) {
        if (set->slots[i])
            insert(slots, slot_count, set->slots[i]);
    }
    free(set->slots);
    set->slots = slots;
    set->slot_count = slot_count;
    set->sorted = false;
    return true;
}

/* Returns the page, which is made if need be. NULL: there is no room for it. */
static struct coverage_page *page_of(struct coverage_set *set, unsigned space, uint64_t number)
{
    if (!set->slots || set->sorted) {
        if (!rehash(set, set->slots ? set->slot_count : SLOTS_FIRST))
            return NULL;
    }
    size_t at = slot_of(number, space, set->slot_count);
    for (; set->slots[at]; at = (at + 1) & (set->slot_count - 1)) {
        if (set->slots[at]->number == number && set->slots[at]->space == space)
            return set->slots[at];
    }
    if (set->count >= PAGES_MAX || (set->count >= set->slot_count / 2 && !rehash(set, 2 * set->slot_count)))
        return NULL;
    struct coverage_page *page = calloc(1, sizeof(*page));
    if (!page)
        return NULL;
    page->number = number;
    page->space = space;
    insert(set->slots, set->slot_count, page);
    set->count++;
    return page;
}

static void set_bit(uint64_t *bits, uint64_t addr)
{
    bits[(addr & 4095) >> 7] |= UINT64_C(1) << (addr >> 1 & 63);
}

void coverage_set_add(struct coverage_set *set, unsigned space, uint64_t addr, unsigned length)
{
    for (unsigned at = 0; at < length; at += 2) {
        struct coverage_page *page = page_of(set, space, (addr + at) >> 12);
        if (!page) {
            set->lost++;
            return;
        }
        set_bit(page->bytes, addr + at);
        if (!at)
            set_bit(page->starts, addr);
    }
}

/* ---- In order ------------------------------------------------------------------------------------------ */

static int compare_pages(const struct coverage_page *a, const struct coverage_page *b)
{
    if (a->space != b->space)
        return a->space < b->space ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int compare_slots(const void *left, const void *right)
{
    const struct coverage_page *a = *(struct coverage_page *const *)left;
    const struct coverage_page *b = *(struct coverage_page *const *)right;
    if (!a || !b)
        return a ? -1 : b ? 1 : 0;
    return compare_pages(a, b);
}

void coverage_set_sort(struct coverage_set *set)
{
    if (set->slots && !set->sorted)
        qsort(set->slots, set->slot_count, sizeof(struct coverage_page *), compare_slots);
    set->sorted = set->slots != NULL;
}

/* Is a bit set in [first, last]? */
static bool any_bit(const uint64_t *bits, unsigned first, unsigned last)
{
    for (unsigned word = first / 64; word <= last / 64; word++) {
        uint64_t mask = UINT64_MAX;
        if (word == first / 64)
            mask &= UINT64_MAX << first % 64;
        if (word == last / 64)
            mask &= UINT64_MAX >> (63 - last % 64);
        if (bits[word] & mask)
            return true;
    }
    return false;
}

bool coverage_set_any(const struct coverage_set *set, unsigned space, uint64_t addr, uint64_t size)
{
    uint64_t last = addr + size - 1;
    const struct coverage_page wanted = { .number = addr >> 12, .space = space };
    size_t low = 0, high = set->count;
    if (!size || last < addr)
        return false;
    while (low < high) { /* finds the first page that is not before the wanted one */
        size_t middle = (low + high) / 2;
        if (compare_pages(set->slots[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < set->count; low++) {
        const struct coverage_page *page = set->slots[low];
        if (page->space != space || page->number > last >> 12)
            return false;
        unsigned from = page->number == addr >> 12 ? (unsigned)(addr & 4095) / 2 : 0;
        unsigned to = page->number == last >> 12 ? (unsigned)(last & 4095) / 2 : 2047;
        if (any_bit(page->starts, from, to))
            return true;
    }
    return false;
}
