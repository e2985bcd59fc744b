/* SPDX-License-Identifier: MIT
 *
 * Hostile command lines: each key of each device and each flag with values that are too large, negative,
 * empty, doubled, of another kind or random. Each line is taken, or refused with a message that fits into an
 * error; numbers that are taken are within the key's limits.
 */
#include "tests/frontend/options/option_line.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/suite.h"

static const char *const values[] = {
    "",
    "=",
    "==",
    ",",
    ",,",
    ",,,",
    "0",
    "-0",
    "-1",
    "+1",
    "1e9",
    "1.5",
    "0x",
    "0x10",
    "00000000000000000000000000000001",
    "2147483648",
    "4294967295",
    "4294967296",
    "4294967297",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "0xffffffffffffffffff",
    "1K",
    "16777216T",
    "18446744073709551615T",
    "on",
    "ON",
    "offf",
    "none",
    "help",
    "?",
    "%s%s%n%d",
    "\x7f\x01\xff\xfe",
    "\xc3\xa9",
    "{\"driver\":\"x\"}",
    "{",
    "[]",
    "52:54:00:12:34:56",
    "52:54:00:12:34",
    "52:54:00:12:34:56:78",
    "g2:54:00:12:34:56",
    "1f.7",
    "20.0",
    "1.8",
    "0.-1",
    "../../../../etc/passwd",
};
#define VALUES (sizeof(values) / sizeof(values[0]))

/* An array of words, without a shell's blanks and quotes. */
static bool take(const char *flag, const char *argument)
{
    char *argv[] = { (char[]){ "rvive" }, strdup(flag), strdup(argument), NULL };
    error.text[0] = '\0';
    options_free(&options);
    bool ok = options_parse(&options, 3, argv, &error);
    ck_assert_msg(ok || (error.text[0] && strlen(error.text) < sizeof(error.text)), "%s %s: no message", flag,
                  argument);
    options_free(&options);
    free(argv[1]);
    free(argv[2]);
    return ok;
}

START_TEST(devices)
{
    char argument[512];
    for (const struct device_model *const *model = device_catalog; *model; model++) {
        for (const struct device_key *key = (*model)->keys; key->name; key++) {
            for (size_t n = 0; n < VALUES; n++) {
                snprintf(argument, sizeof(argument), "%s,%s=%s", (*model)->name, key->name, values[n]);
                take("-device", argument);
                snprintf(argument, sizeof(argument), "%s,%s=%s,%s=%s", (*model)->name, key->name, values[n],
                         key->name, values[(n + 7) % VALUES]);
                take("-device", argument);
            }
            snprintf(argument, sizeof(argument), "%s,%s", (*model)->name, key->name);
            take("-device", argument);
        }
    }
}
END_TEST

/* Values outside of a key's limits are refused, and the limits themselves are not. */
START_TEST(limits)
{
    char argument[256];
    unsigned looked = 0;
    for (const struct device_model *const *model = device_catalog; *model; model++) {
        for (const struct device_key *key = (*model)->keys; key->name; key++) {
            if (key->type != DEVICE_KEY_NUMBER && key->type != DEVICE_KEY_POWER)
                continue;
            looked++;
            snprintf(argument, sizeof(argument), "%s,%s=%" PRIu64, (*model)->name, key->name, key->most + 1);
            /* Every number that there is; but a unit is refused without its controller. */
            bool unit = (*model)->buses & (DEVICE_BUS_SCSI | DEVICE_BUS_IDE);
            bool all = key->most == UINT64_MAX && !unit;
            ck_assert_msg(take("-device", argument) == all, "%s", argument);
            snprintf(argument, sizeof(argument), "%s,%s=%" PRIu64, (*model)->name, key->name,
                     key->most + (UINT64_C(1) << 32));
            ck_assert_msg(take("-device", argument) == all, "%s", argument);
            snprintf(argument, sizeof(argument), "%s,%s=-1", (*model)->name, key->name);
            ck_assert_msg(!take("-device", argument), "%s", argument);
            if (!key->least)
                continue;
            snprintf(argument, sizeof(argument), "%s,%s=%" PRIu64, (*model)->name, key->name, key->least - 1);
            ck_assert_msg(!take("-device", argument), "%s", argument);
        }
    }
    ck_assert_uint_gt(looked, 3);
}
END_TEST

static const char *const flags[] = {
#define FLAG(name, argument, ...) argument ? "-" name : NULL,
#include "frontend/options/options.def"
};

START_TEST(all_flags)
{
    char argument[512];
    for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
        if (!flags[f] || strcmp(flags[f], "-writeconfig") == 0) /* it would write files of these names */
            continue;
        for (size_t n = 0; n < VALUES; n++) {
            take(flags[f], values[n]);
            snprintf(argument, sizeof(argument), "%s,%s=%s", values[n], values[(n + 3) % VALUES],
                     values[(n + 11) % VALUES]);
            take(flags[f], argument);
            snprintf(argument, sizeof(argument), "id=%s,%s,file=%s", values[n], values[(n + 5) % VALUES],
                     values[(n + 13) % VALUES]);
            take(flags[f], argument);
        }
        char *text = calloc(1, 70001);
        memset(text, 'x', 70000);
        take(flags[f], text);
        for (unsigned n = 0; n < 70000; n += 2)
            text[n] = ',';
        take(flags[f], text);
        free(text);
    }
}
END_TEST

/* Keys, values and signs in any order. RVIVE_SEED repeats a run. */
START_TEST(noise)
{
    const char *given = getenv("RVIVE_SEED");
    srand(given ? (unsigned)atoi(given) : 1);
    for (unsigned round = 0; round < 20000; round++) {
        char argument[1024] = "";
        const struct device_model *model = device_catalog[0];
        unsigned count = 0, flag;
        while (device_catalog[count])
            count++;
        model = device_catalog[(unsigned)rand() % count];
        snprintf(argument, sizeof(argument), "%s", model->name);
        for (int pieces = rand() % 6; pieces > 0; pieces--) {
            const struct device_key *key = model->keys;
            while (key->name && rand() % 3)
                key++;
            snprintf(argument + strlen(argument), sizeof(argument) - strlen(argument), ",%s%s%s",
                     key->name ? key->name : "", rand() % 8 ? "=" : "", values[(unsigned)rand() % VALUES]);
        }
        for (int damage = rand() % 3; damage > 0 && *argument; damage--)
            argument[(unsigned)rand() % strlen(argument)] = (char)(rand() % 255 + 1);
        do
            flag = (unsigned)rand() % (sizeof(flags) / sizeof(flags[0]));
        while (!flags[flag] || strcmp(flags[flag], "-writeconfig") == 0);
        take(rand() % 4 ? "-device" : flags[flag], argument);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("hostile options");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, devices);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, all_flags);
    tcase_add_test(tests, noise);
    suite_add_tcase(suite, tests);
    return suite;
}
