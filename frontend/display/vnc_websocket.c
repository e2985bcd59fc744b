/* SPDX-License-Identifier: MIT
 *
 * Websockets; see vnc_websocket.h. Wherever the RFC lets a server be strict, this one is strict.
 */
#include "frontend/display/vnc_websocket.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/resolve.h"

#define KEY_LENGTH  24 /* base64 of 16 bytes */
#define GUID        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define HEADERS_MAX 100u

/* ---- The request --------------------------------------------------------------------------------------- */

struct text {
    const char *at;
    size_t length;
};

struct request {
    struct text host, origin, upgrade, connection, version, key, protocol;
};

static bool text_is(struct text text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

static struct text text_trim(struct text text)
{
    while (text.length && (*text.at == ' ' || *text.at == '\t'))
        text.at++, text.length--;
    while (text.length && (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* Is the word in a list that is separated by commas? */
static bool text_lists(struct text list, const char *word)
{
    while (list.length) {
        const char *comma = memchr(list.at, ',', list.length);
        size_t length = comma ? (size_t)(comma - list.at) : list.length;
        if (text_is(text_trim((struct text){ list.at, length }), word))
            return true;
        length += comma != NULL;
        list.at += length;
        list.length -= length;
    }
    return false;
}

/* Takes one line; false if there is no line that ends with CR LF. */
static bool next_line(struct text *rest, struct text *line)
{
    const char *end = memchr(rest->at, '\n', rest->length);
    if (!end || end == rest->at || end[-1] != '\r')
        return false;
    *line = (struct text){ rest->at, (size_t)(end - 1 - rest->at) };
    rest->length -= (size_t)(end + 1 - rest->at);
    rest->at = end + 1;
    return true;
}

/* A field that is given twice could be read in two ways, so it is refused. */
static bool take_field(struct request *request, struct text line)
{
    const struct {
        const char *name;
        struct text *value;
    } fields[] = {
        { "Host", &request->host },
        { "Origin", &request->origin },
        { "Upgrade", &request->upgrade },
        { "Connection", &request->connection },
        { "Sec-WebSocket-Version", &request->version },
        { "Sec-WebSocket-Key", &request->key },
        { "Sec-WebSocket-Protocol", &request->protocol },
    };
    const char *colon = memchr(line.at, ':', line.length);
    if (!colon || colon == line.at)
        return false;
    struct text name = { line.at, (size_t)(colon - line.at) };
    struct text value = text_trim((struct text){ colon + 1, line.length - name.length - 1 });
    for (size_t n = 0; n < sizeof(fields) / sizeof(fields[0]); n++) {
        if (!text_is(name, fields[n].name))
            continue;
        if (fields[n].value->at)
            return false;
        *fields[n].value = value;
    }
    return true;
}

static bool parse_request(struct request *request, struct text rest)
{
    static const char get[] = "GET /", version[] = " HTTP/1.1";
    struct text line;
    if (!next_line(&rest, &line) || line.length < sizeof(get) + sizeof(version) - 2 ||
        memcmp(line.at, get, sizeof(get) - 1) != 0 ||
        memcmp(line.at + line.length - (sizeof(version) - 1), version, sizeof(version) - 1) != 0)
        return false;
    for (unsigned n = 0; n < HEADERS_MAX && next_line(&rest, &line); n++) {
        if (!line.length)
            return true;
        if (!take_field(request, line))
            return false;
    }
    return false;
}

/* ---- Who is let in ------------------------------------------------------------------------------------- */

/* Here an IPv6 address must have brackets. */
static bool split(struct text text, struct resolve_place *place)
{
    return resolve_split(text.at, text.length, place, NULL) && place->host[0] &&
           (place->bracketed || !strchr(place->host, ':'));
}

static bool is_address(const char *host, bool *loopback)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        *loopback = ntohl(four.s_addr) >> 24 == 127;
        return true;
    }
    *loopback = inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return *loopback || inet_pton(AF_INET6, host, &six) == 1;
}

static bool origin_allowed(const struct request *request, const struct vnc_origin_policy *policy)
{
    struct resolve_place from, to;
    struct text origin = request->origin;
    bool loopback = false;
    if (!origin.at ||
        (policy->origin && (strcmp(policy->origin, "*") == 0 || text_is(origin, policy->origin))))
        return true;
    for (size_t n = 0; n + 3 <= origin.length; n++) {
        if (memcmp(origin.at + n, "://", 3) != 0)
            continue;
        if (!split((struct text){ origin.at + n + 3, origin.length - n - 3 }, &from))
            return false;
        bool address = is_address(from.host, &loopback);
        return loopback || strcasecmp(from.host, "localhost") == 0 ||
               ((address || policy->password) && request->host.at && split(request->host, &to) &&
                strcasecmp(from.host, to.host) == 0);
    }
    return false; /* "null": a file, or a page that hides its origin */
}

/* ---- The answer ---------------------------------------------------------------------------------------- */

/* RFC 6455 section 4.2.2: the answer shows that the request was understood as one for a websocket. */
static bool accept_key(struct text key, char accept[64])
{
    char text[KEY_LENGTH + sizeof(GUID)];
    uint8_t digest[20];
    gnutls_datum_t binary = { digest, sizeof(digest) }, printed = { NULL, 0 };
    snprintf(text, sizeof(text), "%.*s%s", KEY_LENGTH, key.at, GUID);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), digest) < 0 ||
        gnutls_base64_encode2(&binary, &printed) < 0)
        return false;
    snprintf(accept, 64, "%.*s", (int)printed.size, (const char *)printed.data);
    gnutls_free(printed.data);
    return true;
}

static enum vnc_request refuse(char response[VNC_RESPONSE_MAX], const char *status, const char **fault,
                               const char *why)
{
    snprintf(response, VNC_RESPONSE_MAX,
             "HTTP/1.1 %s\r\nSec-WebSocket-Version: 13\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
             status);
    *fault = why;
    return VNC_REQUEST_BAD;
}

enum vnc_request vnc_websocket_answer(const char *bytes, size_t count, const struct vnc_origin_policy *policy,
                                      char response[VNC_RESPONSE_MAX], const char **fault)
{
    static const char start[] = "GET /", end[] = "\r\n\r\n";
    struct request request = { 0 };
    char accept[64];
    if (memcmp(bytes, start, count < sizeof(start) - 1 ? count : sizeof(start) - 1) != 0)
        return refuse(response, "400 Bad Request", fault, "it does not open a websocket");
    const char *blank = memmem(bytes, count, end, sizeof(end) - 1);
    if (!blank)
        return count < VNC_REQUEST_MAX ? VNC_REQUEST_MORE
                                       : refuse(response, "431 Request Header Fields Too Large", fault,
                                                "its request is too long");
    /* Nothing may follow the request before it is answered. */
    if (blank + sizeof(end) - 1 != bytes + count || memchr(bytes, 0, count) ||
        !parse_request(&request, (struct text){ bytes, count }))
        return refuse(response, "400 Bad Request", fault, "its request cannot be read");
    if (!request.upgrade.at || !text_lists(request.upgrade, "websocket") || !request.connection.at ||
        !text_lists(request.connection, "upgrade") || request.key.length != KEY_LENGTH)
        return refuse(response, "400 Bad Request", fault, "it does not open a websocket");
    if (!request.version.at || !text_is(request.version, "13"))
        return refuse(response, "426 Upgrade Required", fault, "it wants another version of websockets");
    if (!origin_allowed(&request, policy))
        return refuse(response, "403 Forbidden", fault,
                      "it is a page from elsewhere; -vnc ...,origin=ORIGIN lets pages in");
    if (request.protocol.at && !text_lists(request.protocol, "binary"))
        return refuse(response, "400 Bad Request", fault, "it does not take the subprotocol \"binary\"");
    if (!accept_key(request.key, accept))
        return refuse(response, "500 Internal Server Error", fault, "its key cannot be answered");
    snprintf(response, VNC_RESPONSE_MAX,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n%s\r\n",
             accept, request.protocol.at ? "Sec-WebSocket-Protocol: binary\r\n" : "");
    return VNC_REQUEST_OPEN;
}

/* ---- Frames (section 5.2) ------------------------------------------------------------------------------ */

static enum vnc_opcode opcode_of(const struct vnc_frames *frames)
{
    return frames->header[0] & 15;
}

static bool is_control(const struct vnc_frames *frames)
{
    return frames->header[0] & 8;
}

/* The bytes in front of the payload, as far as is known yet. */
static unsigned header_length(const struct vnc_frames *frames)
{
    if (frames->header_count < 2)
        return 2;
    unsigned length = frames->header[1] & 127;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

static uint64_t payload_length(const struct vnc_frames *frames)
{
    unsigned short_length = frames->header[1] & 127, bytes = short_length == 126 ? 2 : 8;
    uint64_t length = 0;
    if (short_length < 126)
        return short_length;
    for (unsigned n = 0; n < bytes; n++)
        length = length << 8 | frames->header[2 + n];
    return length;
}

/* Returns NULL, or what is wrong with the header, which must be complete. */
static const char *check_header(const struct vnc_frames *frames)
{
    bool final = frames->header[0] & 0x80;
    unsigned short_length = frames->header[1] & 127;
    uint64_t length = payload_length(frames);
    if (frames->header[0] & 0x70)
        return "it sent a frame with bits of an extension";
    if (!(frames->header[1] & 0x80))
        return "it sent a frame that is not masked";
    if ((short_length == 126 && length < 126) || (short_length == 127 && length <= UINT16_MAX) ||
        length >> 63)
        return "it sent a frame with an impossible length";
    switch (opcode_of(frames)) {
    case VNC_CONTINUED: return frames->in_message ? NULL : "it sent a frame that continues no message";
    case VNC_BINARY: return frames->in_message ? "it began a message within another one" : NULL;
    case VNC_CLOSING:
    case VNC_PING:
    case VNC_PONG:
        return final && short_length <= VNC_CONTROL_MAX
                   ? NULL
                   : "it sent a control frame that is too long or fragmented";
    default: return "it sent a frame of a kind that this server does not take";
    }
}

/* The header is complete, and the payload begins. */
static void begin(struct vnc_frames *frames)
{
    frames->left = payload_length(frames);
    frames->in_payload = true;
    frames->at = 0;
    frames->control_count = 0;
    if (!is_control(frames))
        frames->in_message = !(frames->header[0] & 0x80);
}

/* Unmasks to `to` as much of the payload as has come. Returns how many bytes were read. */
static size_t take_payload(struct vnc_frames *frames, uint8_t *to, const uint8_t *from, size_t count)
{
    const uint8_t *mask = frames->header + header_length(frames) - 4;
    size_t length = frames->left < count ? (size_t)frames->left : count;
    for (size_t n = 0; n < length; n++)
        to[n] = from[n] ^ mask[frames->at++ & 3];
    frames->left -= length;
    return length;
}

static enum vnc_frame_event end_of(struct vnc_frames *frames)
{
    frames->in_payload = false;
    frames->header_count = 0;
    switch (opcode_of(frames)) {
    case VNC_PING: return VNC_FRAME_PING;
    case VNC_CLOSING: return VNC_FRAME_CLOSE;
    default: return VNC_FRAME_NONE;
    }
}

enum vnc_frame_event vnc_frames_read(struct vnc_frames *frames, uint8_t *bytes, size_t count, size_t *used,
                                     size_t *made, const char **fault)
{
    enum vnc_frame_event event = VNC_FRAME_NONE;
    size_t at = 0;
    *made = 0;
    while (event == VNC_FRAME_NONE && (at < count || (frames->in_payload && !frames->left))) {
        if (!frames->in_payload) {
            frames->header[frames->header_count++] = bytes[at++];
            if (frames->header_count < header_length(frames))
                continue;
            *fault = check_header(frames);
            if (*fault)
                event = VNC_FRAME_BAD;
            else
                begin(frames);
            continue;
        }
        bool control = is_control(frames);
        uint8_t *to = control ? frames->control + frames->control_count : bytes + *made;
        size_t length = take_payload(frames, to, bytes + at, count - at);
        at += length;
        if (control)
            frames->control_count += (unsigned)length;
        else
            *made += length;
        if (!frames->left)
            event = end_of(frames);
    }
    *used = at;
    return event;
}

size_t vnc_frame_header(uint8_t header[VNC_FRAME_MAX], enum vnc_opcode opcode, size_t length)
{
    unsigned bytes = length < 126 ? 0 : length <= UINT16_MAX ? 2 : 8;
    header[0] = (uint8_t)(0x80 | opcode);
    header[1] = (uint8_t)(bytes == 0 ? length : bytes == 2 ? 126 : 127);
    for (unsigned n = 0; n < bytes; n++)
        header[2 + n] = (uint8_t)((uint64_t)length >> 8 * (bytes - 1 - n));
    return 2 + bytes;
}
