/* SPDX-License-Identifier: MIT
 *
 * Saved state of the controller. No command is under way while it is saved or loaded; those that rest because
 * the machine is stopped, or were not taken yet, are in `queued`, and are executed after loading. A file may
 * be hostile: addresses are checked when they are used, and all other values have no limits but their widths.
 */
#include "devices/ahci/internal.h"

#include <stdio.h>

#define STATE_VERSION 1u

/* The fields of a port that are plain numbers. */
struct port_fields {
    uint64_t size, list, fis, failed_block;
    uint32_t is, ie, cmd, tfd, sig, scontrol, serror, sactive, issue, queued;
    uint32_t halted, soft_reset, write_cache, slot, failed, unused;
};

static struct port_fields fields_of(const struct ahci_port *port)
{
    return (struct port_fields){ .size = port->disk ? port->disk->size : 0,
                                 .list = port->list,
                                 .fis = port->fis,
                                 .failed_block = port->failed_block,
                                 .is = port->is,
                                 .ie = port->ie,
                                 .cmd = port->cmd,
                                 .tfd = port->tfd,
                                 .sig = port->sig,
                                 .scontrol = port->scontrol,
                                 .serror = port->serror,
                                 .sactive = port->sactive,
                                 .issue = port->issue,
                                 .queued = port->queued,
                                 .halted = port->halted,
                                 .soft_reset = port->soft_reset,
                                 .write_cache = port->write_cache,
                                 .slot = port->slot,
                                 .failed = port->failed_tag | port->failed_status << 8 |
                                           (uint32_t)port->failed_error << 16 };
}

void ahci_save(struct pci_function *function, struct state_writer *writer)
{
    struct ahci *ahci = (struct ahci *)function;
    char name[16];
    pthread_mutex_lock(&ahci->lock);
    ahci_pause(ahci);
    state_section(writer, "ahci", STATE_VERSION);
    state_put(writer, "ghc", ahci->ghc);
    state_put(writer, "is", ahci->is);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        struct port_fields fields = fields_of(&ahci->ports[n]);
        snprintf(name, sizeof(name), "port%u", n);
        state_put_bytes(writer, name, &fields, sizeof(fields));
        if (ahci->ports[n].cd)
            scsi_unit_save(ahci->ports[n].cd, n, writer);
    }
    ahci_resume(ahci);
    pthread_mutex_unlock(&ahci->lock);
}

static bool load_port(struct ahci_port *port, struct state_reader *reader)
{
    struct port_fields fields;
    char name[16];
    snprintf(name, sizeof(name), "port%u", port->number);
    state_get_bytes(reader, name, &fields, sizeof(fields));
    if (reader->failed)
        return false;
    if (fields.size != (port->disk ? port->disk->size : 0)) {
        reader->failed = true;
        return error_set(reader->error, "saved state: the disk at port %u of the ahci had %llu bytes",
                         port->number, (unsigned long long)fields.size);
    }
    bool there = port->disk || port->cd;
    port->list = fields.list & ~UINT64_C(0x3ff);
    port->fis = fields.fis & ~UINT64_C(0xff);
    port->failed_block = fields.failed_block;
    port->is = fields.is;
    port->ie = fields.ie;
    port->cmd = fields.cmd;
    port->tfd = fields.tfd;
    port->sig = fields.sig;
    port->scontrol = fields.scontrol;
    port->serror = fields.serror;
    port->sactive = fields.sactive;
    port->issue = fields.issue;
    port->queued = there ? fields.queued : 0;
    port->halted = fields.halted & 1;
    port->soft_reset = fields.soft_reset & 1;
    port->write_cache = fields.write_cache & 1;
    port->slot = fields.slot % AHCI_SLOTS;
    port->failed_tag = (uint8_t)fields.failed;
    port->failed_status = (uint8_t)(fields.failed >> 8);
    port->failed_error = (uint8_t)(fields.failed >> 16);
    if (port->cd)
        scsi_unit_load(port->cd, port->number, reader);
    return !reader->failed;
}

bool ahci_load(struct pci_function *function, struct state_reader *reader)
{
    struct ahci *ahci = (struct ahci *)function;
    pthread_mutex_lock(&ahci->lock);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_forget(&ahci->ports[n]);
    ahci_pause(ahci);
    for (unsigned n = 0; n < AHCI_PORTS; n++)
        ahci_port_clear(&ahci->ports[n]);
    bool ok = state_open(reader, "ahci", STATE_VERSION);
    ahci->ghc = 1u << 31 | ((uint32_t)state_get(reader, "ghc", UINT32_MAX) & 3);
    ahci->is = (uint32_t)state_get(reader, "is", (1u << AHCI_PORTS) - 1);
    for (unsigned n = 0; n < AHCI_PORTS && ok; n++)
        ok = load_port(&ahci->ports[n], reader);
    if (reader->failed) {
        for (unsigned n = 0; n < AHCI_PORTS; n++)
            ahci_port_clear(&ahci->ports[n]);
    }
    ahci->stopped = !pci_function_is_bus_master(function);
    ahci_update_interrupts(ahci);
    ahci_resume(ahci);
    pthread_mutex_unlock(&ahci->lock);
    return !reader->failed;
}
