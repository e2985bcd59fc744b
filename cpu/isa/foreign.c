/* SPDX-License-Identifier: MIT
 *
 * See isa/foreign.h. The first row that matches counts. Encodings: Unpriv. "Instruction Set Listings", the
 * chapters of the extensions; test_isa_text compares the names with objdump.
 */
#include "cpu/isa/foreign.h"

#include <stddef.h>

#define OPCODE  0x0000007fu
#define FUNCT3  0x0000707fu
#define FUNCT7  0xfe00707fu
#define FUNCT12 0xfff0707fu
#define WHOLE   0xffffffffu

static const struct isa_foreign rows[] = {
    /* Privileged instructions. */
    { WHOLE, 0x70200073, 0, "mnret", "Smrnmi" },
    { WHOLE, 0x7b200073, 0, "dret", "Sdext" },
    { WHOLE, 0x10400073, 0, "sctrclr", "Smctr" },
    /* Quad precision. */
    { FUNCT3, 0x4007, 0, "flq", "Q" },
    { FUNCT3, 0x4027, 0, "fsq", "Q" },
    { 0x0600007f, 0x06000053, 0, "quad-precision arithmetic", "Q" },
    /* T-Head's extension for interrupts: the specification does not say where its stack pointer is. */
    { WHOLE, 0x0040000b, 0, "th.ipush", "XTheadInt" },
    { WHOLE, 0x0050000b, 0, "th.ipop", "XTheadInt" },
    { OPCODE, 0x0b, 0, "custom-0", "a vendor's extension" },
    { OPCODE, 0x2b, 0, "custom-1", "a vendor's extension" },
    { OPCODE, 0x5b, 0, "custom-2", "a vendor's extension" },
    { OPCODE, 0x7b, 0, "custom-3", "a vendor's extension" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const struct isa_foreign *isa_foreign_row(unsigned number)
{
    return number < ROWS ? &rows[number] : NULL;
}

const struct isa_foreign *isa_foreign_find(uint32_t bits, unsigned xlen)
{
    for (size_t i = 0; i < ROWS; i++)
        if ((bits & rows[i].mask) == rows[i].match && (!rows[i].xlens || rows[i].xlens == xlen))
            return &rows[i];
    return NULL;
}

/* Priv. "CSR Listing". */
const char *isa_foreign_csr(unsigned number)
{
    static const struct {
        uint16_t first, last;
        const char *extension;
    } ranges[] = {
        { 0x008, 0x00f, "V" },
        { 0x011, 0x011, "Zicfiss" },
        { 0x015, 0x015, "Zkr" },
        { 0x017, 0x017, "Zcmt" },
        { 0x10c, 0x10f, "Ssstateen" },
        { 0x114, 0x114, "Ssaia" },
        { 0x120, 0x120, "Ssccfg" },
        { 0x14e, 0x14f, "Ssctr" },
        { 0x150, 0x157, "Sscsrind or Ssaia" },
        { 0x15c, 0x15c, "Ssaia" },
        { 0x15f, 0x15f, "Ssctr" },
        { 0x200, 0x2ff, "H" },
        { 0x308, 0x309, "Smaia" },
        { 0x30c, 0x30f, "Smstateen" },
        { 0x313, 0x314, "Smaia" },
        { 0x318, 0x319, "Smaia" },
        { 0x31c, 0x31f, "Smstateen" },
        { 0x321, 0x322, "Smcntrpmf" },
        { 0x34a, 0x34b, "H" },
        { 0x34e, 0x34e, "Smctr" },
        { 0x350, 0x357, "Smcsrind or Smaia" },
        { 0x35c, 0x35c, "Smaia" },
        { 0x3a0, 0x3ef, "such PMP entry" },
        { 0x5a8, 0x5a8, "Sdtrig" },
        { 0x600, 0x6ff, "H" },
        { 0x721, 0x722, "Smcntrpmf" },
        { 0x723, 0x73f, "Sscofpmf" },
        { 0x740, 0x744, "Smrnmi" },
        { 0x747, 0x747, "Smepmp, Zkr or Smmpm" },
        { 0x757, 0x757, "Smepmp, Zkr or Smmpm" },
        { 0x7a0, 0x7af, "Sdtrig" },
        { 0x7b0, 0x7b3, "Sdext" },
        { 0xc20, 0xc22, "V" },
        { 0xda0, 0xda0, "Sscofpmf" },
        { 0xdb0, 0xdb0, "Ssaia" },
        { 0xe12, 0xe12, "H" },
        { 0xeb0, 0xeb0, "H and Ssaia" },
        { 0xfb0, 0xfb0, "Smaia" },
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (number >= ranges[i].first && number <= ranges[i].last)
            return ranges[i].extension;
    return NULL;
}
