/* SPDX-License-Identifier: MIT
 *
 * A hart's interrupt files (AIA 1.0 "Incoming MSI Controller (IMSIC)"), for M- and S-mode: messages from any
 * thread make identities pending; the hart reads and writes all else through mireg, sireg, mtopei and stopei.
 * A file's signal is the hart's MEIP or SEIP.
 *
 * All of it belongs to aia.lock, which is taken after those of devices and before that of the hart's sleep.
 */
#include "cpu/csr/internal.h"

#include <stdio.h>
#include <string.h>

#include "util/log.h"

enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP = 0x80, EIE = 0xc0 };

/* ---- One file [aia.lock] ------------------------------------------------------------------------------- */

/* The lowest identity that is pending and enabled, and not held back by the threshold; 0: none. */
static unsigned top_of(const struct hart_imsic_file *file)
{
    for (unsigned n = 0; n < HART_FILE_WORDS; n++) {
        uint64_t bits = file->pending[n] & file->enabled[n];
        if (!bits)
            continue;
        unsigned top = n * 64 + (unsigned)__builtin_ctzll(bits);
        return !file->threshold || top < file->threshold ? top : 0;
    }
    return 0;
}

static void update_line(struct hart *hart, enum hart_file level)
{
    const struct hart_imsic_file *file = &hart->aia.files[level];
    unsigned mask = level == HART_FILE_M ? IRQ_MEI : IRQ_SEI;
    if (file->delivers && top_of(file))
        atomic_fetch_or(&hart->irq_lines, mask);
    else
        atomic_fetch_and(&hart->irq_lines, ~mask);
}

static bool is_pending(const struct hart_imsic_file *file, unsigned identity)
{
    return file->pending[identity / 64] & file->enabled[identity / 64] & 1ull << identity % 64;
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

void csr_imsic_receive(struct hart *hart, enum hart_file level, unsigned identity)
{
    if (!hart->aia.imsic || level >= HART_FILES || !identity || identity >= HART_FILE_IDS)
        return;
    pthread_mutex_lock(&hart->aia.lock);
    hart->aia.files[level].pending[identity / 64] |= 1ull << identity % 64;
    update_line(hart, level);
    pthread_mutex_unlock(&hart->aia.lock);
}

/* ---- What the hart reads and writes -------------------------------------------------------------------- */

/* The register of pending or enabled bits that is selected, as a shift in its word; NULL: no such identities
 * exist. */
static uint64_t *find_word(const struct hart *hart, struct hart_imsic_file *file, unsigned selected,
                           unsigned *shift)
{
    unsigned word = (selected & 63) / 2;
    *shift = csr_is_rv32(hart) && selected & 1 ? 32 : 0;
    if (selected < EIP || word >= HART_FILE_WORDS)
        return NULL;
    return selected < EIE ? &file->pending[word] : &file->enabled[word];
}

uint64_t csr_imsic_read(struct hart *hart, enum hart_file level, unsigned selected)
{
    struct hart_imsic_file *file = &hart->aia.files[level];
    unsigned shift;
    pthread_mutex_lock(&hart->aia.lock);
    const uint64_t *word = find_word(hart, file, selected, &shift);
    uint64_t value = selected == EIDELIVERY    ? file->delivers
                     : selected == EITHRESHOLD ? file->threshold
                     : word                    ? *word >> shift
                                               : 0;
    pthread_mutex_unlock(&hart->aia.lock);
    return csr_is_rv32(hart) ? (uint32_t)value : value;
}

/* eithreshold is WLRL: it keeps the bits that identities have. */
void csr_imsic_write(struct hart *hart, enum hart_file level, unsigned selected, uint64_t value)
{
    struct hart_imsic_file *file = &hart->aia.files[level];
    unsigned shift;
    pthread_mutex_lock(&hart->aia.lock);
    uint64_t *word = find_word(hart, file, selected, &shift);
    if (selected == EIDELIVERY && value <= 1)
        file->delivers = value;
    else if (selected == EITHRESHOLD)
        file->threshold = value & (HART_FILE_IDS - 1);
    else if (word)
        *word = !csr_is_rv32(hart) ? value : shift ? csr_with_high(*word, value) : csr_with_low(*word, value);
    file->pending[0] &= ~1ull; /* there is no identity 0 */
    file->enabled[0] &= ~1ull;
    update_line(hart, level);
    pthread_mutex_unlock(&hart->aia.lock);
}

unsigned csr_imsic_top(struct hart *hart, enum hart_file level)
{
    pthread_mutex_lock(&hart->aia.lock);
    unsigned top = top_of(&hart->aia.files[level]);
    pthread_mutex_unlock(&hart->aia.lock);
    return top;
}

uint64_t csr_read_topei(struct hart *hart, unsigned number)
{
    unsigned top = csr_imsic_top(hart, csr_file_of(number));
    if (!hart->outside)
        hart->aia.told = top;
    return (uint64_t)top << 16 | top;
}

/* Claims the identity that the same instruction has read, although a more urgent message may have come in
 * between; an instruction that does not read claims the most urgent one. */
void csr_write_topei(struct hart *hart, unsigned number, uint64_t value)
{
    enum hart_file level = csr_file_of(number);
    struct hart_imsic_file *file = &hart->aia.files[level];
    (void)value;
    pthread_mutex_lock(&hart->aia.lock);
    unsigned claimed = hart->aia.told && is_pending(file, hart->aia.told) ? hart->aia.told : top_of(file);
    if (claimed)
        file->pending[claimed / 64] &= ~(1ull << claimed % 64);
    update_line(hart, level);
    pthread_mutex_unlock(&hart->aia.lock);
    if (claimed && log_enabled(LOG_CATEGORY_IRQ))
        log_line(LOG_CATEGORY_IRQ, "hart %u: claims message %u of its %c-mode file", hart->id, claimed,
                 level == HART_FILE_M ? 'M' : 'S');
}

/* ---- Reset, and a saved state -------------------------------------------------------------------------- */

/* Without an IMSIC, MEIP and SEIP are another controller's. */
static void update_lines(struct hart *hart)
{
    for (unsigned level = 0; level < HART_FILES && hart->aia.imsic; level++)
        update_line(hart, (enum hart_file)level);
}

void csr_imsic_reset(struct hart *hart)
{
    pthread_mutex_lock(&hart->aia.lock);
    memset(hart->aia.files, 0, sizeof(hart->aia.files));
    update_lines(hart);
    pthread_mutex_unlock(&hart->aia.lock);
}

void csr_imsic_legalize(struct hart *hart)
{
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++) {
        struct hart_imsic_file *file = &hart->aia.files[level];
        if (!hart->aia.imsic)
            memset(file, 0, sizeof(*file));
        file->threshold &= HART_FILE_IDS - 1;
        file->pending[0] &= ~1ull;
        file->enabled[0] &= ~1ull;
    }
    update_lines(hart);
    pthread_mutex_unlock(&hart->aia.lock);
}

/* The name of a file's field in the saved state. */
static const char *field_name(char *text, size_t size, const char *what, unsigned level, unsigned n)
{
    snprintf(text, size, "%c.%s%u", level == HART_FILE_M ? 'm' : 's', what, n);
    return text;
}

void csr_imsic_save(struct hart *hart, struct state_writer *writer)
{
    char name[24];
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++) {
        const struct hart_imsic_file *file = &hart->aia.files[level];
        state_put(writer, field_name(name, sizeof(name), "eidelivery", level, 0), file->delivers);
        state_put(writer, field_name(name, sizeof(name), "eithreshold", level, 0), file->threshold);
        for (unsigned n = 0; n < HART_FILE_WORDS; n++) {
            state_put(writer, field_name(name, sizeof(name), "eip", level, n), file->pending[n]);
            state_put(writer, field_name(name, sizeof(name), "eie", level, n), file->enabled[n]);
        }
    }
    pthread_mutex_unlock(&hart->aia.lock);
}

void csr_imsic_load(struct hart *hart, struct state_reader *reader)
{
    char name[24];
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++) {
        struct hart_imsic_file *file = &hart->aia.files[level];
        file->delivers = state_get(reader, field_name(name, sizeof(name), "eidelivery", level, 0), 1);
        file->threshold = (uint32_t)state_get(reader, field_name(name, sizeof(name), "eithreshold", level, 0),
                                              HART_FILE_IDS - 1);
        for (unsigned n = 0; n < HART_FILE_WORDS; n++) {
            file->pending[n] = state_get(reader, field_name(name, sizeof(name), "eip", level, n), UINT64_MAX);
            file->enabled[n] = state_get(reader, field_name(name, sizeof(name), "eie", level, n), UINT64_MAX);
        }
    }
    pthread_mutex_unlock(&hart->aia.lock);
}
