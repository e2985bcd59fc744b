/* SPDX-License-Identifier: MIT
 *
 * Handlers of the scalar cryptography: Zbkb, Zbkx, Zknd, Zkne, Zknh, Zksed, Zksh. See exec.h.
 */
#include "cpu/exec/exec.h"

#include "cpu/crypto.h"
#include "cpu/exec/ops.h"
#include "cpu/trap.h"

#define EXEC_VALUE(name, value)                                                                              \
    EXEC(name)                                                                                               \
    {                                                                                                        \
        SET_RD(value);                                                                                       \
        NEXT;                                                                                                \
    }
/* An instruction with a 32-bit result, sign-extended. */
#define EXEC_WORD(name, value) EXEC_VALUE(name, (int32_t)(value))

#define RS1W ((uint32_t)hart->x[insn->rs1])
#define RS2W ((uint32_t)hart->x[insn->rs2])
#define BYTE ((unsigned)insn->imm)
/* Two registers of RV32, combined to one of RV64. */
#define PAIR(high, low) ((uint64_t)(high) << 32 | (low))

/* ---- Zbkb, Zbkx: bits, bytes, tables in registers ------------------------------------------------------ */

EXEC_VALUE(pack, (RS1 & (((ux)1 << XLEN / 2) - 1)) | RS2 << XLEN / 2)
EXEC_VALUE(packh, (uint8_t)RS1 | (ux)(uint8_t)RS2 << 8)
EXEC_WORD(packw, (uint16_t)RS1W | RS2W << 16)
EXEC_VALUE(brev8, op_brev8(RS1))
EXEC_VALUE(zip, op_zip(RS1W))
EXEC_VALUE(unzip, op_unzip(RS1W))
EXEC_VALUE(xperm4, op_xperm(RS1, RS2, XLEN, 4))
EXEC_VALUE(xperm8, op_xperm(RS1, RS2, XLEN, 8))

/* ---- Zknd, Zkne: AES ----------------------------------------------------------------------------------- */

EXEC_WORD(aes32esi, crypto_aes32(RS1W, RS2W, BYTE, 0))
EXEC_WORD(aes32esmi, crypto_aes32(RS1W, RS2W, BYTE, CRYPTO_AES_MIX))
EXEC_WORD(aes32dsi, crypto_aes32(RS1W, RS2W, BYTE, CRYPTO_AES_DECRYPT))
EXEC_WORD(aes32dsmi, crypto_aes32(RS1W, RS2W, BYTE, CRYPTO_AES_DECRYPT | CRYPTO_AES_MIX))
EXEC_VALUE(aes64es, crypto_aes64(RS1, RS2, 0))
EXEC_VALUE(aes64esm, crypto_aes64(RS1, RS2, CRYPTO_AES_MIX))
EXEC_VALUE(aes64ds, crypto_aes64(RS1, RS2, CRYPTO_AES_DECRYPT))
EXEC_VALUE(aes64dsm, crypto_aes64(RS1, RS2, CRYPTO_AES_DECRYPT | CRYPTO_AES_MIX))
EXEC_VALUE(aes64im, crypto_aes64_unmix(RS1))
EXEC_VALUE(aes64ks2, op_aes64ks2(RS1, RS2))

EXEC(aes64ks1i)
{
    if (UNLIKELY(insn->imm > CRYPTO_AES_KEY_PLAIN)) { /* reserved */
        trap_illegal(hart, insn);
        return;
    }
    SET_RD(crypto_aes64_key(RS1, (unsigned)insn->imm));
    NEXT;
}

/* ---- Zknh: SHA-2 (FIPS 180-4, 4.1.2 and 4.1.3) --------------------------------------------------------- */

EXEC_WORD(sha256sig0, op_sha256_sig0(RS1W))
EXEC_WORD(sha256sig1, op_sha256_sig1(RS1W))
EXEC_WORD(sha256sum0, op_sha256_sum0(RS1W))
EXEC_WORD(sha256sum1, op_sha256_sum1(RS1W))
EXEC_VALUE(sha512sig0, op_sha512_sig0(RS1))
EXEC_VALUE(sha512sig1, op_sha512_sig1(RS1))
EXEC_VALUE(sha512sum0, op_sha512_sum0(RS1))
EXEC_VALUE(sha512sum1, op_sha512_sum1(RS1))
/* RV32: one half of the result. rs1 is the same half of the operand. */
EXEC_VALUE(sha512sig0l, op_sha512_sig0(PAIR(RS2W, RS1W)))
EXEC_VALUE(sha512sig0h, op_sha512_sig0(PAIR(RS1W, RS2W)) >> 32)
EXEC_VALUE(sha512sig1l, op_sha512_sig1(PAIR(RS2W, RS1W)))
EXEC_VALUE(sha512sig1h, op_sha512_sig1(PAIR(RS1W, RS2W)) >> 32)
EXEC_VALUE(sha512sum0r, op_sha512_sum0(PAIR(RS2W, RS1W)))
EXEC_VALUE(sha512sum1r, op_sha512_sum1(PAIR(RS2W, RS1W)))

/* ---- Zksed, Zksh: SM4, SM3 (GB/T 32905-2016, 4.4) ------------------------------------------------------ */

EXEC_WORD(sm4ed, crypto_sm4_round(RS1W, RS2W, BYTE))
EXEC_WORD(sm4ks, crypto_sm4_key(RS1W, RS2W, BYTE))
EXEC_WORD(sm3p0, op_sm3_p0(RS1W))
EXEC_WORD(sm3p1, op_sm3_p1(RS1W))
