/* SPDX-License-Identifier: MIT
 *
 * The rows of isa.def that can be compared; see snippet.h.
 */
#include <stdlib.h>

#include "tests/diff/snippet.h"

const char *rows_excluded(enum isa_insn insn)
{
    switch (insn) {
    case ISA_INSN_ecall:
    case ISA_INSN_ebreak: return "calls the environment";
    case ISA_INSN_sret:
    case ISA_INSN_mret:
    case ISA_INSN_wfi:
    case ISA_INSN_sfence_vma:
    case ISA_INSN_sinval_vma:
    case ISA_INSN_sfence_w_inval:
    case ISA_INSN_sfence_inval_ir: return "privileged";
    case ISA_INSN_cbo_inval:
    case ISA_INSN_cbo_clean:
    case ISA_INSN_cbo_flush:
    case ISA_INSN_ssamoswap_w:
    case ISA_INSN_ssamoswap_d: return "illegal in QEMU's user mode";
    default: break;
    }
    if (isa_entry(insn)->extension == ISA_XTheadCmo || insn == ISA_INSN_th_sfence_vmas)
        return isa_entry(insn)->flags & ISA_TRAPS ? "privileged" : NULL;
    switch (isa_entry(insn)->extension) {
    case ISA_H: return "privileged";
    case ISA_Zcmp:
    case ISA_Zcmt: return "excludes D";
    case ISA_Zalasr:
    case ISA_Zibi:
    case ISA_Zilsd: return "QEMU 10 has none";
    default: return NULL;
    }
}

static bool in_xlen(const struct rows *rows, const struct isa_entry *entry)
{
    return !(entry->flags & ((rows->config->xlen == 32 ? ISA_RV64 : ISA_RV32) | ISA_NO_WIDE));
}

/* On RV32, QEMU 10.0 leaves rd of these as it was; priv-zfinx has them. */
static bool qemu_drops(const struct rows *rows, enum isa_insn insn)
{
    return rows->config->xlen == 32 && (insn == ISA_INSN_fsgnjn_h_x || insn == ISA_INSN_fsgnjx_h_x);
}

/* Of x registers (Zfinx) rather than of f registers: with integer instructions between them, in which their
 * results go on. */
static bool in_config(const struct rows *rows, const struct isa_entry *entry)
{
    const isa_set beside_t_head =
        ISA_T_HEAD | ISA_SET(ISA_I) | ISA_SET(ISA_M) | ISA_SET(ISA_F) | ISA_SET(ISA_D) | ISA_SET(ISA_C);
    bool in_x = isa_is_in_x(entry->extension);
    if (rows_t_head(rows))
        return beside_t_head >> entry->extension & 1;
    if (!rows_in_x(rows))
        return !in_x && !(ISA_T_HEAD >> entry->extension & 1);
    return in_x ||
           (ISA_SET(ISA_I) | ISA_SET(ISA_M) | ISA_SET(ISA_C) | ISA_SET(ISA_Zicsr)) >> entry->extension & 1;
}

static bool collect_encodings(struct rows *rows, enum isa_rvc rvc)
{
    const struct isa_entry *entry = isa_rvc_entry(rvc);
    uint16_t *list = malloc(65536 * sizeof(*list));
    size_t count = 0;
    for (uint32_t bits = 0; list && bits < 65536; bits++) {
        struct isa_operands operands;
        if ((bits & entry->mask) != entry->match)
            continue;
        isa_decode(rows->config, bits, &operands, NULL);
        if (operands.insn != ISA_INSN_ILLEGAL && operands.rvc == rvc)
            list[count++] = (uint16_t)bits;
    }
    rows->encoding[rvc] = list;
    rows->encodings[rvc] = count;
    return list != NULL;
}

bool rows_create(struct rows *rows, const struct isa_config *config)
{
    *rows = (struct rows){ .config = config };
    for (unsigned insn = 1; insn < ISA_INSN_COUNT; insn++)
        if (in_xlen(rows, isa_entry(insn)) && in_config(rows, isa_entry(insn)) && !rows_excluded(insn) &&
            !isa_is_vector(insn) && !qemu_drops(rows, insn))
            rows->row[rows->count++] = (struct row){ insn, ISA_RVC_COUNT };
    for (unsigned rvc = 0; rvc < ISA_RVC_COUNT; rvc++) {
        if (!in_xlen(rows, isa_rvc_entry(rvc)))
            continue;
        if (!isa_has(config, isa_rvc_entry(rvc)->extension))
            continue; /* it would take the place of other encodings */
        if (!in_config(rows, isa_rvc_entry(rvc)))
            continue;
        if (!collect_encodings(rows, rvc))
            return false;
        if (!rows->encodings[rvc])
            continue;
        struct isa_operands operands;
        isa_decode(config, rows->encoding[rvc][0], &operands, NULL);
        if (in_config(rows, isa_entry(operands.insn)) && !rows_excluded(operands.insn))
            rows->row[rows->count++] = (struct row){ operands.insn, rvc };
    }
    return true;
}

void rows_destroy(struct rows *rows)
{
    for (unsigned rvc = 0; rvc < ISA_RVC_COUNT; rvc++)
        free(rows->encoding[rvc]);
}
