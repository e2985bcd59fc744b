/* SPDX-License-Identifier: MIT
 *
 * The description of a machine at the front of its file: text, so that people can read it. It has everything
 * of the command line that the saved parts depend on, and nothing else: a machine may be loaded with other
 * back ends, monitors or screens.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/ram.h"
#include "machine/state/internal.h"

#define VALUE_MAX 100 /* characters of a value in a message */

/* ---- Writing ------------------------------------------------------------------------------------------- */

static void put_cpu(FILE *out, const struct isa_config *isa)
{
    fprintf(out, "cpu rv%u%s,s=%s,pmp=%s", isa->xlen, isa->embedded ? "e" : "",
            isa->supervisor ? "on" : "off", isa->pmp ? "on" : "off");
    if (isa->user != isa->supervisor)
        fprintf(out, ",u=on"); /* older files have U-mode and S-mode together */
    if (isa->satp_max)
        fprintf(out, ",sv%u", isa->satp_max);
    if (isa_has(isa, ISA_V))
        fprintf(out, ",vlen=%u", isa->vlen);
    if (isa->mvendorid)
        fprintf(out, ",mvendorid=0x%x", isa->mvendorid);
    if (isa->marchid)
        fprintf(out, ",marchid=0x%" PRIx64, isa->marchid);
    if (isa->mimpid)
        fprintf(out, ",mimpid=0x%" PRIx64, isa->mimpid);
    if (isa->priv_spec)
        fprintf(out, ",priv_spec=v1.%u.0", isa->priv_spec);
    fputc('\n', out);
    for (unsigned n = 0; n < ISA_EXTENSION_COUNT; n++)
        if (isa_has(isa, (enum isa_extension)n))
            fprintf(out, "extension %s\n", isa_extension_name((enum isa_extension)n));
}

static void put_devices(FILE *out, struct machine *machine)
{
    struct machine_pci_view function;
    for (unsigned n = 0; n < machine->device_count; n++) {
        const struct fdt_device *device = &machine->devices[n];
        const struct machine_plug *plug = machine->plugs[n];
        fprintf(out, "device %s@%" PRIx64, device->device->ops->name, device->place.base);
        fprintf(out, "%s%s\n", plug && plug->model ? " " : "", plug && plug->model ? plug->model->name : "");
    }
    for (unsigned n = 0; machine_pci_view(machine, n, &function); n++)
        fprintf(out, "device pci@%s %s\n", function.path, function.name);
}

char *describe_machine(struct machine *machine, bool running)
{
    const struct machine_config *config = &machine->config;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fprintf(out, "rvive %s\nstate %s\nboard %s\n", RVIVE_VERSION, running ? "running" : "paused",
            config->board->name);
    fprintf(out, "memory %" PRIu64 "\nharts %u\n", config->ram_size, config->smp);
    fprintf(out, "settings strict=%s,aclint=%s,virtio-mmio.force-legacy=%s", config->strict ? "on" : "off",
            config->aclint ? "on" : "off", config->virtio_legacy ? "on" : "off");
    if (config->aia == MACHINE_AIA_APLIC_IMSIC && config->aia_guests)
        fprintf(out, ",aia-guests=%u", config->aia_guests);
    fputc('\n', out);
    put_cpu(out, &config->isa);
    put_devices(out, machine);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- Comparing ----------------------------------------------------------------------------------------- */

/* Takes the next line of *text as key and value, which end with a 0 each. False at the end. */
static bool next_line(char **text, char **key, char **value)
{
    char *end = strchr(*text, '\n');
    if (!end)
        return false;
    *end = 0;
    *key = *text;
    *text = end + 1;
    *value = strchr(*key, ' ');
    if (*value)
        *(*value)++ = 0;
    else
        *value = end;
    return true;
}

/* Looks for a key with a value, or (value NULL) with any; returns its value, NULL if there is none. */
static const char *find(const char *text, const char *key, const char *value, char found[VALUE_MAX])
{
    size_t key_length = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n") + (line[strcspn(line, "\n")] == '\n')) {
        size_t length = strcspn(line, "\n");
        if (length <= key_length || strncmp(line, key, key_length) != 0 || line[key_length] != ' ')
            continue;
        const char *at = line + key_length + 1;
        size_t value_length = length - key_length - 1;
        if (value && (strlen(value) != value_length || strncmp(at, value, value_length) != 0))
            continue;
        snprintf(found, VALUE_MAX, "%.*s", (int)(value_length < VALUE_MAX ? value_length : VALUE_MAX - 1),
                 at);
        return found;
    }
    return NULL;
}

static bool tell_memory(const char *saved, const char *own, struct error *error)
{
    uint64_t bytes = strtoull(saved, NULL, 10), here = strtoull(own, NULL, 10);
    return error_set(error,
                     "the saved machine has %" PRIu64 " KiB of memory, this one %" PRIu64
                     " KiB: start with -m %" PRIu64 "K",
                     bytes >> 10, here >> 10, bytes >> 10);
}

/* Keys of one value, with what to say if it differs: "the saved machine %s this one ...". */
static const struct {
    const char *key, *what, *flag;
} single[] = {
    { "board", "board", "-machine" },
    { "memory", "memory", "-m" },
    { "harts", "number of harts", "-smp" },
    { "cpu", "CPU", "-cpu" },
    { "settings", "set of settings", "-machine and -global" },
};

static bool compare_single(const char *saved, const char *own, struct error *error)
{
    char there[VALUE_MAX], here[VALUE_MAX];
    for (size_t n = 0; n < sizeof(single) / sizeof(single[0]); n++) {
        if (!find(saved, single[n].key, NULL, there))
            return error_set(error, "the saved machine: its description has no %s", single[n].key);
        if (!find(own, single[n].key, NULL, here) || strcmp(there, here) == 0)
            continue;
        if (strcmp(single[n].key, "memory") == 0)
            return tell_memory(there, here, error);
        return error_set(error, "the saved machine has the %s %s, this one %s: start with the same %s",
                         single[n].what, there, here, single[n].flag);
    }
    return true;
}

/* Every line "extension" of `some`, and every one with the key `devices`, must be in `other`, too. */
static bool compare_sets(const char *some, const char *other, bool saved, const char *devices,
                         struct error *error)
{
    char *copy = strdup(some), *at = copy, *key, *value, found[VALUE_MAX];
    bool ok = copy != NULL || error_set(error, "out of memory");
    while (ok && next_line(&at, &key, &value)) {
        bool extension = strcmp(key, "extension") == 0;
        if ((!extension && strcmp(key, devices) != 0) || find(other, key, value, found))
            continue;
        ok = error_set(error, "%s has the %s %.*s, which %s lacks: start with the same %s",
                       saved ? "the saved machine" : "this machine", extension ? "CPU extension" : "device",
                       VALUE_MAX, value, saved ? "this one" : "the saved one",
                       extension ? "-cpu" : "-device and -drive");
    }
    free(copy);
    return ok;
}

static bool is_text(const char *text, size_t length)
{
    for (size_t n = 0; n < length; n++)
        if (text[n] != '\n' && (text[n] < ' ' || text[n] > '~'))
            return false;
    return length && text[length - 1] == '\n';
}

bool describe_compare(struct machine *machine, const char *text, size_t length, bool *running,
                      struct error *error)
{
    char version[VALUE_MAX] = "", state[VALUE_MAX] = "";
    char *own = describe_machine(machine, false);
    if (!own)
        return error_set(error, "out of memory");
    bool ok = is_text(text, length) && find(text, "rvive", NULL, version) && find(text, "state", NULL, state);
    if (!ok)
        error_set(error, "the saved machine: its description is damaged");
    ok = ok && compare_single(text, own, error) && compare_sets(text, own, true, "device", error) &&
         compare_sets(own, text, false, "device", error);
    size_t used = strlen(error->text);
    if (!ok && used && version[0] && strcmp(version, RVIVE_VERSION) != 0 && used < sizeof(error->text))
        snprintf(error->text + used, sizeof(error->text) - used, " (saved by Rvive %s)", version);
    *running = ok && strcmp(state, "running") == 0;
    free(own);
    return ok;
}

bool describe_beside(struct machine *machine, const char *text, size_t length, bool *beside,
                     struct error *error)
{
    char found[VALUE_MAX];
    *beside = is_text(text, length) && find(text, "ram", "beside", found);
    return !*beside || ram_is_file(&machine->config, false) ||
           error_set(error, "the saved machine's memory is in a file of its own: start with -object "
                            "memory-backend-file and share=off for that file");
}

/* A replay has no devices: what is plugged in is compared as the command lines have it. */
bool describe_compare_recording(struct machine *machine, const char *text, size_t length, unsigned version,
                                const char *plugs, struct error *error)
{
    char found[VALUE_MAX] = "", wanted[16], *own = NULL;
    char *described = describe_machine(machine, false);
    snprintf(wanted, sizeof(wanted), "%u", version);
    bool ok = described && asprintf(&own, "%s%s", described, plugs) >= 0;
    free(described);
    if (!ok)
        return error_set(error, "out of memory");
    if (!is_text(text, length))
        ok = error_set(error, "its description is damaged");
    else if (!find(text, "recording", NULL, found))
        ok = error_set(error, "this is a saved machine, not a recording: -incoming file: loads it");
    else if (strcmp(found, wanted) != 0)
        ok = error_set(error, "its log has format %s, this version of Rvive reads format %s", found, wanted);
    ok = ok && compare_single(text, own, error) && compare_sets(text, own, true, "plug", error) &&
         compare_sets(own, text, false, "plug", error);
    free(own);
    return ok;
}
