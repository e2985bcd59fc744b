/* SPDX-License-Identifier: MIT
 *
 * System calls that threads may make; see confine.h. A thread is under the list of the process and, depending
 * on its role, under a shorter list of its own; both must contain a call. The lists are made when the program
 * is built (confine_generate.c), since making them at each start took more time than the rest of the sandbox.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/confine.h"
#include "util/confine_filters.h"

bool confine_seccomp_build(const struct confine_policy *policy, enum thread_role role,
                           struct sock_fprog *program, struct error *error)
{
    const struct confine_list *list = &confine_lists[confine_list_of[role][confine_variant(policy)]];
    struct sock_filter *code = malloc(list->length * sizeof(*code));
    if (!code)
        return error_set(error, "sandbox: out of memory for a list of system calls");
    memcpy(code, list->code, list->length * sizeof(*code));
    for (size_t n = 0; n < list->length; n++) {
        if (code[n].code == (BPF_JMP | BPF_JEQ | BPF_K) && code[n].k == CONFINE_OWN_PID)
            code[n].k = (uint32_t)getpid();
    }
    *program = (struct sock_fprog){ .len = list->length, .filter = code };
    return true;
}

bool confine_seccomp_supported(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Without SPEC_ALLOW, some kernels slow down the thread's memory accesses to prevent leaks within a
 * process. */
bool confine_seccomp_enter(const struct sock_fprog *program, bool all_threads)
{
    unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW | (all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0);
    long status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
    if (status > 0) /* the number of a thread that could not be given the filter */
        errno = EBUSY;
    return status == 0;
}
