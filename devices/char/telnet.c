/* SPDX-License-Identifier: MIT
 *
 * See telnet.h.
 */
#include "devices/char/telnet.h"

#include <string.h>

#include "devices/char/stream.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };
enum { OPTION_BINARY = 0, OPTION_ECHO = 1, OPTION_NO_GO_AHEAD = 3 };

void telnet_begin(struct telnet *telnet, struct chardev *chardev)
{
    static const uint8_t wishes[] = { IAC, WILL, OPTION_ECHO,   IAC, WILL, OPTION_NO_GO_AHEAD,
                                      IAC, WILL, OPTION_BINARY, IAC, DO,   OPTION_BINARY };
    *telnet = (struct telnet){ .state = TELNET_DATA };
    stream_write(chardev, wishes, sizeof(wishes));
}

/* Returns whether the byte is for the front end. */
static bool is_data(struct telnet *telnet, uint8_t byte)
{
    switch (telnet->state) {
    case TELNET_DATA: {
        bool rest = telnet->after_return && (byte == 0 || byte == '\n');
        telnet->after_return = byte == '\r';
        if (byte == IAC)
            telnet->state = TELNET_COMMAND;
        return byte != IAC && !rest;
    }
    case TELNET_COMMAND:
        telnet->state = byte >= WILL && byte <= DONT ? TELNET_OPTION
                        : byte == SB                 ? TELNET_SUBOPTION
                                                     : TELNET_DATA;
        return byte == IAC;
    case TELNET_OPTION: telnet->state = TELNET_DATA; return false;
    case TELNET_SUBOPTION:
        if (byte == IAC)
            telnet->state = TELNET_SUBOPTION_COMMAND;
        return false;
    case TELNET_SUBOPTION_COMMAND: telnet->state = byte == SE ? TELNET_DATA : TELNET_SUBOPTION; return false;
    }
    return false;
}

size_t telnet_read(struct telnet *telnet, uint8_t *bytes, size_t length)
{
    size_t kept = 0;
    for (size_t i = 0; i < length; i++)
        if (is_data(telnet, bytes[i]))
            bytes[kept++] = bytes[i];
    return kept;
}

void telnet_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    static const uint8_t doubled = IAC;
    while (length) {
        const uint8_t *mark = memchr(bytes, IAC, length);
        size_t piece = mark ? (size_t)(mark - bytes) + 1 : length;
        stream_write(chardev, bytes, piece);
        if (mark)
            stream_write(chardev, &doubled, 1);
        bytes += piece;
        length -= piece;
    }
}
