/* SPDX-License-Identifier: MIT
 *
 * The host's folder whose files a guest may use: names that can only lead to what is below it. The kernel
 * ensures that (openat2 with RESOLVE_BENEATH): neither ".." nor a symbolic link leaves the folder. A name
 * that begins with "/" begins in the folder.
 *
 * Semihosting and the frontend server of HTIF programs use it. Any thread.
 */
#ifndef MACHINE_SEMIHOSTING_GUEST_FOLDER_H
#define MACHINE_SEMIHOSTING_GUEST_FOLDER_H

#include <sys/types.h>

#include "util/error.h"

#define GUEST_FOLDER_NAME 4096u /* bytes of a name, with its NUL */

/* Opens the folder; *root is -1 if `path` is NULL: then every name is refused with -EACCES. */
bool guest_folder_open(const char *path, int *root, struct error *error);
/* Opens a name with the flags of open(). Returns a descriptor, or -errno. `who` is for the message. */
int guest_folder_open_below(int root, const char *who, const char *name, int flags, mode_t mode);
/* The same, if it is a regular file: a pipe or a device could make a hart wait. Else -EACCES. */
int guest_folder_open_file(int root, const char *who, const char *name, int flags, mode_t mode);
/* Opens the folder that a name lies in, and stores the name's last part. A descriptor (O_PATH), or -errno. */
int guest_folder_open_parent(int root, const char *who, const char *name, char last[GUEST_FOLDER_NAME]);

#endif
