/* SPDX-License-Identifier: MIT
 *
 * The command line: each case is a line as scripts write it, and either its result or what its message must
 * name.
 */
#include <stdlib.h>

#include "devices/nvme/nvme.h"
#include "devices/usb/ehci.h"
#include "devices/usb/hid.h"
#include "devices/usb/xhci.h"
#include "tests/frontend/options/option_line.h"
#include "tests/suite.h"

static void parsed(const char *line)
{
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
}

static const struct machine_plug *slot(unsigned n)
{
    return &options.machine.virtio[n];
}

static const struct machine_pci *pci(unsigned slot_number, unsigned function)
{
    for (unsigned n = 0; n < options.machine.pci_count; n++) {
        const struct machine_pci *place = &options.machine.pci[n];
        if (place->slot == slot_number && place->function == function)
            return place;
    }
    ck_abort_msg("nothing is at %x.%x of the PCI bus", slot_number, function);
}

static void check_same_config(const struct isa_config *a, const struct isa_config *b)
{
    ck_assert_uint_eq(a->xlen, b->xlen);
    ck_assert(a->extensions == b->extensions);
    ck_assert_int_eq(a->supervisor, b->supervisor);
    ck_assert_int_eq(a->user, b->user);
    ck_assert_uint_eq(a->satp_max, b->satp_max);
    ck_assert_int_eq(a->pmp, b->pmp);
}

/* A property that asks for the default. */
START_TEST(what_is_already_so)
{
    static const char *const lines[] = {
        "h=true",
        "v=on,h=on,zfinx=off",
        "v=true,vext_spec=v1.0,vlen=256,elen=64",
        "zicntr=on",
        "cbom_blocksize=64,cbop_blocksize=64,cboz_blocksize=64",
        "debug=off",
        "pmp=on",
        "mmu=on",
        "zca=on,zaamo=on,zalrsc=true,zmmul=on,b=on",
        "c=off,zca=off",
        "zcd=on,zcf=off",
        "smaia=off,ssaia=off,zvbb=true,short-isa-string=off",
        "mvendorid=0,marchid=0,mimpid=0",
        "smepmp=off,x-epmp=off,smstateen=off,ssstateen=off",
        "i=on,e=off",
        "ztso=off,zce=off,pmu-num=0,pmu-mask=0",
        "rvv_ta_all_1s=off,rvv_ma_all_1s=off,rvv_vl_half_avl=off",
    };
    char line[256];
    struct isa_config plain, config;
    ck_assert(isa_config_parse(&plain, "rv64", NULL));
    for (size_t n = 0; n < sizeof(lines) / sizeof(*lines); n++) {
        snprintf(line, sizeof(line), "-cpu rv64,%s", lines[n]);
        parsed(line);
        config = options.machine.isa;
        if (!strstr(line, "c=off"))
            check_same_config(&config, &plain);
    }
    parsed("-cpu rv32,sv57=off,sv39=false,h=off");
    ck_assert_uint_eq(options.machine.isa.satp_max, 32);
}
END_TEST

/* V and its extensions: which are on and the vector length, and which properties need V. */
START_TEST(vectors)
{
    static const struct {
        const char *line, *has, *lacks;
    } lines[] = {
        { "-cpu rv64", "imafdcvh_", "_zvkn_" },
        { "-cpu rv32",
          "_zvbb_zvbc_zve32f_zve32x_zve64d_zve64f_zve64x_zvfbfmin_zvfbfwma_zvfh_zvfhmin_zvkb_zvkg_zvkned_",
          "_zvkt" },
        { "-cpu rv32,zvfh=off,zvbb=off", "imafdcvh_", "_zvfh_" },
        { "-cpu rv64,v=on,zvkng=on", "_zvkg_zvkn_zvkned_zvkng_zvknha_zvknhb_", "_zvknc" },
        { "-cpu rv64,v=off", "imafdch_", "_zv" },
        { "-cpu rv64,v=off,v=on", "_zvbb_zvbc_zve32f_", "_zvkn_" },
        { "-cpu rv64,d=off", "imafch_", "_zv" },
    };
    char line[128], text[ISA_STRING_SIZE];
    for (size_t n = 0; n < sizeof(lines) / sizeof(*lines); n++) {
        snprintf(line, sizeof(line), "%s", lines[n].line);
        parsed(line);
        isa_config_string(&options.machine.isa, text, sizeof(text));
        ck_assert_msg(strstr(text, lines[n].has) && !strstr(text, lines[n].lacks), "%s: %s", line, text);
    }
    static const struct {
        const char *cpu, *says;
    } refused[] = {
        { "rv64,v=off,zvbb=on", "extension zvbb needs v, which is off" },
        { "rv64,v=on,zve64d=off", "needs v, which is off" },
        { "rv64,v=on,d=off", "extension v needs d, which is off" },
        { "rv64,v=on,vlen=64", "a vector register has 128, 256, 512 or 1024 bits" },
        { "rv64,vlen=", "a vector register has" },
        { "rv64,elen=32", "has only elen=64" },
    };
    struct isa_config config;
    for (size_t n = 0; n < sizeof(refused) / sizeof(*refused); n++) {
        ck_assert_msg(!isa_config_parse(&config, refused[n].cpu, &error), "%s", refused[n].cpu);
        ck_assert_msg(strstr(error.text, refused[n].says), "%s: %s", refused[n].cpu, error.text);
    }
    ck_assert(isa_config_parse(&config, "rv64,v=on", NULL) && config.vlen == 256);
    ck_assert(isa_config_parse(&config, "rv64,v=on,vlen=1024", NULL) && config.vlen == 1024);
}
END_TEST

/* The CPUs by name: parts of their strings, and the widest mode of satp. */
START_TEST(cpus)
{
    static const struct {
        const char *line, *has, *lacks;
        unsigned satp;
        bool supervisor;
    } lines[] = {
        { "-cpu rv64", "rv64imafdcvh_", "_zkr", 39, true },
        { "-cpu rv32", "rv32imafdcvh_", "_svpbmt", 32, true },
        { "-cpu max", "rv64imafdcvh_", "_svade_", 48, true },
        { "-cpu max", "_zks_zksed_zksh_zkt_zvbb_", "_zkr", 48, true },
        { "-cpu max32", "rv32imafdcvh_", "_smmpm", 32, true },
        { "-cpu rva20s64", "rv64imafdc_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicsr_zifencei_za64rs_ssccptr_",
          "_zb", 39, true },
        { "-cpu rva22s64",
          "_za64rs_zfhmin_zba_zbb_zbs_zkt_ssccptr_sscounterenw_sstvala_sstvecd_svade_svbare_", "v_", 39,
          true },
        { "-cpu rva23s64",
          "rv64imafdcvh_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicntr_zicond_", "_zvbc",
          39, true },
        { "-cpu rva23s64", "_zimop_za64rs_zawrs_zfa_zfhmin_zcb_zcmop_zba_zbb_zbs_zkt_zvbb_zve32f_", "_zvbc",
          39, true },
        { "-cpu rva23s64",
          "_sscofpmf_sscounterenw_ssnpm_sstc_sstvala_sstvecd_ssu64xl_supm_svade_svbare_svinval_", "_svadu",
          39, true },
        { "-cpu rva23s64,vlen=256,zvbb=off", "_zve64x_zvfhmin_zvkb_zvkt_", "_zvbb", 39, true },
        { "-cpu rva23s64,v=off,sv48=on", "rv64imafdch_", "_zv", 48, true },
        { "-cpu rva23s64,h=off", "rv64imafdcv_", "vh_", 39, true },
        { "-cpu rv64,h=off", "rv64imafdcv_", "_zkr", 39, true },
        { "-cpu rv32,h=off", "rv32imafdcv_", "_zkr", 32, true },
        { "-cpu rva22s64,zacas=on", "_zacas_", "_zcb", 39, true },
        { "-cpu rv64i", "rv64i_zicsr", "m", 0, false },
        { "-cpu rv64i,m=on,s=on,sv39=on", "rv64im_zicsr", "a", 39, true },
        { "-cpu rv64e,e=on", "rv64e_zicsr", "m", 0, false },
        { "-cpu rv32e,m=on,c=on", "rv32emc_zicsr", "a", 0, false },
        { "-cpu rv64,f=off", "rv64imach_", "_zf", 39, true },
        { "-cpu rv64,f=off,d=off,zfinx=on,zdinx=on,zhinx=on", "rv64imach_", "_zfa", 39, true },
        { "-cpu rv64,f=off,zdinx=on,zhinx=on,zcmp=on,zcmt=on", "_zfinx_zdinx_zcb_zcmop_zcmp_zcmt_", "_zfh_",
          39, true },
        { "-cpu rv64,f=off,zhinx=on", "_zhinx_zhinxmin_smmpm_", "_zdinx_", 39, true },
        { "-cpu rv64i,zhinxmin=on", "rv64i_zicsr_zfinx_zhinxmin", "zdinx", 0, false },
        { "-cpu rv32,f=off,zdinx=on,zilsd=on,zclsd=on", "rv32imach_", "_zfh", 32, true },
        { "-cpu rv32e,zdinx=on", "rv32e_zicsr_zfinx_zdinx", "f_", 0, false },
        { "-cpu rv64,f=off,zfinx=on,zfinx=off", "rv64imach_", "_zf", 39, true },
        { "-cpu rv64,a=off", "rv64imfdcvh_", "_za6", 39, true },
        { "-cpu rva22u64", "rv64imafdc_zic64b_zicbom_zicbop_zicboz_", "_sv", 0, false },
        { "-cpu rva23u64", "rv64imafdcv_zic64b_", "_sstc", 0, false },
        { "-cpu rv64,rva22u64=on", "_zkt_", "_svade", 39, true },
        { "-cpu rv64i,rva22u64=on", "rv64imafdc_zic64b_", "_s", 0, false },
        { "-cpu rv64i,rva23s64=on", "rv64imafdcvh_zic64b_", "_svadu", 39, true },
        { "-cpu rv64,rva23s64=on,h=off", "_svade_svinval_", "_svadu", 39, true },
        { "-cpu lowrisc-ibex", "rv32imc_zic64b_", "_za", 0, false },
        { "-cpu shakti-c", "rv64imafdc_zicntr_", "_zb", 39, true },
        { "-cpu xiangshan-nanhu", "_zbs_zknd_zkne_zknh_zksed_zksh_", "v_", 39, true },
        { "-cpu rv32,i=off,e=on,f=off,d=off,m=on,c=on,zfa=off", "rv32emac_", "_zf", 32, true },
        { "-cpu rv32i,i=off,e=on,m=on,c=on", "rv32emc_zicsr", "a", 0, false },
        { "-cpu rv32e,e=on,i=off,m=on,zicsr=on", "rv32em_zicsr", "a", 0, false },
        { "-cpu rv32e,e=off,i=on", "rv32i_zicsr", "e", 0, false },
        { "-cpu rv32,d=off,zce=on", "_zcb_zcmop_zcmp_zcmt_", "_zv", 32, true },
        { "-cpu rv64i,zca=on", "rv64ic_zicsr", "a", 0, false },
        { "-cpu rv64i,c=on,zcb=on,zcd=off,zca=on", "rv64ic_zicsr_zcb", "a", 0, false },
        { "-cpu rv64i,zcd=on,c=on,d=on,f=on", "rv64ifdc_", "a", 0, false },
        { "-cpu rv64i,ztso=on", "rv64i_zicsr_ztso", "m", 0, false },
        { "-cpu rv64,ssnpm=off", "_smnpm_", "_supm", 39, true },
    };
    char line[128], text[ISA_STRING_SIZE];
    for (size_t n = 0; n < sizeof(lines) / sizeof(*lines); n++) {
        snprintf(line, sizeof(line), "%s", lines[n].line);
        parsed(line);
        isa_config_string(&options.machine.isa, text, sizeof(text));
        ck_assert_msg(strstr(text, lines[n].has), "%s: %s", line, text);
        ck_assert_msg(!strstr(text + 4, lines[n].lacks), "%s: %s", line, text);
        ck_assert_msg(options.machine.isa.satp_max == lines[n].satp, "%s: Sv%u", line,
                      options.machine.isa.satp_max);
        ck_assert_msg(options.machine.isa.supervisor == lines[n].supervisor, "%s", line);
    }
}
END_TEST

/* The name by which the program is called. */
START_TEST(called_for_rv32)
{
    static const struct {
        char *name;
        unsigned xlen;
    } names[] = {
        { "rvive", 64 },         { "/usr/bin/qemu-system-riscv64", 64 },
        { "build/rvive32", 32 }, { "rvive32", 32 },
        { "rvive32/rvive", 64 }, { "/opt/bin/qemu-system-riscv32", 32 },
        { "rvive32-old", 64 },
    };
    for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
        char *argv[] = { names[n].name, "-bios", "none", NULL };
        options_free(&options);
        ck_assert(options_parse(&options, 3, argv, &error));
        ck_assert_uint_eq(options.machine.isa.xlen, names[n].xlen);
    }
    char *argv[] = { "rvive32", "-cpu", "rv64", NULL };
    options_free(&options);
    ck_assert(options_parse(&options, 3, argv, &error));
    ck_assert_uint_eq(options.machine.isa.xlen, 64);
}
END_TEST

START_TEST(strict)
{
    parsed("");
    ck_assert(!options.machine.strict);
    parsed("-M virt,strict=on");
    ck_assert(options.machine.strict);
    parsed("-M virt -machine strict=on -machine virt");
    ck_assert(options.machine.strict);
    parsed("-M virt,strict=off");
    ck_assert(!options.machine.strict);
}
END_TEST

START_TEST(defaults)
{
    parsed("");
    ck_assert_uint_eq(options.machine.smp, 1);
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(128) << 20);
    ck_assert_uint_eq(options.machine.isa.xlen, 64);
    ck_assert_ptr_null(options.machine.bios);
    ck_assert_ptr_null(options.machine.kernel);
    ck_assert(options.machine.virtio_legacy);
    ck_assert_str_eq(options.machine.serial, "mon:stdio");
    ck_assert_uint_eq(options.machine.pci_count, 0);
    for (unsigned n = 0; n < MACHINE_VIRTIO_SLOTS_MAX; n++) /* the default network card */
        ck_assert_ptr_eq(slot(n)->model, n == 7 ? &virtio_net_model : NULL);
}
END_TEST

START_TEST(teaching_kernel)
{
    parsed("-machine virt -bios none -kernel kernel -m 128M -smp 3 -nographic -global "
           "virtio-mmio.force-legacy=false -drive file=fs.img,if=none,format=raw,id=x0 "
           "-device virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0");
    ck_assert_str_eq(options.machine.bios, "none");
    ck_assert_str_eq(options.machine.kernel, "kernel");
    ck_assert_uint_eq(options.machine.smp, 3);
    ck_assert(!options.machine.virtio_legacy);
    ck_assert_ptr_eq(slot(0)->model, &virtio_blk_model);
    ck_assert_str_eq(slot(0)->drive.path, "fs.img");
    ck_assert(!slot(0)->drive.snapshot);
    ck_assert_ptr_eq(slot(7)->model, &virtio_net_model);
    ck_assert_ptr_eq(slot(6)->model, NULL);
}
END_TEST

START_TEST(buildroot_without_network)
{
    parsed(
        "-M virt -bios fw_jump.elf -kernel Image -append 'rootwait root=/dev/vda ro' "
        "-drive file=rootfs.ext2,format=raw,id=hd0 -device virtio-blk-device,drive=hd0 -nographic -nic none");
    ck_assert_str_eq(options.machine.append, "rootwait root=/dev/vda ro");
    ck_assert_ptr_eq(slot(7)->model, &virtio_blk_model);
    ck_assert_str_eq(slot(7)->drive.path, "rootfs.ext2");
    ck_assert_ptr_eq(slot(6)->model, NULL); /* the drive is not plugged in a second time */
}
END_TEST

START_TEST(debian_with_uboot)
{
    parsed("-machine virt -m 1G -smp 8 -cpu rv64 -device virtio-blk-device,drive=hd -drive "
           "file=image.raw,if=none,id=hd -bios fw_jump.elf -kernel uboot.elf -object "
           "rng-random,filename=/dev/urandom,id=rng -device virtio-rng-device,rng=rng -nographic -append "
           "'root=LABEL=rootfs console=ttyS0'");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(1) << 30);
    ck_assert_uint_eq(options.machine.smp, 8);
    ck_assert_ptr_eq(slot(7)->model, &virtio_blk_model);
    ck_assert_ptr_eq(slot(6)->model, &virtio_rng_model);
    ck_assert_str_eq(slot(6)->rng_file, "/dev/urandom");
}
END_TEST

START_TEST(ubuntu_and_ci)
{
    parsed("-machine virt,acpi=off -m 6G -smp cpus=4 -nographic -drive file=X.img,format=raw,if=virtio");
    ck_assert_uint_eq(options.machine.smp, 4);
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(6) << 30);
    ck_assert_str_eq(pci(1, 0)->plug.drive.path, "X.img");
    parsed("-m 2048 -smp 2 -display none -serial stdio -no-reboot -machine virt -device "
           "virtio-blk-device,drive=hd0 -drive file=d.img,if=none,format=raw,id=hd0 -snapshot -kernel Image "
           "-append 'console=ttyS0'");
    ck_assert_uint_eq(options.machine.ram_size, UINT64_C(2) << 30);
    ck_assert_str_eq(options.machine.serial, "stdio");
    ck_assert(options.machine.no_reboot);
    ck_assert(slot(7)->drive.snapshot);
}
END_TEST

START_TEST(uefi_desktop_disks)
{
    parsed("-machine virt,pflash0=pflash0,pflash1=pflash1,acpi=off -blockdev "
           "node-name=pflash0,driver=file,read-only=on,filename=CODE.fd -blockdev "
           "node-name=pflash1,driver=file,filename=VARS.fd -drive file=X.qcow2,format=qcow2,id=hd0,if=none "
           "-device virtio-blk-device,drive=hd0,num-queues=4 -nographic -snapshot");
    ck_assert(options.machine.pflash[0].present && options.machine.pflash[1].present);
    ck_assert_str_eq(options.machine.pflash[0].drive.path, "CODE.fd");
    ck_assert(options.machine.pflash[0].drive.read_only);
    ck_assert(!options.machine.pflash[1].drive.read_only);
    ck_assert(!options.machine.pflash[1].drive.snapshot); /* -snapshot does not affect nodes */
    ck_assert_str_eq(slot(7)->drive.format, "qcow2");
    ck_assert(slot(7)->drive.snapshot);
    ck_assert_uint_eq(slot(7)->settings.queues, 4);
}
END_TEST

START_TEST(nodes)
{
    parsed("-blockdev driver=file,node-name=f,filename=over.q,cache.direct=on -blockdev "
           "driver=raw,node-name=b,file.driver=file,file.filename=base.raw -blockdev "
           "driver=qcow2,node-name=d,file=f,backing=b,discard=unmap,detect-zeroes=unmap "
           "-device virtio-blk-device,drive=d -nographic -pflash a.fd "
           "-drive if=pflash,unit=0,file=b.fd,format=raw");
    ck_assert_str_eq(slot(7)->drive.path, "over.q");
    ck_assert_str_eq(slot(7)->drive.format, "qcow2");
    ck_assert_int_eq(slot(7)->drive.cache, BLOCKDEV_CACHE_NONE);
    ck_assert_int_eq(slot(7)->drive.detect_zeroes, BLOCKDEV_DETECT_UNMAP);
    ck_assert_ptr_nonnull(slot(7)->drive.backing);
    ck_assert_str_eq(slot(7)->drive.backing->path, "base.raw");
    ck_assert_str_eq(options.machine.pflash[0].drive.path, "b.fd");
    ck_assert_str_eq(options.machine.pflash[1].drive.path, "a.fd");
}
END_TEST

START_TEST(errors_of_disks)
{
    parsed(
        "-drive file=a,if=none,id=a,werror=stop,rerror=ignore -device virtio-blk-device,drive=a "
        "-drive file=b,if=none,id=b,werror=stop -device virtio-blk-device,drive=b,werror=report,rerror=stop "
        "-drive file=c,if=none,id=c -device virtio-blk-device,drive=c");
    ck_assert_int_eq(slot(7)->drive.werror, BLOCKDEV_ON_ERROR_STOP);
    ck_assert_int_eq(slot(7)->drive.rerror, BLOCKDEV_ON_ERROR_IGNORE);
    ck_assert_int_eq(slot(6)->drive.werror, BLOCKDEV_ON_ERROR_REPORT);
    ck_assert_int_eq(slot(6)->drive.rerror, BLOCKDEV_ON_ERROR_STOP);
    ck_assert_int_eq(slot(5)->drive.werror, BLOCKDEV_ON_ERROR_DEFAULT);
}
END_TEST

START_TEST(order_of_slots)
{
    parsed("-drive file=auto,if=virtio -drive file=a,if=none,id=a -drive file=b,if=none,id=b -drive "
           "file=c,if=none,id=c,snapshot=off,readonly=on -device virtio-blk-device,drive=a -device "
           "virtio-blk-device,drive=c,bus=virtio-mmio-bus.7,serial=XY -device virtio-blk-device,drive=b "
           "-snapshot");
    ck_assert_str_eq(slot(7)->drive.path, "c");
    ck_assert_str_eq(slot(7)->settings.serial, "XY");
    ck_assert(slot(7)->drive.read_only);
    ck_assert(!slot(7)->drive.snapshot);
    ck_assert_str_eq(slot(6)->drive.path, "a");
    ck_assert(slot(6)->drive.snapshot);
    ck_assert_str_eq(slot(5)->drive.path, "b");
    ck_assert_ptr_eq(slot(4)->model, &virtio_net_model); /* the default card comes last */
    ck_assert_str_eq(pci(1, 0)->plug.drive.path, "auto");
}
END_TEST

/* Places are the same as QEMU's: devices in their order, then drives without a device of their own. */
START_TEST(places_on_the_pci_bus)
{
    parsed("-drive file=auto,if=virtio -drive file=a,if=none,id=a -device virtio-rng-pci -device "
           "virtio-blk-pci,drive=a,addr=1f,serial=XY,id=d -device virtio-rng-pci,addr=0x2.0,multifunction=on "
           "-device virtio-rng-pci,addr=2.7,bus=pcie.0,disable-legacy=on -device virtio-serial-pci,vectors=4 "
           "-device virtio-rng,disable-modern=on,disable-legacy=off,romfile=");
    ck_assert_uint_eq(options.machine.pci_count, 7);
    ck_assert_ptr_eq(pci(1, 0)->plug.model, &virtio_rng_model);
    ck_assert_int_eq(pci(1, 0)->legacy, VIRTIO_PCI_LEGACY_AUTO);
    ck_assert_uint_eq(pci(1, 0)->vectors, VIRTIO_PCI_VECTORS_DEFAULT);
    ck_assert_str_eq(pci(31, 0)->plug.drive.path, "a");
    ck_assert_str_eq(pci(31, 0)->plug.settings.serial, "XY");
    ck_assert(pci(2, 0)->multifunction);
    ck_assert_int_eq(pci(2, 7)->legacy, VIRTIO_PCI_LEGACY_OFF);
    ck_assert_ptr_eq(pci(3, 0)->plug.model, &virtio_console_model);
    ck_assert_uint_eq(pci(3, 0)->vectors, 4);
    ck_assert_int_eq(pci(4, 0)->legacy, VIRTIO_PCI_LEGACY_ON);
    ck_assert(pci(4, 0)->no_modern);
    ck_assert_str_eq(pci(5, 0)->plug.drive.path, "auto");
    parsed("-device virtio-rng-pci-transitional -device virtio-rng-pci-non-transitional -device "
           "virtio-rng-device -serial null -chardev stdio,id=c -device virtio-serial-pci,id=s -device "
           "virtconsole,chardev=c,bus=s.0");
    ck_assert_int_eq(pci(1, 0)->legacy, VIRTIO_PCI_LEGACY_ON);
    ck_assert_int_eq(pci(2, 0)->legacy, VIRTIO_PCI_LEGACY_OFF);
    ck_assert_str_eq(pci(3, 0)->plug.ports[0].chardev, "stdio");
    ck_assert_ptr_eq(slot(7)->model, &virtio_rng_model);
}
END_TEST

START_TEST(nvme)
{
    parsed(
        "-drive file=a,if=none,id=a,werror=stop -device nvme,drive=a,serial=A,id=n,bootindex=2 -drive "
        "file=b,if=none,id=b -device nvme,drive=b,serial=B,max_ioqpairs=4,mdts=5,mqes=7,msix_qsize=5,aerl=0,"
        "logical_block_size=4096,write-cache=off,rerror=stop,addr=9");
    const struct machine_plug *a = &pci(1, 0)->plug, *b = &pci(9, 0)->plug;
    ck_assert_ptr_eq(a->model, &nvme_model);
    ck_assert_str_eq(a->settings.serial, "A");
    ck_assert_str_eq(a->drive.path, "a");
    ck_assert_int_eq(a->drive.werror, BLOCKDEV_ON_ERROR_STOP);
    ck_assert_uint_eq(a->settings.boot_index, 3);
    ck_assert_uint_eq(a->settings.queues, 64);
    ck_assert_uint_eq(a->settings.mdts, 7);
    ck_assert_uint_eq(a->settings.queue_size, 2047);
    ck_assert_uint_eq(b->settings.queues, 4);
    ck_assert_uint_eq(b->settings.events, 0);
    ck_assert_uint_eq(b->settings.logical_block_size, 4096);
    ck_assert_int_eq(b->drive.cache, BLOCKDEV_CACHE_WRITETHROUGH);
    ck_assert_int_eq(b->drive.rerror, BLOCKDEV_ON_ERROR_STOP);
}
END_TEST

START_TEST(screens)
{
    parsed("-device virtio-gpu-device,xres=1024,yres=768 -device virtio-keyboard-device -device "
           "virtio-tablet-device -device virtio-mouse-device,bus=virtio-mmio-bus.0 -device ramfb -display "
           "sdl,gl=off,full-screen=on,window-close=off -name box");
    ck_assert_ptr_eq(slot(7)->model, &virtio_gpu_model);
    ck_assert_uint_eq(slot(7)->settings.width, 1024);
    ck_assert_uint_eq(slot(7)->settings.height, 768);
    ck_assert_ptr_eq(slot(6)->model, &virtio_keyboard_model);
    ck_assert_ptr_eq(slot(5)->model, &virtio_tablet_model);
    ck_assert_ptr_eq(slot(0)->model, &virtio_mouse_model);
    ck_assert(options.machine.ramfb);
    ck_assert_int_eq(options.screen.view, OPTIONS_VIEW_SDL);
    ck_assert(options.screen.software && options.screen.full_screen && options.screen.no_close);
    ck_assert_str_eq(options.machine.serial, "mon:stdio");
    parsed("-display vnc=:1");
    ck_assert_str_eq(options.screen.vnc, ":1");
    ck_assert_str_eq(options.machine.serial, "mon:stdio");
    parsed("-display sdl -full-screen -vnc 0.0.0.0:3 -screendump x.png");
    ck_assert_int_eq(options.screen.view, OPTIONS_VIEW_SDL);
    ck_assert_str_eq(options.screen.vnc, "0.0.0.0:3");
    ck_assert(!options.screen.vnc_password && !options.screen.vnc_insecure);
    ck_assert_str_eq(options.screen.dump, "x.png");
    ck_assert(options.screen.full_screen && !options.screen.software);
}
END_TEST

START_TEST(screens_for_browsers)
{
    parsed("-vnc :3");
    ck_assert_uint_eq(options.screen.vnc_websocket, 0);
    parsed("-vnc :3,websocket -vnc :4,websocket=on,tls-creds=t -object "
           "tls-creds-x509,id=t,dir=d,endpoint=server");
    ck_assert_uint_eq(options.screen.vnc_websocket, 5704);
    ck_assert_str_eq(options.screen.vnc_tls, "t");
    ck_assert(!options_find_tls(&options, "t")->any_peer && !options_find_tls(&options, "u"));
    parsed("-vnc :3,websocket=on,websocket=7000 -object "
           "tls-creds-x509,id=t,dir=d,endpoint=server,verify-peer=no");
    ck_assert_uint_eq(options.screen.vnc_websocket, 7000);
    ck_assert(options_find_tls(&options, "t")->any_peer && !options.screen.vnc_tls);
    parsed("-vnc :3,websocket=off");
    ck_assert_uint_eq(options.screen.vnc_websocket, 0);
}
END_TEST

START_TEST(usb_devices)
{
    parsed("-device usb-mouse,id=m -device qemu-xhci,id=a,p2=2 -device nec-usb-xhci,addr=9 -device usb-kbd "
           "-device usb-tablet,bus=usb-bus.0,port=3 -device usb-tablet -device usb-kbd,bus=a.0,port=2.1");
    const struct machine_usb *usb = options.machine.usb;
    ck_assert_uint_eq(options.machine.usb_count, 5);
    ck_assert_ptr_eq(pci(1, 0)->plug.model, &xhci_model);
    ck_assert_ptr_eq(pci(9, 0)->plug.model, &xhci_model);
    ck_assert_uint_eq(pci(1, 0)->plug.settings.usb2_ports, 2);
    ck_assert_uint_eq(pci(9, 0)->plug.settings.usb3_ports, 4);
    /* The controller with a place of its own comes first. */
    static const struct {
        const struct device_model *model;
        unsigned controller;
        const char *path;
    } rows[] = { { &usb_mouse_model, 0, "1" },
                 { &usb_kbd_model, 0, "2" },
                 { &usb_tablet_model, 0, "3" },
                 { &usb_tablet_model, 0, "4" },
                 { &usb_kbd_model, 1, "2.1" } };
    for (unsigned n = 0; n < 5; n++) {
        ck_assert_ptr_eq(usb[n].plug.model, rows[n].model);
        ck_assert_uint_eq(usb[n].controller, rows[n].controller);
        ck_assert_str_eq(usb[n].path, rows[n].path);
    }
    ck_assert_str_eq(usb[0].plug.settings.id, "m");
}
END_TEST

START_TEST(shared_memory)
{
    parsed("-device ivshmem-plain,memdev=s,master=on -object "
           "memory-backend-file,id=s,size=2M,mem-path=f,share=on");
    const struct machine_memory *memory = &pci(1, 0)->plug.memory;
    ck_assert_uint_eq(memory->size, 2u << 20);
    ck_assert_str_eq(memory->path, "f");
    ck_assert(memory->shared);
    ck_assert_uint_eq(options.machine.memory_count, 0); /* it is none of the RAM */
    parsed("-chardev socket,id=c,path=/tmp/a,,b -device ivshmem-doorbell,chardev=c,vectors=3,ioeventfd=on");
    ck_assert_str_eq(pci(1, 0)->plug.server, "/tmp/a,b");
    ck_assert_uint_eq(pci(1, 0)->plug.settings.msix_vectors, 3);
}
END_TEST

/* QEMU's places: the last controller before the device. If that is full, QEMU refuses the device. */
START_TEST(usb_controllers)
{
    parsed(
        "-device usb-ehci -device usb-kbd -device qemu-xhci,addr=9,p2=1 -device usb-mouse -device usb-tablet "
        "-device ich9-usb-ehci1,id=e -device usb-kbd -device usb-kbd,bus=usb-bus.1,port=6");
    static const struct {
        const struct device_model *controller;
        const char *path;
    } rows[] = { { &ehci_model, "1" },
                 { &xhci_model, "1" },
                 { &ehci_model, "2" },
                 { &ehci_ich9_model, "1" },
                 { &ehci_model, "6" } };
    ck_assert_uint_eq(options.machine.usb_count, 5);
    for (unsigned n = 0; n < 5; n++) {
        const struct machine_usb *usb = &options.machine.usb[n];
        ck_assert_ptr_eq(options.machine.pci[usb->controller].plug.model, rows[n].controller);
        ck_assert_str_eq(usb->path, rows[n].path);
    }
}
END_TEST

START_TEST(consoles)
{
    parsed("-chardev socket,id=s,path=/tmp/a,,b,server=on,wait=off -serial chardev:s");
    ck_assert_str_eq(options.machine.serial, "unix:/tmp/a,,b,server=on,wait=off");
    parsed("-chardev socket,id=s,host=::1,port=99,server,nowait -serial chardev:s");
    ck_assert_str_eq(options.machine.serial, "tcp:[::1]:99,server,nowait");
    parsed("-chardev stdio,mux=on,id=s -serial chardev:s");
    ck_assert_str_eq(options.machine.serial, "mon:stdio,signal=on");
    parsed("-serial null -device virtio-serial-device -chardev file,id=c,path=out.log -device "
           "virtconsole,chardev=c");
    ck_assert_str_eq(options.machine.serial, "null");
    ck_assert_ptr_eq(slot(7)->model, &virtio_console_model);
    ck_assert_uint_eq(slot(7)->port_count, 1);
    ck_assert_str_eq(slot(7)->ports[0].chardev, "file:out.log");
    parsed(
        "-device virtio-serial-pci,id=a -device virtio-serial-pci,id=b -chardev null,id=n -chardev pty,id=p "
        "-device virtserialport,chardev=p,name=org.one,bus=b.0 -device virtserialport,chardev=n,nr=7,bus=b.0 "
        "-device virtconsole,chardev=n,bus=b.0 -device virtserialport,chardev=n,bus=b.0");
    const struct machine_plug *ports = &pci(2, 0)->plug;
    ck_assert_uint_eq(ports->port_count, 4);
    ck_assert_uint_eq(ports->ports[0].number, 1);
    ck_assert_str_eq(ports->ports[0].name, "org.one");
    ck_assert_str_eq(ports->ports[0].chardev, "pty");
    ck_assert(!ports->ports[0].is_console);
    ck_assert_uint_eq(ports->ports[1].number, 7);
    ck_assert_uint_eq(ports->ports[2].number, 0);
    ck_assert(ports->ports[2].is_console);
    ck_assert_uint_eq(ports->ports[3].number, 2);
    ck_assert_uint_eq(pci(1, 0)->plug.port_count, 1); /* a console without a backend */
    parsed("-display none");
    ck_assert_str_eq(options.machine.serial, "null");
    parsed("-nographic -display none -monitor none");
    ck_assert_str_eq(options.machine.serial, "mon:stdio");
    parsed("-serial none");
    ck_assert_str_eq(options.machine.serial, "null");
    parsed("-nographic");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console && !options.monitors[0].control);
    parsed("-profile out,hz=99,symbols=a,symbols=b -semihosting-config on,arg=x,arg=y,path=d");
    ck_assert_str_eq(options.machine.profile.file, "out");
    ck_assert_uint_eq(options.machine.profile.hz, 99);
    ck_assert_uint_eq(options.machine.profile.symbol_count, 2);
    ck_assert(options.machine.semihosting.enable && !options.machine.semihosting.userspace);
    ck_assert_uint_eq(options.machine.semihosting.arg_count, 2);
    ck_assert_str_eq(options.machine.semihosting.path, "d");
    parsed("-nographic -monitor none");
    ck_assert_uint_eq(options.monitor_count, 0);
    parsed("-monitor stdio -S");
    ck_assert_str_eq(options.machine.serial, "null");
    ck_assert(options.machine.start_paused && !options.monitors[0].console);
    parsed("-display none -serial mon:stdio -qmp tcp::4444,server,nowait");
    ck_assert_uint_eq(options.monitor_count, 2);
    ck_assert(options.monitors[0].control && options.monitors[1].console);
    parsed("-chardev stdio,mux=on,id=m -serial chardev:m -mon chardev=m");
    ck_assert_uint_eq(options.monitor_count, 1);
    ck_assert(options.monitors[0].console);
}
END_TEST

START_TEST(loaders)
{
    parsed("-device loader,file=F,addr=0x80400000,force-raw=on -device "
           "loader,addr=0x81000000,data=0x1234,data-len=4 -device loader,addr=0x80000000,cpu-num=1 -smp 2");
    ck_assert_uint_eq(options.machine.load_count, 3);
    ck_assert_str_eq(options.machine.loads[0].file, "F");
    ck_assert_uint_eq(options.machine.loads[0].addr, 0x80400000);
    ck_assert(options.machine.loads[0].force_raw);
    ck_assert_int_eq(options.machine.loads[0].cpu, -1);
    ck_assert_uint_eq(options.machine.loads[1].data, 0x1234);
    ck_assert_uint_eq(options.machine.loads[1].data_len, 4);
    ck_assert_ptr_null(options.machine.loads[2].file);
    ck_assert_int_eq(options.machine.loads[2].cpu, 1);
    parsed("-device loader,addr=0x80000000,data=0x1234,data-len=2,data-be=on -device "
           "guest-loader,addr=0x82000000,kernel=K,bootargs=a -device guest-loader,addr=0x83000000,initrd=I");
    ck_assert(options.machine.loads[0].big_endian);
    ck_assert_int_eq(options.machine.loads[1].module, MACHINE_MODULE_KERNEL);
    ck_assert_str_eq(options.machine.loads[1].file, "K");
    ck_assert_str_eq(options.machine.loads[1].bootargs, "a");
    ck_assert_int_eq(options.machine.loads[2].module, MACHINE_MODULE_RAMDISK);
}
END_TEST

START_TEST(small_flags)
{
    parsed(
        "--cpu rv32 --bios none -M virt,dumpdtb=x.dtb,aia=none -dtb D -kernel K -initrd I -no-shutdown -name "
        "guest=T -accel interp -d int,guest_errors -D log -nodefaults -m size=64K -smp "
        "4,sockets=1,cores=4,threads=1");
    ck_assert_uint_eq(options.machine.isa.xlen, 32);
    ck_assert_str_eq(options.machine.dumpdtb, "x.dtb");
    ck_assert_str_eq(options.machine.dtb, "D");
    ck_assert_str_eq(options.machine.initrd, "I");
    ck_assert(options.machine.no_shutdown);
    ck_assert_str_eq(options.title, "T");
    ck_assert_str_eq(options.log_file, "log");
    ck_assert_uint_eq(options.machine.ram_size, 65536);
    ck_assert_uint_eq(options.machine.smp, 4);
    parsed("-smp cores=2,sockets=2");
    ck_assert_uint_eq(options.machine.smp, 4);
    parsed("-help -nonsense");
    ck_assert_int_eq(options.action, OPTIONS_HELP);
    parsed("-M help");
    ck_assert_int_eq(options.action, OPTIONS_LIST_MACHINES);
    parsed("-rtc base=utc");
    ck_assert_int_eq(options.machine.rtc_offset, 0);
    parsed("-rtc base=1970-01-02T00:00:00,clock=host");
    ck_assert(options.machine.rtc_dated);
    ck_assert_int_eq(options.machine.rtc_date, 86400);
    parsed("-icount 3");
    ck_assert(options.machine.icount.on && !options.machine.icount.automatic && !options.machine.icount.skip);
    ck_assert_uint_eq(options.machine.icount.shift, 3);
    parsed("-icount shift=6,align=off,sleep=off");
    ck_assert(options.machine.icount.on && options.machine.icount.skip && !options.machine.icount.align);
    ck_assert_uint_eq(options.machine.icount.shift, 6);
    parsed("-icount 1 -record f -record memory=2M");
    ck_assert_str_eq(options.machine.record_file, "f");
    ck_assert_uint_eq(options.machine.record_memory, 0);
    ck_assert_int_eq(options.machine.windows, MACHINE_WINDOWS_ON);
    parsed("-accel t2,windows=kernel");
    ck_assert_int_eq(options.machine.windows, MACHINE_WINDOWS_KERNEL);
    parsed("-accel t2,windows=off");
    ck_assert_int_eq(options.machine.windows, MACHINE_WINDOWS_OFF);
    parsed("-icount 1,rr=record,rrfile=f -s");
    ck_assert_str_eq(options.machine.record_file, "f");
    ck_assert_uint_gt(options.machine.record_memory, 0);
    parsed("-replay f -kernel k -drive file=d,format=raw -device virtio-rng-pci");
    ck_assert_str_eq(options.machine.replay_file, "f");
    ck_assert(options.machine.icount.on && !options.machine.kernel && !options.machine.pci_count);
    ck_assert(strstr(options.machine.replay_plugs, "plug virtio-rng"));
    ck_assert(!strstr(options.machine.replay_plugs, "virtio-net")); /* as in its recording, if nobody asks */
    parsed("-icount 1 -record f");
    ck_assert_uint_eq(options.device_count, 0);
    parsed("-icount 1,rr=record,rrfile=f");
    ck_assert_uint_eq(options.device_count, 0);
    parsed("-icount 1 -record f -nic user");
    ck_assert_uint_eq(options.device_count, 1);
    parsed("-icount auto");
    ck_assert(options.machine.icount.on && options.machine.icount.automatic);
}
END_TEST

/* What -device prints for a name with "help"; the caller frees it. */
static char *device_help(const char *line)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    ck_assert_msg(parse(line), "%s: %s", line, error.text);
    ck_assert_int_eq(options.action, OPTIONS_LIST_DEVICES);
    options_print(&options, out);
    fclose(out);
    return text;
}

/* Every model has all of its parts and a name of its own, and help under each of its names. */
START_TEST(models)
{
    for (const struct device_model *const *at = device_catalog; *at; at++) {
        const struct device_model *model = *at;
        bool plugged = model->buses & (DEVICE_BUS_MMIO | DEVICE_BUS_PCI);
        char line[80];
        ck_assert(model->name && *model->name && model->text && model->keys && model->buses);
        ck_assert_msg(plugged == (model->create || model->create_pci), "%s", model->name);
        ck_assert_msg(!(model->buses & DEVICE_BUS_MMIO) || model->ops, "%s", model->name);
        for (const struct device_model *const *other = device_catalog; *other != model; other++)
            ck_assert_str_ne((*other)->name, model->name);
        snprintf(line, sizeof(line), "-device %s%s,help", model->name,
                 model->buses & DEVICE_BUS_MMIO ? "-device" : "");
        char *text = device_help(line);
        ck_assert_ptr_nonnull(strstr(text, model->text));
        for (const struct device_key *key = model->keys; key->name; key++) {
            ck_assert_msg(key->help && strstr(text, key->name), "%s", text);
            ck_assert_msg(key->least <= key->most, "%s: %s", model->name, key->name);
        }
        free(text);
    }
    char *text = device_help("-device virtio-blk-pci,help");
    ck_assert_ptr_nonnull(strstr(text, "a power of two from 4 to 1024 (256)"));
    ck_assert_ptr_nonnull(strstr(text, "disable-legacy"));
    ck_assert_ptr_null(strstr(text, "virtio-mmio-bus"));
    free(text);
}
END_TEST

static const struct failing_line failures[] = {
    { "-krenel Image", "-krenel: unknown option; did you mean -kernel?" },
    { "-foo", "-foo: unknown option" },
    { "--foo", "--foo: unknown option" },
    { "-", "neither a flag nor a disk image" },
    { "-", "-" },
    { "-kernel", "-kernel: its argument is missing" },
    { "-gdb", "-gdb: its argument is missing" },
    { "-gdb stdio -serial stdio", "stdio" },
    { "-device virtio-vga-gl", "use virtio-vga" },
    { "-device virtio-vga,bus=virtio-mmio-bus.0", "pcie.0" },
    { "-device usb-kbd", "qemu-xhci" },
    { "-device qemu-xhci,id=a -device usb-kbd,bus=b.0", "\".0\"" },
    { "-device qemu-xhci,id=a -device usb-kbd,bus=usb-bus.0", "\".0\"" },
    { "-device qemu-xhci,p2=1 -device usb-kbd -device usb-mouse", "p2=" },
    { "-device qemu-xhci -device usb-kbd,port=2 -device usb-mouse,port=2", "port 2 is taken" },
    { "-device qemu-xhci,p2=0", "1 to 15" },
    { "-device qemu-xhci,p3=16", "1 to 15" },
    { "-device usb-ohci", "usb-storage" },
    { "-device qemu-xhci -device usb-storage", "drive=ID" },
    { "-device qemu-xhci -device usb-storage,drive=d", "id=d" },
    { "-usbdevice tablet", "usb-kbd" },
    { "-device virtio-blk-devise,drive=x", "did you mean virtio-blk-device" },
    { "-display curses", "-display: \"curses\"" },
    { "-display sdl,gl=es", "gl=es" },
    { "-display sdl,zoom=on", "zoom=on" },
    { "-vnc 1", "-vnc 1" },
    { "-vnc :99999", "-vnc :99999" },
    { "-vnc :1,password=maybe", "password" },
    { "-vnc :1,tls-creds=", "tls-creds-x509" },
    { "-vnc :1,websocket=0", "websocket" },
    { "-vnc :1,websocket=65536", "websocket" },
    { "-vnc :1,websocket=localhost:80", "PORT" },
    { "-vnc :1,origin=http://a", "websocket=" },
    { "-vnc :1,websocket,origin=a", "https://HOST" },
    { "-object tls-creds-x509,id=t,dir=d", "endpoint" },
    { "-object tls-creds-x509,id=t,dir=d,endpoint=client", "server" },
    { "-object tls-creds-x509,id=t,endpoint=server", "dir=FOLDER" },
    { "-object tls-creds-x509,dir=d,endpoint=server", "id=ID" },
    { "-object tls-creds-x509,id=t,dir=d,endpoint=server,verify-peer=maybe", "verify-peer" },
    { "-object tls-creds-x509,id=t,dir=d,endpoint=server,passwordid=p", "passwordid" },
    { "-vnc :1,share=allow-exclusive", "force-shared" },
    { "-vnc :1,sasl=on", "sasl" },
    { "-vnc password=on", "[HOST]:N" },
    { "-object secret,id=s", "data=TEXT" },
    { "-object secret,id=s,data=x,file=y", "data=TEXT" },
    { "-object secret,data=x", "id=ID" },
    { "-object secret,id=s,data=x,format=base64", "base64" },
    { "-device virtio-gpu-device,xres=0", "xres=0" },
    { "-device virtio-gpu-device,yres=8193", "yres=8193" },
    { "-device virtio-keyboard-device,xres=10", "xres=10" },
    { "-device ramfb -device ramfb", "ramfb" },
    { "-device VGA", "bochs-display" },
    { "-device bochs-display,xres=9999", "xres=9999" },
    { "-icount shift=11", "0 to 10" },
    { "-icount shift=x", "0 to 10" },
    { "-icount sleep=off", "shift=N" },
    { "-icount auto,align=on", "shift=auto" },
    { "-icount 1,sleep=off,align=on", "sleep=off" },
    { "-icount 1,rr=record", "rrfile=FILE" },
    { "-icount 1,rr=rewind,rrfile=f", "rewind" },
    { "-icount 1,rr=record,rrfile=f,rrsnapshot=s", "rrsnapshot=s" },
    { "-icount 1 -record f -replay g", "leave out one" },
    { "-replay g -loadvm s", "-loadvm" },
    { "-icount 1 -record file=", "file" },
    { "-icount 1,speed=2", "speed" },
    { "-blockdev node-name=a", "-blockdev driver" },
    { "-blockdev driver=file,filename=x", "node-name" },
    { "-blockdev driver=file,node-name=a", "filename" },
    { "-blockdev driver=qcow2,node-name=a", "file=NODE" },
    { "-blockdev driver=qcow2,node-name=a,file=b", "file=b" },
    { "-blockdev driver=nbd,node-name=a", "nbd" },
    { "-blockdev {\"driver\":\"file\"", "JSON" },
    { "-blockdev {\"driver\":\"file\",\"node-name\":\"n\"}", "filename" },
    { "-drive file=a,if=pflash,unit=2", "unit" },
    { "-drive file=a,if=pflash,index=2", "unit" },
    { "-drive file=a,index=many", "index=many" },
    { "-drive file=a,bus=1", "bus=1" },
    { "-drive file=a,cache.direct=maybe", "maybe" },
    { "-drive file=a,copy-on-read=on", "copy-on-read=on" },
    { "-sd a", "no slot for an SD card" },
    { "-fda a", "no floppy" },
    { "-pflash a -pflash b -pflash c", "2 banks" },
    { "-drive file=a,if=pflash,unit=1 -drive file=b,if=pflash,unit=1", "bank 1" },
    { "-monitor nonsense", "nonsense" },
    { "-profile hz=3", "file is missing" },
    { "-profile x,hz=0", "hz=0" },
    { "-profile x,color=red", "color=red" },
    { "-dfilter 12", "12 is not a range" },
    { "-dfilter 0x20..0x10", "0x20..0x10" },
    { "-dfilter 1+2,x", "x is not a range" },
    { "-semihosting-config enable=maybe", "maybe" },
    { "-semihosting-config target=gdb", "gdb" },
    { "-semihosting-config chardev=nope", "id=nope" },
    { "-semihosting-config file=x", "file=x" },
    { "-chardev stdio,id=c -semihosting-config chardev=c -serial stdio -monitor stdio", "stdio" },
    { "-qmp nonsense:x", "nonsense:x" },
    { "-monitor stdio -nographic", "stdio" },
    { "-monitor stdio -qmp stdio", "stdio" },
    { "-mon chardev=nope", "id=nope" },
    { "-mon mode=control", "chardev=ID" },
    { "-chardev null,id=n -mon chardev=n,mode=loud", "loud" },
    { "-chardev stdio,mux=on,id=m -mon chardev=m,mode=control -serial chardev:m", "mux=on" },
    { "-M virt,pflash0=p", "pflash0" },
    { "-M sifive_x", "\"sifive_x\"" },
    { "-M virt,foo=1", "foo=1" },
    { "-M virt,acpi=1", "on, off" },
    { "-M virt,aia=plic", "none, aplic, aplic-imsic" },
    { "-M virt,aia-guests=64", "up to 63" },
    { "-M virt,aia=aplic-imsic,aclint=on", "aclint=on" },
    { "-M spike,aia=aplic", "virt has" },
    { "-cpu rv128", "-cpu rv128" },
    { "-cpu rv64e,h=on", "h needs" },
    { "-cpu rv64,s=off,h=on", "h needs" },
    { "-cpu rv64,v=off,zvkn=true", "zvkn" },
    { "-cpu rv64,debug=on", "there are no trigger registers (Sdtrig)" },
    { "-cpu rv64,rvv_ta_all_1s=on", "agnostic elements keep their values" },
    { "-cpu rv64,pmu-num=16", "only pmu-num=0" },
    { "-cpu rv64,pmu-mask=0xff", "never count" },
    { "-cpu veyron-v1", "xventanacondops" },
    { "-cpu rv64,xventanacondops=on", "there is zicond" },
    { "-cpu rv64,e=on", "exclude each other" },
    { "-cpu rv64e,i=on", "exclude each other" },
    { "-cpu rv64e,e=off", "i=on is missing" },
    { "-cpu rv64,i=off", "i and zicsr" },
    { "-cpu rv64,zce=on", "zcmp and d exclude each other" },
    { "-cpu rv64,rva22u64=off", "no property \"rva22u64\"" },
    { "-cpu rv32,rva22u64=on", "no property \"rva22u64\"" },
    { "-cpu rv32i,f=on,zca=on", "zca" },
    { "-cpu rv64i,zmmul=on", "only m as a whole" },
    { "-cpu rv64i,zaamo=on", "only a as a whole" },
    { "-cpu rv64,zca=off", "zca" },
    { "-cpu rv64,c=off,zca=on", "zca" },
    { "-cpu rv64,zcf=on", "zcf" },
    { "-cpu rv32,zcf=off", "zcf" },
    { "-cpu rv64,f=off,d=off,zdinx=on,zcd=on", "zcd" },
    { "-cpu rv64,nosuch=off", "nosuch" },
    { "-cpu rv64,priv_spec=v1.9.1", "v1.10.0" },
    { "-cpu rv64,priv_spec=v1.14.0", "v1.13.0" },
    { "-cpu rv64,priv_spec", "v1.12.0" },
    { "-cpu rv64,priv_spec=v1.11.0,sstc=on", "sstc needs menvcfg" },
    { "-cpu rv64,priv_spec=v1.11.0,h=on", "h needs menvcfg" },
    { "-cpu sifive-u54,zicboz=on", "zicboz needs menvcfg" },
    { "-cpu rv64,cbom_blocksize=32", "cbom_blocksize=64" },
    { "-cpu rv32,sv48=on", "sv48" },
    { "-M virt,strict=maybe", "-machine strict" },
    { "-cpu rva24u64", "-cpu rva24u64: unknown CPU" },
    { "-cpu rv64e,e=off", "e" },
    { "-cpu rv64i,zcb=on", "zcb needs c" },
    { "-cpu rv64,f=off,zfa=on", "zfa needs f" },
    { "-cpu rv64,zfinx=on", "zfinx and f exclude each other (they have the same encodings" },
    { "-cpu rv64,d=off,zhinx=on", "zfinx and f exclude each other" },
    { "-cpu rva23s64,zdinx=on", "zfinx and f exclude each other" },
    { "-cpu max,zfinx=on", "zfinx and f exclude each other" },
    { "-cpu rv64,f=off,d=off,v=on,zfinx=on", "v needs d" },
    { "-cpu rv64,f=off,zdinx=on,zfinx=off", "zdinx needs zfinx" },
    { "-cpu rv64,f=off,zhinx=on,zhinxmin=off", "zhinx needs zhinxmin" },
    { "-cpu rv64,zcmp=on", "zcmp and d exclude each other (cm.push is in the place of c.fsdsp)" },
    { "-cpu rv64,xtheadmae=on", "xtheadmae and svnapot exclude each other" },
    { "-cpu rv32,xtheadmae=on,svnapot=off", "xtheadmae is RV64's" },
    { "-cpu rv64,xtheadfmv=on", "xtheadfmv is RV32's" },
    { "-cpu rv64,f=off,d=off,zfa=off,xtheadfmemidx=on", "xtheadfmemidx needs f" },
    { "-cpu rv64,mvendorid=0x100000000", "not a number of 32 bits" },
    { "-cpu rv64,mvendorid", "not a number of 32 bits" },
    { "-cpu rv64,marchid=-1", "not a number of 64 bits" },
    { "-cpu rv64,marchid=0x8000000000000000", "another one has to be" },
    { "-cpu rv32,mimpid=0x100000000", "not a number of 32 bits" },
    { "-cpu rv64,ssaia=on,smaia=off", "ssaia needs smaia" },
    { "-cpu rv64,ssstateen=on", "ssstateen" },
    { "-cpu rv64,f=off,d=off,zfinx=on,smstateen=on", "smstateen and zfinx exclude each other" },
    { "-cpu thead-c906,mvendorid=1", "this CPU has only mvendorid=0x5b7" },
    { "-identify", "-identify" },
    { "-d int,fpus", "unknown category fpus" },
    { "-d trace", "unknown category trace" },
    { "-d mmu,trace:", "unknown category trace:" },
    { "-accel tcg,thread=both", "single, multi" },
    { "-accel tcg,tb-size=0", "tb-size=0" },
    { "-accel t2,windows=some", "on, off, kernel" },
    { "-accel jit", "\"jit\"" },
    { "-accel kvm -accel hvf", "-accel hvf" },
    { "-M virt,accel=kvm:whpx", "-accel whpx" },
    { "-accel kvm", "kvm" },
    { "-m 0", "-m 0" },
    { "-m 1T", "-m 1T" },
    { "-m 12Q", "-m 12Q" },
    { "-m -1", "-m -1" },
    { "-m 99999999999999999999", "-m 99999999999999999999" },
    { "-m 16777216T", "-m 16777216T" },
    { "-M sifive_u -smp 5 -nic user", "-machine sifive_u has no virtio-mmio slots" },
    { "-m 128.5", "-m 128.5" },
    { "-m 1.G", "-m 1.G" },
    { "-m 0.00001G", "at least 64K" },
    { "-m 16777215.99T", "-m 16777215.99T" },
    { "-m 1G,slots=many", "slots=many" },
    { "-m 1G,slots=2,maxmem=512M", "maxmem" },
    { "-m 1G,foo=2", "foo=2" },
    { "-smp 0", "-smp" },
    { "-smp 65", "-smp 65" },
    { "-smp two", "two" },
    { "-smp 4,maxcpus=2", "maxcpus" },
    { "-smp 4,cores=3", "-smp 4,cores=3" },
    { "-smp 3,sockets=2", "2 * 1 * 1" },
    { "-smp 2,cores=4", "0 * 4 * 1" },
    { "-smp 4,maxcpus=8,sockets=2,cores=2,threads=1", "2 * 2 * 1" },
    { "-smp 2,sockets=65536,cores=65536,threads=65536,dies=65536", "not the number of harts" },
    { "-smp 2,dies=65536,books=65536,drawers=65536,clusters=65536,modules=65536", "too many clusters" },
    { "-smp 4,sockets=0", "sockets=0" },
    { "-drive if=virtio,id=x", "file=FILE" },
    { "-drive file=a,format=vmdk", "format=vmdk" },
    { "-drive file=a,if=none,id=a -device virtio-blk-device,drive=a,num-queues=65", "num-queues" },
    { "-drive file=a,if=none,id=a -device virtio-blk-device,drive=a,queue-size=3", "queue-size" },
    { "-drive file=a,cache=fast", "cache" },
    { "-drive file=a,discard=maybe", "discard" },
    { "-drive file=a,detect-zeroes=maybe", "detect-zeroes" },
    { "-drive file=a,if=scsi", "\"scsi\"" },
    { "-drive file=a,readonly=perhaps", "perhaps" },
    { "-drive file=a,cache=maybe", "maybe" },
    { "-drive file=a,werror=perhaps", "report, ignore, stop, enospc, auto" },
    { "-drive file=a,rerror=enospc", "report, ignore, stop, auto" },
    { "-drive file=a,if=none,id=h -device virtio-blk-device,drive=h,werror=perhaps",
      "-device virtio-blk-device,werror=perhaps" },
    { "-drive file=a,id=x -drive file=b,id=x", "id x" },
    { "-device scsi-cd", "virtio-scsi-pci" },
    { "-device virtio-scsi-pci,id=s -device scsi-cd,bus=t.0", "bus=t.0" },
    { "-device virtio-scsi-pci -device scsi-hd", "drive=ID" },
    { "-device virtio-scsi-pci -device scsi-hd,drive=nope", "id=nope" },
    { "-device virtio-scsi-pci -device scsi-cd,scsi-id=256", "255" },
    { "-device virtio-scsi-pci -device scsi-cd,lun=16384", "16383" },
    { "-device virtio-scsi-pci -device scsi-cd,channel=1", "channel=1" },
    { "-device virtio-scsi-pci -device scsi-cd,scsi-id=2 -device scsi-cd,scsi-id=2,lun=0",
      "scsi-id=2,lun=0" },
    { "-drive file=a,if=none,id=x -device virtio-scsi-pci -device scsi-hd,drive=x -device scsi-cd,drive=x",
      "in use" },
    { "-device virtio-scsi-pci,num_queues=63", "num_queues" },
    { "-device scsi-generic,drive=x", "scsi-hd" },
    { "-device virtio-scsi-pci -device ide-cd", "-device ahci" },
    { "-device ahci,id=a -device scsi-cd", "virtio-scsi-pci" },
    { "-device ahci,id=a -device ide-cd,bus=a.6", "bus=a.6" },
    { "-device ahci,id=a -device ide-cd,bus=a.1 -device ide-cd,bus=a.1", "bus=a.1" },
    { "-device ahci -device ide-cd -device ide-cd -device ide-cd -device ide-cd -device ide-cd -device "
      "ide-cd "
      "-device ide-cd",
      "6 ports" },
    { "-drive file=a,bogus=1", "bogus=1" },
    { "-device virtio-blk-device", "drive=ID" },
    { "-device virtio-blk-device,drive=nope", "id=nope" },
    { "-drive file=a,if=virtio,id=x -device virtio-blk-device,drive=x", "if=none" },
    { "-drive file=a,if=none,id=x -device virtio-blk-device,drive=x -device virtio-blk-device,drive=x",
      "in use" },
    { "-device virtio-rng-device,bus=virtio-mmio-bus.8", "virtio-mmio-bus.8" },
    { "-device virtio-rng-device,bus=pcie.0", "pcie.0" },
    { "-device virtio-rng-device,bus=virtio-mmio-bus.1 -device virtio-rng-device,bus=virtio-mmio-bus.1",
      "bus.1" },
    { "-device virtio-rng-device,rng=r", "id=r" },
    { "-device virtio-rng-pci,rng=r", "id=r" },
    { "-device virtio-rng-pci,bus=virtio-mmio-bus.1", "pcie.0" },
    { "-device virtio-rng-pci,addr=20", "addr=20" },
    { "-device virtio-rng-pci,addr=1.8", "addr=1.8" },
    { "-device virtio-rng-pci,addr=1.", "addr=1." },
    { "-device virtio-rng-pci,addr", "addr=" },
    { "-device virtio-rng-pci,addr=-1", "addr=-1" },
    { "-device virtio-rng-pci,addr=1.1.1", "addr=1.1.1" },
    { "-device virtio-rng-pci,addr=0", "host bridge" },
    { "-device virtio-rng-pci,addr=0.1", "0.1" },
    { "-device virtio-rng-pci,addr=3 -device virtio-rng-pci,addr=3", "3.0" },
    { "-device virtio-rng-pci,addr=3 -device virtio-rng-pci,addr=3.1", "multifunction=on" },
    { "-device virtio-rng-pci,addr=3.1", "multifunction=on" },
    { "-device virtio-rng-pci,vectors=9999", "vectors=9999" },
    { "-device virtio-rng-pci,disable-legacy=perhaps", "perhaps" },
    { "-device virtio-rng-pci,multifunction=2", "multifunction" },
    { "-device virtio-rng-pci,romfile=efi.rom", "efi.rom" },
    { "-device virtio-rng-pci,nonsense=1", "virtio-rng-pci: unknown option nonsense=1" },
    { "-device virtio-rng-device,addr=1", "addr=1" },
    { "-device virtio-blk-pci", "drive=ID" },
    { "-device nvme,serial=x", "drive=ID" },
    { "-drive file=a,if=none,id=a -device nvme,drive=a", "serial=TEXT" },
    { "-drive file=a,if=none,id=a -device nvme,drive=a,serial=x,mdts=0", "mdts=0" },
    { "-drive file=a,if=none,id=a -device nvme,drive=a,serial=x,use-intel-id=on", "QEMU 10" },
    { "-drive file=a,if=none,id=a -device nvme,drive=a,serial=x,cmb_size_mb=16", "cmb_size_mb=16" },
    { "-device nvme-ns,drive=a", "one namespace" },
    { "-drive file=a,if=nvme", "none, virtio, pflash" },
    { "-device pcie-root-port,id=p,bus=p", "is on pcie.0" },
    { "-device virtio-rng-pci,bus=p", "no such bus" },
    { "-device pcie-root-port,id=p -device virtio-rng-pci,bus=p,addr=1", "only slot 0" },
    { "-device pcie-root-port,id=p -device virtio-rng-pci,bus=p -device virtio-rng-pci,bus=p",
      "bus p are taken" },
    { "-device pcie-root-port,chassis=1 -device pcie-root-port,chassis=1", "two of them" },
    { "-device pcie-root-port,port=256", "0 to 255" },
    { "-device pxb-pcie", "pcie-root-port" },
    { "-device pci-bridge", "chassis_nr" },
    { "-device pcie-pci-bridge,shpc=on", "SHPC" },
    { "-device xio3130-downstream", "x3130-upstream" },
    { "-device x3130-upstream", "bus of a port" },
    { "-serial stdio -chardev stdio,id=c -device virtio-serial-pci -device virtconsole,chardev=c", "stdio" },
    { "-device virtio-rng-device -device virtio-rng-device -device virtio-rng-device -device "
      "virtio-rng-device "
      "-device virtio-rng-device -device virtio-rng-device -device virtio-rng-device -device "
      "virtio-rng-device "
      "-device virtio-rng-device",
      "8 virtio-mmio slots" },
    { "-device virtconsole,chardev=c", "virtio-serial-device" },
    { "-device virtserialport,chardev=c,bus=x.0", "bus=x.0" },
    { "-device virtio-serial-pci -device virtserialport,name=a", "chardev=ID" },
    { "-device virtio-serial-pci -device virtserialport,chardev=c,nr=0", "nr=0" },
    { "-device virtio-serial-pci -device virtserialport,chardev=c,nr=16", "0 to 15" },
    { "-device virtio-serial-pci -device virtserialport,chardev=c,nr=2 -device virtserialport,chardev=c,nr=2",
      "nr=2" },
    { "-device virtio-serial-device -device virtconsole,chardev=c", "id=c" },
    { "-device loader,file=x,data=1,data-len=1", "-device loader" },
    { "-device loader,addr=1", "-device loader" },
    { "-device guest-loader,addr=1", "kernel=FILE" },
    { "-device guest-loader,addr=1,kernel=a,initrd=b", "kernel=FILE" },
    { "-device guest-loader,kernel=a", "addr= is missing" },
    { "-device guest-loader,addr=1,initrd=a,bootargs=b", "bootargs= is for kernel=" },
    { "-device guest-loader,addr=1,kernel=a,id=b", "unknown option id" },
    { "-device loader,data=1,data-len=9,addr=0x80000000", "data-len=9" },
    { "-device loader,file=x,cpu-num=64", "cpu-num=64" },
    { "-object rng-egd,id=x", "rng-egd" },
    { "-object rng-random", "id=ID" },
    { "-chardev spicevmc,id=x", "spicevmc" },
    { "-chardev file,id=x", "path=PATH" },
    { "-chardev file,id=x,path=f,server=on", "server" },
    { "-chardev socket,id=x", "path=PATH" },
    { "-chardev socket,id=x,path=a,fd=3", "fd=N" },
    { "-chardev socket,id=x,path=a,reconnect=3", "reconnect=3" },
    { "-chardev socket,id=x,path=a,abstract=on", "abstract=on" },
    { "-chardev udp,id=x,host=h", "port=PORT" },
    { "-chardev ringbuf,id=x,size=1000", "size=1000" },
    { "-chardev stdio,id=x,signal=maybe", "signal=maybe" },
    { "-chardev stdio,mux=maybe,id=x", "maybe" },
    { "-chardev null", "id=ID" },
    { "-serial chardev:nope", "id=nope" },
    { "-serial file:", "file:" },
    { "-serial null -serial null -serial null -serial null -serial null -serial null -serial null -serial "
      "null "
      "-serial null",
      "more than 8" },
    { "-serial null -serial chardev:nope", "id=nope" },
    { "-parallel stdio", "no parallel port" },
    { "-vga matrox", "matrox" },
    { "-global nonsense", "driver, property, value" },
    { "-global driver=x,property=y", "DRIVER.PROPERTY=VALUE" },
    { "-global virtio-rng-pci.foo=1 -device virtio-rng-pci", "foo=1" },
    { "-global riscv-cpu.nosuch=off", "nosuch" },
    { "-global virtio-mmio.force-legacy=2", "\"2\"" },
    { "-rtc base=yesterday", "yesterday" },
    { "-rtc clock=atomic", "atomic" },
    { "-rtc driftfix=maybe", "maybe" },
    { "-d int,nonsense", "nonsense" },
    { "-boot order=aa", "order=aa" },
    { "-boot order=q", "bootindex=N" },
    { "-boot splash-time=70000", "splash-time=70000" },
    { "-fw_cfg name=opt/x", "file=FILE" },
    { "-fw_cfg opt/x,string=a,file=b", "file=FILE" },
    { "-fw_cfg opt/x,string=a -fw_cfg opt/x,string=b", "of that name" },
    { "-fw_cfg opt/123456789012345678901234567890123456789012345678901234,string=a", "55 characters" },
    { "-uuid 1234", "-uuid 1234" },
    { "-uuid 550e8400-e29b-41d4-a716-4466554400000", "too long" },
    { "-smbios vendor=x", "type=N" },
    { "-smbios type=9", "type=9" },
    { "-smbios type=1,color=red", "color" },
    { "-smbios type=11,value=", "empty" },
    { "-drive file=a,if=none,id=a -device virtio-blk-device,drive=a,bootindex=-2", "bootindex=-2" },
    { "-action reboot=maybe", "shutdown, reset" },
    { "-action panic=maybe", "exit-failure" },
    { "-watchdog-action bark", "bark" },
    { "-echr 0", "-echr 0" },
    { "-echr x", "-echr x" },
    { "-overcommit mem-lock=maybe", "on-fault" },
    { "-msg timestamp=maybe", "maybe" },
    { "-name process=", "process" },
    { "-daemonize -nographic", "-nographic" },
    { "-daemonize -serial stdio", "no terminal" },
    { "-daemonize -serial null -monitor stdio", "no terminal" },
    { "-seed -1", "-seed -1" },
    { "-set drive.x.cache=none", "no -drive with id=x" },
    { "-set nonsense", "GROUP.ID.KEY=VALUE" },
    { "-add-fd fd=2,set=1", "above 2" },
    { "-add-fd fd=3", "set=N" },
    { "-drive file=/dev/fdset/7", "-add-fd" },
    { "-readconfig /nonexistent", "/nonexistent" },
    { "-object memory-backend-ram,id=m", "size=SIZE" },
    { "-object memory-backend-file,id=m,size=1M", "mem-path=FILE" },
    { "-object memory-backend-ram,id=m,size=1M,mem-path=f", "memory-backend-file" },
    { "-object memory-backend-ram,id=m,size=1000", "multiple of 4K" },
    { "-object memory-backend-memfd,id=m,size=1M,hugetlb=on", "hugetlbfs" },
    { "-M virt,memory-backend=m", "memory-backend=m" },
    { "-device ivshmem-plain", "memdev=ID" },
    { "-device ivshmem-plain,memdev=m", "id=m" },
    { "-object memory-backend-ram,id=m,size=1M -device ivshmem-plain,memdev=m -device ivshmem-plain,memdev=m",
      "another use" },
    { "-object memory-backend-ram,id=m,size=64M -M virt,memory-backend=m -device ivshmem-plain,memdev=m",
      "another use" },
    { "-object memory-backend-ram,id=m,size=64M -numa node,memdev=m -m 64M -device ivshmem-plain,memdev=m",
      "another use" },
    { "-device ivshmem,shm=s", "ivshmem-doorbell" },
    { "-device ivshmem-doorbell", "chardev=ID" },
    { "-device ivshmem-doorbell,chardev=c", "id=c" },
    { "-chardev socket,id=c,path=p -device ivshmem-doorbell,chardev=c,vectors=65", "64" },
    { "-chardev null,id=c -device ivshmem-doorbell,chardev=c", "path=PATH" },
    { "-chardev socket,id=c,path=p,server=on -device ivshmem-doorbell,chardev=c", "path=PATH" },
    { "-chardev socket,id=c,host=h,port=1 -device ivshmem-doorbell,chardev=c", "path=PATH" },
    { "-object memory-backend-ram,id=m,size=64M -M virt,memory-backend=m -m 32M", "64 MiB" },
    { "-numa node,memdev=m -m 64M", "memdev=m" },
    { "-numa node,mem=32M -numa node,mem=32M", "64 MiB" },
    { "-numa node,cpus=1", "-smp" },
    { "-numa node,cpus=0 -numa node,cpus=0", "two nodes" },
    { "-numa node,cpus=1-0", "cpus=1-0" },
    { "-numa node,nodeid=8", "nodeid=8" },
    { "-numa dist,src=0,dst=1,val=9", "10 to 255" },
    { "-numa hmat-lb", "hmat-lb" },
    { "-initrd x", "-initrd x" },
    { "-append x", "-append" },
    { "-chardev stdio,id=c -device virtio-serial-device -device virtconsole,chardev=c", "stdio" },
};

/* Places where gdb can attach. */
START_TEST(sata_ports)
{
    parsed("-device virtio-scsi-pci -device ahci,id=a -device ich9-ahci,id=b -drive file=x,if=none,id=d "
           "-device ide-hd,drive=d,bus=b.5 -device ide-cd,bus=a.0 -device ide-cd");
    const struct machine_unit *units = options.machine.units;
    static const unsigned ports[] = { 5, 0, 1 }, controllers[] = { 3, 2, 2 };
    ck_assert_uint_eq(options.machine.unit_count, 3);
    for (unsigned n = 0; n < 3; n++) {
        ck_assert_uint_eq(units[n].settings.target, ports[n] + 1);
        ck_assert_uint_eq(units[n].controller, controllers[n]);
    }
    ck_assert(!units[0].drive.read_only);
}
END_TEST

/* Where units are that do not say it, and whose they are. */
START_TEST(scsi_units)
{
    parsed("-device virtio-scsi-device,id=a -device virtio-scsi-pci,id=b,num_queues=4 -drive "
           "file=x,if=none,id=d "
           "-device scsi-hd,drive=d,lun=3,werror=stop -device scsi-cd -device scsi-cd,scsi-id=0,id=c "
           "-device scsi-cd,bus=b.0,scsi-id=7,lun=2 -device scsi-cd,bus=b.0,scsi-id=7");
    const struct machine_unit *units = options.machine.units;
    static const unsigned targets[] = { 0, 0, 0, 7, 7 }, luns[] = { 3, 0, 1, 2, 0 };
    ck_assert_uint_eq(options.machine.unit_count, 5);
    for (unsigned n = 0; n < 5; n++) {
        ck_assert_uint_eq(units[n].settings.target, targets[n] + 1);
        ck_assert_uint_eq(units[n].settings.lun, luns[n] + 1);
        ck_assert_uint_eq(units[n].controller,
                          n < 3 ? slot(7)->controller : options.machine.pci[0].plug.controller);
    }
    ck_assert_str_eq(units[0].drive.path, "x");
    ck_assert_int_eq(units[0].drive.werror, BLOCKDEV_ON_ERROR_STOP);
    ck_assert(!units[0].drive.read_only);
    ck_assert_ptr_null(units[1].drive.path);
}
END_TEST

START_TEST(gdb_lines)
{
    ck_assert(parse("-M virt") && !options.machine.gdb && !options.machine.start_paused);
    ck_assert(parse("-s") && strcmp(options.machine.gdb, "tcp::1234") == 0);
    ck_assert(parse("-S -gdb tcp::26000") && strcmp(options.machine.gdb, "tcp::26000") == 0);
    ck_assert(options.machine.start_paused);
    ck_assert(parse("-s -gdb none") && !options.machine.gdb);
    ck_assert(parse("-gdb stdio -serial null") && strcmp(options.machine.gdb, "stdio") == 0);
}
END_TEST

START_TEST(failing_lines)
{
    check_failing_line(&failures[_i]);
}
END_TEST

/* Scripts grep for a line that begins with the flag. */
START_TEST(help_lines)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    parsed("-help");
    options_print(&options, out);
    fclose(out);
    static const char *const lines[] = { "\n-machine ", "\n-kernel ", "\n-drive ", "\n-no-reboot ",
                                         "\n-version " };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_ptr_nonnull(strstr(text, lines[i]));
    free(text);
}
END_TEST

START_TEST(sizes_and_names)
{
    uint64_t value;
    bool on;
    static const char *const names[] = { "kernel", "initrd", NULL };
    ck_assert(option_parse_size("3K", 1, &value) && value == 3072);
    ck_assert(option_parse_size("7", 1 << 20, &value) && value == 7 << 20);
    ck_assert(!option_parse_size("", 1, &value) && !option_parse_size("1KB", 1, &value));
    ck_assert(!option_parse_size("18446744073709551615K", 1, &value));
    ck_assert(option_parse_number("0x10", &value) && value == 16);
    ck_assert(option_parse_number("010", &value) && value == 10);
    ck_assert(!option_parse_number("0x", &value) || value == 0);
    ck_assert(!option_parse_number(" 1", &value) && !option_parse_number("1 ", &value));
    ck_assert(option_parse_switch(NULL, &on) && on);
    ck_assert(option_parse_switch("off", &on) && !on);
    ck_assert(!option_parse_switch("", &on));
    ck_assert_str_eq(option_nearest("kernle", names), "kernel");
    ck_assert_ptr_null(option_nearest("zzzzzz", names));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, defaults);
    tcase_add_test(tests, models);
    tcase_add_test(tests, what_is_already_so);
    tcase_add_test(tests, vectors);
    tcase_add_test(tests, cpus);
    tcase_add_test(tests, called_for_rv32);
    tcase_add_test(tests, strict);
    tcase_add_test(tests, teaching_kernel);
    tcase_add_test(tests, buildroot_without_network);
    tcase_add_test(tests, debian_with_uboot);
    tcase_add_test(tests, ubuntu_and_ci);
    tcase_add_test(tests, errors_of_disks);
    tcase_add_test(tests, order_of_slots);
    tcase_add_test(tests, screens);
    tcase_add_test(tests, uefi_desktop_disks);
    tcase_add_test(tests, nodes);
    tcase_add_test(tests, places_on_the_pci_bus);
    tcase_add_test(tests, nvme);
    tcase_add_test(tests, screens_for_browsers);
    tcase_add_test(tests, usb_devices);
    tcase_add_test(tests, usb_controllers);
    tcase_add_test(tests, shared_memory);
    tcase_add_test(tests, consoles);
    tcase_add_test(tests, loaders);
    tcase_add_test(tests, small_flags);
    tcase_add_test(tests, sata_ports);
    tcase_add_test(tests, scsi_units);
    tcase_add_test(tests, gdb_lines);
    tcase_add_loop_test(tests, failing_lines, 0, sizeof(failures) / sizeof(failures[0]));
    tcase_add_test(tests, help_lines);
    tcase_add_test(tests, sizes_and_names);
    suite_add_tcase(suite, tests);
    return suite;
}
