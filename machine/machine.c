/* SPDX-License-Identifier: MIT
 *
 * A machine's life; see machine.h. A run is a sequence of boots. In each of them, memory is filled, devices
 * and harts are put into their reset state, the harts' threads run until an event is posted, and all of them
 * stop. A reset begins the next boot. Memory that the images do not cover keeps its contents, as on a board
 * whose memory stays powered.
 */
#include "machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/worker.h"
#include "machine/internal.h"
#include "machine/gdb/gdb.h"
#include "machine/ram.h"
#include "machine/semihosting/proxy.h"
#include "machine/timeline/timeline.h"
#include "util/host_time.h"
#include "util/log.h"

void machine_post(struct machine *machine, enum machine_event event, unsigned status)
{
    unsigned expected = 0;
    uint64_t one = 1;
    int saved = errno;
    unsigned word = (unsigned)event << 16 | (status & 0xffff);
    bool first = atomic_compare_exchange_strong(&machine->event, &expected, word);
    /* If the user asks to quit, this overrides what the guest has asked for. */
    while (!first && event == MACHINE_EVENT_QUIT && expected >> 16 != MACHINE_EVENT_QUIT)
        first = atomic_compare_exchange_weak(&machine->event, &expected, word);
    if (first) {
        ssize_t ignored = write(machine->event_fd, &one, sizeof(one)); /* the counter cannot overflow */
        (void)ignored;
    }
    errno = saved;
}

void machine_set_monitor(struct machine *machine, machine_monitor_fn *monitor, void *opaque)
{
    machine->monitor = monitor;
    machine->monitor_opaque = opaque;
}

void machine_request_quit(struct machine *machine, int status)
{
    machine_post(machine, MACHINE_EVENT_QUIT, (unsigned)status);
}

/* Waits for an event and takes it. */
static unsigned wait_event(struct machine *machine)
{
    unsigned word;
    uint64_t count;
    while (!(word = atomic_exchange(&machine->event, 0))) {
        struct pollfd wait = { .fd = machine->event_fd, .events = POLLIN };
        if (poll(&wait, 1, -1) > 0) {
            ssize_t ignored = read(machine->event_fd, &count, sizeof(count));
            (void)ignored;
        }
        run_state_pause_posted(machine);
        hotplug_unplug_ejected(machine);
    }
    return word;
}

/* ---- Making and unmaking ------------------------------------------------------------------------------- */

/* Checks that the board has a place for everything that is plugged in. */
static bool check_plugs(const struct machine_config *config, struct error *error)
{
    const struct board *board = config->board;
    if (config->pci_count && !board->pci_irq)
        return error_set(error, "-machine %s has no PCI bus: nothing can be plugged in there", board->name);
    for (unsigned n = board->virtio_slots; n < MACHINE_VIRTIO_SLOTS_MAX; n++)
        if (config->virtio[n].model)
            return error_set(error, "-machine %s has %u virtio-mmio slots: there is no slot %u", board->name,
                             board->virtio_slots, n);
    for (unsigned n = board->flash_banks; n < MACHINE_PFLASH_BANKS_MAX; n++)
        if (config->pflash[n].present)
            return error_set(error, "-machine %s has %u banks of flash: there is no bank %u", board->name,
                             board->flash_banks, n);
    return true;
}

static bool check_config(const struct machine_config *config, struct error *error)
{
    const struct board *board = config->board;
    uint64_t limit = config->isa.xlen == 32 ? board->ram_max_rv32 : board->ram_max;
    unsigned least = board->harts_min ? board->harts_min : 1;
    if (config->smp < least || config->smp > board->harts_max)
        return error_set(error, "-smp %u: the board has %u to %u harts", config->smp, least,
                         board->harts_max);
    bool records = config->record_memory || config->record_file;
    if (records && !config->icount.on && !config->replay_file)
        return error_set(error, "-record needs virtual time, so far: give -icount shift=0, too");
    if (config->timeline_file && !config->icount.on)
        return error_set(error, "-timeline needs virtual time, so far: give -icount shift=0, too");
    if (records && config->semihosting.enable)
        return error_set(error,
                         "-record: the answers of semihosting are not recorded; leave out one of them");
    if (!config->ram_size || config->ram_size % 4096)
        return error_set(error,
                         "-m: RAM of %" PRIu64 " bytes is not possible; it must be a multiple of 4 KiB",
                         config->ram_size);
    if (config->ram_size > limit)
        return error_set(error,
                         "-m: RAM of %" PRIu64 " MiB is too much; the board takes up to %" PRIu64
                         " MiB with these harts",
                         config->ram_size >> 20, limit >> 20);
    return check_plugs(config, error);
}

static bool create_gdb(struct machine *machine, struct error *error)
{
    struct gdb *gdb = gdb_create(machine, machine->config.gdb, error);
    atomic_store(&machine->gdb, gdb);
    return gdb != NULL;
}

static bool has_timeline(const struct machine_config *config)
{
    return config->record_memory || config->record_file || config->replay_file || config->timeline_file;
}

static bool create_parts(struct machine *machine, struct error *error)
{
    const struct machine_config *config = &machine->config;
    const struct board *board = config->board;
    if (machine->event_fd < 0)
        return error_set(error, "cannot make an event descriptor: %s", strerror(errno));
    if (!check_config(config, error) || !boot_load_images(machine, error))
        return false;
    machine->clock = clock_create(error);
    if (machine->clock)
        /* The guest's time begins with its first instruction, so it stands still until then. */
        clock_stop(machine->clock);
    if (machine->clock && config->icount.on) {
        device_worker_be_exact();
        turns_init(machine);
    }
    machine->bus = machine->clock ? bus_create(harts_code_written, machine, error) : NULL;
    if (machine->bus && !config->strict)
        bus_be_lenient(machine->bus, config->isa.xlen);
    if (machine->bus && harts_want_windows(config) && !ram_is_replaced(config))
        bus_share_ram(machine->bus);
    uint8_t *ram = machine->bus ? bus_add_ram(machine->bus, board->ram_base, config->ram_size, error) : NULL;
    if (!ram || !ram_prepare(config, ram, error))
        return false;
    if (config->memory_count > 1)
        bus_mix_ram(machine->bus);
    machine->rom = bus_add_rom(machine->bus, board->rom.base, board->rom.size, error);
    return machine->rom && harts_create(machine, error) &&
           (!has_timeline(config) || timeline_create(machine, error)) && board->create(machine, error) &&
           media_watch(machine) && machine_open_spare_serials(machine, error) &&
           machine_open_spare_netdevs(machine, error) && boot_add_fw_items(machine, error) &&
           (!config->semihosting.enable || (machine->semihosting = semihosting_create(machine, error))) &&
           (!config->profile.file || (machine->profile = profile_create(machine, error))) &&
           (!config->coverage.file || (machine->coverage = coverage_create(machine, error))) &&
           boot_place_fdt(machine, error) && boot_write_memory(machine, error) &&
           (!config->replay_file || timeline_begin_replay(machine, error)) &&
           (!config->dumpdtb || boot_fdt_dump(machine->fdt, config->dumpdtb, error)) &&
           (!config->gdb || create_gdb(machine, error));
}

struct machine *machine_create(const struct machine_config *config, struct error *error)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    if (!machine) {
        error_set(error, "out of memory for the machine");
        return NULL;
    }
    machine->config = *config;
    if (!config->board)
        machine->config.board = boards[0];
    if (config->aia == MACHINE_AIA_APLIC_IMSIC) /* whatever -cpu says: the files are of no use without them */
        machine->config.isa.extensions |=
            ISA_SET(ISA_Smaia) | (config->isa.supervisor ? ISA_SET(ISA_Ssaia) : 0);
    isa_init();
    run_state_init(machine);
    pthread_mutex_init(&machine->gdb_lock, NULL);
    harts_init(machine);
    machine->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (create_parts(machine, error))
        return machine;
    machine_destroy(machine);
    return NULL;
}

/* A reset waits for the threads of devices. */
static void reset_devices(struct machine *machine)
{
    run_state_hurry(machine, true);
    for (unsigned i = 0; i < machine->device_count; i++) {
        struct device *device = machine->devices[i].device;
        if (device->ops->reset)
            device->ops->reset(device);
    }
    if (machine->ramfb)
        ramfb_reset(machine->ramfb);
    run_state_hurry(machine, false);
}

/* Users are destroyed before what they use: harts use devices, and devices raise lines of harts and call
 * backends. */
void machine_destroy(struct machine *machine)
{
    if (!machine)
        return;
    gdb_stop(machine->gdb);
    harts_stop(machine);
    profile_destroy(machine->profile);
    coverage_destroy(machine->coverage);
    /* After a reset, which waits for the devices' own threads, nothing writes to a backend any more. A
     * backend's thread calls the front end, so backends are destroyed before the devices. */
    reset_devices(machine);
    for (unsigned i = 0; i < machine->chardev_count; i++)
        chardev_destroy(machine->chardevs[i]);
    semihosting_destroy(machine->semihosting);
    proxy_destroy(machine->proxy);
    for (unsigned i = machine->device_count; i-- > 0;)
        machine->devices[i].device->ops->destroy(machine->devices[i].device);
    for (unsigned i = 0; i < MACHINE_NETDEVS_MAX; i++) /* a card that goes detaches itself */
        netdev_destroy(machine->netdevs[i]);
    ramfb_destroy(machine->ramfb);
    for (unsigned i = 0; i < MACHINE_AUDIO_MAX; i++)
        audiodev_destroy(machine->audiodevs[i]);
    for (unsigned i = 0; i < machine->blockdev_count; i++)
        blockdev_destroy(machine->blockdevs[i]);
    harts_destroy(machine);
    gdb_destroy(machine->gdb);
    clock_destroy(machine->clock);
    bus_destroy(machine->bus);
    loader_destroy(&machine->loader);
    free(machine->fdt);
    if (machine->event_fd >= 0)
        close(machine->event_fd);
    run_state_destroy(machine);
    harts_end(machine);
    pthread_mutex_destroy(&machine->gdb_lock);
    free(machine);
}

/* ---- Running ------------------------------------------------------------------------------------------- */

/* Runs one boot. */
static bool boot_once(struct machine *machine, unsigned *word, struct error *error)
{
    if (!run_state_boot(machine, error))
        return false;
    *word = wait_event(machine);
    run_state_halt(machine);
    profile_boot_ended(machine->profile);
    /* An event that the guest posted while its harts were stopping does not count for the next boot. */
    unsigned late = atomic_exchange(&machine->event, 0);
    if (late >> 16 == MACHINE_EVENT_QUIT)
        *word = late;
    unsigned event = *word >> 16;
    timeline_ended(machine->timeline, event == MACHINE_EVENT_RESET && !atomic_load(&machine->no_reboot),
                   event == MACHINE_EVENT_QUIT, *word & 0xffff);
    return true;
}

/* The guest is off, with no_shutdown: waits until the user quits or resets it. */
static unsigned wait_for_user(struct machine *machine)
{
    unsigned word;
    do
        word = wait_event(machine);
    while (word >> 16 != MACHINE_EVENT_QUIT && word >> 16 != MACHINE_EVENT_RESET);
    return word;
}

/* Decides what the end of a boot means: *word becomes the event that counts, *by_guest tells whether the
 * guest wanted it. */
static void end_of_boot(struct machine *machine, unsigned *word, bool *by_guest)
{
    enum machine_event event = (enum machine_event)(*word >> 16);
    bool by_user = atomic_exchange(&machine->user_reset, false);
    if (event == MACHINE_EVENT_RESET && atomic_load(&machine->no_reboot))
        *word = (event = MACHINE_EVENT_POWEROFF) << 16;
    machine->quit_while_on = event == MACHINE_EVENT_QUIT;
    run_state_off(machine, event != MACHINE_EVENT_RESET);
    if (event == MACHINE_EVENT_POWEROFF)
        run_state_notify(machine, MACHINE_NOTICE_SHUTDOWN, !by_user);
    if (event == MACHINE_EVENT_POWEROFF && atomic_load(&machine->no_shutdown)) {
        *word = wait_for_user(machine);
        event = (enum machine_event)(*word >> 16);
        by_user = true;
    }
    if (event == MACHINE_EVENT_QUIT)
        run_state_notify(machine, MACHINE_NOTICE_SHUTDOWN, false);
    *by_guest = !by_user;
}

/* A machine that is being saved is reset afterwards. False: the user does not want to wait. [run_lock] */
static bool wait_for_thaw(struct machine *machine)
{
    while (machine->frozen && atomic_load(&machine->event) >> 16 != MACHINE_EVENT_QUIT) {
        struct timespec until = host_timespec(host_now_ns() + 50000000);
        pthread_cond_timedwait(&machine->reset_done, &machine->run_lock, &until);
    }
    return !machine->frozen;
}

/* [run_lock] */
static void reset_parts(struct machine *machine)
{
    reset_devices(machine);
    atomic_store(&machine->io_error, false); /* the disks have dropped the requests that waited */
    machine->paused_for = MACHINE_RUNNING;
    atomic_store(&machine->pause_posted, MACHINE_RUNNING);
    semihosting_reset(machine->semihosting);
    proxy_reset(machine->proxy);
}

void machine_unload(struct machine *machine)
{
    pthread_mutex_lock(&machine->run_lock);
    machine->unloaded = true;
    machine->saved = false;
    reset_parts(machine);
    harts_unload(machine);
    pthread_mutex_unlock(&machine->run_lock);
}

/* Holds run_lock, so that nothing reads the machine meanwhile. */
static bool reset_machine(struct machine *machine, struct error *error)
{
    hotplug_unplug_ejected(machine); /* what is still there after a reset is the guest's again */
    pthread_mutex_lock(&machine->run_lock);
    if (!wait_for_thaw(machine)) { /* the user has quit meanwhile */
        pthread_mutex_unlock(&machine->run_lock);
        return true;
    }
    machine->off = machine->saved = machine->unloaded = false;
    reset_parts(machine);
    bool ok = boot_write_memory(machine, error);
    if (ok)
        harts_reset(machine);
    pthread_cond_broadcast(&machine->reset_done);
    pthread_mutex_unlock(&machine->run_lock);
    return ok;
}

/* Writes the files that a run leaves. Returns its exit status, which also tells if a file could not be
 * written. */
static int end_of_run(struct machine *machine, int status, struct error *error)
{
    gdb_finish(machine->gdb, status);
    struct error other;
    bool ok = profile_write(machine->profile, error);
    if (machine->config.timeline_file && !timeline_write_picture(machine->timeline, NULL, &other)) {
        if (ok)
            *error = other;
        else
            log_warn("%s", other.text);
        ok = false;
    }
    if (machine->coverage) {
        machine_hold(machine);
        bool written = coverage_write(machine->coverage, ok ? error : &other);
        machine_release(machine);
        if (!ok && !written)
            log_warn("%s", other.text);
        ok = ok && written;
    }
    if (!ok && status)
        log_warn("%s", error->text);
    return ok || status ? status : -1;
}

int machine_run(struct machine *machine, struct error *error)
{
    if (machine->config.dumpdtb)
        return 0;
    for (;;) {
        unsigned word;
        bool by_guest;
        if (!boot_once(machine, &word, error))
            return -1;
        end_of_boot(machine, &word, &by_guest);
        if (word >> 16 != MACHINE_EVENT_RESET)
            return end_of_run(machine, (int)(word & 0xffff), error);
        if (!reset_machine(machine, error))
            return -1;
        /* Listeners are told when the reset is complete. */
        run_state_notify(machine, MACHINE_NOTICE_RESET, by_guest);
    }
}
