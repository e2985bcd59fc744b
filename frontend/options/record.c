/* SPDX-License-Identifier: MIT
 *
 * -record and -replay: the past of the machine (machine/timeline/), in memory and in a file.
 */
#include <stdlib.h>
#include <string.h>

#include "frontend/options/options.h"
#include "machine/timeline/timeline.h"

#define RECORD_DEFAULT (UINT64_C(512) << 20)

/* on, off, or the name of a file. */
static bool take_what(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    struct error ignored;
    if (!value || !*value)
        return options_bad_value(error, "-record", value, "on, off, a file");
    if (options_take_switch("-record", value, &on, &ignored))
        options->record = on ? OPTIONS_RECORD_ON : OPTIONS_RECORD_OFF;
    else
        options->machine.record_file = value;
    return true;
}

static bool take_file(struct options *options, void *item, const char *value, struct error *error)
{
    options->machine.record_file = value;
    return (value && *value) || options_bad_value(error, "-record file", value, "a file");
}

static bool take_memory(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && option_parse_size(value, 1 << 20, &options->machine.record_memory) &&
            options->machine.record_memory >= 1 << 20) ||
           options_bad_value(error, "-record memory", value, "a size of at least 1M");
}

bool options_take_record(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key rows[] = {
        { "record", take_what }, { "file", take_file }, { "memory", take_memory }, { NULL, NULL }
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "record", error) &&
           options_take_pairs(options, &pairs, rows, NULL, "-record", error);
}

bool options_take_replay(struct options *options, const char *argument, struct error *error)
{
    options->machine.replay_file = argument;
    return *argument || options_bad_value(error, "-replay", argument, "a file");
}

bool options_take_timeline(struct options *options, const char *argument, struct error *error)
{
    options->machine.timeline_file = argument;
    return *argument || options_bad_value(error, "-timeline", argument, "a file");
}

/* QEMU's spelling. */
static bool join_rr(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (options->rr == OPTIONS_RR_NONE)
        return true;
    if (!options->rrfile)
        return error_set(error, "-icount rr=%s: rrfile=FILE is missing",
                         options->rr == OPTIONS_RR_RECORD ? "record" : "replay");
    if (options->rr == OPTIONS_RR_RECORD)
        machine->record_file = options->rrfile;
    else
        machine->replay_file = options->rrfile;
    return true;
}

/* With virtual time and gdb the past is kept unless the user says no. A replay is virtual time, whatever the
 * recording's -icount was. */
bool options_join_record(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (!join_rr(options, error))
        return false;
    if (machine->replay_file && machine->record_file)
        return error_set(error, "-replay %s and -record %s: leave out one of them", machine->replay_file,
                         machine->record_file);
    if (machine->replay_file && (options->incoming || options->loadvm || options->suspend))
        return error_set(error, "-replay %s: the machine's state is in the recording: leave out %s",
                         machine->replay_file,
                         options->incoming ? "-incoming"
                         : options->loadvm ? "-loadvm"
                                           : "-suspend");
    if (machine->replay_file)
        machine->icount.on = true;
    bool wanted =
        options->record == OPTIONS_RECORD_ON || (options->record == OPTIONS_RECORD_BEST && machine->gdb &&
                                                 machine->icount.on && !machine->semihosting.enable);
    machine->record_memory = !wanted ? 0 : machine->record_memory ? machine->record_memory : RECORD_DEFAULT;
    return true;
}

/* What a replay's guest gets is in the file: nothing else of the host is opened for it. */
bool options_strip_replay(struct options *options, struct error *error)
{
    struct machine_config *machine = &options->machine;
    if (!machine->replay_file)
        return true;
    machine->replay_plugs = options->replay_plugs = timeline_describe_plugs(machine);
    if (!machine->replay_plugs)
        return error_set(error, "out of memory");
    machine->bios = "none";
    machine->kernel = machine->initrd = machine->append = machine->dtb = NULL;
    machine->load_count = machine->pci_count = machine->unit_count = machine->usb_count = 0;
    machine->netdev_count = machine->audiodev_count = machine->fw_file_count = 0;
    memset(machine->virtio, 0, sizeof(machine->virtio));
    memset(machine->pflash, 0, sizeof(machine->pflash));
    memset(machine->spare_serials, 0, sizeof(machine->spare_serials));
    machine->sd = (struct blockdev_config){ 0 };
    machine->memory_count = 0;
    machine->ramfb = machine->semihosting.enable = false;
    options->drive_count = options->device_count = 0;
    return true;
}
