/* SPDX-License-Identifier: MIT
 *
 * A virtual machine of Linux's KVM: one vCPU runs the code below, which uses its own page table, registers of
 * a device (that this program is), the timer, wfi, and memory that is not there at first, and ends by SBI.
 * Built for the guest by kvm.sh. With the argument "aia" KVM gives the vCPU an interrupt file of the hart's
 * (its mode "hwaccel"), to which the code and another thread of this program send messages.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#define BASE 0x80000000ul
#define SIZE 0x200000ul

extern const char guest[], guest_end[];
__asm__(".section .rodata\n.balign 8\n.option push\n.option norvc\n"
        "guest:\n"
        "li a0, 'v'; jal put\n"
        /* A page table: 1 GiB each for devices and for memory. */
        "li s0, 0x80001000\n"
        "li t0, 0xc7; sd t0, 0(s0)\n"
        "li t0, 0x200000cf; sd t0, 16(s0)\n"
        "srli t0, s0, 12; li t1, 8; slli t1, t1, 60; or t0, t0, t1\n"
        "csrw satp, t0; sfence.vma\n"
        "li a0, 'm'; jal put\n"
        /* A store and a load of a device. */
        "li s1, 0x10000000; li t0, 0x1234; sw t0, 8(s1)\n"
        "lbu a0, 3(s1); jal put\n"
        "lw t1, 16(s1); li t0, 0x09abcdef; bne t0, t1, bad\n"
        /* The timer: pending after wfi. */
        "li t0, 32; csrw sie, t0\n"
        "rdtime a0; li t0, 100000; add a0, a0, t0; li a7, 0x54494d45; li a6, 0; ecall\n"
        "1: wfi; csrr t0, sip; andi t0, t0, 32; beqz t0, 1b\n"
        "li a0, 't'; jal put\n"
        /* A loop with stores to many pages, which are not there at first. */
        "li s2, 0x80010000; li s3, 0x80200000; li t1, 4096; li s4, 0\n"
        "2: sd s2, 0(s2); ld t0, 0(s2); bne t0, s2, bad; add s2, s2, t1; addi s4, s4, 1; blt s2, s3, 2b\n"
        "li a0, 'p'; jal put\n"
        /* An interrupt file, if the device says that there is one: a message from this code, and one for
         * which wfi has to wait. siselect, sireg and stopei by their numbers. */
        "lw t0, 20(s1); beqz t0, 5f\n"
        "li t0, 0x70; csrw 0x150, t0; li t0, 1; csrw 0x151, t0\n"
        "li t0, 0xc0; csrw 0x150, t0; li t0, -1; csrw 0x151, t0\n"
        "li t0, 512; csrw sie, t0\n"
        "li s5, 0x28000000; li t0, 5; sw t0, 0(s5); fence\n"
        "csrrw t0, 0x15c, zero; li t1, 0x50005; bne t0, t1, bad\n"
        "li a0, 'i'; jal put\n"
        "sw zero, 24(s1)\n"
        "4: wfi; csrr t0, sip; andi t0, t0, 512; beqz t0, 4b\n"
        "csrrw t0, 0x15c, zero; li t1, 0x90009; bne t0, t1, bad\n"
        "li a0, 'w'; jal put\n"
        "5:\n"
        "li a7, 0x53525354; li a6, 0; li a0, 0; li a1, 0; ecall\n"
        "bad: li a0, '!'; jal put\n"
        "3: j 3b\n"
        "put: li s1, 0x10000000; sb a0, 0(s1); ret\n"
        "guest_end:\n.option pop\n.text\n");

static int fail(const char *what)
{
    perror(what);
    return 1;
}

/* Linux's asm/kvm.h of 6.5 and later. */
enum { DEV_TYPE_RISCV_AIA = 11 };
enum { AIA_CONFIG, AIA_ADDR, AIA_CTRL };
enum { CONFIG_MODE = 0, CONFIG_IDS = 1, CONFIG_SRCS = 2, CONFIG_HART_BITS = 5 };
enum { MODE_HWACCEL = 1 };
#define IMSIC 0x28000000ul
#define APLIC 0x0d000000ul

static int set(int device, uint32_t group, uint64_t attr, uint64_t value, size_t size)
{
    uint32_t word = (uint32_t)value;
    struct kvm_device_attr set = { .group = group,
                                   .attr = attr,
                                   .addr = size == 4 ? (uintptr_t)&word : (uintptr_t)&value };
    return ioctl(device, KVM_SET_DEVICE_ATTR, &set);
}

static int create_aia(int vm)
{
    struct kvm_create_device create = { .type = DEV_TYPE_RISCV_AIA };
    if (ioctl(vm, KVM_CREATE_DEVICE, &create) < 0)
        return fail("KVM_CREATE_DEVICE");
    int aia = (int)create.fd;
    if (set(aia, AIA_CONFIG, CONFIG_MODE, MODE_HWACCEL, 4) || set(aia, AIA_CONFIG, CONFIG_IDS, 255, 4) ||
        set(aia, AIA_CONFIG, CONFIG_SRCS, 32, 4) || set(aia, AIA_ADDR, 0, APLIC, 8) ||
        set(aia, AIA_ADDR, 1, IMSIC, 8) || set(aia, AIA_CTRL, 0, 0, 8))
        return fail("KVM_SET_DEVICE_ATTR");
    return 0;
}

/* Waits until the vCPU is in wfi, most likely, and sends it a message. */
static void *send_later(void *opaque)
{
    struct kvm_msi msi = { .address_lo = IMSIC, .data = 9 };
    usleep(200000);
    if (ioctl(*(int *)opaque, KVM_SIGNAL_MSI, &msi) < 0)
        fail("KVM_SIGNAL_MSI");
    return NULL;
}

int main(int count, char **arguments)
{
    bool aia = count > 1 && strcmp(arguments[1], "aia") == 0;
    int kvm = open("/dev/kvm", O_RDWR);
    if (kvm < 0)
        return fail("/dev/kvm");
    printf("KVM version %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
    int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return fail("KVM_CREATE_VM");
    void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memcpy(memory, guest, (size_t)(guest_end - guest));
    struct kvm_userspace_memory_region region = { .guest_phys_addr = BASE,
                                                  .memory_size = SIZE,
                                                  .userspace_addr = (uintptr_t)memory };
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return fail("memory");
    int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    if (vcpu < 0)
        return fail("KVM_CREATE_VCPU");
    if (aia && create_aia(vm))
        return 1;
    size_t size = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    uint64_t pc = BASE;
    struct kvm_one_reg reg = { .id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE |
                                     KVM_REG_RISCV_CORE_REG(regs.pc),
                               .addr = (uintptr_t)&pc };
    if (ioctl(vcpu, KVM_SET_ONE_REG, &reg) < 0)
        return fail("pc");
    unsigned stored = 0;
    pthread_t thread;
    for (unsigned turns = 0; turns < 1000; turns++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0)
            return fail("KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_MMIO:
            if (run->mmio.is_write && run->mmio.len == 1) {
                putchar(run->mmio.data[0]);
            } else if (run->mmio.is_write && run->mmio.phys_addr == 0x10000018) {
                pthread_create(&thread, NULL, send_later, &vm);
            } else if (run->mmio.is_write) {
                memcpy(&stored, run->mmio.data, run->mmio.len < 4 ? run->mmio.len : 4);
                printf("\nstore of 0x%x to 0x%llx\n", stored, run->mmio.phys_addr);
            } else {
                uint32_t value = run->mmio.phys_addr == 0x10000003   ? 'd'
                                 : run->mmio.phys_addr == 0x10000014 ? aia
                                                                     : 0x09abcdef;
                memcpy(run->mmio.data, &value, run->mmio.len < 4 ? run->mmio.len : 4);
            }
            break;
        case KVM_EXIT_SYSTEM_EVENT: printf("\nKVM guest ended, stored 0x%x\n", stored); return 0;
        default: printf("\nexit %u\n", run->exit_reason); return 1;
        }
        fflush(stdout);
    }
    return 1;
}
