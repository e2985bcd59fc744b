/* SPDX-License-Identifier: MIT
 *
 * See view_module.h. Only files beside the running program are loaded, never files from LD_LIBRARY_PATH or
 * the current folder.
 */
#include "frontend/display/view_module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Fills in the folder of the running program, without a slash at its end. */
static bool program_folder(char folder[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (length <= 0)
        return false;
    folder[length] = 0;
    char *slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

bool view_module_find(const char *name, char path[VIEW_MODULE_PATH], struct error *error)
{
    static const char *const places[] = { "", "/../lib/rvive" };
    char folder[PATH_MAX];
    if (!program_folder(folder))
        return error_set(error, "%s: cannot tell where the program is", name);
    for (unsigned n = 0; n < sizeof(places) / sizeof(places[0]); n++) {
        snprintf(path, VIEW_MODULE_PATH, "%s%s/%s", folder, places[n], name);
        if (access(path, F_OK) == 0)
            return true;
    }
    return error_set(error, "%s is neither in %s nor in %s/../lib/rvive (a build can be without it)", name,
                     folder, folder);
}

const void *view_module_load(const char *name, const char *symbol, struct error *error)
{
    char path[VIEW_MODULE_PATH], file[64];
    snprintf(file, sizeof(file), "%s.so", name);
    if (!view_module_find(file, path, error))
        return NULL;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const void *found = module ? dlsym(module, symbol) : NULL;
    if (!found)
        error_set(error, "%s cannot be loaded: %s", path, dlerror());
    return found;
}
