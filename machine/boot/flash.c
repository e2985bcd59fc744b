/* SPDX-License-Identifier: MIT
 *
 * Booting from flash, as QEMU's virt does: with -bios none the harts start in the first bank; otherwise the
 * firmware starts what is there in S-mode. A -kernel is then not put into memory, but handed to that payload
 * through fw_cfg, under the keys that QEMU's boards use (docs/specs/fw_cfg of QEMU).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/platform/fw_cfg.h"
#include "machine/internal.h"

enum {
    KEY_KERNEL_SIZE = 0x08,
    KEY_INITRD_SIZE = 0x0b,
    KEY_KERNEL_DATA = 0x11,
    KEY_INITRD_DATA = 0x12,
    KEY_CMDLINE_SIZE = 0x14,
    KEY_CMDLINE_DATA = 0x15,
};

bool boot_flash_is_payload(const struct machine *machine)
{
    const char *bios = machine->config.bios;
    return machine->config.pflash[0].present && !(bios && strcmp(bios, "none") == 0);
}

static bool add_bytes(struct device *fw_cfg, uint16_t size_key, uint16_t data_key, const void *bytes,
                      uint32_t length, struct error *error)
{
    const uint8_t size[4] = { (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                              (uint8_t)(length >> 24) };
    return fw_cfg_add_item(fw_cfg, size_key, size, sizeof(size), error) &&
           fw_cfg_add_item(fw_cfg, data_key, bytes, length, error);
}

/* Reads `length` bytes; false, with errno set, on failure. */
static bool read_all(int fd, uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t done = read(fd, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done ? errno : EIO;
            return false;
        }
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

bool boot_read_file(const char *path, uint8_t **bytes, uint32_t *length, struct error *error)
{
    struct stat st = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = fd >= 0 && !fstat(fd, &st);
    *bytes = NULL;
    if (!ok)
        error_set(error, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_size > INT32_MAX)
        ok = error_set(error, "%s: is not a file of less than 2 GiB", path);
    else if (!(*bytes = malloc((size_t)st.st_size + 1)) || !read_all(fd, *bytes, (size_t)st.st_size))
        ok = error_set(error, "%s: cannot be read: %s", path, strerror(errno));
    if (!ok) {
        free(*bytes);
        *bytes = NULL;
    }
    *length = (uint32_t)st.st_size;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool add_file(struct device *fw_cfg, uint16_t size_key, uint16_t data_key, const char *path,
                     struct error *error)
{
    uint8_t *bytes;
    uint32_t length;
    bool ok = boot_read_file(path, &bytes, &length, error) &&
              add_bytes(fw_cfg, size_key, data_key, bytes, length, error);
    free(bytes);
    return ok;
}

bool boot_flash_add_kernel(struct machine *machine, struct device *fw_cfg, struct error *error)
{
    const struct machine_config *config = &machine->config;
    if (!boot_flash_is_payload(machine) || !config->kernel)
        return true;
    return add_file(fw_cfg, KEY_KERNEL_SIZE, KEY_KERNEL_DATA, config->kernel, error) &&
           (!config->initrd || add_file(fw_cfg, KEY_INITRD_SIZE, KEY_INITRD_DATA, config->initrd, error)) &&
           (!config->append || add_bytes(fw_cfg, KEY_CMDLINE_SIZE, KEY_CMDLINE_DATA, config->append,
                                         (uint32_t)strlen(config->append) + 1, error));
}
