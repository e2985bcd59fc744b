/* SPDX-License-Identifier: MIT
 *
 * Keys of QEMU that have one value here (frontend/options/fixed.def): each row belongs to something that
 * exists, hides no key that is there, takes its own values in every spelling and no others.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/catalog/catalog.h"
#include "frontend/options/fixed.h"
#include "frontend/options/options.h"
#include "tests/suite.h"

static const struct {
    const char *owner, *key, *values, *why;
} rows[] = {
#define FIXED(owner, key, values, why) { owner, key, values, why },
#include "frontend/options/fixed.def"
#undef FIXED
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct error error;

static enum options_fixed take(size_t n, const char *value)
{
    struct option_pair pair = { rows[n].key, value };
    error.text[0] = '\0';
    return options_take_fixed(rows[n].owner, "-x y", &pair, &error);
}

static bool is_group(const char *owner)
{
    return !strcmp(owner, "pci") || !strcmp(owner, "virtio") || !strcmp(owner, "disk") ||
           !strcmp(owner, "usb");
}

START_TEST(owners)
{
    for (size_t n = 0; n < ROWS; n++) {
        const char *owner = rows[n].owner;
        bool found = owner[0] == '-' || is_group(owner);
        for (const struct device_model *const *model = device_catalog; *model; model++) {
            if (strcmp((*model)->name, owner) != 0)
                continue;
            found = true;
            for (const struct device_key *key = (*model)->keys; key->name; key++)
                ck_assert_msg(strcmp(key->name, rows[n].key) != 0, "%s: %s is there", owner, key->name);
        }
        ck_assert_msg(found, "%s: nothing has this name", owner);
        ck_assert_msg(*rows[n].why, "%s", rows[n].key);
        for (size_t other = 0; other < n; other++)
            ck_assert_msg(strcmp(rows[other].owner, owner) || strcmp(rows[other].key, rows[n].key),
                          "%s %s twice", owner, rows[n].key);
    }
}
END_TEST

START_TEST(values)
{
    for (size_t n = 0; n < ROWS; n++) {
        char *list = strdup(rows[n].values), *at = list;
        bool all = strcmp(list, "*") == 0;
        for (char *value = strsep(&at, "|"); value; value = strsep(&at, "|"))
            ck_assert_msg(take(n, all ? "whatever" : value) == OPTIONS_FIXED_TAKEN, "%s=%s", rows[n].key,
                          value);
        free(list);
        if (all)
            continue;
        ck_assert_msg(take(n, "whatever") == OPTIONS_FIXED_REFUSED, "%s", rows[n].key);
        ck_assert_msg(strstr(error.text, rows[n].why) && strstr(error.text, "-x y,"), "%s", error.text);
        ck_assert_msg(take(n, "18446744073709551615") == OPTIONS_FIXED_REFUSED, "%s", rows[n].key);
    }
}
END_TEST

/* Switches and numbers are compared by what they mean; a key alone is on. */
START_TEST(spellings)
{
    struct option_pair off = { "in_order", "no" }, on = { "in_order", NULL }, hex = { "subsys_ven", "32902" };
    struct option_pair unknown = { "in_ordre", "off" }, empty = { "pcap", "" };
    ck_assert(options_take_fixed("virtio", "-device a", &off, &error) == OPTIONS_FIXED_TAKEN);
    ck_assert(options_take_fixed("virtio", "-device a", &on, &error) == OPTIONS_FIXED_REFUSED);
    ck_assert_str_eq(
        error.text,
        "-device a,in_order=on: this version has only in_order=off: buffers come back in the order "
        "in which they are done");
    ck_assert(options_take_fixed("e1000e", "-device a", &hex, &error) == OPTIONS_FIXED_TAKEN);
    ck_assert(options_take_fixed("virtio", "-device a", &unknown, &error) == OPTIONS_FIXED_UNKNOWN);
    ck_assert(options_take_fixed("usb", "-device a", &empty, &error) == OPTIONS_FIXED_TAKEN);
    ck_assert(options_take_fixed("pci", "-device a", &off, &error) == OPTIONS_FIXED_UNKNOWN);
}
END_TEST

/* What the flags do with it, and keys that are flags of their own. */
START_TEST(lines)
{
    static const struct {
        const char *flag, *argument, *message; /* NULL: taken */
    } cases[] = {
        { "-device", "virtio-rng-pci,rombar=0,page-per-vq=off,ioeventfd=on,queue_reset=off", NULL },
        { "-device", "virtio-rng-pci,page-per-vq=on", "this version has only page-per-vq=off" },
        { "-device", "virtio-rng-device,rombar=0", "unknown option rombar" },
        { "-device", "virtio-gpu-pci,hostmem=0", NULL },
        { "-device", "virtio-gpu-pci,hostmem=64M", "only hostmem=0: pictures" },
        { "-device", "qemu-xhci,streams=off,slots=64", NULL },
        { "-machine", "virt,kernel-irqchip=split,smm=off", NULL },
        { "-machine", "virt,smm=on", "-machine smm=on: this version has only smm=off|auto" },
        { "-machine", "virt,smp.cpus=2,smp.maxcpus=4,memory.size=64M,boot.menu=on", NULL },
        { "-machine", "virt,smp=2,memory=64M,boot=c", NULL },
        { "-machine", "virt,smp.cpus=0", "-smp cpus=0" },
        { "-machine", "virt,smp", "unknown option smp" },
        { "-drive", "file=nbd://localhost/x,if=none,id=a", "file=nbd://localhost/x: images are files" },
        { "-drive", "file=x,if=none,id=a,force-share=on", "-drive force-share=on" },
        { "-drive", "file=x,format=vmdk", "qemu-nbd" },
        { "-drive", "file=x,aio=uring", "threads, native, io_uring" },
        { "-drive", "file=x,if=virtio,throttling.bps-total=1000,throttling.iops-read=5", NULL },
        { "-drive", "file=x,if=virtio,iops=100,iops_max=200,iops_max_length=2,iops_size=4096", NULL },
        { "-drive", "file=x,bps=10,bps_rd=5", "-drive: bps/iops/max total values" },
        { "-drive", "file=x,bps=fast", "-drive bps=fast: not a number" },
        { "-drive", "file=x,throttling.iops-total", "not a number" },
        { "-drive", "file=x,throttling.iops-total-maximum=3", "unknown option" },
        { "-drive", "file=x,throttling.group=g,iops=5", "limits of its own" },
        { "-drive", "file=x,if=pflash,iops=5", "flash has no limits of speed" },
        { "-drive", "if=none,id=c,media=cdrom", NULL },
        { "-drive", "if=virtio,id=c", "file=FILE is missing" },
        { "-device", "sdhci-pci", "this version does not have it: use usb-storage" },
        { "-display", "none,show-cursor=on,grab-mod=rctrl", NULL },
        { "-k", "en-us", NULL },
        { "-k", "", "the language is missing" },
        { "-compat", "deprecated-input=accept", NULL },
        { "-option-rom", "x", "there are no option ROMs" },
        { "-plugin", "x", "-coverage" },
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        static struct options options;
        char *argv[] = { (char[]){ "rvive" }, strdup(cases[n].flag), strdup(cases[n].argument), NULL };
        bool ok = options_parse(&options, 3, argv, &error);
        ck_assert_msg(ok == !cases[n].message, "%s %s: %s", argv[1], argv[2], ok ? "taken" : error.text);
        ck_assert_msg(ok || strstr(error.text, cases[n].message), "%s %s: %s", argv[1], argv[2], error.text);
        options_free(&options);
        free(argv[1]);
        free(argv[2]);
    }
}
END_TEST

/* Only a CD drive takes a drive without a medium. */
START_TEST(empty_drives)
{
    static const struct {
        const char *flag, *argument, *message; /* NULL: taken */
    } cases[] = {
        { "-device", "scsi-cd,drive=c", NULL },
        { "-device", "scsi-hd,drive=c", "its drive has no file=" },
        { "-device", "virtio-blk-pci,drive=c", "its drive has no file=" },
        { "-machine", "virt,pflash0=c", "that drive has no file=" },
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        static struct options options;
        char *argv[] = { strdup("rvive"),           strdup("-device"),
                         strdup("virtio-scsi-pci"), strdup("-drive"),
                         strdup("if=none,id=c"),    strdup(cases[n].flag),
                         strdup(cases[n].argument), NULL };
        bool ok = options_parse(&options, 7, argv, &error);
        ck_assert_msg(ok == !cases[n].message, "%s: %s", cases[n].argument, ok ? "taken" : error.text);
        ck_assert_msg(ok || strstr(error.text, cases[n].message), "%s", error.text);
        if (ok) {
            ck_assert_ptr_null(options.machine.units[0].drive.path);
            ck_assert_str_eq(options.machine.units[0].drive_id, "c");
        }
        options_free(&options);
        for (unsigned word = 0; argv[word]; word++)
            free(argv[word]);
    }
}
END_TEST

START_TEST(machine_groups)
{
    static struct options options;
    char *argv[] = { (char[]){ "rvive" }, (char[]){ "-machine" },
                     (char[]){ "virt,smp.cpus=3,memory.size=96M" }, NULL };
    ck_assert_msg(options_parse(&options, 3, argv, &error), "%s", error.text);
    ck_assert_uint_eq(options.machine.smp, 3);
    ck_assert_uint_eq(options.machine.ram_size, 96u << 20);
    options_free(&options);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options_fixed");
    TCase *tcase = tcase_create("options_fixed");
    tcase_add_test(tcase, owners);
    tcase_add_test(tcase, values);
    tcase_add_test(tcase, spellings);
    tcase_add_test(tcase, lines);
    tcase_add_test(tcase, empty_drives);
    tcase_add_test(tcase, machine_groups);
    suite_add_tcase(suite, tcase);
    return suite;
}
