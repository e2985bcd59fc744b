/* SPDX-License-Identifier: MIT
 *
 * What surrounds one PCI function in tests: a bus with recorded wires and messages, and accesses as the guest
 * makes them. All functions are static, so that each test stays one file.
 */
#ifndef TESTS_DEVICES_PCI_FUNCTION_H
#define TESTS_DEVICES_PCI_FUNCTION_H

#include "devices/pci/pci.h"
#include "tests/devices/fake.h"

struct function_bus {
    struct pci_bus bus;
    struct pci_function *function;
    struct fake_irq irqs[PCI_PINS];
    atomic_uint messages;
    uint64_t message_address;
    uint32_t message_data;
};

static inline bool function_take_message(void *opaque, uint64_t address, uint32_t data)
{
    struct function_bus *board = opaque;
    board->message_address = address;
    board->message_data = data;
    atomic_fetch_add(&board->messages, 1);
    return true;
}

/* Plugs the function into slot 4, where INTA is the first wire. The bus destroys it. */
static inline void function_plug(struct function_bus *board, struct pci_function *function)
{
    struct error error = { "" };
    memset(board, 0, sizeof(*board));
    ck_assert_ptr_nonnull(function);
    ck_assert(pci_bus_init(&board->bus, &error));
    for (unsigned n = 0; n < PCI_PINS; n++)
        board->bus.intx[n] = (struct irq_line){ fake_irq_set, board->irqs, n };
    board->bus.msi = (struct pci_msi_target){ function_take_message, board };
    board->function = function;
    ck_assert_msg(pci_bus_plug(&board->bus, function, 4, 0, &error), "%s", error.text);
}

static inline void function_unplug(struct function_bus *board)
{
    pci_bus_destroy(&board->bus);
}

static inline void function_master(struct function_bus *board, bool on)
{
    pci_config_write(board->function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0));
}

static inline uint64_t function_get(struct function_bus *board, uint64_t offset, unsigned size)
{
    return pci_bar_read(&board->function->bars[0], offset, size);
}

static inline void function_put(struct function_bus *board, uint64_t offset, unsigned size, uint64_t value)
{
    pci_bar_write(&board->function->bars[0], offset, size, value);
}

/* `to` loads what `from` saves. */
static inline void function_copy(struct pci_function *from, struct pci_function *to)
{
    struct state_writer writer;
    struct state_reader reader;
    struct error error = { "" };
    state_writer_init(&writer);
    pci_function_save(from, &writer);
    ck_assert(!writer.failed && writer.length > 0);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    ck_assert_msg(pci_function_load(to, &reader) && !reader.failed, "load: %s", error.text);
    state_writer_destroy(&writer);
}

/* Loads the saved state with random bytes changed: it may be refused or taken, but must stay in bounds. */
static inline void function_mutate(struct pci_function *function, unsigned seed, unsigned rounds)
{
    struct state_writer writer;
    state_writer_init(&writer);
    pci_function_save(function, &writer);
    for (unsigned i = 0; i < rounds; i++) {
        size_t length = rand_r(&seed) % 4 ? writer.length : (size_t)rand_r(&seed) % (writer.length + 1);
        uint8_t *copy = malloc(length + 1);
        memcpy(copy, writer.bytes, length);
        for (int n = rand_r(&seed) % 8; length && n >= 0; n--)
            copy[(size_t)rand_r(&seed) % length] = (uint8_t)rand_r(&seed);
        struct error error;
        struct state_reader reader;
        copy = realloc(copy, length ? length : 1); /* so that the sanitizer notices reads beyond the end */
        state_reader_init(&reader, copy, length, &error);
        if (!pci_function_load(function, &reader))
            ck_assert(reader.failed);
        free(copy);
    }
    state_writer_destroy(&writer);
}

/* Any accesses anywhere. */
static inline void function_hammer(struct function_bus *board, unsigned seed, unsigned rounds, uint64_t span)
{
    for (unsigned n = 0; n < rounds; n++) {
        unsigned size = 1u << rand_r(&seed) % 4;
        uint64_t offset = (unsigned)rand_r(&seed) % span & ~(uint64_t)(size - 1);
        uint64_t value = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 40);
        switch (rand_r(&seed) % 8) {
        case 0: function_get(board, offset, size); break;
        case 1:
            size = size > 4 ? 4 : size;
            pci_config_write(board->function, (unsigned)offset & 0xfc, size, (uint32_t)value);
            break;
        case 2: pci_config_read(board->function, (unsigned)offset & 0xfc, 4); break;
        default: function_put(board, offset, size, value); break;
        }
    }
}

#endif
