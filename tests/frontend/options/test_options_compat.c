/* SPDX-License-Identifier: MIT
 *
 * Parts of scripts for QEMU that have another form, or little effect, here: lists of accelerators, JSON,
 * configuration files, several serial lines, keys of drives, memory and firmware.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/frontend/options/option_line.h"
#include "tests/suite.h"
#include "util/log.h"

static void parsed(const char *line)
{
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
}

static const struct machine_plug *slot(unsigned n)
{
    return &options.machine.virtio[n];
}

START_TEST(accelerators)
{
    parsed("-accel kvm -accel hvf -accel tcg");
    ck_assert_int_eq(options.machine.accel, MACHINE_ACCEL_BEST);
    parsed("-machine accel=kvm:tcg -machine type=virt");
    ck_assert_int_eq(options.machine.accel, MACHINE_ACCEL_BEST);
    parsed("-M virt,accel=xen:t1:interp");
    ck_assert_int_eq(options.machine.accel, MACHINE_ACCEL_T1);
    parsed("-accel tcg,thread=single,tb-size=64,split-wx=on -accel kvm,kernel-irqchip=on");
    ck_assert_uint_eq(options.machine.code_cache_mib, 64);
    parsed("-accel tcg,one-insn-per-tb=on");
    ck_assert_int_eq(options.machine.accel, MACHINE_ACCEL_INTERP);
    parsed("-singlestep -accel tcg -d nochain,exec,cpu,cpu_reset");
    ck_assert_int_eq(options.machine.accel, MACHINE_ACCEL_INTERP);
    parsed("-M sifive_x -accel help");
    ck_assert_int_eq(options.action, OPTIONS_LIST_ACCELS);
    ck_assert(!parse("-M sifive_x"));
    parsed("-M none -nodefaults -nographic -daemonize");
}
END_TEST

START_TEST(categories)
{
    unsigned before = atomic_load(&log_mask);
    atomic_store(&log_mask, 0);
    parsed("-d in_asm,int,mmu,cpu_reset");
    ck_assert_uint_eq(atomic_load(&log_mask),
                      1u << LOG_CATEGORY_IN_ASM | 1u << LOG_CATEGORY_INT | 1u << LOG_CATEGORY_CPU_RESET);
    atomic_store(&log_mask, 0);
    parsed("-d mmu,fpu,vpu,page,tid,strace,plugin,nochain");
    ck_assert_uint_eq(atomic_load(&log_mask), 0);
    parsed("-d op_opt,op,trace:virtio_*,op_ind");
    ck_assert_uint_eq(atomic_load(&log_mask), 1u << LOG_CATEGORY_IR | 1u << LOG_CATEGORY_VIRTIO);
    atomic_store(&log_mask, before);
    parsed("-d trace:help");
    ck_assert_int_eq(options.action, OPTIONS_LIST_LOG);
}
END_TEST

START_TEST(the_process)
{
    parsed("-pidfile p -daemonize -display none -name G,process=P,debug-threads=on -echr 0x14");
    ck_assert_str_eq(options.process.pidfile, "p");
    ck_assert_str_eq(options.process.name, "P");
    ck_assert_str_eq(options.title, "G");
    ck_assert_uint_eq(options.process.escape, 0x14);
    ck_assert(options.process.daemonize);
    parsed("-daemonize"); /* then the console is not on the terminal */
    ck_assert_str_eq(options.machine.serial, "null");
    ck_assert_uint_eq(options.monitor_count, 0);
    parsed("-action reboot=shutdown,shutdown=pause,panic=none,watchdog=none -watchdog-action reset");
    ck_assert(options.machine.no_reboot && options.machine.no_shutdown);
    ck_assert_int_eq(options.machine.panic_action, MACHINE_PANIC_NONE);
    ck_assert_int_eq(options.machine.watchdog_action, MACHINE_WATCHDOG_RESET); /* the last one counts */
    parsed("-device pvpanic-pci,events=3 -device i6300esb -action panic=exit-failure,watchdog=inject-nmi");
    ck_assert_int_eq(options.machine.panic_action, MACHINE_PANIC_EXIT_FAILURE);
    ck_assert_int_eq(options.machine.watchdog_action, MACHINE_WATCHDOG_INJECT_NMI);
    ck_assert_uint_eq(options.machine.pci[0].plug.settings.events, 3);
    parsed("-overcommit mem-lock=on-fault,cpu-pm=on -msg guest-name=on");
    ck_assert(options.process.lock_memory && options.process.lock_on_fault && options.process.says_guest);
    parsed("-runas 7:8 -chroot /srv");
    ck_assert_uint_eq(options.run_with.uid, 7);
    ck_assert_str_eq(options.run_with.chroot, "/srv");
    parsed("-rtc driftfix=slew,clock=vm -seed 12 -L dir -vga none -parallel none -usb -M virt,usb=on");
    ck_assert(options.machine.rtc_stands);
    ck_assert_str_eq(options.machine.firmware_dir, "dir");
}
END_TEST

static const char *chardev_of(const char *keys)
{
    char line[512];
    snprintf(line, sizeof(line), "-chardev %s,id=c -display none", keys);
    parsed(line);
    return options.chardevs[0].value;
}

START_TEST(character_devices)
{
    ck_assert_str_eq(chardev_of("file,path=a,,b,append=on"), "file:a,,b,append=on");
    ck_assert_str_eq(chardev_of("pipe,path=p"), "pipe:p");
    ck_assert_str_eq(chardev_of("serial,path=/dev/ttyS0"), "serial:/dev/ttyS0");
    ck_assert_str_eq(chardev_of("stdio,signal=off,mux=on,logfile=l,logappend=on"),
                     "mon:stdio,signal=off,logfile=l,logappend=on");
    ck_assert_str_eq(chardev_of("socket,fd=7,server=on,wait=off"), "fd:7,server=on,wait=off");
    ck_assert_str_eq(chardev_of("socket,host=h,port=1,telnet=on,nodelay=on"), "tcp:h:1,telnet=on,nodelay=on");
    ck_assert_str_eq(chardev_of("udp,host=::1,port=9,localport=8"), "udp:[::1]:9,local=:8");
    ck_assert_str_eq(chardev_of("ringbuf,size=4K"), "ringbuf,size=4K");
    ck_assert_str_eq(chardev_of("null,mux=on"), "mon:null");
    parsed("-serial telnet:127.0.0.1:4555,server,nowait -monitor telnet::4556,server,nowait");
    ck_assert_str_eq(options.machine.serial, "telnet:127.0.0.1:4555,server,nowait");
    parsed("-serial udp::9@:8");
    ck_assert_str_eq(options.machine.serial, "udp::9,local=:8");
    parsed("-serial /dev/null -monitor vc");
    ck_assert_str_eq(options.machine.serial, "serial:/dev/null");
    parsed("-serial file:a,b -monitor none");
    ck_assert_str_eq(options.machine.serial, "file:a,,b");
    parsed("-serial mon:pty");
    ck_assert_str_eq(options.machine.serial, "mon:pty");
    ck_assert(options.monitors[0].console && !options.monitors[0].is_stdio);
}
END_TEST

/* The monitor shares the keys of the device on the multiplexed chardev, whichever that is. */
START_TEST(multiplexed)
{
    parsed("-nographic -monitor chardev:m -chardev stdio,id=m,mux=on,signal=off -device virtio-serial-device "
           "-device virtconsole,chardev=m -serial file:s.log");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console);
    parsed("-nodefaults -chardev stdio,mux=on,id=c,signal=off -device virtio-serial-pci -device "
           "virtconsole,chardev=c -mon c");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console);
    parsed("-chardev stdio,id=m,mux=on,signal=off -serial chardev:m -monitor chardev:m -device "
           "virtio-serial-device -device virtconsole,chardev=m -device virtconsole,chardev=m");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console);
    ck_assert_uint_eq(options_count_terminals(&options), 1);
    parsed("-serial none -chardev stdio,mux=on,id=c -mon c"); /* the monitor is the only user */
    ck_assert(!options.monitors[0].console && options.monitors[0].is_stdio);
}
END_TEST

START_TEST(several_serial_lines)
{
    parsed("-serial null -serial null -serial mon:stdio -display none");
    ck_assert_str_eq(options.machine.serial, "null");
    ck_assert_str_eq(options.machine.spare_serials[0], "null");
    ck_assert_str_eq(options.machine.spare_serials[1], "mon:stdio");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console);
    ck_assert(!parse("-serial stdio -serial stdio"));
}
END_TEST

START_TEST(drives)
{
    parsed("-drive index=0,id=u,if=none,format=raw,file=a -device virtio-blk-device,drive=u -hda h -cdrom c "
           "-drive file=d,if=virtio,index=1,media=cdrom");
    ck_assert_str_eq(slot(7)->drive.path, "a");
    ck_assert_str_eq(options.machine.pci[0].plug.drive.path, "h");
    ck_assert(!options.machine.pci[0].plug.drive.read_only);
    ck_assert_str_eq(options.machine.pci[1].plug.drive.path, "c");
    ck_assert(options.machine.pci[1].plug.drive.read_only && options.machine.pci[2].plug.drive.read_only);
    static const struct {
        const char *keys;
        enum blockdev_cache cache;
    } caches[] = {
        { "cache=none", BLOCKDEV_CACHE_NONE },
        { "cache.direct=on", BLOCKDEV_CACHE_NONE },
        { "cache.writeback=off", BLOCKDEV_CACHE_WRITETHROUGH },
        { "cache.writeback=off,cache.direct=on", BLOCKDEV_CACHE_DIRECTSYNC },
        { "cache=none,cache.direct=off", BLOCKDEV_CACHE_WRITEBACK },
        { "cache.no-flush=on", BLOCKDEV_CACHE_UNSAFE },
    };
    for (size_t n = 0; n < sizeof(caches) / sizeof(caches[0]); n++) {
        char line[128];
        snprintf(line, sizeof(line), "-drive file=a,if=virtio,%s", caches[n].keys);
        parsed(line);
        ck_assert_msg(options.machine.pci[0].plug.drive.cache == caches[n].cache, "%s", line);
    }
    parsed("-drive file=a,if=none,id=d -device "
           "virtio-blk-pci,drive=d,write-cache=off,scsi=off,iothread=t,bootindex=3 "
           "-object iothread,id=t");
    ck_assert_int_eq(options.machine.pci[0].plug.drive.cache, BLOCKDEV_CACHE_WRITETHROUGH);
    ck_assert_uint_eq(options.machine.pci[0].plug.settings.boot_index, 4);
}
END_TEST

START_TEST(features)
{
    parsed("-netdev user,id=n -device "
           "virtio-net-pci,netdev=n,csum=off,mrg_rxbuf=on,indirect_desc=off,ctrl_vq=off,mq=on");
    ck_assert_uint_eq(options.machine.pci[0].plug.settings.withheld_features, 1 | 1u << 17 | 1u << 28);
    parsed("-global virtio-blk-pci.scsi=off -global virtio-pci.disable-legacy=on -global "
           "virtio-net-device.csum=off "
           "-global nosuch.device=1 -device virtio-rng-pci -netdev user,id=n -device "
           "virtio-net-device,netdev=n,csum=on");
    ck_assert_int_eq(options.machine.pci[0].legacy, VIRTIO_PCI_LEGACY_OFF);
    ck_assert_uint_eq(slot(7)->settings.withheld_features, 0); /* the device's own key counts */
    parsed("-global driver=riscv-cpu,property=pmp,value=off -cpu rv32,m=off");
    ck_assert(!options.machine.isa.pmp && options.machine.isa.xlen == 32);
    parsed("-global rv64-riscv-cpu.pmp=off -cpu rv64,pmp=on");
    ck_assert(options.machine.isa.pmp);
}
END_TEST

START_TEST(firmware)
{
    parsed("-boot order=dc,menu=on,splash-time=5000,reboot-timeout=-1,strict=on -boot c -fw_cfg "
           "name=opt/a,string=x,,y -fw_cfg opt/b,file=F");
    ck_assert(options.machine.boot.menu && options.machine.boot.strict && options.machine.boot.has_fail_wait);
    ck_assert_uint_eq(options.machine.boot.wait_ms, 5000);
    ck_assert_uint_eq(options.machine.boot.fail_wait_ms, UINT32_MAX);
    ck_assert_uint_eq(options.machine.fw_file_count, 2);
    ck_assert_str_eq(options.machine.fw_files[0].text, "x,y");
    ck_assert_str_eq(options.machine.fw_files[1].file, "F");
    parsed("-uuid 550e8400-e29b-41d4-a716-446655440000 -smbios type=1,serial=S -smbios "
           "type=11,value=a,value=b,path=F");
    ck_assert(options.machine.smbios.wanted && options.machine.smbios.has_uuid);
    ck_assert_uint_eq(options.machine.smbios.uuid[0], 0x55);
    ck_assert_uint_eq(options.machine.smbios.uuid[10], 0x44);
    ck_assert_str_eq(options.machine.smbios.texts[SMBIOS_SYSTEM_SERIAL], "S");
    ck_assert_uint_eq(options.machine.smbios.string_count, 3);
    ck_assert_str_eq(options.machine.smbios.strings[2].path, "F");
}
END_TEST

START_TEST(memory)
{
    parsed("-m 512M,slots=2,maxmem=1G -mem-prealloc -mem-path ram");
    ck_assert_uint_eq(options.machine.memory_count, 1);
    ck_assert(options.machine.memory[0].prealloc && !options.machine.memory[0].shared);
    ck_assert_str_eq(options.machine.memory[0].path, "ram");
    parsed("-M virt,memory-backend=mem -object memory-backend-file,id=mem,size=256M,mem-path=r,share=on");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(256) << 20);
    ck_assert(options.machine.memory[0].shared);
    parsed("-machine type=virt,dump-guest-core=off,mem-merge=off");
    ck_assert(options.machine.memory[0].undumped && !options.machine.memory[0].merge);
    parsed("-m 2G -smp 4 -object memory-backend-ram,size=1G,id=a -numa node,memdev=a -object "
           "memory-backend-memfd,size=1G,id=b -numa node,memdev=b,cpus=3 -numa dist,src=0,dst=1,val=25");
    ck_assert_uint_eq(options.machine.node_count, 2);
    ck_assert_uint_eq(options.machine.nodes[0].harts, 5);
    ck_assert_uint_eq(options.machine.nodes[1].harts, 10);
    ck_assert(options.machine.memory[1].memfd);
    ck_assert_uint_eq(options.machine.distances[1][0], 25);
    ck_assert_uint_eq(options.machine.distances[1][1], 10);
    parsed("-m 64M -numa node -numa node");
    ck_assert_uint_eq(options.machine.nodes[1].ram_size, UINT64_C(32) << 20);
    parsed("-smp 2,maxcpus=4,sockets=1,cores=4,threads=1");
    ck_assert_uint_eq(options.machine.smp, 2);
    static const struct {
        const char *line;
        unsigned harts;
    } topologies[] = {
        { "-smp 4,maxcpus=8,sockets=2", 4 }, { "-smp 4,sockets=2,cores=1", 4 },
        { "-smp cores=3,sockets=2", 6 },     { "-smp maxcpus=6,threads=2", 6 },
        { "-smp 2,maxcpus=4,cores=2", 2 },   { "-smp 2,dies=1", 2 },
        { "-smp 2,sockets=1,cores=1", 2 },   { "-smp sockets=2", 2 },
    };
    for (size_t n = 0; n < sizeof(topologies) / sizeof(topologies[0]); n++) {
        parsed(topologies[n].line);
        ck_assert_uint_eq(options.machine.smp, topologies[n].harts);
    }
    parsed("-m 0.5G");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(512) << 20);
    parsed("-m 0.3G"); /* rounded, as on QEMU */
    ck_assert_uint_eq(options.machine.ram_size, 0x13334000);
    parsed("disk.img -m 1G second.img");
    ck_assert_uint_eq(options.drive_count, 2);
    ck_assert_str_eq(options.drives[0].blockdev.path, "disk.img");
    parsed("-M virt,aclint=on,aia-guests=3,iommu-sys=off,hpet=off");
    ck_assert(options.machine.aclint);
    parsed("-M virt,aia=aplic-imsic,aia-guests=63 -cpu rv64,h=on,smstateen=on");
    ck_assert_uint_eq(options.machine.aia_guests, 63);
    parsed("-M virt,aia=aplic-imsic,aia-guests=0 -device vmcoreinfo");
    ck_assert(options.machine.aia == MACHINE_AIA_APLIC_IMSIC && options.machine.vmcoreinfo);
    parsed(
        "-cpu "
        "rv64,mvendorid=0x489,marchid=0x8000000000000007,mimpid=1,smepmp=true,smstateen=true,ssstateen=on");
    ck_assert_uint_eq(options.machine.isa.mvendorid, 0x489);
    ck_assert_uint_eq(options.machine.isa.marchid, 0x8000000000000007);
    ck_assert_uint_eq(options.machine.isa.mimpid, 1);
    ck_assert(isa_has(&options.machine.isa, ISA_Smepmp) && isa_has(&options.machine.isa, ISA_Smstateen));
}
END_TEST

START_TEST(json)
{
    parsed("-device {\"driver\":\"virtio-rng-pci\",\"id\":\"r0\",\"bus\":\"pcie.0\",\"addr\":\"0x3\"}");
    ck_assert_str_eq(options.machine.pci[0].plug.settings.id, "r0");
    ck_assert_uint_eq(options.machine.pci[0].slot, 3);
    parsed("-blockdev {\"driver\":\"file\",\"filename\":\"a,b\",\"node-name\":\"s\",\"auto-read-only\":true,"
           "\"cache\":{\"direct\":true,\"no-flush\":false}} -blockdev "
           "{\"node-name\":\"f\",\"read-only\":false,\"driver\":\"raw\",\"file\":\"s\"} -device "
           "{\"id\":\"d\",\"driver\":\"virtio-blk-pci\",\"drive\":\"f\",\"bootindex\":1}");
    ck_assert_str_eq(options.machine.pci[0].plug.drive.path, "a,b");
    ck_assert_int_eq(options.machine.pci[0].plug.drive.cache, BLOCKDEV_CACHE_NONE);
    ck_assert_uint_eq(options.machine.pci[0].plug.settings.boot_index, 2);
    parsed("-netdev "
           "{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"},{\"str\":\"udp::3-:4\"}]}");
    ck_assert_str_eq(options.machine.netdevs[0].user.hostfwd[1], "udp::3-:4");
    parsed(
        "-object {\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":67108864} -M memory-backend=m");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(64) << 20);
    parsed("-chardev "
           "{\"id\":\"c\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{"
           "\"path\":\"p\"}},\"server\":true,\"wait\":false}}}");
    ck_assert_str_eq(options.chardevs[0].value, "unix:p,server=on,wait=off");
    parsed("-audiodev {\"id\":\"a\",\"driver\":\"none\"}");
    ck_assert(!parse("-device {\"driver\":\"virtio-rng-pci\"}x") && strstr(error.text, "JSON"));
    ck_assert(!parse("-device [1]"));
    ck_assert(!parse("-device {\"a=b\":1}"));
}
END_TEST

/* What is below an image, described in place. */
START_TEST(backing_files)
{
    parsed("-blockdev "
           "{\"driver\":\"qcow2\",\"node-name\":\"top\",\"file\":{\"driver\":\"file\",\"filename\":\"t\"},"
           "\"backing\":{\"driver\":\"qcow2\",\"node-name\":\"mid\",\"read-only\":false,\"file\":{\"driver\":"
           "\"file\",\"filename\":\"m\"},\"backing\":{\"driver\":\"file\",\"filename\":\"b\"}}} "
           "-device virtio-blk-device,drive=top");
    const struct blockdev_config *top = &options.machine.virtio[0].drive;
    for (unsigned n = 0; n < options.machine.board->virtio_slots; n++)
        if (options.machine.virtio[n].model)
            top = &options.machine.virtio[n].drive;
    ck_assert(top->path && !strcmp(top->path, "t") && !top->read_only && top->backing);
    ck_assert(!strcmp(top->backing->path, "m") && !strcmp(top->backing->format, "qcow2"));
    ck_assert(top->backing->read_only && top->backing->backing && top->backing->backing->read_only);
    ck_assert(!strcmp(top->backing->backing->path, "b") && !strcmp(top->backing->backing->format, "raw"));
    ck_assert_ptr_nonnull(options_find_node(&options, "mid"));
    ck_assert_ptr_nonnull(options_find_node(&options, "#block0"));
    ck_assert(options_find_node(&options, "mid")->used && options_find_node(&options, "#block0")->inner);

    parsed("-blockdev "
           "{\"driver\":\"qcow2\",\"node-name\":\"a\",\"file\":{\"filename\":\"t\",\"driver\":\"file\"},"
           "\"backing\":null} -blockdev driver=qcow2,node-name=b,file.filename=u,backing=");
    ck_assert(options.drives[0].blockdev.no_backing && options.drives[1].blockdev.no_backing);
    parsed("-drive file=t,format=qcow2,backing.file.filename=b,backing=/srv");
    ck_assert(options.drives[0].blockdev.backing && !options.drives[0].blockdev.backing->format);
    ck_assert_str_eq(options.drives[0].blockdev.backing->path, "b");
    parsed("-drive file=t,backing.driver=raw,backing.file.filename=b,backing.file.driver=file");
    ck_assert_str_eq(options.drives[0].blockdev.backing->format, "raw");
}
END_TEST

#define TOP "-blockdev driver=qcow2,node-name=t,file.filename=f,"
START_TEST(bad_backing_files)
{
    static const struct failing_line lines[] = {
        { TOP "backing.driver=nix,backing.file.filename=b", "nix" },
        { TOP "backing.file.filename=b", "driver" },
        { TOP "backing.driver=raw", "file.filename" },
        { TOP "backing.driver=raw,backing.file.filename=b,backing.nix=1", "nix" },
        { TOP "backing.driver=raw,backing.file.filename=b,backing.node-name=t", "taken" },
        { TOP "backing.driver=raw,backing.file.filename=b,backing=n", "backing" },
        { TOP
          "backing.driver=raw,backing.file.filename=b,backing.backing.driver=file,backing.backing.filename=c",
          "only qcow2" },
        { TOP "backing.driver=raw,backing.file=t", "in use" },
        { "-blockdev driver=raw,node-name=t,file.filename=f,backing.driver=raw,backing.file.filename=b",
          "qcow2" },
        { "-blockdev driver=raw,node-name=t,file.filename=f,backing=", "qcow2" },
        { "-blockdev driver=file,node-name=t,filename=f,backing.driver=raw,backing.file.filename=b",
          "qcow2" },
        { "-drive file=t,format=raw,backing.file.filename=b", "qcow2" },
        { "-drive file=t,backing.aio=threads", "backing.file.filename" },
        { "-drive file=t,backing.file.filename=nbd:x", "nbd" },
    };
    for (size_t n = 0; n < sizeof(lines) / sizeof(lines[0]); n++)
        check_failing_line(&lines[n]);
}
END_TEST

/* blockdev-add and blockdev-del: what was described in a node goes with it, also if only a part could be
 * made. */
START_TEST(backing_files_come_and_go)
{
    static const char text[] =
        "driver=qcow2,node-name=t,file.filename=f,backing.driver=qcow2,backing.node-name=m,"
        "backing.file.filename=g,backing.backing.driver=raw,backing.backing.file.filename=h";
    parsed("-blockdev driver=file,node-name=f,filename=x");
    for (unsigned n = 0; n < 200; n++) {
        ck_assert_msg(options_add_node(&options, text, &error), "%s", error.text);
        ck_assert(!options_add_node(&options, text, &error) && strstr(error.text, "taken"));
        ck_assert(!options_remove_node(&options, "m", &error) && strstr(error.text, "in use"));
        ck_assert(options_remove_node(&options, "t", &error) && !options_find_node(&options, "m"));
        ck_assert(
            !options_add_node(&options,
                              "driver=qcow2,node-name=t,file=f,backing.driver=qcow2,backing.node-name=m,"
                              "backing.file.filename=g,backing.backing.driver=raw",
                              &error));
        ck_assert(!options_find_node(&options, "t") && !options_find_node(&options, "m"));
        ck_assert(!options_find_node(&options, "f")->used);
    }
}
END_TEST

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    ck_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

START_TEST(configuration_files)
{
    static const char config[] =
        "# comment\n[machine]\n  type = \"virt\"\n  accel = \"tcg\"\n\n[memory]\n  size = \"256\"\n"
        "[smp-opts]\n  cpus = \"2\"\n[drive \"d0\"]\n  file = \"a,b\"\n  if = \"none\"\n"
        "[device]\n  driver = \"virtio-blk-device\"\n  drive = \"d0\"\n";
    write_file("options.cfg", config);
    parsed("-readconfig options.cfg -nographic -set drive.d0.cache=none");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(256) << 20);
    ck_assert_uint_eq(options.machine.smp, 2);
    ck_assert_str_eq(slot(7)->drive.path, "a,b");
    ck_assert_int_eq(slot(7)->drive.cache, BLOCKDEV_CACHE_NONE);
    parsed("-readconfig options.cfg -kernel K -writeconfig again.cfg");
    parsed("-readconfig again.cfg");
    ck_assert_str_eq(options.machine.kernel, "K");
    ck_assert_uint_eq(options.machine.smp, 2);
    ck_assert_str_eq(slot(7)->drive.path, "a,b");
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "size = \"1\"\n", "line 1" },
        { "[memory]\nsize = 1\n", "line 2" },
        { "\n\n[nosuch]\n", "no group nosuch" },
        { "[memory\n", "not [GROUP]" },
        { "[drive \"x\"]\n  bogus = \"1\"\n  file = \"a\"\n", "bogus=1" },
    };
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        write_file("options.cfg", bad[n].text);
        ck_assert_msg(!parse("-readconfig options.cfg") && strstr(error.text, bad[n].says), "%s: %s",
                      bad[n].text, error.text);
    }
    unlink("options.cfg");
    unlink("again.cfg");
}
END_TEST

START_TEST(descriptors)
{
    char line[128], path[64];
    int fd = open("/dev/null", O_RDONLY);
    ck_assert_int_gt(fd, 2);
    snprintf(line, sizeof(line), "-add-fd fd=%d,set=4,opaque=x -drive file=/dev/fdset/4,if=virtio", fd);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    parsed(line);
    ck_assert_str_eq(options.machine.pci[0].plug.drive.path, path);
    close(fd);
}
END_TEST

/* Returns what -help, X help and -version print. */
static char *printed(const char *line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    parsed(line);
    ck_assert_msg(options.action != OPTIONS_RUN, "%s", line);
    options_print(&options, out);
    fclose(out);
    return text;
}

START_TEST(helps)
{
    static const struct {
        const char *line, *says;
    } texts[] = {
        { "-chardev help", "ringbuf" },
        { "-object help", "memory-backend" },
        { "-netdev help", "hostfwd" },
        { "-netdev user,help", "  hostfwd=\n" },
        { "-audiodev help", "wav" },
        { "-display ?", "sdl" },
        { "-accel help", "\ntcg\n" },
        { "-drive help", "file=" },
        { "-drive file=x,help", "  cache.direct=\n" },
        { "-machine virt,help", "  aclint=\n" },
        { "-M help", "virt" },
        { "-cpu help", "rv64" },
        { "-d help", "cpu_reset" },
        { "-device help", "virtio-blk-device" },
        { "-device virtio-blk-pci,drive=x,help", "bootindex" },
        { "-boot help", "menu=" },
        { "-smbios help", "type=" },
        { "-vga help", "none" },
        { "-rtc help", "clock=" },
        { "-version", "QEMU emulator version " OPTIONS_QEMU_VERSION " (" },
    };
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        char *text = printed(texts[n].line);
        ck_assert_msg(strstr(text, texts[n].says), "%s: %s", texts[n].line, text);
        free(text);
    }
    char *text = printed("-version");
    ck_assert_ptr_eq(strstr(text, "rvive "), text);
    free(text);
    parsed("-append help -kernel help -name x"); /* texts and files may have this name */
    ck_assert_int_eq(options.action, OPTIONS_RUN);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options of QEMU's scripts");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, accelerators);
    tcase_add_test(tests, categories);
    tcase_add_test(tests, the_process);
    tcase_add_test(tests, character_devices);
    tcase_add_test(tests, multiplexed);
    tcase_add_test(tests, several_serial_lines);
    tcase_add_test(tests, drives);
    tcase_add_test(tests, features);
    tcase_add_test(tests, firmware);
    tcase_add_test(tests, memory);
    tcase_add_test(tests, json);
    tcase_add_test(tests, backing_files);
    tcase_add_test(tests, bad_backing_files);
    tcase_add_test(tests, backing_files_come_and_go);
    tcase_add_test(tests, configuration_files);
    tcase_add_test(tests, descriptors);
    tcase_add_test(tests, helps);
    suite_add_tcase(suite, tests);
    return suite;
}
