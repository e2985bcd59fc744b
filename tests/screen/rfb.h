/* SPDX-License-Identifier: MIT
 *
 * The viewer's side of VNC (RFC 6143), written from the RFC so that it shares nothing with the server's
 * library. One connection per program, pixels of 32 bits. If the server stops answering, each function ends
 * in rfb_lost().
 */
#ifndef TESTS_SCREEN_RFB_H
#define TESTS_SCREEN_RFB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RFB_UPDATE = 0, RFB_BELL = 2, RFB_CUT_TEXT = 3 };                                      /* 7.6 */
enum { RFB_RAW = 0, RFB_DESKTOP_SIZE = -223, RFB_EXTENDED_SIZE = -308 /* RFC's registry */ }; /* 7.7, 7.8 */

extern int rfb_server; /* the socket */

/* Each program has its own: what it does when the connection cannot be used any more. */
_Noreturn void rfb_lost(const char *why);

/* False: no server answers at that port of this machine; errno says why. */
bool rfb_connect(const char *port);
/* Does the handshake up to ServerInit (7.1 to 7.3), for a server without a password; then asks for raw pixels
 * of 32 bits, and for those `encodings`. */
void rfb_handshake(const int32_t *encodings, unsigned count, uint32_t *width, uint32_t *height);
/* Sends a FramebufferUpdateRequest for the whole screen. */
void rfb_request(bool incremental, uint32_t width, uint32_t height);

void rfb_get(void *bytes, size_t length);
uint32_t rfb_get16(void);
uint32_t rfb_get32(void);
void rfb_skip(size_t length);
void rfb_put(const void *bytes, size_t length);

#endif
