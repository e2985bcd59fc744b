/* SPDX-License-Identifier: MIT
 *
 * -boot, -fw_cfg, -smbios, -uuid: what firmware gets to know.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/options/options.h"
#include "util/log.h"

/* ---- -boot --------------------------------------------------------------------------------------------- */

/* Letters of a PC's drives, from a to p. They are only checked, since nothing on the board uses them
 * (bootindex= does this work). */
static bool boot_order(struct options *options, void *item, const char *value, struct error *error)
{
    unsigned seen = 0;
    for (const char *letter = value ? value : ""; *letter; letter++) {
        unsigned bit = *letter >= 'a' && *letter <= 'p' ? 1u << (*letter - 'a') : 0;
        if (!bit || seen & bit)
            return error_set(
                error,
                "-boot order=%s: not letters from a to p, each once; -device ...,bootindex=N says in "
                "which order firmware tries devices",
                value);
        seen |= bit;
    }
    return true;
}

static bool boot_menu(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("-boot menu", value, &options->machine.boot.menu, error);
}

static bool boot_strict(struct options *options, void *item, const char *value, struct error *error)
{
    return options_take_switch("-boot strict", value, &options->machine.boot.strict, error);
}

static bool boot_splash_time(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t ms;
    if (!option_parse_number(value, &ms) || ms > UINT16_MAX)
        return error_set(error, "-boot splash-time=%s: not a number of milliseconds up to 65535",
                         value ? value : "");
    options->machine.boot.has_wait = true;
    options->machine.boot.wait_ms = (uint16_t)ms;
    return true;
}

static bool boot_reboot_timeout(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t ms = UINT32_MAX; /* -1: never */
    if (!value || (strcmp(value, "-1") != 0 && (!option_parse_number(value, &ms) || ms > UINT16_MAX)))
        return error_set(error, "-boot reboot-timeout=%s: not a number of milliseconds up to 65535, or -1",
                         value ? value : "");
    options->machine.boot.has_fail_wait = true;
    options->machine.boot.fail_wait_ms = (uint32_t)ms;
    return true;
}

bool options_take_boot(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "order", boot_order },
        { "once", boot_order },
        { "menu", boot_menu },
        { "strict", boot_strict },
        { "splash-time", boot_splash_time },
        { "reboot-timeout", boot_reboot_timeout },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "order", error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-boot", error);
}

/* ---- -fw_cfg ------------------------------------------------------------------------------------------- */

static bool fw_name(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct machine_fw_file *)item)->name = value;
    return (value && *value && strlen(value) < 56) ||
           error_set(error, "-fw_cfg name=%s: a name has 1 to 55 characters", value ? value : "");
}

static bool fw_file(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct machine_fw_file *)item)->file = value;
    return (value && *value) || error_set(error, "-fw_cfg file: the name of the file is missing");
}

static bool fw_string(struct options *options, void *item, const char *value, struct error *error)
{
    ((struct machine_fw_file *)item)->text = value ? value : "";
    return true;
}

bool options_take_fw_cfg(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "name", fw_name }, { "file", fw_file }, { "string", fw_string }, { NULL, NULL }
    };
    struct machine_config *machine = &options->machine;
    struct option_pairs pairs;
    struct machine_fw_file file = { .name = NULL };
    if (!option_pairs_split(&pairs, &options->strings, argument, "name", error) ||
        !options_take_pairs(options, &pairs, keys, &file, "-fw_cfg", error))
        return false;
    if (!file.name || !file.file == !file.text)
        return error_set(error, "-fw_cfg %s: name=NAME and one of file=FILE and string=TEXT are needed",
                         argument);
    for (unsigned n = 0; n < machine->fw_file_count; n++)
        if (strcmp(machine->fw_files[n].name, file.name) == 0)
            return error_set(error, "-fw_cfg name=%s: there is one of that name already", file.name);
    if (machine->fw_file_count == MACHINE_FW_FILES_MAX)
        return error_set(error, "-fw_cfg: more than %d of them", MACHINE_FW_FILES_MAX);
    if (strncmp(file.name, "opt/", 4) != 0)
        log_warn("-fw_cfg name=%s: names of users begin with opt/, or they may be the firmware's own",
                 file.name);
    machine->fw_files[machine->fw_file_count++] = file;
    return true;
}

/* ---- -uuid --------------------------------------------------------------------------------------------- */

bool options_take_uuid(struct options *options, const char *argument, struct error *error)
{
    struct smbios_config *smbios = &options->machine.smbios;
    const char *at = argument;
    for (unsigned n = 0; n < 16; n++) {
        char digits[3] = { at[0], at[0] ? at[1] : '\0', '\0' };
        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return error_set(error, "-uuid %s: not a UUID like 550e8400-e29b-41d4-a716-446655440000",
                             argument);
        smbios->uuid[n] = (uint8_t)strtoul(digits, NULL, 16);
        at += 2;
        if ((n == 3 || n == 5 || n == 7 || n == 9) && *at++ != '-')
            return error_set(error, "-uuid %s: not a UUID like 550e8400-e29b-41d4-a716-446655440000",
                             argument);
    }
    smbios->has_uuid = smbios->wanted = true;
    return !*at || error_set(error, "-uuid %s: too long", argument);
}

/* ---- -smbios ------------------------------------------------------------------------------------------- */

static const struct {
    unsigned type;
    const char *key;
} smbios_keys[] = {
#define X(type, key, name) { type, key },
    SMBIOS_TEXTS(X)
#undef X
};

static bool bad_smbios_key(unsigned type, const char *key, struct error *error)
{
    char known[256] = "";
    for (size_t n = 0; n < SMBIOS_TEXT_COUNT; n++)
        if (smbios_keys[n].type == type)
            strcat(strcat(known, *known ? ", " : ""), smbios_keys[n].key);
    return error_set(error, "-smbios type=%u: unknown option %s; there are: %s%s", type, key, known,
                     type == 0    ? ", release, uefi"
                     : type == 1  ? ", uuid"
                     : type == 11 ? "value, path"
                                  : "");
}

static bool add_oem_string(struct smbios_config *smbios, const char *text, const char *path,
                           struct error *error)
{
    if (smbios->string_count == SMBIOS_STRINGS_MAX)
        return error_set(error, "-smbios type=11: more than %d strings", SMBIOS_STRINGS_MAX);
    smbios->strings[smbios->string_count].text = text;
    smbios->strings[smbios->string_count++].path = path;
    return (text && *text) || (path && *path) || error_set(error, "-smbios type=11: an empty string");
}

/* Takes keys whose values are not plain texts. *known is false if there is no such key. */
static bool take_smbios_special(struct options *options, unsigned type, const struct option_pair *pair,
                                bool *known, struct error *error)
{
    struct smbios_config *smbios = &options->machine.smbios;
    const char *value = pair->value ? pair->value : "";
    *known = true;
    if (type == 11 && strcmp(pair->key, "value") == 0)
        return add_oem_string(smbios, value, NULL, error);
    if (type == 11 && strcmp(pair->key, "path") == 0)
        return add_oem_string(smbios, NULL, value, error);
    if (type == 1 && strcmp(pair->key, "uuid") == 0)
        return options_take_uuid(options, value, error);
    if (type == 0 && strcmp(pair->key, "uefi") == 0)
        return options_take_switch("-smbios type=0,uefi", pair->value, &smbios->uefi, error);
    if (type == 0 && strcmp(pair->key, "release") == 0)
        return sscanf(value, "%3u.%3u", &smbios->bios_major, &smbios->bios_minor) == 2 ||
               error_set(error, "-smbios type=0,release=%s: not MAJOR.MINOR", value);
    *known = false;
    return true;
}

static bool take_smbios_pair(struct options *options, unsigned type, const struct option_pair *pair,
                             struct error *error)
{
    bool known, ok = take_smbios_special(options, type, pair, &known, error);
    if (known)
        return ok;
    for (size_t n = 0; n < SMBIOS_TEXT_COUNT; n++) {
        if (smbios_keys[n].type != type || strcmp(smbios_keys[n].key, pair->key) != 0)
            continue;
        options->machine.smbios.texts[n] = pair->value ? pair->value : "";
        return true;
    }
    return bad_smbios_key(type, pair->key, error);
}

bool options_take_smbios(struct options *options, const char *argument, struct error *error)
{
    struct smbios_config *smbios = &options->machine.smbios;
    struct option_pairs pairs;
    uint64_t type;
    if (!option_pairs_split(&pairs, &options->strings, argument, NULL, error))
        return false;
    const char *number = option_pairs_take(&pairs, "type");
    if (!number || !option_parse_number(number, &type))
        return error_set(error, "-smbios %s: type=N is missing; there are no tables from files (file=)",
                         argument);
    if (type > 4 && type != 11 && type != 17)
        return error_set(error, "-smbios type=%s: there are the types 0, 1, 2, 3, 4, 11 and 17", number);
    smbios->wanted = true;
    smbios->bios |= type == 0;
    smbios->board |= type == 2;
    for (unsigned n = 0; n < pairs.count; n++)
        if (!take_smbios_pair(options, (unsigned)type, &pairs.pairs[n], error))
            return false;
    return true;
}
