/* SPDX-License-Identifier: MIT
 *
 * A hart's interrupt files (AIA 1.0 "Incoming MSI Controller (IMSIC)"), for M- and S-mode, and for guests, if
 * the hart has H: messages from any thread make identities pending; the hart reads and writes all else
 * through mireg, sireg, vsireg, mtopei, stopei and vstopei. A file's signal is the hart's MEIP or SEIP; those
 * of guests are hgeip, and make SGEIP and VSEIP.
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

static bool signals(const struct hart_imsic_file *file)
{
    return file->delivers && top_of(file);
}

static void set_line(struct hart *hart, unsigned mask, bool on)
{
    if (on)
        atomic_fetch_or(&hart->irq_lines, mask);
    else
        atomic_fetch_and(&hart->irq_lines, ~mask);
}

static void update_guest_lines(struct hart *hart)
{
    set_line(hart, IRQ_SGEI, hart->aia.hgeip & hart->aia.hgeie);
    set_line(hart, IRQ_VSEI, hart->aia.hgeip >> hart->aia.vgein & 1);
}

/* VS-mode's file; NULL: there is none now. */
static struct hart_imsic_file *guest_file(const struct hart *hart)
{
    unsigned number = hart->aia.vgein;
    return number && number <= hart->aia.guest_files ? &hart->aia.guests[number - 1] : NULL;
}
static struct hart_imsic_file *file_of(struct hart *hart, enum hart_file level)
{
    return level == HART_FILE_VS ? guest_file(hart) : &hart->aia.files[level];
}

static void update_guest(struct hart *hart, unsigned number)
{
    uint64_t bit = 1ull << number;
    bool on = signals(&hart->aia.guests[number - 1]);
    hart->aia.hgeip = on ? hart->aia.hgeip | bit : hart->aia.hgeip & ~bit;
    update_guest_lines(hart);
}

static void update_line(struct hart *hart, enum hart_file level)
{
    if (level == HART_FILE_VS)
        update_guest(hart, hart->aia.vgein);
    else
        set_line(hart, level == HART_FILE_M ? IRQ_MEI : IRQ_SEI, signals(&hart->aia.files[level]));
}

static bool is_pending(const struct hart_imsic_file *file, unsigned identity)
{
    return file->pending[identity / 64] & file->enabled[identity / 64] & 1ull << identity % 64;
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

void csr_imsic_receive(struct hart *hart, unsigned number, unsigned identity)
{
    struct hart_aia *aia = &hart->aia;
    if (!aia->imsic || number >= HART_FILES + aia->guest_files || !identity || identity >= HART_FILE_IDS)
        return;
    bool guest = number >= HART_FILES;
    pthread_mutex_lock(&aia->lock);
    struct hart_imsic_file *file = guest ? &aia->guests[number - HART_FILES] : &aia->files[number];
    file->pending[identity / 64] |= 1ull << identity % 64;
    if (guest)
        update_guest(hart, number - HART_FILES + 1);
    else
        update_line(hart, (enum hart_file)number);
    pthread_mutex_unlock(&aia->lock);
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
    unsigned shift;
    pthread_mutex_lock(&hart->aia.lock);
    struct hart_imsic_file *file = file_of(hart, level);
    const uint64_t *word = file ? find_word(hart, file, selected, &shift) : NULL;
    uint64_t value = !file                     ? 0
                     : selected == EIDELIVERY  ? file->delivers
                     : selected == EITHRESHOLD ? file->threshold
                     : word                    ? *word >> shift
                                               : 0;
    pthread_mutex_unlock(&hart->aia.lock);
    return csr_is_rv32(hart) ? (uint32_t)value : value;
}

/* eithreshold is WLRL: it keeps the bits that identities have. */
static void write_file(struct hart *hart, struct hart_imsic_file *file, unsigned selected, uint64_t value)
{
    unsigned shift;
    uint64_t *word = find_word(hart, file, selected, &shift);
    if (selected == EIDELIVERY && value <= 1)
        file->delivers = value;
    else if (selected == EITHRESHOLD)
        file->threshold = value & (HART_FILE_IDS - 1);
    else if (word)
        *word = !csr_is_rv32(hart) ? value : shift ? csr_with_high(*word, value) : csr_with_low(*word, value);
    file->pending[0] &= ~1ull; /* there is no identity 0 */
    file->enabled[0] &= ~1ull;
}

void csr_imsic_write(struct hart *hart, enum hart_file level, unsigned selected, uint64_t value)
{
    pthread_mutex_lock(&hart->aia.lock);
    struct hart_imsic_file *file = file_of(hart, level);
    if (file) {
        write_file(hart, file, selected, value);
        update_line(hart, level);
    }
    pthread_mutex_unlock(&hart->aia.lock);
}

unsigned csr_imsic_top(struct hart *hart, enum hart_file level)
{
    pthread_mutex_lock(&hart->aia.lock);
    const struct hart_imsic_file *file = file_of(hart, level);
    unsigned top = file ? top_of(file) : 0;
    pthread_mutex_unlock(&hart->aia.lock);
    return top;
}

uint64_t csr_read_topei(struct hart *hart, unsigned number)
{
    unsigned top = csr_imsic_top(hart, csr_file_of(hart, number));
    if (!hart->outside)
        hart->aia.told = top;
    return (uint64_t)top << 16 | top;
}

/* Claims the identity that the same instruction has read, although a more urgent message may have come in
 * between; an instruction that does not read claims the most urgent one. */
void csr_write_topei(struct hart *hart, unsigned number, uint64_t value)
{
    enum hart_file level = csr_file_of(hart, number);
    unsigned claimed = 0;
    (void)value;
    pthread_mutex_lock(&hart->aia.lock);
    struct hart_imsic_file *file = file_of(hart, level);
    if (file)
        claimed = hart->aia.told && is_pending(file, hart->aia.told) ? hart->aia.told : top_of(file);
    if (claimed) {
        file->pending[claimed / 64] &= ~(1ull << claimed % 64);
        update_line(hart, level);
    }
    pthread_mutex_unlock(&hart->aia.lock);
    if (claimed && log_enabled(LOG_CATEGORY_IRQ))
        log_line(LOG_CATEGORY_IRQ, "hart %u: claims message %u of its %s-mode file", hart->id, claimed,
                 level == HART_FILE_M   ? "M"
                 : level == HART_FILE_S ? "S"
                                        : "VS");
}

/* ---- Guests' files ------------------------------------------------------------------------------------- */

void csr_imsic_set_guest(struct hart *hart, unsigned vgein, uint64_t hgeie)
{
    pthread_mutex_lock(&hart->aia.lock);
    hart->aia.vgein = vgein;
    hart->aia.hgeie = hgeie;
    update_guest_lines(hart);
    pthread_mutex_unlock(&hart->aia.lock);
}

uint64_t csr_read_hgeip(struct hart *hart, unsigned number)
{
    (void)number;
    pthread_mutex_lock(&hart->aia.lock);
    uint64_t value = hart->aia.hgeip;
    pthread_mutex_unlock(&hart->aia.lock);
    return value;
}

/* ---- Reset, and a saved state -------------------------------------------------------------------------- */

/* Without an IMSIC, MEIP and SEIP are another controller's. */
static void update_lines(struct hart *hart)
{
    for (unsigned level = 0; level < HART_FILES && hart->aia.imsic; level++)
        update_line(hart, (enum hart_file)level);
    hart->aia.hgeip = 0;
    update_guest_lines(hart);
    for (unsigned number = 1; number <= hart->aia.guest_files; number++)
        update_guest(hart, number);
}

void csr_imsic_reset(struct hart *hart)
{
    pthread_mutex_lock(&hart->aia.lock);
    memset(hart->aia.files, 0, sizeof(hart->aia.files));
    for (unsigned n = 0; n < hart->aia.guest_files; n++)
        hart->aia.guests[n] = (struct hart_imsic_file){ 0 };
    hart->aia.vgein = 0;
    hart->aia.hgeie = 0;
    update_lines(hart);
    pthread_mutex_unlock(&hart->aia.lock);
}

static void legalize(struct hart_imsic_file *file)
{
    file->threshold &= HART_FILE_IDS - 1;
    file->pending[0] &= ~1ull;
    file->enabled[0] &= ~1ull;
}

void csr_imsic_legalize(struct hart *hart)
{
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++) {
        struct hart_imsic_file *file = &hart->aia.files[level];
        if (!hart->aia.imsic)
            memset(file, 0, sizeof(*file));
        legalize(file);
    }
    for (unsigned n = 0; n < hart->aia.guest_files; n++)
        legalize(&hart->aia.guests[n]);
    update_lines(hart);
    pthread_mutex_unlock(&hart->aia.lock);
}

/* The name of a file's field in the saved state: "m.eip0", "s.eip0", "g1.eip0". */
static const char *field_name(char *text, size_t size, const char *file, const char *what, unsigned n)
{
    snprintf(text, size, "%s.%s%u", file, what, n);
    return text;
}

static const char *guest_name(char text[16], unsigned number)
{
    snprintf(text, 16, "g%u", number);
    return text;
}

static void save_file(const struct hart_imsic_file *file, const char *prefix, struct state_writer *writer)
{
    char name[32];
    state_put(writer, field_name(name, sizeof(name), prefix, "eidelivery", 0), file->delivers);
    state_put(writer, field_name(name, sizeof(name), prefix, "eithreshold", 0), file->threshold);
    for (unsigned n = 0; n < HART_FILE_WORDS; n++) {
        state_put(writer, field_name(name, sizeof(name), prefix, "eip", n), file->pending[n]);
        state_put(writer, field_name(name, sizeof(name), prefix, "eie", n), file->enabled[n]);
    }
}

static void load_file(struct hart_imsic_file *file, const char *prefix, struct state_reader *reader)
{
    char name[32];
    file->delivers = state_get(reader, field_name(name, sizeof(name), prefix, "eidelivery", 0), 1);
    file->threshold = (uint32_t)state_get(reader, field_name(name, sizeof(name), prefix, "eithreshold", 0),
                                          HART_FILE_IDS - 1);
    for (unsigned n = 0; n < HART_FILE_WORDS; n++) {
        file->pending[n] = state_get(reader, field_name(name, sizeof(name), prefix, "eip", n), UINT64_MAX);
        file->enabled[n] = state_get(reader, field_name(name, sizeof(name), prefix, "eie", n), UINT64_MAX);
    }
}

void csr_imsic_save(struct hart *hart, struct state_writer *writer)
{
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++)
        save_file(&hart->aia.files[level], level == HART_FILE_M ? "m" : "s", writer);
    pthread_mutex_unlock(&hart->aia.lock);
}

void csr_imsic_load(struct hart *hart, struct state_reader *reader)
{
    pthread_mutex_lock(&hart->aia.lock);
    for (unsigned level = 0; level < HART_FILES; level++)
        load_file(&hart->aia.files[level], level == HART_FILE_M ? "m" : "s", reader);
    pthread_mutex_unlock(&hart->aia.lock);
}

void csr_imsic_guest_save(struct hart *hart, struct state_writer *writer)
{
    char name[16];
    pthread_mutex_lock(&hart->aia.lock);
    state_put(writer, "hgeie", hart->aia.hgeie);
    for (unsigned n = 0; n < hart->aia.guest_files; n++)
        save_file(&hart->aia.guests[n], guest_name(name, n + 1), writer);
    pthread_mutex_unlock(&hart->aia.lock);
}

void csr_imsic_guest_load(struct hart *hart, struct state_reader *reader)
{
    char name[16];
    pthread_mutex_lock(&hart->aia.lock);
    hart->aia.hgeie = state_get(reader, "hgeie", UINT64_MAX);
    for (unsigned n = 0; n < hart->aia.guest_files; n++)
        load_file(&hart->aia.guests[n], guest_name(name, n + 1), reader);
    pthread_mutex_unlock(&hart->aia.lock);
}
