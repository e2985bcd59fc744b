/* SPDX-License-Identifier: MIT
 *
 * See peer.h. A request begins with a method and a blank (RFC 9112 section 3); a browser sends only these
 * without having been allowed others by an answer to OPTIONS.
 */
#include "util/peer.h"

#include <string.h>

bool peer_parse_port(const char *text, unsigned *port)
{
    unsigned value = 0;
    size_t length = 0;
    for (; text[length] >= '0' && text[length] <= '9' && value <= 65535; length++)
        value = value * 10 + (unsigned)(text[length] - '0');
    *port = value;
    return length && !text[length] && value <= 65535;
}

enum guess { NO, PERHAPS, YES };

static enum guess guess(const uint8_t *bytes, size_t count)
{
    static const char *const starts[] = { "GET ",   "POST ",    "PUT ",   "HEAD ",  "DELETE ", "OPTIONS ",
                                          "PATCH ", "CONNECT ", "TRACE ", "PRI * ", "\x16\x03" };
    enum guess best = bytes[0] ? NO : YES; /* no text begins with a NUL; STUN does, for one */
    for (size_t n = 0; n < sizeof(starts) / sizeof(starts[0]); n++) {
        size_t length = strlen(starts[n]);
        if (memcmp(bytes, starts[n], count < length ? count : length) == 0)
            best = count >= length ? YES : best == YES ? YES : PERHAPS;
    }
    return best;
}

bool peer_is_browser(struct peer_check *check, const uint8_t *bytes, size_t length)
{
    if (check->decided || !length)
        return false;
    size_t room = sizeof(check->bytes) - check->count, taken = length < room ? length : room;
    memcpy(check->bytes + check->count, bytes, taken);
    check->count += (unsigned)taken;
    enum guess found = guess(check->bytes, check->count);
    check->decided = found != PERHAPS;
    return found == YES;
}
