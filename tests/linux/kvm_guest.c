/* SPDX-License-Identifier: MIT
 *
 * A virtual machine of Linux's KVM: one vCPU runs the code below, which uses its own page table, registers of
 * a device (that this program is), the timer, wfi, and memory that is not there at first, and ends by SBI.
 * Built for the guest by kvm.sh.
 */
#include <fcntl.h>
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

int main(void)
{
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
    size_t size = (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    uint64_t pc = BASE;
    struct kvm_one_reg reg = { .id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE |
                                     KVM_REG_RISCV_CORE_REG(regs.pc),
                               .addr = (uintptr_t)&pc };
    if (ioctl(vcpu, KVM_SET_ONE_REG, &reg) < 0)
        return fail("pc");
    unsigned stored = 0;
    for (unsigned turns = 0; turns < 1000; turns++) {
        if (ioctl(vcpu, KVM_RUN, 0) < 0)
            return fail("KVM_RUN");
        switch (run->exit_reason) {
        case KVM_EXIT_MMIO:
            if (run->mmio.is_write && run->mmio.len == 1) {
                putchar(run->mmio.data[0]);
            } else if (run->mmio.is_write) {
                memcpy(&stored, run->mmio.data, run->mmio.len < 4 ? run->mmio.len : 4);
                printf("\nstore of 0x%x to 0x%llx\n", stored, run->mmio.phys_addr);
            } else {
                uint32_t value = run->mmio.phys_addr == 0x10000003 ? 'd' : 0x09abcdef;
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
