/* SPDX-License-Identifier: MIT
 *
 * The table of lowerings, made from t1.def.
 */
#include "dbt/x86/t1/t1.h"

#define KEEPS_RAX     T1_KEEPS_RAX
#define SPARES_RDX    T1_SPARES_RDX
#define PURE          T1_PURE
#define MAY_TRAP      T1_MAY_TRAP
#define ENDS          T1_ENDS
#define ANY_VTYPE     T1_ANY_VTYPE
#define VXRM          T1_VXRM
#define KEEPS_COPIES  T1_KEEPS_COPIES
#define KEEPS_ON_AVX2 T1_KEEPS_ON_AVX2

const struct t1_row t1_rows[ISA_INSN_COUNT] = {
#define T1(name, claims, call) [ISA_INSN_##name] = { t1_lower_##name, claims },
#include "dbt/x86/t1/t1.def"
};
