/* SPDX-License-Identifier: MIT
 *
 * The table of the monitor's commands, and the two ways to call one: a line that a person typed, or a QMP
 * name with JSON arguments. Both become one JSON object with the arguments, which is checked against the
 * command's row before run() sees it.
 */
#include "frontend/monitor/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "machine/inspect.h"

#define HOLD MONITOR_HOLD

const struct monitor_command monitor_commands[] = {
    { "help", "?", NULL, "name:r?", "this list, or what one command does", 0, monitor_help,
      monitor_print_lines },
    { "info status", NULL, "query-status", "", "whether the guest runs", 0, monitor_status,
      monitor_print_status },
    { "info version", NULL, "query-version", "", "of this program", 0, monitor_version,
      monitor_print_version },
    { "info name", NULL, "query-name", "", "of the guest (-name)", 0, monitor_name, NULL },
    { "info cpus", NULL, "query-cpus-fast", "", "the harts, and the current one", HOLD, monitor_cpus,
      monitor_print_cpus },
    { "info registers", NULL, "query-registers", "all:b? hart:i?",
      "x and f registers and pc of a hart; -a: of all", HOLD, monitor_registers, monitor_print_registers },
    { "info csr", NULL, "query-csr", "name:s? hart:i?",
      "control and status registers: all, or those that begin so", HOLD, monitor_csr, NULL },
    { "info mtree", NULL, "query-mtree", "", "the physical address space", 0, monitor_mtree, NULL },
    { "info mem", NULL, "query-mem", "address:i? hart:i?",
      "the walk of the page tables for an address, level by level; without one, all mapped ranges", HOLD,
      monitor_mem, monitor_print_mem },
    { "info tlb", NULL, "query-tlb", "hart:i?", "what the software TLBs hold", HOLD, monitor_tlb, NULL },
    { "info irq", "info pic", "query-irq", "",
      "interrupts: pending and enabled at the harts, wires of the PLIC", HOLD, monitor_irq, NULL },
    { "info jit", NULL, "query-jit", "", "counters of the translator", 0, monitor_jit, monitor_print_lines },
    { "info block", NULL, "query-block", "", "the disks", HOLD, monitor_block, monitor_print_block },
    { "info blockstats", NULL, "query-blockstats", "query-nodes:a?", "what was done with the disks", HOLD,
      monitor_blockstats, monitor_print_blockstats },
    { "block_resize", NULL, NULL, "device:s size:s", "makes a disk larger, to so many MiB; the guest is told",
      HOLD, monitor_block_resize_line, NULL },
    { "block_resize", NULL, "block_resize", "device:s? node-name:s? size:i",
      "the same, for programs; the size is in bytes", HOLD | MONITOR_PROGRAMS, monitor_block_resize, NULL },
    { "block_set_io_throttle", NULL, "block_set_io_throttle",
      "device:s? id:s? bps:i bps_rd:i bps_wr:i iops:i iops_rd:i iops_wr:i "
      "bps_max:i? bps_max_length:i? bps_rd_max:i? bps_rd_max_length:i? bps_wr_max:i? bps_wr_max_length:i? "
      "iops_max:i? iops_max_length:i? iops_rd_max:i? iops_rd_max_length:i? iops_wr_max:i? "
      "iops_wr_max_length:i? "
      "iops_size:i? group:s?",
      "limits the speed of a disk", HOLD | MONITOR_PROGRAMS, monitor_set_limits, NULL },
    { "sendkey", NULL, NULL, "keys:s hold-time:i?",
      "presses keys of the guest's keyboard together: ctrl-alt-f1; for so many ms (100)", 0,
      monitor_sendkey_line, NULL },
    { "send-key", NULL, "send-key", "keys:a hold-time:i?", "the same, for programs", MONITOR_PROGRAMS,
      monitor_send_key, NULL },
    { "input-send-event", NULL, "input-send-event", "device:s? head:i? events:a",
      "keys, buttons and movements of the pointer", MONITOR_PROGRAMS, monitor_input_send_event, NULL },
    { "info network", NULL, "query-network", "", "the network interfaces", HOLD, monitor_network,
      monitor_print_network },
    { "info pci", NULL, "query-pci", "", "the PCI devices", HOLD, monitor_pci, monitor_print_pci },
    { "info qtree", NULL, "query-qtree", "", "the devices of the board", HOLD, monitor_qtree, NULL },
    { "info chardev", NULL, "query-chardev", "", "the character devices", 0, monitor_chardev,
      monitor_print_chardev },
    { "query-chardev-backends", NULL, "query-chardev-backends", "", "the kinds of -chardev", MONITOR_PROGRAMS,
      monitor_chardev_kinds, NULL },
    { "ringbuf_read", NULL, "ringbuf-read", "device:s size:i format:s?",
      "takes bytes out of a -chardev ringbuf", 0, monitor_ringbuf_read, monitor_print_lines },
    { "info sandbox", NULL, NULL, "", "what confines the emulator", 0, monitor_sandbox, monitor_print_lines },
    { "info kvm", NULL, "query-kvm", "", "whether the host's KVM is used", 0, monitor_kvm, NULL },
    { "info replay", NULL, "query-replay", "", "which instruction is being recorded or replayed", HOLD,
      monitor_replay, monitor_print_replay },
    { "info timeline", NULL, NULL, "", "what is recorded, in memory and in a file", HOLD, monitor_timeline,
      monitor_print_lines },
    { "record", NULL, "record", "state:s",
      "on: keeps the past of the guest from now on, so that gdb can go back; off: forgets it", HOLD,
      monitor_record, NULL },
    { "timeline-svg", NULL, "timeline-svg", "filename:s",
      "writes a picture of the run so far, where -timeline draws one", HOLD, monitor_timeline_svg, NULL },
    { "cpu", NULL, NULL, "hart:i", "makes a hart the current one", 0, monitor_cpu, NULL },
    { "stop", "s", "stop", "", "pauses the guest", 0, monitor_stop, NULL },
    { "cont", "c", "cont", "", "lets it go on", 0, monitor_cont, NULL },
    { "step", "si", "step", "count:i? hart:i?",
      "executes instructions of a paused hart, and shows the next one", 0, monitor_step,
      monitor_print_lines },
    { "gdbserver", NULL, NULL, "device:s?",
      "lets gdb attach at tcp::PORT (without it: tcp::1234), tcp:HOST:PORT or unix:PATH; none: nowhere", 0,
      monitor_gdbserver, monitor_print_lines },
    { "x", NULL, "x", "format:f? address:i hart:i?",
      "guest memory at a virtual address: x/16xw, letters b h w g for the size, x d u o c s i for the form",
      HOLD, monitor_x, monitor_print_lines },
    { "xp", NULL, "xp", "format:f? address:i hart:i?", "the same at a physical address", HOLD, monitor_xp,
      monitor_print_lines },
    { "disassemble", "disas", "disassemble", "address:i? count:i? hart:i?",
      "instructions, at pc or elsewhere", HOLD, monitor_disassemble, monitor_print_lines },
    { "log", NULL, "log", "categories:s", "what is logged: categories of -d with commas between, or none", 0,
      monitor_log, NULL },
    { "screendump", NULL, "screendump", "filename:s format:o?",
      "writes a picture of the screen, as PPM, or as PNG where the name ends in .png; -f ppm, -f png: so", 0,
      monitor_screendump, NULL },
    { "write-symbols", NULL, "write-symbols", "filename:s",
      "writes an ELF file with the functions of the guest's Linux, for gdb", HOLD, monitor_write_symbols,
      monitor_print_lines },
    { "coverage write", NULL, "coverage-write", "", "writes the file of -coverage as of now", HOLD,
      monitor_coverage_write, NULL },
    { "coverage reset", NULL, "coverage-reset", "", "-coverage begins anew: nothing was executed yet", HOLD,
      monitor_coverage_reset, NULL },
    { "set_password", NULL, "set_password", "protocol:s password:s connected:s? display:s?",
      "of viewers: set_password vnc TEXT, where -vnc has password=on", 0, monitor_set_password, NULL },
    { "expire_password", NULL, "expire_password", "protocol:s time:s display:s?",
      "until when it holds: now, never, +SECONDS, or seconds since 1970", 0, monitor_expire_password, NULL },
    { "info vnc", NULL, "query-vnc", "", "the VNC server", 0, monitor_query_vnc, NULL },
    { "change vnc password", NULL, "change-vnc-password", "password:s", "the same as set_password vnc", 0,
      monitor_change_vnc, NULL },
    { "eject", NULL, "eject", "force:b? device:s? id:s?", "takes the medium out of a CD drive", HOLD,
      monitor_eject, NULL },
    { "change", NULL, "blockdev-change-medium",
      "force:b? device:s? filename:s? format:s? read-only-mode:s? id:s?", "puts another one in", HOLD,
      monitor_change, NULL },
    { "blockdev-open-tray", NULL, "blockdev-open-tray", "force:b? device:s? id:s?", "opens a CD drive",
      HOLD | MONITOR_PROGRAMS, monitor_open_tray, NULL },
    { "blockdev-close-tray", NULL, "blockdev-close-tray", "device:s? id:s?", "closes it",
      HOLD | MONITOR_PROGRAMS, monitor_close_tray, NULL },
    { "blockdev-remove-medium", NULL, "blockdev-remove-medium", "id:s", "takes the medium out of an open one",
      HOLD | MONITOR_PROGRAMS, monitor_remove_medium, NULL },
    { "blockdev-insert-medium", NULL, "blockdev-insert-medium", "id:s node-name:s",
      "puts the node of -blockdev into an open one", HOLD | MONITOR_PROGRAMS, monitor_insert_medium, NULL },
    { "balloon", NULL, NULL, "value:s",
      "how much RAM the guest is to have, in MiB or with a suffix: it gives the rest back to the host", 0,
      monitor_balloon_line, NULL },
    { "info balloon", NULL, NULL, "", "how much RAM the guest has, and how it uses it", 0,
      monitor_info_balloon, monitor_print_balloon },
    { "watchdog_action", NULL, "watchdog-set-action", "action:s",
      "what the guest's watchdog does: reset, shutdown, poweroff, pause, debug, none, inject-nmi", 0,
      monitor_watchdog_action, NULL },
    { "set-action", NULL, "set-action", "reboot:s? shutdown:s? panic:s? watchdog:s?",
      "what follows a reset, a power-off, a panic and the watchdog", MONITOR_PROGRAMS, monitor_set_action,
      NULL },
    { "device_add", NULL, "device_add", "driver:r", "plugs in a device, described as for -device",
      HOLD | MONITOR_ANY, monitor_device_add, NULL },
    { "device_del", NULL, "device_del", "id:s", "asks the guest to give up a device", HOLD,
      monitor_device_del, NULL },
    { "set_link", NULL, NULL, "name:s up:s",
      "plugs in (on) or pulls out (off) the cable of a network or a card", HOLD, monitor_set_link_line,
      NULL },
    { "set_link", NULL, "set_link", "name:s up:b", "plugs in or pulls out a cable", HOLD | MONITOR_PROGRAMS,
      monitor_set_link, NULL },
    { "netdev_add", NULL, "netdev_add", "type:r", "adds a network, described as for -netdev",
      HOLD | MONITOR_ANY, monitor_netdev_add, NULL },
    { "netdev_del", NULL, "netdev_del", "id:s", "removes a network that no card uses", HOLD,
      monitor_netdev_del, NULL },
    { "hostfwd_add", NULL, NULL, "netdev_id:s rule:s?",
      "forwards a port of the host: [NETDEV] [tcp|udp]:[ADDRESS]:PORT-[GUESTADDRESS]:GUESTPORT", 0,
      monitor_hostfwd_add, monitor_print_lines },
    { "hostfwd_remove", NULL, NULL, "netdev_id:s rule:s?", "no more: [NETDEV] [tcp|udp]:[ADDRESS]:PORT", 0,
      monitor_hostfwd_remove, monitor_print_lines },
    { "system_reset", NULL, "system_reset", "", "resets the machine", 0, monitor_reset, NULL },
    { "system_powerdown", NULL, "system_powerdown", "", "presses the power button, where there is one", 0,
      monitor_powerdown, monitor_print_lines },
    { "quit", "q", "quit", "", "ends the emulator", 0, monitor_quit, NULL },
    { "blockdev-add", NULL, "blockdev-add", "driver:s node-name:s", "describes an image, as -blockdev does",
      HOLD | MONITOR_ANY | MONITOR_PROGRAMS, monitor_blockdev_add, NULL },
    { "blockdev-del", NULL, "blockdev-del", "node-name:s", "forgets an image that no device uses",
      HOLD | MONITOR_PROGRAMS, monitor_blockdev_del, NULL },
    { "getfd", NULL, "getfd", "fdname:s",
      "names the descriptor that comes with the command, for migrate fd:NAME", MONITOR_PROGRAMS,
      monitor_getfd, NULL },
    { "closefd", NULL, "closefd", "fdname:s", "closes one with a name", MONITOR_PROGRAMS, monitor_closefd,
      NULL },
    { "add-fd", NULL, "add-fd", "fdset-id:i? opaque:s?",
      "the descriptor that comes with the command becomes the file /dev/fdset/N", MONITOR_PROGRAMS,
      monitor_add_fd, NULL },
    { "remove-fd", NULL, "remove-fd", "fdset-id:i fd:i?", "closes one of them, or all of a set",
      MONITOR_PROGRAMS, monitor_remove_fd, NULL },
    { "query-fdsets", NULL, "query-fdsets", "", "the descriptors of add-fd", MONITOR_PROGRAMS,
      monitor_query_fdsets, NULL },
    { "qom-list", NULL, "qom-list", "path:s", "the devices that have an id", HOLD | MONITOR_PROGRAMS,
      monitor_qom_list, NULL },
    { "qom-get", NULL, "qom-get", "path:s property:s", "a property of an object", MONITOR_PROGRAMS,
      monitor_qom_get, NULL },
    { "qom-set", NULL, "qom-set", "path:s property:s value:a", "changes one", MONITOR_PROGRAMS,
      monitor_qom_set, NULL },
    { "query-named-block-nodes", NULL, "query-named-block-nodes", "flat:b?", "the nodes of -blockdev",
      HOLD | MONITOR_PROGRAMS, monitor_block_nodes, NULL },
    { "device-list-properties", NULL, "device-list-properties", "typename:s",
      "the keys of a device of -device", MONITOR_PROGRAMS, monitor_device_properties, NULL },
    { "human-monitor-command", NULL, "human-monitor-command", "command-line:r cpu-index:i?",
      "a line as a person would type it; the answer is text", MONITOR_PROGRAMS, monitor_hmp,
      monitor_print_lines },
    { "query-qmp-schema", NULL, "query-qmp-schema", "", "what the commands take", MONITOR_PROGRAMS,
      monitor_schema, NULL },
    { "query-target", NULL, "query-target", "", "what the harts are", MONITOR_PROGRAMS, monitor_target,
      NULL },
    { "query-machines", NULL, "query-machines", "compat-props:b?", "the boards", MONITOR_PROGRAMS,
      monitor_machines, NULL },
    { "info uuid", NULL, "query-uuid", "", "the machine's UUID", 0, monitor_uuid, NULL },
    { "info memory_size_summary", NULL, "query-memory-size-summary", "", "the size of RAM", 0,
      monitor_memory_size, NULL },
    { "query-command-line-options", NULL, "query-command-line-options", "option:s?",
      "flags of the command line, and their keys", MONITOR_PROGRAMS, monitor_command_line, NULL },
    { "qom-list-types", NULL, "qom-list-types", "implements:s? abstract:b?",
      "kinds of devices, boards and objects", MONITOR_PROGRAMS, monitor_list_types, NULL },
    { "qom-list-properties", NULL, "qom-list-properties", "typename:s", "the keys of one", MONITOR_PROGRAMS,
      monitor_list_properties, NULL },
    { "info iothreads", NULL, "query-iothreads", "", "the -object iothread", 0, monitor_iothreads,
      monitor_print_iothreads },
    { "info memdev", NULL, "query-memdev", "", "what RAM is made of on the host", 0, monitor_memdev, NULL },
    { "query-cpu-definitions", NULL, "query-cpu-definitions", "", "the models of -cpu", MONITOR_PROGRAMS,
      monitor_cpu_definitions, NULL },
    { "query-cpu-model-expansion", NULL, "query-cpu-model-expansion", "type:s model:a",
      "what a model of -cpu has", MONITOR_PROGRAMS, monitor_cpu_expansion, NULL },
    { "query-hotpluggable-cpus", NULL, "query-hotpluggable-cpus", "", "an error: harts do not come and go",
      MONITOR_PROGRAMS, monitor_hotpluggable_cpus, NULL },
    { "query-current-machine", NULL, "query-current-machine", "", "whether a sleeping guest can be woken",
      MONITOR_PROGRAMS, monitor_current_machine, NULL },
    { "query-stats", NULL, "query-stats", "target:s vcpus:a? providers:a?", "none", MONITOR_PROGRAMS,
      monitor_stats, NULL },
    { "query-stats-schemas", NULL, "query-stats-schemas", "provider:s?", "none", MONITOR_PROGRAMS,
      monitor_no_rows, NULL },
    { "nmi", NULL, "inject-nmi", "", "an error: the boards have no such interrupt", 0, monitor_nmi, NULL },
    { "memsave", NULL, "memsave", "val:i size:i filename:s cpu-index:i?",
      "writes guest memory at a virtual address to a file", HOLD, monitor_memsave, NULL },
    { "pmemsave", NULL, "pmemsave", "val:i size:i filename:s", "the same at a physical address", HOLD,
      monitor_pmemsave, NULL },
    { "dump-guest-memory", NULL, NULL, "protocol:s begin:i? length:i?",
      "writes RAM and the harts' registers to an ELF core file, for gdb and crash", HOLD, monitor_dump,
      NULL },
    { "dump-guest-memory", NULL, "dump-guest-memory",
      "paging:b protocol:s detach:b? begin:i? length:i? format:s?", "the same, for programs",
      HOLD | MONITOR_PROGRAMS, monitor_dump, NULL },
    { "query-dump", NULL, "query-dump", "", "whether it has been done", MONITOR_PROGRAMS, monitor_query_dump,
      NULL },
    { "query-dump-guest-memory-capability", NULL, "query-dump-guest-memory-capability", "",
      "which formats there are", MONITOR_PROGRAMS, monitor_dump_formats, NULL },
    { "query-memory-devices", NULL, "query-memory-devices", "", "none", MONITOR_PROGRAMS, monitor_no_rows,
      NULL },
    { "query-tpm-models", NULL, "query-tpm-models", "", "none", MONITOR_PROGRAMS, monitor_no_rows, NULL },
    { "query-tpm-types", NULL, "query-tpm-types", "", "none", MONITOR_PROGRAMS, monitor_no_rows, NULL },
    { "query-block-jobs", NULL, "query-block-jobs", "", "none", MONITOR_PROGRAMS, monitor_no_rows, NULL },
    { "query-jobs", NULL, "query-jobs", "", "the jobs of snapshot-save, -load and -delete", MONITOR_PROGRAMS,
      monitor_query_jobs, NULL },
    { "query-pr-managers", NULL, "query-pr-managers", "", "none", MONITOR_PROGRAMS, monitor_no_rows, NULL },
    { "info migrate_capabilities", NULL, "query-migrate-capabilities", "", "what of QEMU's migration is on",
      0, monitor_migrate_capabilities, monitor_print_capabilities },
    { "info migrate", NULL, "query-migrate", "", "how far the guest is saved or loaded", 0,
      monitor_query_migrate, monitor_print_migrate },
    { "migrate_set_capability", NULL, NULL, "capability:s state:s", "switches one on or off", 0,
      monitor_set_one_capability, NULL },
    { "migrate-set-capabilities", NULL, "migrate-set-capabilities", "capabilities:a",
      "switches capabilities of migration on or off", MONITOR_PROGRAMS, monitor_set_capabilities, NULL },
    { "info migrate_parameters", NULL, "query-migrate-parameters", "", "the parameters of migration", 0,
      monitor_migrate_parameters, monitor_print_parameters },
    { "migrate_set_parameter", NULL, NULL, "parameter:s value:i",
      "downtime-limit MILLISECONDS, max-bandwidth BYTES (a second), for migration to unix: and tcp:", 0,
      monitor_set_parameter_line, NULL },
    { "migrate-set-parameters", NULL, "migrate-set-parameters", "max-bandwidth:i? downtime-limit:i?",
      "sets parameters of migration", MONITOR_PROGRAMS, monitor_set_parameters, NULL },
    { "migrate_cancel", NULL, "migrate_cancel", "", "the guest goes on, and is not saved", 0,
      monitor_migrate_cancel, NULL },
    { "migrate_incoming", NULL, "migrate-incoming", "uri:r", "loads a saved guest, with -incoming defer", 0,
      monitor_migrate_incoming, NULL },
    { "migrate", NULL, "migrate", "detach:b? resume:b? uri:r",
      "saves the guest, which stands still meanwhile, to file:PATH, exec:COMMAND, unix:PATH or "
      "tcp:HOST:PORT; -d: does not wait for the end",
      0, monitor_migrate, monitor_print_lines },
    { "info snapshots", NULL, NULL, "", "the saved machines in the qcow2 disks", 0, monitor_snapshots,
      monitor_print_snapshots },
    { "savevm", NULL, NULL, "name:r?",
      "saves the guest, with its disks as they are, inside the qcow2 disks; it goes on then", 0,
      monitor_savevm, NULL },
    { "loadvm", NULL, NULL, "name:r", "makes the guest and its disks what savevm saved", 0, monitor_loadvm,
      NULL },
    { "delvm", NULL, NULL, "name:r", "deletes a guest that savevm saved", 0, monitor_delvm, NULL },
    { "snapshot-memory", NULL, "snapshot-memory", "name:s",
      "keeps the guest as it is now in memory; it has no disk that it can write to", 0, monitor_keep, NULL },
    { "restore-memory", NULL, "restore-memory", "name:s", "makes the guest what it was then", 0,
      monitor_restore, NULL },
    { "forget-memory", NULL, "forget-memory", "name:s", "forgets what snapshot-memory keeps", 0,
      monitor_forget, NULL },
    { "info memory-snapshots", NULL, "query-memory-snapshots", "", "what snapshot-memory keeps", 0,
      monitor_kept, NULL },
    { "snapshot-save", NULL, "snapshot-save", "job-id:s tag:s vmstate:s devices:a",
      "savevm, with chosen disks, as a job", MONITOR_PROGRAMS, monitor_snapshot_save, NULL },
    { "snapshot-load", NULL, "snapshot-load", "job-id:s tag:s vmstate:s devices:a", "loadvm as a job",
      MONITOR_PROGRAMS, monitor_snapshot_load, NULL },
    { "snapshot-delete", NULL, "snapshot-delete", "job-id:s tag:s devices:a", "delvm as a job",
      MONITOR_PROGRAMS, monitor_snapshot_delete, NULL },
    { "job-dismiss", NULL, "job-dismiss", "id:s", "forgets a job that has ended", MONITOR_PROGRAMS,
      monitor_job_dismiss, NULL },
    { "job-cancel", NULL, "job-cancel", "id:s", "ends a job that saves; nothing of it stays",
      MONITOR_PROGRAMS, monitor_job_cancel, NULL },
    { "balloon", NULL, "balloon", "value:i", "how many bytes of RAM the guest is to have", MONITOR_PROGRAMS,
      monitor_balloon, NULL },
    { "query-balloon", NULL, "query-balloon", "", "how many bytes of RAM the guest has", MONITOR_PROGRAMS,
      monitor_query_balloon, NULL },
    { "query-commands", NULL, "query-commands", "", "the names for programs", MONITOR_PROGRAMS,
      monitor_list_commands, NULL },
    { NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL },
};

/* ---- Parameters ---------------------------------------------------------------------------------------- */

bool monitor_next_parameter(const char **text, struct monitor_parameter *parameter)
{
    while (**text == ' ')
        (*text)++;
    size_t length = strcspn(*text, ":");
    if (!**text)
        return false;
    snprintf(parameter->name, sizeof(parameter->name), "%.*s", (int)length, *text);
    parameter->type = (*text)[length + 1];
    parameter->optional = (*text)[length + 2] == '?';
    *text += strcspn(*text, " ");
    return true;
}

static bool evaluate(struct monitor_call *call, const char *text, struct json_object **value)
{
    uint64_t number;
    machine_hold(call->machine);
    bool ok = monitor_evaluate(call->machine, *call->hart, text, &number, &call->error);
    machine_release(call->machine);
    *value = ok ? json_object_new_uint64(number) : NULL;
    return ok;
}

/* ---- Lines --------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* Returns the length of the command's name at the start of the line, where its words may have any blanks in
 * between; 0: the line begins with another command. */
static size_t name_length(const char *name, const char *line)
{
    const char *at = line;
    while (*name) {
        if (*name == ' ') {
            if (!isspace((unsigned char)*at))
                return 0;
            at = skip_blanks(at);
            name++;
        } else if (*name++ != *at++) {
            return 0;
        }
    }
    return *at && !isspace((unsigned char)*at) && *at != '/' ? 0 : (size_t)(at - line);
}

static const struct monitor_command *find_by_line(const char *line, size_t *length)
{
    for (const struct monitor_command *command = monitor_commands; command->name; command++) {
        *length = name_length(command->name, line);
        if (!*length && command->alias)
            *length = name_length(command->alias, line);
        if (*length)
            return command;
    }
    return NULL;
}

/* Returns the length of a word. In an expression, blanks around an operator do not end it. */
static size_t word_length(const char *at, char type)
{
    size_t length = 0;
    if (type == 'r')
        return strlen(at);
    for (;;) {
        while (at[length] && !isspace((unsigned char)at[length]))
            length++;
        const char *next = skip_blanks(at + length);
        bool open = length && (at[length - 1] == '+' || at[length - 1] == '-');
        if (type != 'i' || !*next || !(open || *next == '+' || *next == '-'))
            return length;
        length = (size_t)(next - at) + 1;
    }
}

/* Takes one parameter's argument from *line. False, with call->error filled. */
static bool take_argument(struct monitor_call *call, const struct monitor_parameter *parameter,
                          const char **line)
{
    const char *at = *line;
    if (parameter->type == 'f') {
        if (*at != '/')
            return true;
        at++;
    } else {
        at = skip_blanks(at);
    }
    if (parameter->type == 'b') {
        if (at[0] == '-' && at[1] == parameter->name[0] && (!at[2] || isspace((unsigned char)at[2]))) {
            monitor_put_bool(call->arguments, parameter->name, true);
            *line = at + 2;
        }
        return true;
    }
    if (parameter->type == 'o' && at[0] == '-' && at[1] == parameter->name[0] &&
        isspace((unsigned char)at[2]))
        at = skip_blanks(at + 2);
    size_t length = word_length(at, parameter->type);
    if (!length)
        return parameter->optional || error_set(&call->error, "%s is missing", parameter->name);
    char *text = strndup(at, length);
    struct json_object *value = NULL;
    bool ok = text && (parameter->type == 'i' ? evaluate(call, text, &value)
                                              : (value = json_object_new_string(text)) != NULL);
    free(text);
    if (ok)
        json_object_object_add(call->arguments, parameter->name, value);
    *line = at + length;
    return ok;
}

static bool take_arguments(struct monitor_call *call, const struct monitor_command *command, const char *line)
{
    struct monitor_parameter parameter;
    for (const char *text = command->parameters; monitor_next_parameter(&text, &parameter);) {
        if (!take_argument(call, &parameter, &line))
            return false;
    }
    line = skip_blanks(line);
    return !*line || error_set(&call->error, "\"%s\" is too much for %s", line, command->name);
}

static bool run(struct monitor_call *call, const struct monitor_command *command)
{
    uint64_t hart = monitor_number(call, "hart", *call->hart);
    if (hart >= machine_hart_count(call->machine))
        return error_set(&call->error, "there is no hart %llu; they are numbered from 0 to %u",
                         (unsigned long long)hart, machine_hart_count(call->machine) - 1);
    if (command->flags & MONITOR_HOLD)
        machine_hold(call->machine);
    bool ok = command->run(call);
    if (command->flags & MONITOR_HOLD)
        machine_release(call->machine);
    return ok;
}

void monitor_print_unknown(const char *line, FILE *out)
{
    fprintf(out, "unknown command: \"%.*s\"; help lists them\n", (int)strcspn(line, "\r\n"), line);
}

bool monitor_run_line(struct monitor_call *call, const char *line, FILE *out)
{
    size_t length;
    line = skip_blanks(line);
    if (!*line)
        return true;
    const struct monitor_command *command = find_by_line(line, &length);
    if (!command)
        return false;
    call->arguments = json_object_new_object();
    call->result = NULL;
    if (!take_arguments(call, command, line + length) || !run(call, command))
        fprintf(out, "Error: %s\n", call->error.text);
    else if (call->result && command->print)
        command->print(out, call->result);
    else if (call->result)
        monitor_print(out, call->result);
    json_object_put(call->arguments);
    json_object_put(call->result);
    call->arguments = call->result = NULL;
    return true;
}

/* ---- Programs ------------------------------------------------------------------------------------------ */

/* Checks an argument from a program: it must have the parameter's type; a number may also be an
 * expression. */
static bool check_argument(struct monitor_call *call, const struct monitor_parameter *parameter,
                           struct json_object *checked)
{
    struct json_object *given = NULL, *value = NULL;
    if (!json_object_object_get_ex(call->arguments, parameter->name, &given))
        return parameter->optional || error_set(&call->error, "Parameter '%s' is missing", parameter->name);
    bool text = json_object_is_type(given, json_type_string);
    bool fits = parameter->type == 'i'   ? text || json_object_is_type(given, json_type_int)
                : parameter->type == 'b' ? json_object_is_type(given, json_type_boolean)
                                         : text || parameter->type == 'a';
    if (!fits)
        return error_set(&call->error, "Invalid parameter type for '%s', expected: %s", parameter->name,
                         parameter->type == 'i'   ? "integer"
                         : parameter->type == 'b' ? "boolean"
                                                  : "string");
    if (parameter->type == 'i' && text) {
        if (!evaluate(call, json_object_get_string(given), &value))
            return false;
    } else {
        value = json_object_get(given);
    }
    json_object_object_add(checked, parameter->name, value);
    return true;
}

static bool check_arguments(struct monitor_call *call, const struct monitor_command *command)
{
    struct json_object *checked = json_object_new_object();
    struct monitor_parameter parameter;
    bool ok = true;
    for (const char *text = command->parameters; ok && monitor_next_parameter(&text, &parameter);)
        ok = check_argument(call, &parameter, checked);
    json_object_object_foreach(call->arguments, name, value)
    {
        (void)value;
        if (ok && !json_object_object_get_ex(checked, name, NULL))
            ok = error_set(&call->error, "Parameter '%.100s' is unexpected", name);
    }
    json_object_put(call->arguments);
    call->arguments = checked;
    return ok;
}

const struct monitor_command *monitor_run_qmp(struct monitor_call *call, const char *name, bool *ok)
{
    for (const struct monitor_command *command = monitor_commands; command->name; command++) {
        if (command->qmp && strcmp(command->qmp, name) == 0) {
            *ok = (command->flags & MONITOR_ANY || check_arguments(call, command)) && run(call, command);
            return command;
        }
    }
    return NULL;
}

unsigned monitor_complete(const char *line, const char *names[], unsigned limit)
{
    unsigned count = 0;
    for (const struct monitor_command *command = monitor_commands; command->name && count < limit;
         command++) {
        if (!(command->flags & MONITOR_PROGRAMS) && strncmp(command->name, line, strlen(line)) == 0)
            names[count++] = command->name;
    }
    return count;
}
