/* SPDX-License-Identifier: MIT
 *
 * Memory, by the addresses of the selected hart (translated as at present, whatever the permissions are), or
 * by physical address. RAM and ROM can be read and written; the harts also see what is stored as code. Flash
 * shows its bytes. Device registers are not accessed until `monitor mmio on`, since reading them may change
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "cpu/hart_view.h"
#include "cpu/mmu/mem.h"
#include "machine/gdb/internal.h"

#define PAGE UINT64_C(4096)

/* Accesses one device register after the other, in pieces as large as size and alignment allow. */
static bool access_device(struct gdb *gdb, uint64_t paddr, uint8_t *bytes, size_t length, bool write)
{
    while (length) {
        unsigned piece = 8;
        while (piece > length || paddr % piece)
            piece /= 2;
        uint64_t value = 0;
        if (write)
            memcpy(&value, bytes, piece);
        bool done = write ? bus_write(gdb->machine->bus, paddr, piece, value)
                          : bus_read(gdb->machine->bus, paddr, piece, &value);
        if (!done && piece > 4) { /* most registers have 4 bytes */
            piece = 4;
            done = write ? bus_write(gdb->machine->bus, paddr, piece, (uint32_t)value)
                         : bus_read(gdb->machine->bus, paddr, piece, &value);
        }
        if (!done)
            return false;
        if (!write)
            memcpy(bytes, &value, piece);
        paddr += piece;
        bytes += piece;
        length -= piece;
    }
    return true;
}

/* The bytes lie in one page. */
static bool access_page(struct gdb *gdb, uint64_t paddr, uint8_t *bytes, size_t length, bool write)
{
    uint8_t *host = bus_host(gdb->machine->bus, paddr, length);
    const uint8_t *flash =
        host || write || gdb->mmio ? NULL : bus_host_code(gdb->machine->bus, paddr, length);
    if (flash) {
        memcpy(bytes, flash, length);
        return true;
    }
    if (!host)
        return gdb->mmio && access_device(gdb, paddr, bytes, length, write);
    if (write) {
        memcpy(host, bytes, length);
        harts_code_written(gdb->machine, paddr, length);
    } else {
        memcpy(bytes, host, length);
    }
    return true;
}

/* Returns how many bytes from the start were read or written. */
static size_t access_memory(struct gdb *gdb, uint64_t addr, uint8_t *bytes, size_t length, bool write)
{
    struct hart *hart = gdb_hart(gdb);
    bool narrow = hart_view_isa(hart)->xlen == 32 && !gdb->physical;
    size_t done = 0;
    while (done < length) {
        uint64_t at = narrow ? (uint32_t)(addr + done) : addr + done, paddr = at;
        size_t room = PAGE - (at & (PAGE - 1));
        size_t part = room < length - done ? room : length - done;
        if ((!gdb->physical && !hart_view_translate(hart, at, &paddr)) ||
            !access_page(gdb, paddr, bytes + done, part, write))
            break;
        done += part;
    }
    return done;
}

void gdb_read_memory(struct gdb *gdb, struct gdb_rest rest)
{
    uint8_t bytes[GDB_PACKET_MAX / 2];
    uint64_t addr, length;
    if (!gdb_take_number(&rest, &addr) || !gdb_take_char(&rest, ',') || !gdb_take_number(&rest, &length)) {
        gdb_reply_error(gdb, "22");
        return;
    }
    length = length < sizeof(bytes) ? length : sizeof(bytes);
    size_t done = access_memory(gdb, addr, bytes, (size_t)length, false);
    if (done || !length)
        gdb_text_hex(&gdb->reply, bytes, done);
    else
        gdb_reply_error(gdb, "14");
}

void gdb_write_memory(struct gdb *gdb, struct gdb_rest rest, bool binary)
{
    uint8_t bytes[GDB_PACKET_MAX];
    uint64_t addr, length;
    bool sound = gdb_take_number(&rest, &addr) && gdb_take_char(&rest, ',') &&
                 gdb_take_number(&rest, &length) && gdb_take_char(&rest, ':') && length <= sizeof(bytes);
    if (sound && binary) {
        sound = gdb_rest_length(&rest) == length;
        memcpy(bytes, rest.at, sound ? (size_t)length : 0);
    } else if (sound) {
        sound = gdb_take_bytes(&rest, bytes, (size_t)length);
    }
    if (!sound)
        gdb_reply_error(gdb, "22");
    else if (access_memory(gdb, addr, bytes, (size_t)length, true) == length)
        gdb_reply_ok(gdb);
    else
        gdb_reply_error(gdb, "14");
}

/* gdb manual, "General Query Packets": CRC-32 with the polynomial 0x04c11db7, from the highest bit on,
 * without inversion. */
static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint32_t)bytes[i] << 24;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
    }
    return crc;
}

void gdb_memory_crc(struct gdb *gdb, struct gdb_rest rest)
{
    uint64_t addr, length;
    uint8_t bytes[4096];
    uint32_t crc = UINT32_MAX;
    if (!gdb_take_number(&rest, &addr) || !gdb_take_char(&rest, ',') || !gdb_take_number(&rest, &length)) {
        gdb_reply_error(gdb, "22");
        return;
    }
    while (length) {
        size_t part = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
        if (access_memory(gdb, addr, bytes, part, false) != part) {
            gdb_reply_error(gdb, "14");
            return;
        }
        crc = crc_add(crc, bytes, part);
        addr += part;
        length -= part;
    }
    gdb_text_printf(&gdb->reply, "C%x", crc);
}

/* ADDRESS;LENGTH;PATTERN: the pattern is binary. */
void gdb_memory_search(struct gdb *gdb, struct gdb_rest rest)
{
    uint64_t addr, length;
    uint8_t bytes[2 * GDB_PACKET_MAX];
    if (!gdb_take_number(&rest, &addr) || !gdb_take_char(&rest, ';') || !gdb_take_number(&rest, &length) ||
        !gdb_take_char(&rest, ';') || gdb_rest_length(&rest) == 0) {
        gdb_reply_error(gdb, "22");
        return;
    }
    size_t wanted = gdb_rest_length(&rest);
    while (length >= wanted) {
        size_t part = length < sizeof(bytes) ? (size_t)length : sizeof(bytes);
        size_t done = access_memory(gdb, addr, bytes, part, false);
        const uint8_t *found = memmem(bytes, done, rest.at, wanted);
        if (found) {
            gdb_text_printf(&gdb->reply, "1,%llx", (unsigned long long)(addr + (uint64_t)(found - bytes)));
            return;
        }
        if (done != part) {
            gdb_reply_error(gdb, "14");
            return;
        }
        /* The next part begins at the first place where a match is still possible. */
        size_t step = part - wanted + 1;
        addr += step;
        length -= step;
    }
    gdb_text_printf(&gdb->reply, "0");
}
