/* SPDX-License-Identifier: MIT
 *
 * The telnet protocol (RFC 854) on a socket's stream, as far as a terminal needs it. The peer is asked to
 * send keys at once, without an echo of its own, and unchanged (RFC 857, 858, 856). What the peer sends about
 * options is removed from the input; a byte 255 is doubled in both directions.
 */
#ifndef DEVICES_CHAR_TELNET_H
#define DEVICES_CHAR_TELNET_H

#include "devices/char/chardev.h"

/* The state of the input within a command; belongs to the I/O thread. */
struct telnet {
    enum { TELNET_DATA, TELNET_COMMAND, TELNET_OPTION, TELNET_SUBOPTION, TELNET_SUBOPTION_COMMAND } state;
    bool after_return; /* the last byte was CR; a NUL or LF after it belongs to it */
};

/* Call it when a peer has connected. */
void telnet_begin(struct telnet *telnet, struct chardev *chardev);
/* Removes commands from the input, in place; returns how many bytes are left. */
size_t telnet_read(struct telnet *telnet, uint8_t *bytes, size_t length);
/* As stream_write(), with bytes 255 doubled. */
void telnet_write(struct chardev *chardev, const uint8_t *bytes, size_t length);

#endif
