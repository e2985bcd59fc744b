/* SPDX-License-Identifier: MIT
 *
 * Makes docs/devices.md from the models of all devices that -device knows (devices/catalog/catalog.c and the
 * loaders), the keys of their buses, and what devices/catalog/facts.def says about each.
 *
 * Usage: device_document ROOT [FILE]. ROOT is the source tree, in which each device's source is looked up.
 * Without FILE it prints the document. With FILE it checks whether the file is equal to the document, and if
 * not prints the first difference (exit status 1). A model without facts, or facts without a model, fail.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/catalog/catalog.h"
#include "frontend/options/keys.h"
#include "tests/document.h"

static const struct facts {
    const char *name, *source, *specification, *seen, *absent, *saved;
} all_facts[] = {
#define FACTS(...) { __VA_ARGS__ },
#define BOARD_FACTS(...)
#include "devices/catalog/facts.def"
#undef FACTS
#undef BOARD_FACTS
};
#define FACTS_COUNT (sizeof(all_facts) / sizeof(all_facts[0]))

static const struct board_facts {
    const char *name, *boards, *source, *specification, *seen, *absent;
} board_facts[] = {
#define FACTS(...)
#define BOARD_FACTS(...) { __VA_ARGS__ },
#include "devices/catalog/facts.def"
#undef FACTS
#undef BOARD_FACTS
};
#define BOARD_FACTS_COUNT (sizeof(board_facts) / sizeof(board_facts[0]))

static bool on_mmio(const struct device_model *model)
{
    return model->buses & DEVICE_BUS_MMIO;
}

/* The model that facts are about; NULL: there is none. */
static const struct device_model *model_of(const struct facts *facts)
{
    struct options_device device;
    char name[64];
    if (options_name_device(facts->name, &device))
        return device.model;
    snprintf(name, sizeof(name), "%s-device", facts->name);
    return options_name_device(name, &device) ? device.model : NULL;
}

/* ---- What must be there -------------------------------------------------------------------------------- */

static bool file_has(const char *root, const char *source, const char *text)
{
    char path[512], line[512];
    bool found = false;
    snprintf(path, sizeof(path), "%s/%s", root, source);
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof(line), file))
        found = strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return found;
}

static bool source_names(const char *root, const struct facts *facts)
{
    char quoted[64];
    snprintf(quoted, sizeof(quoted), "\"%s\"", facts->name);
    return file_has(root, facts->source, quoted);
}

#define BOARD_DEVICES "devices/platform"
#define BOARD_MARK    "struct device_ops " /* in each file that has a device of the bus */
static bool has_board_facts(const char *source)
{
    for (size_t n = 0; n < BOARD_FACTS_COUNT; n++)
        if (strcmp(board_facts[n].source, source) == 0)
            return true;
    return false;
}

static bool boards_are_complete(const char *root)
{
    char path[512];
    bool complete = true;
    snprintf(path, sizeof(path), "%s/" BOARD_DEVICES, root);
    DIR *folder = opendir(path);
    if (!folder)
        return false;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char source[300];
        const char *end = strrchr(entry->d_name, '.');
        snprintf(source, sizeof(source), BOARD_DEVICES "/%s", entry->d_name);
        if (!end || strcmp(end, ".c") != 0 || !file_has(root, source, BOARD_MARK) || has_board_facts(source))
            continue;
        fprintf(stderr, "facts.def: %s has no row\n", source);
        complete = false;
    }
    closedir(folder);
    for (size_t n = 0; n < BOARD_FACTS_COUNT; n++) {
        if (!file_has(root, board_facts[n].source, BOARD_MARK)) {
            fprintf(stderr, "facts.def: %s: %s is not there, or no device\n", board_facts[n].name,
                    board_facts[n].source);
            complete = false;
        }
    }
    return complete;
}

static bool is_complete(const char *root)
{
    bool complete = true;
    size_t models = 0, row = 0;
    for (; device_catalog[models]; models++)
        ;
    for (; complete && row < FACTS_COUNT; row++) {
        const struct device_model *model = model_of(&all_facts[row]);
        const char *fault = !model || strcmp(model->name, all_facts[row].name) != 0 ? "there is no such model"
                            : row < models && model != device_catalog[row]
                                ? "its row is not where the catalog has it"
                            : !source_names(root, &all_facts[row]) ? "its source does not name it"
                                                                   : NULL;
        if (fault)
            fprintf(stderr, "facts.def: %s: %s\n", all_facts[row].name, fault);
        complete &= !fault;
    }
    if (complete && row != models + 2) /* the loaders */
        fprintf(stderr, "facts.def has %zu rows, and there are %zu models and two loaders\n", row, models);
    return complete && row == models + 2;
}

/* ---- The document -------------------------------------------------------------------------------------- */

/* Writes a text into a cell of a table. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            fprintf(out, "&lt;");
        else
            fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
    }
    fprintf(out, " | ");
}

static void put_names(FILE *out, const struct device_model *model)
{
    const char *const stems[] = { model->name, model->alias };
    fprintf(out, "| ");
    for (unsigned n = 0; n < 2 && stems[n]; n++) {
        fprintf(out, "%s`%s", n ? ", " : "", stems[n]);
        if (on_mmio(model))
            fprintf(out, "-device`, `%s-pci", stems[n]);
        fprintf(out, "`");
    }
    fprintf(out, " | ");
}

static void put_buses(FILE *out, const struct device_model *model)
{
    static const struct {
        unsigned bus;
        const char *text;
    } buses[] = {
        { DEVICE_BUS_MMIO, "virtio-mmio" }, { DEVICE_BUS_PCI, "PCI" }, { DEVICE_BUS_SERIAL, "virtio-serial" },
        { DEVICE_BUS_NONE, "none" },        { DEVICE_BUS_USB, "USB" }, { DEVICE_BUS_SCSI, "SCSI" },
        { DEVICE_BUS_IDE, "SATA" },
    };
    const char *comma = "";
    for (unsigned n = 0; n < sizeof(buses) / sizeof(buses[0]); n++) {
        if (model->buses & buses[n].bus) {
            fprintf(out, "%s%s", comma, buses[n].text);
            comma = ", ";
        }
    }
    fprintf(out, *comma ? " | " : "none | ");
}

/* As frontend/options/hotplug.c decides. */
static const char *hot_plug(const struct device_model *model)
{
    if (model->buses & (DEVICE_BUS_USB | DEVICE_BUS_SCSI))
        return "yes";
    return !model->hot_plug ? "no" : on_mmio(model) ? "yes, on PCI" : "yes";
}

static void put_devices(FILE *out)
{
    fprintf(out, "| Name | Bus | What it is | Source | Hot plug | Saved |\n|---|---|---|---|---|---|\n");
    for (size_t n = 0; n < FACTS_COUNT; n++) {
        const struct device_model *model = model_of(&all_facts[n]);
        put_names(out, model);
        put_buses(out, model);
        put_cell(out, model->text);
        fprintf(out, "`%s` | %s | %s |\n", all_facts[n].source, hot_plug(model), all_facts[n].saved);
    }
}

static void put_specifications(FILE *out)
{
    fprintf(out, "| Name | Specification | Seen in use by | Not there |\n|---|---|---|---|\n");
    for (size_t n = 0; n < FACTS_COUNT; n++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", all_facts[n].name, all_facts[n].specification,
                all_facts[n].seen, all_facts[n].absent);
}

static void put_board_devices(FILE *out)
{
    fprintf(out, "| Name | Boards | Source | Specification | Seen in use by | Not there |\n"
                 "|---|---|---|---|---|---|\n");
    for (size_t n = 0; n < BOARD_FACTS_COUNT; n++) {
        const struct board_facts *facts = &board_facts[n];
        fprintf(out, "| %s | %s | `%s` | %s | %s | %s |\n", facts->name, facts->boards, facts->source,
                facts->specification, facts->seen, facts->absent);
    }
}

static void put_default(FILE *out, const struct device_key *key)
{
    if (key->needed)
        fprintf(out, "must be given");
    else if (key->type == DEVICE_KEY_SWITCH)
        fprintf(out, "off");
    else if (key->type == DEVICE_KEY_FEATURE)
        fprintf(out, "on");
    else if (key->type == DEVICE_KEY_AUTO)
        fprintf(out, "auto");
    else if (key->fallback)
        fprintf(out, "%u", key->fallback);
    else
        fprintf(out, "-");
    fprintf(out, " |\n");
}

/* A row for each key; without keys there is none. */
static void put_keys(FILE *out, const char *of, const struct device_key *keys)
{
    char takes[160];
    for (const struct device_key *key = keys; key->name; key++) {
        fprintf(out, "| %s | `%s` | ", key == keys ? of : "", key->name);
        put_cell(out, key->help);
        options_describe_key(key, takes, sizeof(takes));
        put_cell(out, takes);
        put_default(out, key);
    }
}

/* The keys that the bus of a device adds; list `number` of those that options_device_keys() makes. */
static void put_common(FILE *out, const char *of, const char *name, unsigned number)
{
    struct options_device device;
    struct options_keys lists[OPTIONS_KEY_LISTS];
    if (!options_name_device(name, &device))
        abort();
    options_device_keys(&device, lists);
    put_keys(out, of, lists[number].keys);
}

static void put_all_keys(FILE *out)
{
    static const char head[] = "| Of | Key | What it is | Values | Default |\n|---|---|---|---|---|\n";
    fprintf(out,
            "## Keys of all devices of a kind\n\nA key that a device has by itself (the next table) is "
            "the one that counts.\n\n%s",
            head);
    put_common(out, "all but the loaders", "virtio-rng-pci", 1);
    put_common(out, "virtio devices", "virtio-rng-pci", 2);
    put_common(out, "PCI devices", "virtio-rng-pci", 3);
    put_common(out, "virtio devices in slots of virtio-mmio", "virtio-rng-device", 3);
    put_common(out, "USB devices", "usb-kbd", 2);
    fprintf(out, "\n## Keys of each device\n\n%s", head);
    for (size_t n = 0; n < FACTS_COUNT; n++) {
        char of[64];
        snprintf(of, sizeof(of), "`%s`", all_facts[n].name);
        put_keys(out, of, model_of(&all_facts[n])->keys);
    }
}

static void put_document(FILE *out)
{
    fprintf(out,
            "# The devices\n\n"
            "<!-- Made by build/tests/frontend/device_document . > docs/devices.md; the test device_document "
            "checks it. -->\n\n"
            "What `-device` knows, from the models (`devices/model.h`) and `devices/catalog/facts.def`. "
            "[command-line.md](command-line.md) says\nhow each is used, and what QEMU has instead of what is "
            "not there; [add-a-device.md](add-a-device.md) how to add one.\n\n"
            "- **Hot plug**: `device_add` and `device_del` while the machine runs; on PCI, in a slot of a "
            "port.\n"
            "- **Saved**: what `savevm` and `migrate` keep ([snapshots.md](snapshots.md)).\n\n");
    put_devices(out);
    fprintf(out,
            "\n## Specifications and drivers\n\n"
            "- **Specification**: the one that the source follows.\n"
            "- **Seen in use by**: which driver, and the test that repeats it (`ctest -R NAME`). \"By hand\" "
            "is a record without a test.\n  Tests at register level are "
            "in `tests/devices/`.\n"
            "- **Not there**: parts of the specification that the device does not offer. \"-\": no gap is "
            "known.\n\n");
    put_specifications(out);
    fprintf(out, "\n## Devices of the boards\n\n"
                 "`-M help` lists the boards; `machine/boards/` has the addresses. All of these are saved. "
                 "`-M dt,dtb=FILE` makes those that a\ndevice tree names "
                 "([legacy.md](legacy.md#a-board-by-its-device-tree)).\n\n");
    put_board_devices(out);
    fprintf(out, "\n");
    put_all_keys(out);
    fprintf(out, "\nKeys of QEMU that have only one value here (`rombar=`, `page-per-vq=off` and others) are "
                 "listed by `-device NAME,help`.\n");
}

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: device_document ROOT [FILE]\n");
        return 2;
    }
    if (!is_complete(argv[1]) || !boards_are_complete(argv[1]))
        return 1;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return 2;
    put_document(out);
    fclose(out);
    bool good =
        argc > 2 ? document_is_current(text, argv[2], "device_document .") : fputs(text, stdout) != EOF;
    free(text);
    return good ? 0 : 1;
}
