/* SPDX-License-Identifier: MIT
 *
 * The command line's networks: lines as scripts write them, and their results.
 */
#include "tests/frontend/options/option_line.h"
#include "tests/suite.h"

/* Returns the only card; its network goes to *user (NULL: it has none). */
static const struct machine_plug *card(const char *line, const struct netdev_slirp_config **user)
{
    const struct machine_plug *found = NULL;
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++) {
        const struct machine_plug *slot = &options.machine.virtio[n];
        if (slot->model != &virtio_net_model)
            continue;
        ck_assert_msg(!found, "%s: more than one card", line);
        found = slot;
    }
    if (user)
        *user = found && found->netdev ? &options.machine.netdevs[found->netdev - 1].user : NULL;
    return found;
}

static const uint8_t first_mac[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

START_TEST(default_card)
{
    const struct netdev_slirp_config *user;
    ck_assert_ptr_nonnull(card("-nographic", &user));
    ck_assert_ptr_nonnull(user);
    ck_assert_ptr_null(user->net);
    ck_assert_ptr_null(user->hostfwd[0]);
    ck_assert_ptr_null(card("-nodefaults", NULL));
    ck_assert_ptr_null(card("-nic none", NULL));
    ck_assert_ptr_null(card("-net none", NULL));
    ck_assert_ptr_null(card("-netdev user,id=n", NULL)); /* a user who names a network gets no default card */
    /* Eight disks leave no slot for it. */
#define DISK(id) "-drive if=none,file=x,id=" id " -device virtio-blk-device,drive=" id " "
    ck_assert_ptr_null(
        card(DISK("a") DISK("b") DISK("c") DISK("d") DISK("e") DISK("f") DISK("g") DISK("h"), NULL));
#undef DISK
}
END_TEST

START_TEST(scripts)
{
    const struct netdev_slirp_config *user;
    const struct machine_plug *slot =
        card("-device virtio-net-device,netdev=net -netdev user,id=net,hostfwd=tcp::2222-:22", &user);
    ck_assert_str_eq(user->hostfwd[0], "tcp::2222-:22");
    ck_assert_ptr_null(user->hostfwd[1]);
    ck_assert_mem_eq(slot->settings.mac.bytes, first_mac, 6);
    card("-netdev user,id=net0,host=10.0.2.10,hostfwd=tcp::10022-:22,hostfwd=udp::53-:53 "
         "-device virtio-net-device,netdev=net0,bus=virtio-mmio-bus.2",
         &user);
    ck_assert_ptr_eq(options.machine.virtio[2].model, &virtio_net_model);
    ck_assert_str_eq(user->host, "10.0.2.10");
    ck_assert_str_eq(user->hostfwd[1], "udp::53-:53");
    static const uint8_t mac[6] = { 2, 0, 0, 0xab, 0xcd, 0xef };
    slot = card("-nic user,mac=02:00:00:ab:CD:ef,model=virtio-net-device,restrict=on,ipv6=off", &user);
    ck_assert_mem_eq(slot->settings.mac.bytes, mac, 6);
    ck_assert(user->restricted && user->no_ipv6 && !user->no_ipv4);
    slot = card("-net nic,model=virtio,macaddr=02:00:00:ab:cd:ef -net user,hostfwd=tcp::1-:2", &user);
    ck_assert_mem_eq(slot->settings.mac.bytes, mac, 6);
    ck_assert_str_eq(user->hostfwd[0], "tcp::1-:2");
    ck_assert_ptr_null(card("-nic user,model=virtio-net-pci,mac=02:00:00:ab:cd:ef", NULL));
    ck_assert_uint_eq(options.machine.pci_count, 1);
    ck_assert_ptr_eq(options.machine.pci[0].plug.model, &virtio_net_model);
    ck_assert_mem_eq(options.machine.pci[0].plug.settings.mac.bytes, mac, 6);
    ck_assert_uint_eq(options.machine.netdev_count, 1);
    slot = card("-net user -net nic", &user);
    ck_assert_ptr_nonnull(user);
    card(
        "-netdev user,id=a,net=192.168.7.0/24,dhcpstart=192.168.7.9,dns=192.168.7.4,hostname=h,domainname=d,"
        "tftp=/srv,bootfile=b,tftp-server-name=t,dnssearch=x,dnssearch=y,guestfwd=tcp:192.168.7.5:80-cmd:cat,"
        "ipv6-net=fd00::/64,ipv6-host=fd00::2,ipv6-dns=fd00::3 -net nic,netdev=a",
        &user);
    ck_assert_str_eq(user->net, "192.168.7.0/24");
    ck_assert_str_eq(user->dhcp_start, "192.168.7.9");
    ck_assert_str_eq(user->dns, "192.168.7.4");
    ck_assert_str_eq(user->hostname, "h");
    ck_assert_str_eq(user->domainname, "d");
    ck_assert_str_eq(user->tftp, "/srv");
    ck_assert_str_eq(user->bootfile, "b");
    ck_assert_str_eq(user->tftp_server_name, "t");
    ck_assert_str_eq(user->dnssearch[1], "y");
    ck_assert_str_eq(user->guestfwd[0], "tcp:192.168.7.5:80-cmd:cat");
    ck_assert_str_eq(user->net6, "fd00::/64");
    ck_assert_str_eq(user->host6, "fd00::2");
    ck_assert_str_eq(user->dns6, "fd00::3");
}
END_TEST

START_TEST(several)
{
    ck_assert_msg(parse("-nic user -nic user,id=second -object filter-dump,id=d,netdev=second,file=x.pcap "
                        "-object filter-dump,id=e,netdev=second,file=y.pcap,maxlen=96 -nic user"),
                  "%s", error.text);
    ck_assert_uint_eq(options.machine.netdev_count, 3);
    ck_assert_uint_eq(options.machine.netdevs[0].dump_count, 0);
    ck_assert_uint_eq(options.machine.netdevs[1].dump_count, 2);
    ck_assert_str_eq(options.machine.netdevs[1].dumps[0].file, "x.pcap");
    ck_assert_uint_ge(options.machine.netdevs[1].dumps[0].snap, 65549);
    ck_assert_uint_eq(options.machine.netdevs[1].dumps[1].snap, 96);
    unsigned macs = 0, cards = 0;
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++) {
        const struct machine_plug *slot = &options.machine.virtio[n];
        if (slot->model != &virtio_net_model)
            continue;
        cards++;
        macs |= 1u << (slot->settings.mac.bytes[5] - 0x56);
    }
    ck_assert_uint_eq(cards, 3);
    ck_assert_uint_eq(macs, 7); /* all are different */
}
END_TEST

START_TEST(folders)
{
    ck_assert_msg(parse("-fsdev local,id=fsdev0,path=/,security_model=none,readonly "
                        "-device virtio-9p-device,fsdev=fsdev0,mount_tag=/dev/root,bus=virtio-mmio-bus.1 "
                        "-virtfs local,path=/srv,mount_tag=srv,security_model=mapped-xattr,id=s -nic none"),
                  "%s", error.text);
    const struct machine_plug *slot = &options.machine.virtio[1];
    ck_assert_ptr_eq(slot->model, &virtio_9p_model);
    ck_assert_str_eq(slot->settings.mount_tag, "/dev/root");
    ck_assert_str_eq(slot->folder.path, "/");
    ck_assert(slot->folder.read_only);
    ck_assert_int_eq(slot->folder.security, P9_SECURITY_NONE);
    slot = &options.machine.virtio[7];
    ck_assert_ptr_eq(slot->model, &virtio_9p_model);
    ck_assert_str_eq(slot->settings.mount_tag, "srv");
    ck_assert(!slot->folder.read_only);
    ck_assert_int_eq(slot->folder.security, P9_SECURITY_MAPPED_XATTR);
}
END_TEST

static const struct failing_line failures[] = {
    { "-fsdev local,id=f", "path=FOLDER" },
    { "-fsdev local,id=f,path=/", "security_model=" },
    { "-fsdev local,path=/,security_model=none", "id=ID" },
    { "-fsdev local,id=f,path=/,security_model=mapped-file", "\"mapped-file\"" },
    { "-fsdev proxy,id=f,path=/", "only folders of this host" },
    { "-fsdev local,id=f,path=/,security_model=none,writeout=later", "writeout" },
    { "-virtfs local,path=/,security_model=none", "mount_tag=TAG" },
    { "-device virtio-9p-device,fsdev=f,mount_tag=t", "no -fsdev with id=f" },
    { "-fsdev local,id=f,path=/,security_model=none -device virtio-9p-device,fsdev=f", "mount_tag=TAG" },
    { "-netdev bridge,id=n", "put a tap interface into the bridge" },
    { "-nic vde", "-nic vde: this version does not have it: socket" },
    { "-netdev vhost-user,id=n", "passt" },
    { "-netdev nosuch,id=n", "there are: user, socket, stream, dgram, tap" },
    { "-net hubport", "socket,mcast" },
    { "-netdev socket,id=n", "exactly one of listen=" },
    { "-netdev socket,id=n,listen=:1,connect=h:2", "exactly one of listen=" },
    { "-netdev socket,id=n,listen=1", "not HOST:PORT" },
    { "-netdev socket,id=n,connect=h:65536", "connect=h:65536" },
    { "-netdev socket,id=n,mcast=10.0.0.1:1", "not the address of a group" },
    { "-netdev socket,id=n,udp=h:1", "localaddr=HOST:PORT is missing" },
    { "-netdev socket,id=n,listen=:1,localaddr=h:1", "localaddr= goes with" },
    { "-netdev socket,id=n,fd=987", "no open descriptor" },
    { "-netdev socket,id=n,fd=x", "fd=x" },
    { "-netdev socket,id=n,listen=:1,model=virtio", "unknown option model" },
    { "-netdev stream,id=n", "addr.type=inet, unix or fd is missing" },
    { "-netdev stream,id=n,addr.type=vsock", "\"vsock\"" },
    { "-netdev stream,id=n,addr.type=inet,addr.host=h", "addr.port=PORT is missing" },
    { "-netdev stream,id=n,addr.type=inet,addr.host=h,addr.port=70000", "addr.port=70000" },
    { "-netdev stream,id=n,addr.type=inet,addr.port=1,addr.ipv4=off,addr.ipv6=off", "leaves nothing" },
    { "-netdev stream,id=n,addr.type=unix", "addr.path=PATH is missing" },
    { "-netdev stream,id=n,addr.type=fd", "addr.str=N is missing" },
    { "-netdev stream,id=n,server=perhaps,addr.type=unix,addr.path=p", "perhaps" },
    { "-netdev stream,id=n,server=on,addr.type=unix,addr.path=p,reconnect-ms=5", "is for clients" },
    { "-netdev stream,id=n,addr.type=unix,addr.path=p,reconnect-ms=-1", "reconnect-ms=-1" },
    { "-netdev stream,addr.type=unix,addr.path=p", "id=ID" },
    { "-netdev dgram,id=n,local.type=unix,local.path=p", "both inet or both unix" },
    { "-netdev dgram,id=n,local.type=unix,local.path=p,remote.type=inet,remote.host=h,remote.port=1",
      "both" },
    { "-netdev tap,id=n,script=/etc/qemu-ifup", "runs no scripts" },
    { "-netdev tap,id=n,vhost=on", "vhost=on" },
    { "-netdev tap,id=n,queues=4", "queues=4" },
    { "-netdev tap,id=n,fds=3:4", "unknown option fds" },
    { "-netdev tap,id=n,fd=3,ifname=t", "exclude each other" },
    { "-nic tap,mac=01:00:5e:00:00:01", "mac=01:00:5e:00:00:01" },
    { "-netdev user", "id=ID" },
    { "-netdev id=n", "the kind of network is missing" },
    { "-netdev user,id=n,bogus=1", "bogus=1" },
    { "-netdev user,id=n,restrict=perhaps", "perhaps" },
    { "-netdev user,id=n,smb=/", "-virtfs" },
    { "-netdev user,id=n -netdev user,id=n", "id n is taken" },
    { "-netdev user,id=n,hostfwd", "hostfwd" },
    { "-nic user,model=rtl8139", "\"rtl8139\"" },
    { "-nic user,model=virtio-blk-pci", "\"virtio-blk-pci\"" },
    { "-nic user,model=virtio-net-x", "\"virtio-net-x\"" },
    { "-nic user,model", "virtio-net-pci" },
    { "-nic user,mac=52:54:00:12:34", "mac=52:54:00:12:34" },
    { "-nic user,mac=01:00:5e:00:00:01", "mac=01:00:5e:00:00:01" },
    { "-nic user,mac=52:54:00:12:34:56:78", "mac=" },
    { "-device virtio-net-device,netdev=x", "no -netdev with id=x" },
    { "-device virtio-net-device,csum=maybe", "csum=maybe" },
    { "-device virtio-net-device,host_ufo=on", "host_ufo=on" },
    { "-device virtio-net-device,mac=zz", "-device virtio-net-device,mac=zz" },
    { "-device virtio-net-pci,mac=zz", "-device virtio-net-pci,mac=zz" }, /* the device that the user named */
    { "-device virtio-net-pci,packed=on", "-device virtio-net-pci,packed=on" },
    { "-device virtio-net-device,queues=2", "queues=2" },
    { "-netdev user,id=n -device virtio-net-device,netdev=n -device virtio-net-device,netdev=n",
      "in use by another card" },
    { "-net nic -net nic", "hub" },
    { "-net user -net user", "hub" },
    { "-device rtl8139", "virtio-net-device" },
    { "-object filter-dump,id=d,file=f", "netdev=ID" },
    { "-object filter-dump,id=d,netdev=none,file=f", "netdev=none" },
    { "-nic user,id=n -object filter-dump,id=d,netdev=n,file=f,maxlen=3", "maxlen=3" },
    { "-nic user,id=n -object filter-dump,id=d,netdev=n,file=f,queue=tx", "queue" },
};

static const struct netdev_peer_config *peer(const char *line)
{
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
    return &options.machine.netdevs[0].peer;
}

/* The networks that lead to other programs. */
START_TEST(peers)
{
    const struct netdev_peer_config *found = peer("-netdev socket,id=n,listen=:1234");
    ck_assert(found->kind == NETDEV_PEER_STREAM && found->server && found->local.port == 1234);
    ck_assert_str_eq(found->local.host, "");
    found = peer("-netdev socket,id=n,connect=[::1]:1234");
    ck_assert(found->kind == NETDEV_PEER_STREAM && !found->server && !found->reconnect_ms);
    ck_assert_str_eq(found->remote.host, "::1");
    found = peer("-netdev socket,id=n,mcast=230.0.0.1:1234,localaddr=127.0.0.1");
    ck_assert(found->kind == NETDEV_PEER_DGRAM && found->remote.port == 1234);
    ck_assert_str_eq(found->local.host, "127.0.0.1");
    found = peer("-netdev socket,id=n,udp=a:1,localaddr=b:2");
    ck_assert(found->kind == NETDEV_PEER_DGRAM && found->remote.port == 1 && found->local.port == 2);
    found =
        peer("-netdev stream,id=n,server=off,addr.type=unix,addr.path=/run/passt.socket,reconnect-ms=5000");
    ck_assert(found->kind == NETDEV_PEER_STREAM && found->reconnect_ms == 5000);
    ck_assert_str_eq(found->remote.path, "/run/passt.socket");
    ck_assert_str_eq(found->type, "stream");
    found =
        peer("-netdev stream,id=n,server=on,addr.type=inet,addr.host=localhost,addr.port=1,addr.ipv6=off");
    ck_assert(found->server && found->local.port == 1 && found->local.no_ipv6 && !found->local.no_ipv4);
    found =
        peer("-netdev {\"type\":\"stream\",\"id\":\"n\",\"server\":false,\"addr\":{\"type\":\"fd\",\"str\":"
             "\"7\"},\"reconnect\":2}");
    ck_assert(found->remote.kind == NET_PLACE_FD && found->remote.fd == 7 && found->reconnect_ms == 2000);
    found = peer("-netdev dgram,id=n,remote.type=inet,remote.host=224.0.0.9,remote.port=7");
    ck_assert(found->local.kind == NET_PLACE_NONE && netdev_is_group(&found->remote));
    found = peer("-netdev tap,id=n,ifname=tap7,script=no,downscript=no,vhost=off");
    ck_assert(found->kind == NETDEV_PEER_TAP && !found->has_fd);
    ck_assert_str_eq(found->ifname, "tap7");
    found = peer("-nic tap,fd=9,mac=02:00:00:00:00:07,model=virtio-net-pci,id=n");
    ck_assert(found->has_fd && found->fd == 9 && options.machine.netdevs[0].used);
    ck_assert_uint_eq(options.machine.pci[0].plug.settings.mac.bytes[5], 7);
    found = peer("-nic stream,server=on,addr.type=unix,addr.path=p,model=e1000e");
    ck_assert_str_eq(options.machine.pci[0].plug.model->name, "e1000e");
    found = peer("-net nic -net socket,listen=:1");
    ck_assert(found->server && options.machine.netdevs[0].used);
}
END_TEST

START_TEST(failing_lines)
{
    check_failing_line(&failures[_i]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options of networks");
    TCase *tests = tcase_create("net");
    tcase_add_test(tests, default_card);
    tcase_add_test(tests, scripts);
    tcase_add_test(tests, several);
    tcase_add_test(tests, folders);
    tcase_add_test(tests, peers);
    tcase_add_loop_test(tests, failing_lines, 0, sizeof(failures) / sizeof(failures[0]));
    suite_add_tcase(suite, tests);
    return suite;
}
