/* SPDX-License-Identifier: MIT
 *
 * Tells a semihosting call from a breakpoint; see semihost.h.
 */
#include "cpu/semihost.h"

#include "cpu/hart_state.h"
#include "cpu/hart_view.h"

#define CALL_BEFORE 0x01f01013u /* slli x0, x0, 0x1f */
#define CALL_AFTER  0x40705013u /* srai x0, x0, 7 */

enum { REG_A0 = 10, REG_A1 = 11 };

void hart_set_semihost(struct hart *hart, struct semihost *semihost)
{
    hart->semihost = semihost;
}

bool hart_wanted(struct hart *hart)
{
    /* These are the requests that the loop serves without an effect that the guest sees. */
    return atomic_load(&hart->requests) & (HART_REQUEST_STOP | HART_REQUEST_FENCE_I | HART_REQUEST_FLUSH |
                                           HART_REQUEST_ACCEL | HART_REQUEST_SAMPLE | HART_REQUEST_WATCH);
}

static bool is_call(struct hart *hart, uint64_t pc)
{
    uint32_t before, after;
    return hart_view_read(hart, pc - 4, &before, 4) == 4 && before == CALL_BEFORE &&
           hart_view_read(hart, pc + 4, &after, 4) == 4 && after == CALL_AFTER;
}

bool semihost_try(struct hart *hart, const struct insn *insn)
{
    uint64_t pc = hart_insn_pc(hart, insn), result = 0;
    if (insn->length != 4 || (hart->priv == PRIV_U && hart->isa.user && !hart->semihost->userspace) ||
        !is_call(hart, pc))
        return false;
    hart->pc = pc;
    enum semihost_answer answer = hart->semihost->call(hart->semihost, hart, hart_view_x(hart, REG_A0),
                                                       hart_view_x(hart, REG_A1), &result);
    if (answer == SEMIHOST_DONE) {
        hart->x[REG_A0] = hart->isa.xlen == 32 ? (uint32_t)result : result;
        hart->pc = hart->isa.xlen == 32 ? (uint32_t)(pc + 4) : pc + 4;
    }
    return true;
}
