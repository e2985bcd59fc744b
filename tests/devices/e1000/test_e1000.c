/* SPDX-License-Identifier: MIT
 *
 * Intel's cards at register level, on a network that is this test: NVM, PHY, interrupts and their throttling,
 * MSI-X, frames both ways in each form of descriptor, filters, checksums, segments, tags, statistics, saved
 * state; and drivers that write anything. The test's own thread is the netdev's thread.
 */
#include <sys/random.h>

#include "devices/e1000/e1000.h"
#include "devices/e1000/registers.h"
#include "devices/net/netdev.h"
#include "devices/net/offload.h"
#include "tests/devices/pci/function.h"
#include "util/clock.h"

#define RAM_BASE 0x80000000u
#define RAM_SIZE 0x100000u
#define RX_RING  (RAM_BASE + 0x1000)
#define TX_RING  (RAM_BASE + 0x2000)
#define RX_DATA  (RAM_BASE + 0x10000)
#define TX_DATA  (RAM_BASE + 0x40000)
#define COUNT    16u /* descriptors of a ring */

struct wire {
    struct netdev netdev;
    uint8_t sent[64][2000];
    size_t lengths[64];
    unsigned count;
    size_t longest;
    atomic_uint wakes;
};

static const uint8_t mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct wire wire;
static struct function_bus board;
static struct fake_ram ram;
static struct clock *wall;
static bool is_e;

static void wire_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct wire *to = (struct wire *)netdev;
    unsigned at = to->count++ % 64;
    memcpy(to->sent[at], frame, length < 2000 ? length : 2000);
    to->lengths[at] = length;
    to->longest = length > to->longest ? length : to->longest;
}

static void wire_wake(struct netdev *netdev)
{
    atomic_fetch_add(&((struct wire *)netdev)->wakes, 1);
}

static const struct netdev_ops wire_ops = { .name = "wire", .send = wire_send, .wake = wire_wake };

static struct pci_function *make(void)
{
    struct error error;
    struct e1000_config config = { .is_e = is_e, .dma = &ram.dma, .clock = wall, .netdev = &wire.netdev };
    memcpy(config.mac, mac, 6);
    return e1000_create(&config, &error);
}

static void start(bool which)
{
    is_e = which;
    wall = clock_create(NULL);
    clock_start(wall);
    fake_ram_init(&ram, RAM_BASE, RAM_SIZE);
    memset(&wire, 0, sizeof(wire));
    netdev_init(&wire.netdev, &wire_ops);
    function_plug(&board, make());
    function_master(&board, true);
}

static void finish(void)
{
    function_unplug(&board);
    netdev_fini(&wire.netdev);
    fake_ram_destroy(&ram);
    clock_destroy(wall);
}

static uint32_t get(unsigned offset)
{
    return (uint32_t)function_get(&board, offset, 4);
}

static void put(unsigned offset, uint32_t value)
{
    function_put(&board, offset, 4, value);
}

static uint8_t *host(uint64_t paddr)
{
    return ram.bytes + (paddr - RAM_BASE);
}

static void put_le(uint8_t *at, unsigned bytes, uint64_t value)
{
    for (unsigned n = 0; n < bytes; n++)
        at[n] = (uint8_t)(value >> (8 * n));
}

static uint64_t get_le(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < bytes; n++)
        value |= (uint64_t)at[n] << (8 * n);
    return value;
}

static bool wired(void)
{
    return atomic_load(&board.irqs[0].level);
}

static void run(void)
{
    while (netdev_run(&wire.netdev))
        ;
}

static void deliver(const uint8_t *frame, size_t length)
{
    netdev_deliver(&wire.netdev, frame, length);
    netdev_deliver_end(&wire.netdev);
}

static void fill(uint8_t *frame, size_t length)
{
    memcpy(frame, mac, 6);
    memset(frame + 6, 0x52, 6);
    frame[12] = 0x88, frame[13] = 0xb5; /* for experiments */
    for (size_t n = 14; n < length; n++)
        frame[n] = (uint8_t)(n * 7);
}

/* ---- NVM and PHY --------------------------------------------------------------------------------------- */

static uint16_t read_eerd(unsigned word)
{
    put(E1000_EERD, 1 | word << (is_e ? 2 : 8));
    uint32_t value = get(E1000_EERD);
    ck_assert(value & (is_e ? 2u : 0x10u));
    return (uint16_t)(value >> 16);
}

/* As a driver moves the wires of a 93C46. */
static uint16_t read_wires(unsigned word)
{
    uint32_t command = 6u << 6 | word;
    uint16_t value = 0;
    put(E1000_EECD, E1000_EECD_REQ);
    ck_assert(get(E1000_EECD) & E1000_EECD_GNT);
    for (int bit = 8; bit >= 0; bit--) {
        uint32_t data = E1000_EECD_REQ | E1000_EECD_CS | (command >> bit & 1 ? E1000_EECD_DI : 0);
        put(E1000_EECD, data);
        put(E1000_EECD, data | E1000_EECD_SK);
    }
    for (int bit = 15; bit >= 0; bit--) {
        put(E1000_EECD, E1000_EECD_REQ | E1000_EECD_CS);
        put(E1000_EECD, E1000_EECD_REQ | E1000_EECD_CS | E1000_EECD_SK);
        value = (uint16_t)(value << 1 | (get(E1000_EECD) & E1000_EECD_DO ? 1 : 0));
    }
    put(E1000_EECD, 0);
    return value;
}

static uint32_t read_mdic(unsigned phy, unsigned number)
{
    put(E1000_MDIC, E1000_MDIC_READ << 26 | phy << 21 | number << 16);
    ck_assert(get(E1000_MDIC) & E1000_MDIC_READY);
    return get(E1000_MDIC);
}

START_TEST(test_nvm_and_phy)
{
    start(_i);
    uint16_t sum = 0;
    for (unsigned n = 0; n < 64; n++) {
        sum = (uint16_t)(sum + read_eerd(n));
        if (!is_e)
            ck_assert_uint_eq(read_wires(n), read_eerd(n));
    }
    ck_assert_uint_eq(sum, 0xbaba);
    ck_assert_uint_eq(read_eerd(0), 0x5452);
    ck_assert_uint_eq(read_eerd(2), 0x5634);
    ck_assert_uint_eq(read_eerd(64), 0xffff);
    ck_assert_uint_eq(get(E1000_RAL), 0x12005452);
    ck_assert_uint_eq(get(E1000_RAL + 4), 0x80005634);
    ck_assert_uint_eq(read_mdic(1, 2) & 0xffff, 0x0141);
    ck_assert_uint_eq(read_mdic(1, 3) & 0xffff, is_e ? 0x0cb1 : 0x0c20);
    ck_assert(read_mdic(2, 2) & E1000_MDIC_ERROR);
    ck_assert(read_mdic(1, 1) & 4); /* the link */
    ck_assert(get(E1000_STATUS) & E1000_STATUS_LU);
    put(E1000_IMS, E1000_CAUSE_LSC);
    netdev_set_link(&wire.netdev, false);
    ck_assert(wired());
    ck_assert(get(E1000_ICR) & E1000_CAUSE_LSC);
    ck_assert(!wired());
    ck_assert(!(read_mdic(1, 1) & 4) && !(get(E1000_STATUS) & E1000_STATUS_LU));
    netdev_set_link(&wire.netdev, true);
    ck_assert(get(E1000_STATUS) & E1000_STATUS_LU);
    put(E1000_MDIC, E1000_MDIC_WRITE << 26 | 1 << 21 | 4 << 16 | 0x1234);
    ck_assert_uint_eq(read_mdic(1, 4) & 0xffff, 0x1234);
    put(E1000_MDIC, E1000_MDIC_WRITE << 26 | 1 << 21 | 0x8000); /* a reset of the PHY */
    ck_assert_uint_eq(read_mdic(1, 4) & 0xffff, 0x0de1);
    finish();
}
END_TEST

START_TEST(test_identity)
{
    start(_i);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_VENDOR_ID, 4), is_e ? 0x10d38086 : 0x100e8086);
    ck_assert_uint_eq(pci_config_read(board.function, PCI_SUBSYSTEM_VENDOR_ID, 4),
                      is_e ? 0x8086 : 0x11001af4);
    for (unsigned n = 0; n < 4; n++) { /* the BARs take addresses */
        bool there = is_e || n < 2;
        pci_config_write(board.function, PCI_BAR + 4 * n, 4, 0xffffffff);
        ck_assert_int_eq(pci_config_read(board.function, PCI_BAR + 4 * n, 4) != 0, there);
    }
    /* The window in I/O space: e1000's driver resets the card through it. */
    struct pci_bar *window = &board.function->bars[is_e ? 2 : 1];
    pci_bar_write(window, 0, 4, E1000_RDBAL);
    pci_bar_write(window, 4, 4, 0x12345670);
    ck_assert_uint_eq(get(E1000_RDBAL), 0x12345670);
    ck_assert_uint_eq(pci_bar_read(window, 4, 4), 0x12345670);
    pci_bar_write(window, 0, 4, E1000_CTRL);
    pci_bar_write(window, 4, 4, E1000_CTRL_RST);
    ck_assert_uint_eq(get(E1000_RDBAL), 0);
    ck_assert(!(get(E1000_CTRL) & E1000_CTRL_RST));
    pci_bar_write(window, 0, 4, UINT32_MAX);
    pci_bar_write(window, 4, 4, 1);
    pci_bar_read(window, 4, 4);
    finish();
}
END_TEST

/* ---- Receiving ----------------------------------------------------------------------------------------- */

static void receive_ring(uint32_t rctl, bool extended)
{
    put(E1000_RDBAL, RX_RING);
    put(E1000_RDLEN, COUNT * 16);
    put(E1000_RDH, 0);
    put(E1000_RFCTL, extended ? E1000_RFCTL_EXTENDED : 0);
    for (unsigned n = 0; n < COUNT; n++) {
        memset(host(RX_RING + n * 16), 0, 16);
        put_le(host(RX_RING + n * 16), 8, RX_DATA + n * 0x1000);
    }
    put(E1000_RDT, COUNT - 1);
    put(E1000_RCTL, E1000_RCTL_EN | rctl);
}

/* Looks at the descriptor of the n-th frame; returns its length. */
static unsigned came(unsigned n, bool extended, unsigned status)
{
    const uint8_t *d = host(RX_RING + n * 16);
    ck_assert_uint_eq(d[extended ? 8 : 12], status);
    return (unsigned)get_le(d + (extended ? 12 : 8), 2);
}

START_TEST(test_receive)
{
    uint8_t frame[1514];
    for (unsigned extended = 0; extended <= (unsigned)_i; extended++) {
        start(_i);
        receive_ring(0, extended);
        put(E1000_IMS, E1000_CAUSE_RXT0);
        fill(frame, sizeof(frame));
        deliver(frame, 1514);
        ck_assert_uint_eq(came(0, extended, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM), 1518);
        ck_assert_mem_eq(host(RX_DATA), frame, 1514);
        ck_assert_uint_eq(get(E1000_RDH), 1);
        ck_assert(wired());
        ck_assert(get(E1000_ICR) & E1000_CAUSE_RXT0);
        ck_assert(!wired());
        put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_SECRC);
        deliver(frame, 20); /* padded */
        ck_assert_uint_eq(came(1, extended, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM), 60);
        /* Buffers of 256 bytes: the frame takes several. */
        put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_SECRC | 3 << 16);
        deliver(frame, 600);
        ck_assert_uint_eq(came(2, extended, E1000_RX_DD), 256);
        ck_assert_uint_eq(came(3, extended, E1000_RX_DD), 256);
        ck_assert_uint_eq(came(4, extended, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM), 88);
        ck_assert_mem_eq(host(RX_DATA + 4 * 0x1000), frame + 512, 88);
        /* No room: it waits, and comes when there is. */
        put(E1000_RDT, get(E1000_RDH));
        deliver(frame, 100);
        deliver(frame, 101);
        ck_assert_uint_eq(get(E1000_RDH), 5);
        unsigned wakes = atomic_load(&wire.wakes);
        put(E1000_RDT, 10);
        ck_assert_uint_gt(atomic_load(&wire.wakes), wakes);
        run();
        ck_assert_uint_eq(came(5, extended, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM), 100);
        ck_assert_uint_eq(came(6, extended, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM), 101);
        ck_assert_uint_eq(get(E1000_GPRC), 5);
        ck_assert_uint_eq(get(E1000_GPRC), 0); /* reading clears */
        finish();
    }
}
END_TEST

START_TEST(test_filters)
{
    uint8_t frame[64];
    start(_i);
    receive_ring(0, false);
    fill(frame, sizeof(frame));
    frame[5] ^= 1; /* another host's */
    deliver(frame, 64);
    memset(frame, 0xff, 6);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 0);
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_BAM);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 1);
    static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb };
    memcpy(frame, group, 6);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 1);
    unsigned hash = (0xfb << 8 | 0x00) >> 4 & 0xfff;
    put(E1000_MTA + hash / 32 * 4, 1u << hash % 32);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 2);
    put(E1000_MTA + hash / 32 * 4, 0);
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_MPE);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 3);
    frame[0] = 0x52;
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 3);
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_UPE);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 4);
    /* Tags: filtered by the table, and taken out of the frame. */
    frame[12] = 0x81, frame[13] = 0x00, frame[14] = 0x20, frame[15] = 0x07;
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_UPE | E1000_RCTL_VFE | E1000_RCTL_SECRC);
    put(E1000_CTRL, E1000_CTRL_VME | E1000_CTRL_SLU);
    deliver(frame, 64);
    ck_assert_uint_eq(get(E1000_RDH), 4);
    put(E1000_VFTA, 1 << 7);
    deliver(frame, 64);
    ck_assert_uint_eq(came(4, false, E1000_RX_DD | E1000_RX_EOP | E1000_RX_IXSM | E1000_RX_VP), 60);
    ck_assert_uint_eq(get_le(host(RX_RING + 4 * 16 + 14), 2), 0x2007);
    ck_assert_uint_eq(host(RX_DATA + 4 * 0x1000)[12], frame[16]);
    /* Too long, unless that is allowed. */
    static uint8_t large[9000];
    fill(large, sizeof(large));
    deliver(large, 1600);
    ck_assert_uint_eq(get(E1000_RDH), 5);
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_LPE | E1000_RCTL_BSEX | 3 << 16);
    deliver(large, sizeof(large));
    ck_assert_uint_eq(get(E1000_RDH), 8);
    ck_assert_uint_eq(get(E1000_ROC), 1);
    finish();
}
END_TEST

/* ---- Sending ------------------------------------------------------------------------------------------- */

static unsigned tx_next;

static void transmit_ring(void)
{
    put(E1000_TDBAL, TX_RING);
    put(E1000_TDLEN, COUNT * 16);
    put(E1000_TDH, 0);
    put(E1000_TDT, 0);
    put(E1000_TCTL, E1000_TCTL_EN);
    tx_next = 0;
}

static void add(uint64_t low, uint64_t high)
{
    put_le(host(TX_RING + tx_next * 16), 8, low);
    put_le(host(TX_RING + tx_next * 16 + 8), 8, high);
    tx_next = (tx_next + 1) % COUNT;
}

static void legacy(uint64_t address, unsigned length, unsigned command, unsigned at, unsigned start_)
{
    add(address, length | (uint64_t)at << 16 | (uint64_t)command << 24 | (uint64_t)start_ << 40);
}

static void data(uint64_t address, unsigned length, unsigned command, unsigned options)
{
    add(address, length | 1u << 20 | (uint64_t)(command | E1000_TX_DEXT) << 24 | (uint64_t)options << 40);
}

static void context(unsigned command, unsigned header, unsigned segment, unsigned payload)
{
    unsigned ip = 14, tcp = command & E1000_TX_IPV4 ? 34 : 54;
    add(ip | (ip + 10) << 8 | (uint64_t)(tcp - 1) << 16 | (uint64_t)tcp << 32 | (uint64_t)(tcp + 16) << 40,
        payload | (uint64_t)(command | E1000_TX_DEXT) << 24 | (uint64_t)header << 40 |
            (uint64_t)segment << 48);
}

static void send_all(void)
{
    put(E1000_TDT, tx_next);
    run();
}

START_TEST(test_legacy)
{
    start(_i);
    transmit_ring();
    put(E1000_IMS, E1000_CAUSE_TXDW);
    fill(host(TX_DATA), 1000);
    legacy(TX_DATA, 400, 0, 0, 0);
    legacy(TX_DATA + 400, 600, E1000_TX_EOP | E1000_TX_RS, 0, 0);
    send_all();
    ck_assert_uint_eq(wire.count, 1);
    ck_assert_uint_eq(wire.lengths[0], 1000);
    ck_assert_mem_eq(wire.sent[0], host(TX_DATA), 1000);
    ck_assert_uint_eq(get(E1000_TDH), 2);
    ck_assert(!(host(TX_RING)[12] & E1000_TX_DD) && host(TX_RING + 16)[12] & E1000_TX_DD);
    ck_assert(wired() && get(E1000_ICR) & E1000_CAUSE_TXDW);
    /* A checksum, and a tag. */
    put(E1000_CTRL, E1000_CTRL_VME);
    legacy(TX_DATA, 100, E1000_TX_EOP | E1000_TX_IC | E1000_TX_VLE, 50, 20);
    host(TX_RING + 2 * 16)[14] = 0x34, host(TX_RING + 2 * 16)[15] = 0x12;
    send_all();
    ck_assert_uint_eq(wire.lengths[1], 104);
    ck_assert_uint_eq(get_le(wire.sent[1] + 12, 4), 0x34120081);
    uint16_t sum = (uint16_t)~net_sum_fold(net_sum(host(TX_DATA) + 20, 80));
    ck_assert_uint_eq(wire.sent[1][54] << 8 | wire.sent[1][55], sum);
    ck_assert_uint_eq(get(E1000_GPTC), 2);
    ck_assert_uint_eq(get(E1000_GOTCL), 1004 + 108);
    finish();
}
END_TEST

/* A TCP frame over IPv4 or IPv6 as Linux leaves it to the card; returns the length of the headers. */
static unsigned make_tcp(uint8_t *frame, bool ipv6, size_t payload)
{
    unsigned tcp = ipv6 ? 54 : 34;
    memset(frame, 0, tcp + 20);
    memset(frame, 0x52, 12);
    uint8_t *ip = frame + 14;
    frame[12] = ipv6 ? 0x86 : 0x08, frame[13] = ipv6 ? 0xdd : 0x00;
    ip[0] = ipv6 ? 0x60 : 0x45;
    ip[ipv6 ? 6 : 9] = 6;
    memset(ip + (ipv6 ? 8 : 12), 0x11, ipv6 ? 32 : 8);
    if (!ipv6)
        ip[4] = 0x12, ip[5] = 0xff; /* the identification */
    frame[tcp + 7] = 100;           /* the sequence number */
    frame[tcp + 12] = 0x50;
    frame[tcp + 13] = 0x99; /* CWR, ACK, PSH, FIN */
    uint16_t pseudo = net_sum_fold(net_sum(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8) + 6);
    frame[tcp + 16] = (uint8_t)(pseudo >> 8), frame[tcp + 17] = (uint8_t)pseudo;
    for (size_t n = 0; n < payload; n++)
        frame[tcp + 20 + n] = (uint8_t)(n * 5);
    return tcp + 20;
}

static void check_segment(unsigned n, bool ipv6, size_t part, size_t offset, bool last)
{
    const uint8_t *frame = wire.sent[n % 64], *ip = frame + 14;
    unsigned tcp = ipv6 ? 54 : 34;
    ck_assert_uint_eq(wire.lengths[n % 64], tcp + 20 + part);
    if (ipv6) {
        ck_assert_uint_eq(ip[4] << 8 | ip[5], 20 + part);
    } else {
        ck_assert_uint_eq(ip[2] << 8 | ip[3], 40 + part);
        ck_assert_uint_eq(ip[4] << 8 | ip[5], 0x12ff + n);
        ck_assert_uint_eq(net_sum_fold(net_sum(ip, 20)), 0xffff);
    }
    ck_assert_uint_eq(frame[tcp + 6] << 8 | frame[tcp + 7], 100 + offset);
    ck_assert_uint_eq(frame[tcp + 13], (n ? 0 : 0x80) | 0x10 | (last ? 0x09 : 0));
    uint64_t sum = net_sum(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8) + 6 + 20 + part;
    ck_assert_uint_eq(net_sum_fold(sum + net_sum(frame + tcp, 20 + part)), 0xffff);
    ck_assert_uint_eq(frame[tcp + 20], (uint8_t)(offset * 5));
}

START_TEST(test_segments)
{
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        start(_i);
        transmit_ring();
        unsigned header = make_tcp(host(TX_DATA), ipv6, 3500);
        unsigned options = E1000_TX_TXSM | (ipv6 ? 0 : E1000_TX_IXSM);
        context(E1000_TX_TSE | E1000_TX_TCP | (ipv6 ? 0 : E1000_TX_IPV4), header, 1460, 3500);
        data(TX_DATA, header, E1000_TX_TSE, options);
        data(TX_DATA + header, 2000, E1000_TX_TSE, options);
        data(TX_DATA + header + 2000, 1500, E1000_TX_TSE | E1000_TX_EOP | E1000_TX_RS, options);
        send_all();
        ck_assert_uint_eq(wire.count, 3);
        check_segment(0, ipv6, 1460, 0, false);
        check_segment(1, ipv6, 1460, 1460, false);
        check_segment(2, ipv6, 580, 2920, true);
        /* A network that takes large TCP gets it whole (IPv4). */
        wire.netdev.takes_large_tcp = true;
        wire.count = 0;
        data(TX_DATA, header + 3500, E1000_TX_TSE | E1000_TX_EOP, options);
        send_all();
        ck_assert_uint_eq(wire.count, ipv6 ? 3 : 1);
        if (!ipv6)
            ck_assert_uint_eq(wire.lengths[0], header + 3500);
        finish();
    }
}
END_TEST

/* Very many segments of one frame: others have their turns in between, a machine that is stopped sends no
 * more of them, and a reset drops them. */
START_TEST(test_many_segments)
{
    for (unsigned reset = 0; reset < 2; reset++) {
        start(_i);
        transmit_ring();
        unsigned header = make_tcp(host(TX_DATA), false, 200);
        context(E1000_TX_TSE | E1000_TX_TCP | E1000_TX_IPV4, header, 1, 200);
        data(TX_DATA, header + 200, E1000_TX_TSE | E1000_TX_EOP, 3);
        put(E1000_TDT, tx_next);
        ck_assert(netdev_run(&wire.netdev));
        ck_assert_uint_eq(wire.count, 64);
        board.function->ops->hold(board.function, true);
        run();
        ck_assert_uint_eq(wire.count, 64);
        if (reset)
            put(E1000_CTRL, E1000_CTRL_RST);
        board.function->ops->hold(board.function, false);
        run();
        ck_assert_uint_eq(wire.count, reset ? 64 : 200);
        if (!reset)
            check_segment(199, false, 1, 199, true);
        finish();
    }
}
END_TEST

/* Checksums without segmentation: the driver's pseudo header has the length. */
START_TEST(test_checksums)
{
    start(_i);
    transmit_ring();
    unsigned header = make_tcp(host(TX_DATA), false, 100);
    uint8_t *frame = host(TX_DATA);
    frame[14 + 3] = 140;
    uint16_t pseudo = net_sum_fold(net_sum(frame + 26, 8) + 6 + 120);
    frame[50] = (uint8_t)(pseudo >> 8), frame[51] = (uint8_t)pseudo;
    context(E1000_TX_TCP | E1000_TX_IPV4, 0, 0, 0);
    data(TX_DATA, header + 100, E1000_TX_EOP, E1000_TX_IXSM | E1000_TX_TXSM);
    send_all();
    ck_assert_uint_eq(wire.count, 1);
    ck_assert_uint_eq(net_sum_fold(net_sum(wire.sent[0] + 14, 20)), 0xffff);
    uint64_t sum = net_sum(wire.sent[0] + 26, 8) + 6 + 120;
    ck_assert_uint_eq(net_sum_fold(sum + net_sum(wire.sent[0] + 34, 120)), 0xffff);
    finish();
}
END_TEST

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

START_TEST(test_throttling)
{
    start(_i);
    put(E1000_ITR, 0xffff); /* 16.7 ms */
    put(E1000_IMS, E1000_CAUSE_RXT0);
    put(E1000_ICS, E1000_CAUSE_RXT0);
    ck_assert(wired());
    ck_assert(get(E1000_ICR) & E1000_CAUSE_RXT0);
    uint64_t before = clock_ns(wall);
    put(E1000_ICS, E1000_CAUSE_RXT0);
    ck_assert(!wired() || clock_ns(wall) - before > 10000000);
    for (unsigned n = 0; n < 2000 && !wired(); n++)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    ck_assert(wired());
    /* What is masked meanwhile does not come. */
    get(E1000_ICR);
    put(E1000_ICS, E1000_CAUSE_RXT0);
    put(E1000_IMC, UINT32_MAX);
    nanosleep(&(struct timespec){ .tv_nsec = 40000000 }, NULL);
    ck_assert(!wired());
    ck_assert_uint_eq(get(E1000_IMS), 0);
    finish();
}
END_TEST

/* Messages: MSI, and MSI-X with a vector for each kind of cause. */
START_TEST(test_messages)
{
    start(true);
    pci_config_write(board.function, 0xd4, 4, 0xfee00000);
    pci_config_write(board.function, 0xd0, 4, 1 << 16);
    put(E1000_IMS, E1000_CAUSE_RXT0);
    put(E1000_ICS, E1000_CAUSE_RXT0);
    ck_assert_uint_eq(atomic_load(&board.messages), 1);
    put(E1000_ICS, E1000_CAUSE_RXT0); /* it has not been read yet */
    ck_assert_uint_eq(atomic_load(&board.messages), 1);
    ck_assert(get(E1000_ICR) & E1000_CAUSE_RXT0);
    put(E1000_ICS, E1000_CAUSE_RXT0);
    ck_assert_uint_eq(atomic_load(&board.messages), 2);
    ck_assert(!wired());
    get(E1000_ICR);
    put(E1000_IMC, UINT32_MAX);
    pci_config_write(board.function, 0xd0, 4, 0);
    pci_config_write(board.function, 0xa0, 4, 0x8000u << 16);
    struct pci_bar *table = &board.function->bars[3];
    for (unsigned n = 0; n < 5; n++) {
        pci_bar_write(table, n * 16, 4, 0x1000 + n);
        pci_bar_write(table, n * 16 + 8, 4, n);
        pci_bar_write(table, n * 16 + 12, 4, 0);
    }
    put(E1000_IVAR, 0x8 | 0xa << 8 | 0xc << 16); /* received: 0, sent: 2, others: 4 */
    put(E1000_EIAC, 0x1f00000);
    put(E1000_CTRL_EXT, E1000_CTRL_EXT_EIAME);
    put(E1000_IAM, E1000_CAUSE_RXQ0);
    put(E1000_IMS, E1000_CAUSE_RXQ0 | E1000_CAUSE_TXQ0 | E1000_CAUSE_OTHER);
    receive_ring(0, true);
    uint8_t frame[100];
    fill(frame, sizeof(frame));
    deliver(frame, sizeof(frame));
    ck_assert_uint_eq(atomic_load(&board.messages), 3);
    ck_assert_uint_eq(board.message_data, 0);
    ck_assert_uint_eq(get(E1000_IMS), E1000_CAUSE_TXQ0 | E1000_CAUSE_OTHER); /* masked by itself */
    netdev_set_link(&wire.netdev, false);
    ck_assert_uint_eq(atomic_load(&board.messages), 4);
    ck_assert_uint_eq(board.message_data, 4);
    put(E1000_ICS, E1000_CAUSE_TXQ0);
    ck_assert_uint_eq(board.message_data, 2);
    finish();
}
END_TEST

/* ---- Hostile drivers ----------------------------------------------------------------------------------- */

START_TEST(test_hostile_rings)
{
    static uint8_t frame[3000];
    start(_i);
    fill(frame, sizeof(frame));
    receive_ring(0, false);
    put(E1000_RDT, 0xffff); /* beyond the ring */
    deliver(frame, 100);
    put(E1000_RDT, 5);
    put(E1000_RDH, 0x8000);
    deliver(frame, 100);
    put(E1000_RDH, 0);
    put(E1000_RDBAH, 0xffffffff);
    deliver(frame, 100);
    put(E1000_RDBAH, 0);
    put(E1000_RDBAL, RAM_BASE + RAM_SIZE - 16);                         /* the second descriptor is outside */
    put_le(host(RAM_BASE + RAM_SIZE - 16), 8, RAM_BASE + RAM_SIZE - 8); /* and so is the buffer */
    deliver(frame, 100);
    put_le(host(RAM_BASE + RAM_SIZE - 16), 8, RX_DATA);
    deliver(frame, 100);
    deliver(frame, 100);
    put(E1000_RDLEN, 0xffffffff);
    deliver(frame, 100);
    put(E1000_RDLEN, 128);
    put(E1000_RDH, 0);
    put(E1000_RDT, 7);
    put(E1000_RDBAL, RX_RING);
    put(E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_LPE | 3 << 16);
    deliver(frame, 3000); /* more buffers than the ring has */
    deliver(frame, 13);
    transmit_ring();
    put(E1000_TDT, 0xffff);
    run();
    put(E1000_TDLEN, 0);
    put(E1000_TDT, 3);
    run();
    put(E1000_TDLEN, 256);
    put(E1000_TDBAH, 1);
    run();
    ck_assert_uint_eq(get(E1000_TDH), 3);
    ck_assert_uint_eq(wire.count, 0);
    function_master(&board, false);
    transmit_ring();
    legacy(TX_DATA, 100, E1000_TX_EOP, 0, 0);
    send_all();
    ck_assert_uint_eq(wire.count, 0);
    finish();
}
END_TEST

START_TEST(test_hostile_frames)
{
    start(_i);
    transmit_ring();
    legacy(TX_DATA, 0, E1000_TX_EOP, 0, 0);
    legacy(TX_DATA, 13, E1000_TX_EOP, 0, 0);
    legacy(0, 100, E1000_TX_EOP, 0, 0); /* no memory: zeroes */
    legacy(TX_DATA, 100, E1000_TX_EOP | E1000_TX_IC, 99, 0);
    legacy(TX_DATA, 100, E1000_TX_EOP | E1000_TX_IC, 98, 255);
    for (unsigned n = 0; n < 5; n++)
        data(TX_DATA, 0xfffff, n == 4 ? E1000_TX_EOP : 0, 3);
    send_all();
    ck_assert_uint_eq(wire.count, 3);
    wire.count = 0;
    /* Contexts that point anywhere. */
    static const struct {
        unsigned command, header, segment;
    } bad[] = { { 7, 54, 0 }, { 7, 13, 100 }, { 7, 40, 100 }, { 7, 255, 100 }, { 5, 54, 100 }, { 4, 0, 0 } };
    for (unsigned n = 0; n < 6; n++) {
        context(bad[n].command, bad[n].header, bad[n].segment, 1);
        data(TX_DATA, 200, E1000_TX_TSE | E1000_TX_EOP, 3);
        send_all();
        ck_assert_uint_eq(wire.count, 0);
    }
    context(7, 54, 65535, 1);
    data(TX_DATA, 65000, E1000_TX_TSE | E1000_TX_EOP, 3);
    context(7, 54, 1, 1);
    data(TX_DATA, 1000, E1000_TX_TSE | E1000_TX_EOP, 3);
    add(0, UINT64_C(0x25f) << 20); /* a kind that does not exist */
    send_all();
    ck_assert_uint_eq(wire.count, 1 + 946);
    finish();
}
END_TEST

/* A driver that writes anything anywhere, with rings and frames that are partly right. */
START_TEST(test_anything)
{
    unsigned seed = 0;
    static uint8_t frame[20000];
    ck_assert_int_eq(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
    printf("seed %u\n", seed);
    start(_i);
    for (unsigned round = 0; round < 300; round++) {
        if (round % 10 == 0) {
            receive_ring((unsigned)rand_r(&seed) & 0x7ffffffe, rand_r(&seed) & 1);
            transmit_ring();
            function_master(&board, true);
        }
        for (unsigned n = 0; n < RAM_SIZE / 4096; n++)
            ram.bytes[(unsigned)rand_r(&seed) % RAM_SIZE] = (uint8_t)rand_r(&seed);
        for (unsigned n = 0; n < COUNT * 16; n++)
            if (rand_r(&seed) % 3 == 0)
                host(TX_RING)[n] = (uint8_t)rand_r(&seed);
        put(E1000_TDT, (unsigned)rand_r(&seed) % COUNT);
        function_hammer(&board, seed + round, 30, 0x6000);
        fill(frame, sizeof(frame));
        deliver(frame, (unsigned)rand_r(&seed) % sizeof(frame));
        for (unsigned n = 0; n < 20 && netdev_run(&wire.netdev); n++)
            ;
    }
    function_mutate(board.function, seed, 100);
    deliver(frame, 1000);
    for (unsigned n = 0; n < 20 && netdev_run(&wire.netdev); n++)
        ;
    finish();
}
END_TEST

/* ---- Saved state --------------------------------------------------------------------------------------- */

START_TEST(test_saved)
{
    start(_i);
    receive_ring(E1000_RCTL_SECRC, false);
    transmit_ring();
    put(E1000_IMS, E1000_CAUSE_LSC);
    unsigned header = make_tcp(host(TX_DATA), false, 2000);
    context(E1000_TX_TSE | E1000_TX_TCP | E1000_TX_IPV4, header, 1000, 2000);
    data(TX_DATA, header, E1000_TX_TSE, 3);
    send_all(); /* half a frame */
    put(E1000_MDIC, E1000_MDIC_WRITE << 26 | 1 << 21 | 4 << 16 | 0x1234);
    struct function_bus other;
    struct wire spare = wire;
    netdev_init(&wire.netdev, &wire_ops);
    function_plug(&other, make());
    pci_config_write(other.function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    function_copy(board.function, other.function);
    struct function_bus first = board;
    board = other;
    for (unsigned n = 0; n < PCI_PINS; n++)
        board.bus.intx[n].controller = board.irqs;
    board.function->bus = &board.bus;
    ck_assert_uint_eq(read_mdic(1, 4) & 0xffff, 0x1234);
    ck_assert_uint_eq(get(E1000_IMS), E1000_CAUSE_LSC);
    data(TX_DATA + header, 2000, E1000_TX_TSE | E1000_TX_EOP, 3);
    send_all();
    ck_assert_uint_eq(wire.count, 2);
    check_segment(0, false, 1000, 0, false);
    check_segment(1, false, 1000, 1000, true);
    function_unplug(&board);
    netdev_fini(&wire.netdev);
    wire = spare;
    board = first;
    board.function->bus = &board.bus;
    finish();
}
END_TEST

static Suite *e1000_suite(void)
{
    Suite *all = suite_create("e1000");
    TCase *tests = tcase_create("e1000");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_nvm_and_phy, 0, 2);
    tcase_add_loop_test(tests, test_identity, 0, 2);
    tcase_add_loop_test(tests, test_receive, 0, 2);
    tcase_add_loop_test(tests, test_filters, 0, 2);
    tcase_add_loop_test(tests, test_legacy, 0, 2);
    tcase_add_loop_test(tests, test_segments, 0, 2);
    tcase_add_loop_test(tests, test_many_segments, 0, 2);
    tcase_add_loop_test(tests, test_checksums, 0, 2);
    tcase_add_loop_test(tests, test_throttling, 0, 2);
    tcase_add_test(tests, test_messages);
    tcase_add_loop_test(tests, test_hostile_rings, 0, 2);
    tcase_add_loop_test(tests, test_hostile_frames, 0, 2);
    tcase_add_loop_test(tests, test_anything, 0, 2);
    tcase_add_loop_test(tests, test_saved, 0, 2);
    suite_add_tcase(all, tests);
    return all;
}

FAKE_MAIN(e1000_suite)
