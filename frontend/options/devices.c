/* SPDX-License-Identifier: MIT
 *
 * -device and -global: what is plugged into the board.
 */
#include <inttypes.h>
#include <string.h>

#include "frontend/options/options.h"

#define BUS_PREFIX "virtio-mmio-bus."

/* The devices there are. */
static const struct known_device {
    const char *name;
    enum machine_virtio_kind kind;
    const char *backend_key; /* the key that names its backend; NULL: none */
    const char *text;
} known_devices[] = {
    { "virtio-blk-device", MACHINE_VIRTIO_BLK, "drive",
      "a disk: drive=ID of a -drive or -blockdev, serial=TEXT, num-queues=N, queue-size=N,\n"
      "                       werror=, rerror=" },
    { "virtio-rng-device", MACHINE_VIRTIO_RNG, "rng", "random bytes: rng=ID of an -object rng-random" },
    { "virtio-net-device", MACHINE_VIRTIO_NET, "netdev",
      "a network card: netdev=ID of a -netdev, mac=ADDRESS" },
    { "virtio-9p-device", MACHINE_VIRTIO_9P, "fsdev",
      "a shared folder: fsdev=ID of a -fsdev, mount_tag=TAG" },
    { "virtio-serial-device", MACHINE_VIRTIO_CONSOLE, NULL, "carries virtconsoles and virtserialports" },
    { "virtconsole", MACHINE_VIRTIO_NONE, "chardev", "a console on it: chardev=ID of a -chardev, nr=N" },
    { "virtserialport", MACHINE_VIRTIO_NONE, "chardev",
      "a port on it that programs in the guest open: chardev=ID, name=NAME, nr=N" },
    { "virtio-gpu-device", MACHINE_VIRTIO_GPU, NULL, "a screen: xres=N, yres=N for its size at first" },
    { "virtio-keyboard-device", MACHINE_VIRTIO_KEYBOARD, NULL, "a keyboard" },
    { "virtio-tablet-device", MACHINE_VIRTIO_TABLET, NULL, "a pointer that follows the host's" },
    { "virtio-mouse-device", MACHINE_VIRTIO_MOUSE, NULL, "a mouse that is grabbed" },
    { "virtio-sound-device", MACHINE_VIRTIO_SND, "audiodev",
      "a sound card: audiodev=ID of an -audiodev, streams=N (2), jacks=N (0), chmaps=N (0)" },
    { "virtio-snd-device", MACHINE_VIRTIO_SND, "audiodev", "the same" },
    { "virtio-vga", MACHINE_VIRTIO_GPU, NULL,
      "virtio-gpu-pci that firmware can use like bochs-display: xres=N, yres=N" },
    { "bochs-display", MACHINE_BOCHS_DISPLAY, NULL, "a simple screen on the PCI bus: xres=N, yres=N" },
    { "ramfb", MACHINE_VIRTIO_NONE, NULL, "a screen for firmware (EDK2, U-Boot)" },
    { "loader", MACHINE_VIRTIO_NONE, NULL,
      "puts file=F or data=N,data-len=L at addr=A before the start; cpu-num=N starts that hart there" },
};
#define KNOWN_COUNT (sizeof(known_devices) / sizeof(known_devices[0]))

/* Devices of QEMU that scripts use, by prefix or whole name, and what to say. */
static const struct {
    const char *name;
    bool prefix;
    const char *text;
} later_devices[] = {
    { "e1000", true, "use virtio-net-device" },
    { "rtl8139", true, "use virtio-net-device" },
    { "virtio-gpu-gl", true, "use virtio-gpu-pci" },
    { "virtio-vga-", true, "use virtio-vga" },
    { "VGA", false, "use virtio-vga or bochs-display" },
    { "usb-", true, "there is no USB" },
    { "qemu-xhci", false, "there is no USB" },
    { "nec-usb-xhci", false, "there is no USB" },
    { "vhost", true, "there is no vhost" },
    { "virtio-scsi", true, "use virtio-blk-pci" },
    { "scsi-", true, "use virtio-blk-pci" },
    { "nvme", false, "use virtio-blk-pci" },
    { "ahci", false, "use virtio-blk-pci" },
    { "pcie", true, "all PCI devices are on the root bus, pcie.0" },
    { "ioh3420", false, "all PCI devices are on the root bus, pcie.0" },
    { "pci-bridge", false, "all PCI devices are on the root bus, pcie.0" },
    { "pxb", true, "all PCI devices are on the root bus, pcie.0" },
    { "intel-hda", false, "use virtio-sound-pci" },
    { "ich9-intel-hda", false, "use virtio-sound-pci" },
    { "hda-", true, "use virtio-sound-pci" },
    { "AC97", false, "use virtio-sound-pci" },
    { "ES1370", false, "use virtio-sound-pci" },
    { "virtio-balloon", true, "the guest keeps its RAM" },
    { "guest-loader", false, "use -device loader" },
};

void options_print_devices(FILE *out)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        fprintf(out, "%-22s %s\n", known_devices[i].name, known_devices[i].text);
        options_print_pci_name(known_devices[i].name, out);
    }
    fprintf(out,
            "virtio-X-device takes bus=" BUS_PREFIX "N, N from 0 to %d. virtio-X-pci takes bus=pcie.0,\n"
            "addr=SLOT[.FUNCTION] (hexadecimal), multifunction=on, disable-legacy=on|off|auto,\n"
            "disable-modern=on|off, vectors=N.\n",
            MACHINE_VIRTIO_SLOTS - 1);
}

/* ---- Keys ----------------------------------------------------------------------------------------- */

static bool device_id(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_device *)item)->id = value;
    return true;
}

static bool device_backend(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_device *)item)->backend = value ? value : "";
    return true;
}

static bool device_serial(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_device *)item)->serial_number = value;
    return true;
}

bool options_take_slot(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t slot;
    if (!value || strncmp(value, BUS_PREFIX, strlen(BUS_PREFIX)) != 0 ||
        !option_parse_number(value + strlen(BUS_PREFIX), &slot) || slot >= MACHINE_VIRTIO_SLOTS)
        return error_set(error, "-device bus=%s: no such bus; there are " BUS_PREFIX "0 to " BUS_PREFIX "%d",
                         value ? value : "", MACHINE_VIRTIO_SLOTS - 1);
    ((struct options_device *)item)->slot = (int)slot;
    return true;
}

static bool device_queues(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t number;
    if (!option_parse_number(value, &number) || number < 1 || number > 64)
        return options_bad_value(error, "-device num-queues", value, "1 to 64");
    ((struct options_device *)item)->queues = (unsigned)number;
    return true;
}

static bool device_werror(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return options_parse_on_error("-device", "werror", value, &((struct options_device *)item)->werror,
                                  error);
}

static bool device_rerror(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return options_parse_on_error("-device", "rerror", value, &((struct options_device *)item)->rerror,
                                  error);
}

static bool device_queue_size(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t number;
    if (!option_parse_number(value, &number) || number < 4 || number > 1024 || number & (number - 1))
        return options_bad_value(error, "-device queue-size", value, "a power of two from 4 to 1024");
    ((struct options_device *)item)->queue_size = (unsigned)number;
    return true;
}

static const struct options_key blk_keys[] = {
    { "drive", device_backend },
    { "id", device_id },
    { "bus", options_take_slot },
    { "serial", device_serial },
    { "werror", device_werror },
    { "rerror", device_rerror },
    { "num-queues", device_queues },
    { "queue-size", device_queue_size },
    { NULL, NULL },
};
static bool device_mac(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    struct options_device *device = item;
    device->has_mac = value && netdev_parse_mac(value, device->mac);
    return device->has_mac ||
           error_set(error,
                     "-device virtio-net-device,mac=%s: not a card's address; write mac=52:54:00:12:34:56",
                     value ? value : "");
}

static bool device_mq(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)item;
    bool on;
    if (!option_parse_switch(value, &on))
        return options_bad_value(error, "-device virtio-net-device,mq", value, "on, off");
    return !on ||
           error_set(error, "-device virtio-net-device,mq=on: this version has one pair of queues a card");
}

static const struct options_key net_keys[] = {
    { "netdev", device_backend }, { "mac", device_mac }, { "id", device_id },
    { "bus", options_take_slot }, { "mq", device_mq },   { NULL, NULL },
};
static bool device_mount_tag(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct options_device *)item)->mount_tag = value;
    return true;
}

static const struct options_key folder_keys[] = {
    { "fsdev", device_backend },
    { "mount_tag", device_mount_tag },
    { "id", device_id },
    { "bus", options_take_slot },
    { NULL, NULL },
};
static const struct options_key rng_keys[] = {
    { "rng", device_backend },
    { "id", device_id },
    { "bus", options_take_slot },
    { NULL, NULL },
};
static const struct options_key serial_keys[] = { { "id", device_id },
                                                  { "bus", options_take_slot },
                                                  { NULL, NULL } };

static bool device_pixels(const char *key, const char *value, uint32_t *pixels, struct error *error)
{
    uint64_t number;
    if (!option_parse_number(value, &number) || number < 1 || number > DISPLAY_SIDE_MAX)
        return error_set(error, "-device: %s=%s: not a number of pixels from 1 to %u", key,
                         value ? value : "", DISPLAY_SIDE_MAX);
    *pixels = (uint32_t)number;
    return true;
}

static bool device_xres(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return device_pixels("xres", value, &((struct options_device *)item)->width, error);
}

static bool device_yres(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return device_pixels("yres", value, &((struct options_device *)item)->height, error);
}

static const struct options_key gpu_keys[] = {
    { "xres", device_xres },      { "yres", device_yres }, { "id", device_id },
    { "bus", options_take_slot }, { NULL, NULL },
};

static bool take_ramfb(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const struct options_key keys[] = { { "id", device_id }, { NULL, NULL } };
    struct options_device device = { 0 };
    if (options->machine.ramfb)
        return error_set(error, "-device ramfb: fw_cfg has room for one, and it was given twice");
    options->machine.ramfb = true;
    return options_take_pairs(options, pairs, keys, &device, "-device ramfb", error);
}

/* ---- -device -------------------------------------------------------------------------------------- */

static bool unknown_device(const char *name, struct error *error)
{
    const char *names[KNOWN_COUNT + 1];
    for (size_t i = 0; i < sizeof(later_devices) / sizeof(later_devices[0]); i++) {
        const char *known = later_devices[i].name;
        if (later_devices[i].prefix ? strncmp(name, known, strlen(known)) == 0 : strcmp(name, known) == 0)
            return error_set(error, "-device %s: this version does not have it: %s", name,
                             later_devices[i].text);
    }
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        names[i] = known_devices[i].name;
    names[KNOWN_COUNT] = NULL;
    const char *nearest = option_nearest(name, names);
    return error_set(error, "-device %s: unknown device%s%s (-device help lists all)", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

/* `device` is filled in as far as its name and transport go. */
static bool take_virtio(struct options *options, const struct known_device *known,
                        struct options_device device, const struct option_pairs *pairs, struct error *error)
{
    const char *argument = device.text;
    char flag[64];
    const struct options_key *keys = known->kind == MACHINE_VIRTIO_BLK      ? blk_keys
                                     : known->kind == MACHINE_VIRTIO_RNG    ? rng_keys
                                     : known->kind == MACHINE_VIRTIO_NET    ? net_keys
                                     : known->kind == MACHINE_VIRTIO_9P     ? folder_keys
                                     : known->kind == MACHINE_VIRTIO_GPU    ? gpu_keys
                                     : known->kind == MACHINE_BOCHS_DISPLAY ? gpu_keys
                                     : known->kind == MACHINE_VIRTIO_SND    ? options_sound_keys
                                                                            : serial_keys;
    if (options->device_count == OPTIONS_ITEMS_MAX)
        return error_set(error, "-device %s: too many devices", argument);
    snprintf(flag, sizeof(flag), "-device %.*s", (int)strcspn(argument, ","), argument);
    if (!options_take_pairs(options, pairs, keys, &device, flag, error))
        return false;
    if (known->kind == MACHINE_VIRTIO_BLK && !device.backend)
        return error_set(error, "-device %s: drive=ID is missing", argument);
    options->net_asked |= known->kind == MACHINE_VIRTIO_NET;
    options->devices[options->device_count++] = device;
    return true;
}

bool options_take_device(struct options *options, const char *argument, struct error *error)
{
    struct option_pairs pairs;
    if (strcmp(argument, "help") == 0 || strcmp(argument, "?") == 0) {
        options->action = OPTIONS_LIST_DEVICES;
        return true;
    }
    if (!option_pairs_split(&pairs, &options->strings, argument, "driver", error))
        return false;
    const char *name = pairs.count && strcmp(pairs.pairs[0].key, "driver") == 0 ? pairs.pairs[0].value : NULL;
    if (!name)
        return error_set(error, "-device %s: the device's name must come first", argument);
    /* The rest are its keys. */
    pairs.count--;
    memmove(pairs.pairs, pairs.pairs + 1, pairs.count * sizeof(pairs.pairs[0]));
    if (strcmp(name, "loader") == 0)
        return options_take_loader(options, &pairs, error);
    if (strcmp(name, "virtconsole") == 0 || strcmp(name, "virtserialport") == 0)
        return options_take_port(options, name, &pairs, error);
    if (strcmp(name, "ramfb") == 0)
        return take_ramfb(options, &pairs, error);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        struct options_device device = { .kind = known_devices[i].kind,
                                         .slot = -1,
                                         .text = argument,
                                         .pci.vectors = VIRTIO_PCI_VECTORS_DEFAULT };
        device.pci.vga = strcmp(known_devices[i].name, "virtio-vga") == 0;
        device.on_pci = device.kind == MACHINE_BOCHS_DISPLAY || device.pci.vga;
        if (options_names_device(name, known_devices[i].name, &device))
            return options_take_pci_keys(options, name, &pairs, &device, error) &&
                   take_virtio(options, &known_devices[i], device, &pairs, error);
    }
    return unknown_device(name, error);
}

bool options_take_global(struct options *options, const char *argument, struct error *error)
{
    static const char property[] = "virtio-mmio.force-legacy=";
    bool on;
    if (strncmp(argument, property, strlen(property)) != 0)
        return error_set(error, "-global %s: unknown property; there is virtio-mmio.force-legacy=on|off",
                         argument);
    if (!option_parse_switch(argument + strlen(property), &on))
        return options_bad_value(error, "-global virtio-mmio.force-legacy", argument + strlen(property),
                                 "on, off");
    options->machine.virtio_legacy = on;
    return true;
}

/* ---- -device loader ------------------------------------------------------------------------------- */

static bool load_file(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options, (void)error;
    ((struct machine_load *)item)->file = value ? value : "";
    return true;
}

static bool load_number(const char *key, const char *value, uint64_t limit, uint64_t *number,
                        struct error *error)
{
    if (option_parse_number(value, number) && *number <= limit)
        return true;
    return error_set(error, "-device loader,%s=%s: not a number from 0 to %" PRIu64, key, value ? value : "",
                     limit);
}

static bool load_addr(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    struct machine_load *load = item;
    load->has_addr = true;
    return load_number("addr", value, UINT64_MAX, &load->addr, error);
}

static bool load_cpu(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t number = 0;
    bool ok = load_number("cpu-num", value, MACHINE_HARTS_MAX - 1, &number, error);
    ((struct machine_load *)item)->cpu = (int)number;
    return ok;
}

static bool load_raw(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return option_parse_switch(value, &((struct machine_load *)item)->force_raw) ||
           options_bad_value(error, "-device loader,force-raw", value, "on, off");
}

static bool load_data(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    return load_number("data", value, UINT64_MAX, &((struct machine_load *)item)->data, error);
}

static bool load_data_len(struct options *options, void *item, const char *value, struct error *error)
{
    (void)options;
    uint64_t length = 0;
    bool ok = load_number("data-len", value, 8, &length, error);
    ((struct machine_load *)item)->data_len = (unsigned)length;
    return ok;
}

bool options_take_loader(struct options *options, const struct option_pairs *pairs, struct error *error)
{
    static const struct options_key keys[] = {
        { "file", load_file },   { "addr", load_addr },
        { "cpu-num", load_cpu }, { "force-raw", load_raw },
        { "data", load_data },   { "data-len", load_data_len },
        { NULL, NULL },
    };
    struct machine_load load = { .cpu = -1 };
    if (options->machine.load_count == MACHINE_LOADS_MAX)
        return error_set(error, "-device loader: more than %d of them", MACHINE_LOADS_MAX);
    if (!options_take_pairs(options, pairs, keys, &load, "-device loader", error))
        return false;
    if (load.file && load.data_len)
        return error_set(error, "-device loader: file= and data= do not go together");
    if (!load.file && !load.data_len && load.cpu < 0)
        return error_set(error, "-device loader: file=, or data= with data-len=, or cpu-num= is missing");
    if (!load.has_addr && !load.file)
        return error_set(error, "-device loader: addr= is missing");
    options->machine.loads[options->machine.load_count++] = load;
    return true;
}
