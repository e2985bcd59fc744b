/* SPDX-License-Identifier: MIT
 *
 * Descriptors that the peer of a Unix socket sends along with its bytes (SCM_RIGHTS), for front ends that
 * take commands: see chardev_take_fd(). They wait in a short queue of their own, since bytes are buffered
 * apart.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/char/stream.h"

static void put_fds(struct chardev *chardev, const int *fds, unsigned count)
{
    pthread_mutex_lock(&chardev->hold_lock);
    for (unsigned n = 0; n < count; n++) {
        if (chardev->fd_count == CHARDEV_FDS) {
            close(chardev->fds[0]);
            memmove(chardev->fds, chardev->fds + 1, --chardev->fd_count * sizeof(int));
        }
        chardev->fds[chardev->fd_count++] = fds[n];
    }
    pthread_mutex_unlock(&chardev->hold_lock);
}

int chardev_take_fd(struct chardev *chardev)
{
    int fd = -1;
    pthread_mutex_lock(&chardev->hold_lock);
    if (chardev->fd_count) {
        fd = chardev->fds[0];
        memmove(chardev->fds, chardev->fds + 1, --chardev->fd_count * sizeof(int));
    }
    pthread_mutex_unlock(&chardev->hold_lock);
    return fd;
}

void chardev_close_fds(struct chardev *chardev)
{
    for (int fd; (fd = chardev_take_fd(chardev)) >= 0;)
        close(fd);
}

ssize_t chardev_receive(struct chardev *chardev, int fd, uint8_t *to, size_t wanted)
{
    union {
        struct cmsghdr first; /* for its alignment */
        char bytes[CMSG_SPACE(CHARDEV_FDS * sizeof(int))];
    } control;
    struct iovec bytes = { to, wanted };
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    for (struct cmsghdr *at = n < 0 ? NULL : CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
        int fds[CHARDEV_FDS];
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        count = count < CHARDEV_FDS ? count : CHARDEV_FDS;
        memcpy(fds, CMSG_DATA(at), count * sizeof(int));
        put_fds(chardev, fds, (unsigned)count);
    }
    return n;
}
