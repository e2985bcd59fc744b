/* SPDX-License-Identifier: MIT
 *
 * A broken build: the emulator, whose threads try to escape as their first act (util/thread.c calls
 * escape_try()). Whatever a guest could do once it has taken over a thread can be done from here. Each
 * attempt is a line "ROLE ATTEMPT done" or "ROLE ATTEMPT refused (ERROR)" in the file whose descriptor
 * ESCAPE_REPORT has; escape.py knows which attempts of which role must be refused. Without ESCAPE_REPORT
 * nothing is tried.
 *
 * ESCAPE_OUTSIDE is a folder that the command line does not name, ESCAPE_INSIDE a file that it does name,
 * ESCAPE_PORT a TCP port of this computer on which somebody listens, ESCAPE_NAMED_PORT another one, which the
 * command line may name, ESCAPE_ABSTRACT the abstract name of a Unix socket on which somebody listens,
 * ESCAPE_VICTIM a process of the same user.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/thread.h"

void escape_try(const char *role);

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static bool close_it(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* ---- Attempts: true if it worked, else errno ----------------------------------------------------------- */

static bool try_read_file(void)
{
    return close_it(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static bool try_read_inside(void)
{
    return close_it(open(from_environment("ESCAPE_INSIDE"), O_RDONLY | O_CLOEXEC));
}

/* The folder that the emulator was started in: commands write there, and nobody reads. */
static bool try_beside(const char *name, int flags)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", from_environment("ESCAPE_HERE"), name);
    return close_it(open(path, flags | O_CLOEXEC, 0600));
}

static bool try_read_beside(void)
{
    return try_beside("private", O_RDONLY);
}

static bool try_list_beside(void)
{
    return try_beside(".", O_RDONLY | O_DIRECTORY);
}

static bool try_write_beside(void)
{
    return try_beside("picture", O_WRONLY | O_CREAT);
}

static bool try_write_file(void)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/escaped", from_environment("ESCAPE_OUTSIDE"));
    return close_it(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static bool try_memory_file(void)
{
    return close_it(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

/* A process of its own; it ends at once. */
static bool try_fork(void)
{
    pid_t child = (pid_t)syscall(SYS_fork);
    if (child == 0)
        syscall(SYS_exit_group, 0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

/* There is no such program: who may start programs gets ENOENT. */
static bool try_execve(void)
{
    char *none[] = { NULL };
    syscall(SYS_execve, "/does/not/exist", none, none);
    return errno == ENOENT;
}

static bool connect_to(const void *address, socklen_t length)
{
    int fd = socket(*(const sa_family_t *)address, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && connect(fd, address, length) == 0;
    int saved = errno;
    close_it(fd);
    errno = saved;
    return done;
}

static bool connect_to_port(const char *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)atoi(from_environment(port))),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return connect_to(&address, sizeof(address));
}

static bool try_connect(void)
{
    return connect_to_port("ESCAPE_PORT");
}

static bool try_named_port(void)
{
    return connect_to_port("ESCAPE_NAMED_PORT");
}

/* The name has no place in the file system. */
static bool try_abstract_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *name = from_environment("ESCAPE_ABSTRACT");
    snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", name);
    return connect_to(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static bool try_listen(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool done = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0;
    int saved = errno;
    close_it(fd);
    errno = saved;
    return done;
}

static bool try_packet_socket(void)
{
    return close_it(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static bool try_datagram(void)
{
    return close_it(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static bool try_ptrace(void)
{
    return ptrace(PTRACE_SEIZE, atoi(from_environment("ESCAPE_VICTIM")), NULL, NULL) == 0 || errno == EPERM;
}

static bool try_peek(void)
{
    char byte = 1, copy = 0;
    struct iovec from = { &byte, 1 }, to = { &copy, 1 };
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1;
}

static bool try_kill(void)
{
    return kill(atoi(from_environment("ESCAPE_VICTIM")), 0) == 0;
}

static bool try_executable_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    munmap(page, 4096);
    return true;
}

static bool try_make_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool done = page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
    int saved = errno;
    if (page != MAP_FAILED)
        munmap(page, 4096);
    errno = saved;
    return done;
}

static bool try_namespace(void)
{
    return syscall(SYS_unshare, CLONE_FS) == 0;
}

static bool try_become_user(void)
{
    return syscall(SYS_setresuid, -1, -1, -1) == 0;
}

static bool try_priority(void)
{
    return syscall(SYS_setpriority, 0, 0, 0) == 0;
}

/* A set-user-ID program would have its owner's rights. */
static bool try_new_privileges(void)
{
    errno = EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

/* A system call that no list has, because no kernel has it yet or ever will. */
static bool try_bpf(void)
{
    syscall(SYS_bpf, -1, NULL, 0);
    return errno == EINVAL || errno == EPERM;
}

static const struct {
    const char *name;
    bool (*attempt)(void);
} attempts[] = {
    { "read-file", try_read_file },
    { "read-inside", try_read_inside },
    { "read-beside", try_read_beside },
    { "list-beside", try_list_beside },
    { "write-beside", try_write_beside },
    { "write-file", try_write_file },
    { "memory-file", try_memory_file },
    { "fork", try_fork },
    { "execve", try_execve },
    { "connect", try_connect },
    { "named-port", try_named_port },
    { "abstract-socket", try_abstract_socket },
    { "listen", try_listen },
    { "packet-socket", try_packet_socket },
    { "datagram", try_datagram },
    { "ptrace", try_ptrace },
    { "peek", try_peek },
    { "kill", try_kill },
    { "executable-memory", try_executable_memory },
    { "make-executable", try_make_executable },
    { "namespace", try_namespace },
    { "become-user", try_become_user },
    { "priority", try_priority },
    { "new-privileges", try_new_privileges },
    { "bpf", try_bpf },
};

void escape_try(const char *role)
{
    if (!getenv("ESCAPE_REPORT"))
        return;
    int report = atoi(getenv("ESCAPE_REPORT"));
    for (size_t n = 0; n < sizeof(attempts) / sizeof(attempts[0]); n++) {
        bool done = attempts[n].attempt();
        int why = errno;
        if (done)
            dprintf(report, "%s %s done\n", role, attempts[n].name);
        else
            dprintf(report, "%s %s refused (%s)\n", role, attempts[n].name, strerror(why));
    }
    dprintf(report, "%s end done\n", role);
}
