/* SPDX-License-Identifier: MIT
 *
 * Clients of the gdb server that behave as gdb seldom does: several at once, some that vanish, some that send
 * nonsense. Usage: gdb_clients ELF EMULATOR [ARGUMENTS...]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/gdb/client.h"

static struct emulator emulator;

static void second_is_refused(void)
{
    int first = client_connect(&emulator);
    client_expect(first, "?", "T05");
    int second = client_connect(&emulator);
    client_expect(second, "qSupported:swbreak+", "E.another gdb");
    client_expect(second, "vMustReplyEmpty", "E.another gdb");
    close(second);
    client_expect(first, "qC", "QC1");
    close(first);
}

static void nonsense_is_survived(void)
{
    static const char *const malformed[] = { "m",
                                             "mzz,4",
                                             "m0",
                                             "M0,4:00",
                                             "Mffffffffffffffffff,1:0",
                                             "X0,4:",
                                             "p",
                                             "pffffff",
                                             "P0=",
                                             "P20",
                                             "Z9,0,0",
                                             "Z0,",
                                             "Z2,10,0",
                                             "z0",
                                             "Hx1",
                                             "Hg99",
                                             "Tzz",
                                             "vCont;q",
                                             "vCont;r1",
                                             "vCont;s:99",
                                             "G00",
                                             "qRcmd,0",
                                             "qXfer:features:read:target.xml:zz",
                                             "qCRC:0",
                                             "Z2,ffffffffffffffff,2" };
    int fd = client_connect(&emulator);
    client_expect(fd, "?", "T05");
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        client_expect(fd, malformed[i], "E");
    client_expect(fd, "vMustReplyEmpty", "");
    client_expect(fd, "_unheard-of", "");
    if (*client_ask(fd, "vMustReplyEmpty") || *client_ask(fd, "!!"))
        fail("an unknown packet has an answer");
    /* A packet with a wrong checksum is asked for again; so is an endless packet. */
    static char flood[100000];
    memset(flood, 'm', sizeof(flood));
    client_send_raw(fd, "$g#00", 5);
    client_send_raw(fd, "$", 1);
    client_send_raw(fd, flood, sizeof(flood));
    client_send_raw(fd, "#40", 3);
    client_expect(fd, "qC", "QC1");
    close(fd);
}

/* A client that vanishes leaves no breakpoint behind, and leaves the guest running or paused as it found
 * it. */
static void vanishing(void)
{
    int fd = client_connect(&emulator);
    client_expect(fd, "?", "T05");
    client_expect(fd, "Z0,1008,4", "OK");
    close(fd);
    /* The client found the guest paused by -S, and never let it run: it is still in the ROM. */
    fd = client_connect(&emulator);
    client_expect(fd, "p20", "0010000000000000");
    client_send(fd, "vCont;c");
    usleep(20000);
    client_send_raw(fd, "\3", 1);
    const char *stop = client_receive(fd, 10000);
    if (!stop || strncmp(stop, "T02", 3) != 0)
        fail("Ctrl-C is answered with \"%s\"", stop ? stop : "nothing");
    close(fd); /* this client had let it run: the guest runs on */
    usleep(50000);
}

static void only_looking(void)
{
    for (unsigned i = 0; i < 50; i++)
        close(client_connect(&emulator)); /* a port scanner */
    int fd = client_connect(&emulator);
    client_send_raw(fd, "-", 1); /* asks to send again, though nothing was sent */
    client_expect(fd, "qSupported", "PacketSize");
    client_expect(fd, "QStartNoAckMode", "OK");
    client_expect(fd, "qfThreadInfo", "m1,2");
    client_expect(fd, "D", "OK");
    close(fd);
}

/* The extended protocol: the emulator does not end when the guest is killed; it ends when the client leaves
 * after that. */
static void extended(void)
{
    int fd = client_connect(&emulator);
    client_expect(fd, "?", "T05");
    client_expect(fd, "!", "OK");
    client_expect(fd, "vKill;1", "OK");
    client_expect(fd, "?", "W00");
    client_expect(fd, "vRun;", "T05thread:1;");
    client_expect(fd, "p20", "0010000000000000");
    client_expect(fd, "vRun;61;62", "E");
    client_send(fd, "R00"); /* no reply; the next one answers the next packet */
    client_expect(fd, "qC", "QC1");
    client_expect(fd, "vKill;1", "OK");
    close(fd);
    int status = emulator_wait(&emulator, 20);
    if (status != 0)
        fail("left by gdb after kill, the emulator ended with %d", status);
    emulator_end(&emulator);
}

static void killing(void)
{
    int fd = client_connect(&emulator);
    client_expect(fd, "?", "T05");
    client_expect(fd, "vKill;1", "OK");
    int status = emulator_wait(&emulator, 20);
    if (status != 0)
        fail("killed by gdb, the emulator ended with %d", status);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        fail("usage: gdb_clients ELF EMULATOR [ARGUMENTS...]");
    emulator_start(&emulator, argv + 2, argv[1], true);
    second_is_refused();
    nonsense_is_survived();
    vanishing();
    only_looking();
    killing();
    emulator_end(&emulator);
    emulator_start(&emulator, argv + 2, argv[1], true);
    extended();
    printf("passed\n");
    return 0;
}
