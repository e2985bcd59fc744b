/* SPDX-License-Identifier: MIT
 *
 * Registers, with gdb's numbers and names. The target description gives each a number: x0..x31 and pc as gdb
 * has them, f0..f31 from 33, the CSRs at 65 + their number, then the privilege mode and v0..v31. The CSRs are
 * those of csr.def that the hart has, so a new CSR needs nothing here. Features: gdb manual, "RISC-V
 * Features".
 */
#include <stdio.h>
#include <string.h>

#include "cpu/hart_edit.h"
#include "cpu/hart_view.h"
#include "machine/gdb/internal.h"

enum {
    NUMBER_F = 33,
    NUMBER_CSR = 65,
    CSR_COUNT = 4096,
    NUMBER_PRIV = NUMBER_CSR + CSR_COUNT,
    NUMBER_V,
    NUMBER_END = NUMBER_V + 32,
};

static unsigned x_size(const struct hart *hart)
{
    return hart_view_isa(hart)->xlen / 8;
}

/* The size of an f register; 0: there are none. */
static unsigned f_size(const struct hart *hart)
{
    const struct isa_config *isa = hart_view_isa(hart);
    return isa_has(isa, ISA_D) ? 8 : isa_has(isa, ISA_F) ? 4 : 0;
}

unsigned gdb_register_get(struct hart *hart, unsigned number, uint64_t *value)
{
    if (number < GDB_REGISTER_PC) {
        *value = hart_view_x(hart, number);
        return x_size(hart);
    }
    if (number == GDB_REGISTER_PC) {
        *value = hart_view_pc(hart);
        return x_size(hart);
    }
    if (number < NUMBER_CSR) {
        *value = hart_view_f(hart, number - NUMBER_F);
        return f_size(hart);
    }
    if (number < NUMBER_PRIV)
        return hart_view_csr(hart, number - NUMBER_CSR, value) ? x_size(hart) : 0;
    *value = hart_view_privilege(hart);
    return number == NUMBER_PRIV ? x_size(hart) : 0;
}

/* False if the register cannot be written. */
static bool register_set(struct hart *hart, unsigned number, uint64_t value)
{
    if (number < GDB_REGISTER_PC)
        hart_edit_x(hart, number, value);
    else if (number == GDB_REGISTER_PC)
        hart_edit_pc(hart, value);
    else if (number < NUMBER_CSR)
        hart_edit_f(hart, number - NUMBER_F, f_size(hart) == 4 ? value | UINT64_MAX << 32 : value);
    else if (number < NUMBER_PRIV)
        return hart_edit_csr(hart, number - NUMBER_CSR, value);
    else
        return hart_edit_privilege(hart, value > 3 ? 4 : (unsigned)value);
    return true;
}

/* ---- Vector registers, which are longer than a number -------------------------------------------------- */

static bool is_vector(const struct hart *hart, uint64_t number)
{
    return number >= NUMBER_V && number < NUMBER_END && hart_view_vlenb(hart);
}

static void put_vector(struct gdb_text *reply, const struct hart *hart, unsigned number)
{
    const uint8_t *bytes = hart_view_v(hart, number);
    for (unsigned i = 0; i < hart_view_vlenb(hart); i++)
        gdb_text_value(reply, bytes[i], 1);
}

/* False: the packet does not have that many bytes. */
static bool take_vector(struct gdb_rest *rest, struct hart *hart, unsigned number)
{
    uint8_t bytes[ISA_VLEN_MAX / 8];
    uint64_t value;
    for (unsigned i = 0; i < hart_view_vlenb(hart); i++) {
        if (!gdb_take_value(rest, &value, 1))
            return false;
        bytes[i] = (uint8_t)value;
    }
    hart_edit_v(hart, number, bytes);
    return true;
}

/* ---- Packets ------------------------------------------------------------------------------------------- */

void gdb_read_registers(struct gdb *gdb)
{
    uint64_t value;
    for (unsigned number = 0; number <= GDB_REGISTER_PC; number++) {
        unsigned size = gdb_register_get(gdb_hart(gdb), number, &value);
        gdb_text_value(&gdb->reply, value, size);
    }
}

void gdb_write_registers(struct gdb *gdb, struct gdb_rest rest)
{
    struct hart *hart = gdb_hart(gdb);
    uint64_t values[GDB_REGISTER_PC + 1];
    for (unsigned number = 0; number <= GDB_REGISTER_PC; number++) {
        if (!gdb_take_value(&rest, &values[number], x_size(hart))) {
            gdb_reply_error(gdb, "22");
            return;
        }
    }
    for (unsigned number = 0; number <= GDB_REGISTER_PC; number++)
        register_set(hart, number, values[number]);
    gdb_reply_ok(gdb);
}

void gdb_read_register(struct gdb *gdb, struct gdb_rest rest)
{
    uint64_t number = UINT64_MAX, value;
    unsigned size = 0;
    if (gdb_take_number(&rest, &number) && number <= NUMBER_PRIV)
        size = gdb_register_get(gdb_hart(gdb), (unsigned)number, &value);
    if (is_vector(gdb_hart(gdb), number)) {
        put_vector(&gdb->reply, gdb_hart(gdb), (unsigned)number - NUMBER_V);
        return;
    }
    if (size)
        gdb_text_value(&gdb->reply, value, size);
    else
        gdb_reply_error(gdb, "14");
}

void gdb_write_register(struct gdb *gdb, struct gdb_rest rest)
{
    struct hart *hart = gdb_hart(gdb);
    uint64_t number = UINT64_MAX, value;
    unsigned size = 0;
    if (gdb_take_number(&rest, &number) && number <= NUMBER_PRIV)
        size = gdb_register_get(hart, (unsigned)number, &value);
    if (is_vector(hart, number)) {
        bool taken = gdb_take_char(&rest, '=') && take_vector(&rest, hart, (unsigned)number - NUMBER_V);
        taken ? gdb_reply_ok(gdb) : gdb_reply_error(gdb, "22");
    } else if (!size || !gdb_take_char(&rest, '=') || !gdb_take_value(&rest, &value, size))
        gdb_reply_error(gdb, "22");
    else if (register_set(hart, (unsigned)number, value))
        gdb_reply_ok(gdb);
    else
        gdb_reply_error(gdb, ".this register, or this value of it, cannot be written");
}

/* ---- The target description ---------------------------------------------------------------------------- */

/* Names of the ABI. x8 is called "fp", since lldb finds the frame by that name; gdb knows s0 as another name
 * of it. */
static const char *x_name(unsigned number)
{
    return number == 8 ? "fp" : isa_x_names[number];
}

static void describe_cpu(struct gdb_text *xml, unsigned bits)
{
    gdb_text_printf(xml, "<feature name=\"org.gnu.gdb.riscv.cpu\">");
    for (unsigned i = 0; i < 32; i++) {
        static const char *const special[] = { "int", "code_ptr", "data_ptr", "data_ptr", "data_ptr" };
        const char *type = i < 5 ? special[i] : i == 8 ? "data_ptr" : "int";
        gdb_text_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>", x_name(i), bits,
                        type, i);
    }
    gdb_text_printf(xml, "<reg name=\"pc\" bitsize=\"%u\" type=\"code_ptr\" regnum=\"%u\"/></feature>", bits,
                    GDB_REGISTER_PC);
}

static void describe_fpu(struct gdb_text *xml, unsigned size)
{
    gdb_text_printf(xml, "<feature name=\"org.gnu.gdb.riscv.fpu\">");
    for (unsigned i = 0; i < 32; i++)
        gdb_text_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>", isa_f_names[i],
                        8 * size, size == 8 ? "ieee_double" : "ieee_single", NUMBER_F + i);
    gdb_text_printf(xml, "</feature>");
}

/* As gdb describes them for a process: a register consists of elements of each width. */
static void describe_vectors(struct gdb_text *xml, unsigned bytes)
{
    static const struct {
        const char *id, *type;
        unsigned size;
    } views[] = {
        { "bytes", "uint8", 1 }, { "shorts", "uint16", 2 }, { "words", "uint32", 4 }, { "longs", "uint64", 8 }
    };
    gdb_text_printf(xml, "<feature name=\"org.gnu.gdb.riscv.vector\">");
    for (unsigned i = 0; i < 4; i++)
        gdb_text_printf(xml, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>", views[i].id, views[i].type,
                        bytes / views[i].size);
    gdb_text_printf(xml, "<union id=\"riscv_vector\">");
    for (unsigned i = 4; i-- > 0;)
        gdb_text_printf(xml, "<field name=\"%c\" type=\"%s\"/>", "bswl"[i], views[i].id);
    gdb_text_printf(xml, "</union>");
    for (unsigned i = 0; i < 32; i++)
        gdb_text_printf(xml, "<reg name=\"v%u\" bitsize=\"%u\" type=\"riscv_vector\" regnum=\"%u\"/>", i,
                        8 * bytes, NUMBER_V + i);
    gdb_text_printf(xml, "</feature>");
}

static void describe_csrs(struct gdb_text *xml, struct hart *hart, unsigned bits)
{
    gdb_text_printf(xml, "<feature name=\"org.gnu.gdb.riscv.csr\">");
    for (unsigned number = 0; number < CSR_COUNT; number++) {
        char room[16];
        uint64_t value;
        const char *name = hart_view_csr_name(number, room);
        if (name && hart_view_csr(hart, number, &value))
            gdb_text_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" regnum=\"%u\"/>", name, bits,
                            NUMBER_CSR + number);
    }
    gdb_text_printf(xml, "</feature>");
}

/* The OS ABI is "none". Otherwise gdb would take a program that names no OS for a Linux process, and step by
 * setting breakpoints of its own behind each instruction, which goes wrong at ecall and mret. */
void gdb_describe_target(struct gdb *gdb, struct gdb_text *xml)
{
    struct hart *hart = gdb->machine->harts[0]; /* all harts are alike */
    unsigned bits = 8 * x_size(hart);
    gdb_text_printf(xml,
                    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
                    "<architecture>riscv:rv%u</architecture><osabi>none</osabi>",
                    bits);
    describe_cpu(xml, bits);
    if (f_size(hart))
        describe_fpu(xml, f_size(hart));
    if (hart_view_vlenb(hart))
        describe_vectors(xml, hart_view_vlenb(hart));
    gdb_text_printf(xml,
                    "<feature name=\"org.gnu.gdb.riscv.virtual\">"
                    "<reg name=\"priv\" bitsize=\"%u\" regnum=\"%u\"/></feature>",
                    bits, NUMBER_PRIV);
    describe_csrs(xml, hart, bits);
    gdb_text_printf(xml, "</target>");
}
