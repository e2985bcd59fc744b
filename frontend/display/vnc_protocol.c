/* SPDX-License-Identifier: MIT
 *
 * The messages of viewers; see vnc_protocol.h. Messages of a known length that ask for something this server
 * does not have are skipped. A message of unknown length ends the connection, since nothing after it could be
 * understood.
 */
#include "frontend/display/vnc_protocol.h"

#include <stdio.h>
#include <string.h>

#define ENCODINGS_MAX 1024u
#define SCREENS_MAX   64u

enum { SECURITY_NONE = 1, SECURITY_VNC = 2, SECURITY_VENCRYPT = 19 };
enum { VENCRYPT_X509_NONE = 260, VENCRYPT_X509_VNC = 261 };

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static enum vnc_verdict close_for(const char **fault, const char *why)
{
    *fault = why;
    return VNC_CLOSE;
}

static void set_reply(struct vnc_protocol *protocol, const uint8_t *bytes, unsigned length)
{
    memcpy(protocol->reply, bytes, length);
    protocol->reply_length = length;
}

/* RFC 6143 section 7.1.1: 3.3, 3.7 and 3.8. Other versions count as 3.3, later ones as 3.8. */
static enum vnc_verdict take_version(struct vnc_protocol *protocol, uint8_t *bytes, size_t count,
                                     size_t *length, const char **fault)
{
    static const char form[] = "RFB 003.";
    for (size_t n = 0; n < count && n < sizeof(form) - 1; n++) {
        if (bytes[n] != (uint8_t)form[n])
            return close_for(fault, "it does not speak RFB 3");
    }
    if (count < VNC_BANNER_BYTES)
        return VNC_MORE;
    unsigned minor = 0;
    for (size_t n = 8; n < 11; n++) {
        if (bytes[n] < '0' || bytes[n] > '9')
            return close_for(fault, "it does not speak RFB 3");
        minor = minor * 10 + bytes[n] - '0';
    }
    if (bytes[11] != '\n')
        return close_for(fault, "it does not speak RFB 3");
    if (protocol->tls && minor < 7)
        return close_for(fault, "it knows no encryption");
    if (protocol->tls)
        set_reply(protocol, (const uint8_t[]){ 1, SECURITY_VENCRYPT }, 2);
    memcpy(bytes + 8, minor >= 8 ? "008" : minor == 7 ? "007" : "003", 3);
    protocol->state = minor >= 7 ? VNC_SECURITY : protocol->password ? VNC_RESPONSE : VNC_INIT;
    *length = VNC_BANNER_BYTES;
    return VNC_PASS;
}

/* Takes the viewer's choice, and replaces it by what libvncserver has offered. */
static enum vnc_verdict take_security(struct vnc_protocol *protocol, uint8_t *bytes, size_t *length,
                                      const char **fault)
{
    uint8_t own = protocol->password ? SECURITY_VNC : SECURITY_NONE;
    *length = 1;
    if (bytes[0] != (protocol->tls ? SECURITY_VENCRYPT : own))
        return close_for(fault, "it chose a security type that was not offered");
    bytes[0] = own;
    protocol->state = protocol->tls ? VNC_TLS_VERSION : protocol->password ? VNC_RESPONSE : VNC_INIT;
    if (protocol->tls)
        set_reply(protocol, (const uint8_t[]){ 0, 2 }, 2);
    return VNC_PASS;
}

/* VeNCrypt 0.2: the versions are exchanged, then one type is offered, which the viewer has to choose. */
static enum vnc_verdict take_vencrypt(struct vnc_protocol *protocol, const uint8_t *bytes, size_t count,
                                      size_t *length, const char **fault)
{
    unsigned type = protocol->password ? VENCRYPT_X509_VNC : VENCRYPT_X509_NONE;
    if (protocol->state == VNC_TLS_VERSION) {
        *length = 2;
        if (count < *length)
            return VNC_MORE;
        if (bytes[0] != 0 || bytes[1] != 2)
            return close_for(fault, "it wants another version of VeNCrypt");
        set_reply(protocol, (const uint8_t[]){ 0, 1, 0, 0, (uint8_t)(type >> 8), (uint8_t)type }, 6);
        protocol->state = VNC_TLS_TYPE;
        return VNC_SKIP;
    }
    *length = 4;
    if (count < *length)
        return VNC_MORE;
    if (get16(bytes) != 0 || get16(bytes + 2) != type)
        return close_for(fault, "it chose a security type that was not offered");
    if (count > *length) /* it would be mistaken for something that came under TLS */
        return close_for(fault, "it did not wait for TLS");
    set_reply(protocol, (const uint8_t[]){ 1 }, 1);
    protocol->state = protocol->password ? VNC_RESPONSE : VNC_INIT;
    return VNC_TLS;
}

static enum vnc_verdict take_start(struct vnc_protocol *protocol, uint8_t *bytes, size_t count,
                                   size_t *length, const char **fault)
{
    switch (protocol->state) {
    case VNC_SECURITY: return take_security(protocol, bytes, length, fault);
    case VNC_TLS_VERSION:
    case VNC_TLS_TYPE: return take_vencrypt(protocol, bytes, count, length, fault);
    case VNC_RESPONSE:
        *length = 16;
        if (count < *length)
            return VNC_MORE;
        protocol->state = VNC_INIT;
        break;
    default:
        *length = 1;
        protocol->state = VNC_NORMAL;
        break;
    }
    return VNC_PASS;
}

/* The messages of section 7.5, and those that viewers may send without being told that they may. */
static const struct {
    uint8_t type;
    bool pass;
    uint16_t length;
} fixed[] = {
    { 0, true, 20 },   /* SetPixelFormat */
    { 3, true, 10 },   /* FramebufferUpdateRequest */
    { 4, true, 8 },    /* KeyEvent */
    { 5, true, 6 },    /* PointerEvent */
    { 8, false, 4 },   /* SetScale */
    { 9, false, 2 },   /* FileTransfer's token */
    { 10, false, 4 },  /* SetServerInput */
    { 15, false, 4 },  /* the same as SetScale, for PalmVNC */
    { 250, false, 4 }, /* xvp */
};

static enum vnc_verdict take_message(struct vnc_protocol *protocol, const uint8_t *bytes, size_t count,
                                     size_t *length, const char **fault)
{
    for (size_t n = 0; n < sizeof(fixed) / sizeof(fixed[0]); n++) {
        if (fixed[n].type != bytes[0])
            continue;
        *length = fixed[n].length;
        return count < *length ? VNC_MORE : fixed[n].pass ? VNC_PASS : VNC_SKIP;
    }
    if (count < 8)
        return bytes[0] == 2 && count >= 4 && get16(bytes + 2) == 0 ? (*length = 4, VNC_PASS) : VNC_MORE;
    switch (bytes[0]) {
    case 2: /* SetEncodings */
        *length = 4 + 4 * (size_t)get16(bytes + 2);
        if (get16(bytes + 2) > ENCODINGS_MAX)
            return close_for(fault, "it names too many encodings");
        return count < *length ? VNC_MORE : VNC_PASS;
    case 6: /* ClientCutText: there is no clipboard. A negative length belongs to an extension. */
        protocol->skip = (uint64_t)get16(bytes + 4) << 16 | get16(bytes + 6);
        if (protocol->skip >> 31)
            protocol->skip = (uint32_t)-protocol->skip;
        *length = 8;
        return VNC_SKIP;
    case 251: /* SetDesktopSize */
        *length = 8 + 16 * (size_t)bytes[6];
        if (bytes[6] > SCREENS_MAX)
            return close_for(fault, "it names too many screens");
        return count < *length ? VNC_MORE : VNC_PASS;
    default: return close_for(fault, "it sent a message that this server does not know");
    }
}

static bool is_known(uint8_t type)
{
    for (size_t n = 0; n < sizeof(fixed) / sizeof(fixed[0]); n++) {
        if (fixed[n].type == type)
            return true;
    }
    return type == 2 || type == 6 || type == 251;
}

enum vnc_verdict vnc_protocol_next(struct vnc_protocol *protocol, uint8_t *bytes, size_t count,
                                   size_t *length, const char **fault)
{
    if (!count)
        return VNC_MORE;
    if (protocol->skip) {
        *length = protocol->skip < count ? (size_t)protocol->skip : count;
        protocol->skip -= *length;
        return VNC_SKIP;
    }
    if (protocol->state == VNC_VERSION)
        return take_version(protocol, bytes, count, length, fault);
    if (protocol->state != VNC_NORMAL)
        return take_start(protocol, bytes, count, length, fault);
    if (!is_known(bytes[0]))
        return close_for(fault, "it sent a message that this server does not know");
    return take_message(protocol, bytes, count, length, fault);
}
