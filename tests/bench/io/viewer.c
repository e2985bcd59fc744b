// SPDX-License-Identifier: MIT
// A VNC viewer (RFC 6143) that measures how fast its server sends a screen, for tests/bench. Usage: viewer
// PORT SECONDS. It tries to connect for a minute, then takes updates in raw pixels until the server hangs up.
// It prints "BENCH screen seen VALUE /s": how many updates of the whole screen (or nearly all of it) came a
// second, in those SECONDS in which most of them came.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rfb.h"

static uint32_t screen_width, screen_height;
// `times` has the times of the updates of the whole screen in the last `seconds`, and `most` is the largest
// number of them that there ever was.
static double seconds, times[1 << 16];
static size_t updates, most;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// The server hangs up at the end of a run.
void rfb_lost(const char *why)
{
    if (!most) {
        fprintf(stderr, "FAIL viewer: no update has come: %s\n", why);
        exit(1);
    }
    printf("BENCH screen seen %.1f /s\n", (double)most / seconds);
    exit(0);
}

static void get_update(void)
{
    uint64_t area = 0;
    rfb_skip(1);
    for (uint32_t count = rfb_get16(); count; count--) {
        rfb_skip(4);
        uint32_t width = rfb_get16(), height = rfb_get16();
        if ((int32_t)rfb_get32() == RFB_DESKTOP_SIZE) {
            screen_width = width;
            screen_height = height;
        } else {
            area += (uint64_t)width * height;
            rfb_skip((size_t)width * height * 4);
        }
    }
    rfb_request(true, screen_width, screen_height);
    if (area * 10 < (uint64_t)screen_width * screen_height * 9)
        return;
    size_t old = 0;
    double time = now();
    while (old < updates &&
           (times[old] <= time - seconds || updates - old == sizeof(times) / sizeof(times[0])))
        old++;
    memmove(times, times + old, (updates -= old) * sizeof(times[0]));
    times[updates++] = time;
    most = updates > most ? updates : most;
}

static bool connect_within_a_minute(const char *port)
{
    for (unsigned tries = 0; tries < 600; tries++) {
        if (rfb_connect(port))
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    }
    return false;
}

int main(int argc, char **argv)
{
    static const int32_t encodings[] = { RFB_RAW, RFB_DESKTOP_SIZE };
    seconds = argc == 3 ? atof(argv[2]) : 0;
    if (seconds <= 0 || !connect_within_a_minute(argv[1])) {
        fprintf(stderr, "usage: viewer PORT SECONDS, where a VNC server answers\n");
        return 1;
    }
    rfb_handshake(encodings, 2, &screen_width, &screen_height);
    rfb_request(false, screen_width, screen_height);
    for (uint8_t type;;) {
        rfb_get(&type, 1);
        if (type == RFB_UPDATE)
            get_update();
        else if (type == RFB_CUT_TEXT) {
            rfb_skip(3);
            rfb_skip(rfb_get32());
        } else if (type != RFB_BELL) {
            fprintf(stderr, "FAIL viewer: a message of type %u\n", type);
            return 1;
        }
    }
}
