/* SPDX-License-Identifier: MIT
 *
 * What the files of the IOMMU share: its state, the formats of its registers and tables, and the request that
 * a translation is about. Functions marked [locked] are called with the IOMMU's lock held.
 */
#ifndef DEVICES_IOMMU_INTERNAL_H
#define DEVICES_IOMMU_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "devices/iommu/iommu.h"
#include "devices/worker.h"
#include "util/check.h"

/* ---- Registers (chapter 6) ----------------------------------------------------------------------------- */

enum iommu_register {
    IOMMU_CAPABILITIES = 0x00,
    IOMMU_FCTL = 0x08,
    IOMMU_DDTP = 0x10,
    IOMMU_CQB = 0x18,
    IOMMU_CQH = 0x20,
    IOMMU_CQT = 0x24,
    IOMMU_FQB = 0x28,
    IOMMU_FQH = 0x30,
    IOMMU_FQT = 0x34,
    IOMMU_CQCSR = 0x48,
    IOMMU_FQCSR = 0x4c,
    IOMMU_IPSR = 0x54,
    IOMMU_TR_IOVA = 0x258,
    IOMMU_TR_CONTROL = 0x260,
    IOMMU_TR_RESPONSE = 0x268,
    IOMMU_ICVEC = 0x2f8,
    IOMMU_MSI_TABLE = 0x300
};

/* Version 1.0; Sv39, Sv48 and Sv57 in both stages; flat tables for messages (so device contexts have the
 * extended format); translation requests by registers; 56 bits of physical address; process ids of 8, 17 and
 * 20 bits. Not there: Sv32, Svnapot, Svpbmt, memory-resident interrupt files, updates of A and D, ATS and
 * page requests, big endian, counters. */
#define IOMMU_CAPABILITIES_VALUE                                                                             \
    (UINT64_C(0x10) | UINT64_C(0xe00) | UINT64_C(0xe0000) | UINT64_C(1) << 22 | UINT64_C(1) << 31 |          \
     UINT64_C(56) << 32 | UINT64_C(7) << 38)
#define IOMMU_BOTH_INTERRUPTS (UINT64_C(2) << 28)
#define IOMMU_PPN             UINT64_C(0x003ffffffffffc00) /* of registers and table entries: bits 53:10 */
#define IOMMU_PAGE            UINT64_C(4096)

enum iommu_mode { IOMMU_OFF, IOMMU_BARE, IOMMU_1LVL, IOMMU_2LVL, IOMMU_3LVL };
enum { IOMMU_FCTL_WSI = 2 };
enum { /* of cqcsr and fqcsr */
       IOMMU_Q_ENABLE = 1,
       IOMMU_Q_INTERRUPT = 2,
       IOMMU_Q_MEMORY_FAULT = 0x100,
       IOMMU_CQ_TIMEOUT = 0x200,
       IOMMU_FQ_OVERFLOW = 0x200,
       IOMMU_CQ_ILLEGAL = 0x400,
       IOMMU_CQ_FENCE = 0x800,
       IOMMU_Q_ON = 0x10000
};
#define IOMMU_CQ_ERRORS (IOMMU_Q_MEMORY_FAULT | IOMMU_CQ_TIMEOUT | IOMMU_CQ_ILLEGAL)
#define IOMMU_FQ_ERRORS (IOMMU_Q_MEMORY_FAULT | IOMMU_FQ_OVERFLOW)
enum { IOMMU_SOURCE_COMMANDS, IOMMU_SOURCE_FAULTS }; /* bits of ipsr, and fields of icvec */

/* ---- Faults (table "Fault record CAUSE field encodings") ----------------------------------------------- */

enum iommu_cause {
    IOMMU_FAULT_NONE = 0,
    IOMMU_ACCESS_FAULT_EXECUTE = 1,
    IOMMU_ACCESS_FAULT_READ = 5,
    IOMMU_ACCESS_FAULT_WRITE = 7,
    IOMMU_PAGE_FAULT_EXECUTE = 12,
    IOMMU_PAGE_FAULT_READ = 13,
    IOMMU_PAGE_FAULT_WRITE = 15,
    IOMMU_GUEST_FAULT_EXECUTE = 20,
    IOMMU_GUEST_FAULT_READ = 21,
    IOMMU_GUEST_FAULT_WRITE = 23,
    IOMMU_ALL_DISALLOWED = 256,
    IOMMU_DDT_ACCESS_FAULT = 257,
    IOMMU_DDT_INVALID = 258,
    IOMMU_DDT_MISCONFIGURED = 259,
    IOMMU_TYPE_DISALLOWED = 260,
    IOMMU_MSI_ACCESS_FAULT = 261,
    IOMMU_MSI_INVALID = 262,
    IOMMU_MSI_MISCONFIGURED = 263,
    IOMMU_PDT_ACCESS_FAULT = 265,
    IOMMU_PDT_INVALID = 266,
    IOMMU_PDT_MISCONFIGURED = 267,
    IOMMU_OWN_MESSAGE_FAULT = 273
};

enum iommu_access { IOMMU_EXECUTE, IOMMU_READ, IOMMU_WRITE }; /* plus one: TTYP of untranslated requests */

/* ---- A translation ------------------------------------------------------------------------------------- */

struct iommu_stage { /* first stage or second */
    unsigned levels; /* 0: bare */
    uint64_t root;   /* an address: of the guest's, if it is the first of two stages */
};

struct iommu_request {
    /* What is asked. */
    uint32_t device, process;
    bool has_process, privileged;
    enum iommu_access access;
    uint64_t iova;
    /* What the directories say (directory.c). */
    bool quiet; /* DTF */
    bool sum;   /* the process context's SUM */
    struct iommu_stage first, second;
    bool has_messages;
    uint64_t msi_table, msi_mask, msi_pattern; /* address, and page numbers */
    /* The answer: the cause, and more about it, or the physical address and what may be done in its page. */
    enum iommu_cause cause;
    uint64_t value2; /* iotval2 */
    uint64_t paddr;
    bool readable, writable;
    bool is_message; /* it goes to an interrupt file, and is not kept */
};

/* ---- The IOMMU ----------------------------------------------------------------------------------------- */

#define IOMMU_CACHE_ENTRIES 1024u

struct iommu_cached { /* a page's translation */
    uint64_t page, paddr;
    uint32_t device;
    uint32_t epoch; /* good while it is the IOMMU's */
    bool readable, writable;
};

struct iommu_queue {
    uint64_t base; /* the register */
    uint32_t head, tail;
    uint32_t csr;
};

struct iommu_message {
    uint64_t address;
    uint32_t data, control;
};

struct iommu {
    struct pci_iommu pci; /* must be first */
    struct iommu_config config;
    pthread_mutex_t lock;
    struct device_worker worker;
    bool held;
    atomic_uint mode; /* enum iommu_mode; changes with the lock held */
    uint64_t directory;
    uint32_t fctl, ipsr, icvec;
    struct iommu_queue commands, faults;
    uint64_t tr_iova, tr_control, tr_response;
    struct iommu_message messages[IOMMU_VECTORS]; /* if it has wires */
    uint32_t pending; /* vectors whose message is to be sent, or waits since its vector is masked */
    uint32_t epoch;   /* of the cache: rises when it becomes invalid; never 0 */
    struct iommu_cached cache[IOMMU_CACHE_ENTRIES];
};

/* walk.c: translates, or sets the cause. Reads tables only, and a limited number of them. [locked] */
bool iommu_walk(struct iommu *iommu, struct iommu_request *request);
/* The second stage, for the address `gpa`; `implicit`: it is a table's. On success sets request->paddr and
 * what may be done there. [locked] */
bool iommu_second_stage(struct iommu *iommu, struct iommu_request *request, uint64_t gpa, bool implicit);
/* Reads `count` doublewords of a table. */
bool iommu_load_words(struct iommu *iommu, uint64_t paddr, uint64_t *words, unsigned count);
static inline bool iommu_fail(struct iommu_request *request, enum iommu_cause cause)
{
    request->cause = cause;
    return false;
}
/* The cause of that kind for the request's access; `execute` is its first code. */
static inline enum iommu_cause iommu_cause_of(const struct iommu_request *request, enum iommu_cause execute)
{
    static const unsigned access_faults[] = { 0, 4, 6 }, page_faults[] = { 0, 1, 3 };
    return execute + (execute == IOMMU_ACCESS_FAULT_EXECUTE ? access_faults : page_faults)[request->access];
}

/* directory.c: finds the contexts of the request. [locked] */
bool iommu_find_context(struct iommu *iommu, struct iommu_request *request);

/* msi.c: if `gpa` is an interrupt file's, translates it and sets is_message. [locked] */
bool iommu_translate_message(struct iommu *iommu, struct iommu_request *request, uint64_t gpa);

/* queue.c. [locked] */
void iommu_record_fault(struct iommu *iommu, const struct iommu_request *request);
/* The IOMMU's own message found no one at that address. */
void iommu_record_own_fault(struct iommu *iommu, uint64_t address);
/* Stores a word in memory, or sends it as a message. */
bool iommu_store_word(struct iommu *iommu, uint64_t address, uint32_t word);
void iommu_write_queue_csr(struct iommu *iommu, struct iommu_queue *queue, uint32_t value);
uint64_t iommu_queue_mask(const struct iommu_queue *queue);
/* Executes some commands. Returns whether there are more. */
bool iommu_run_commands(struct iommu *iommu);
bool iommu_has_commands(const struct iommu *iommu);

/* interrupt.c. [locked] */
void iommu_raise(struct iommu *iommu, unsigned source);
void iommu_update_interrupts(struct iommu *iommu);
/* Makes wires agree with ipsr. */
void iommu_update_wires(struct iommu *iommu);
/* Sends what is pending and not masked; releases the lock for that. By the worker. */
void iommu_send_messages(struct iommu *iommu);
bool iommu_may_send(const struct iommu *iommu);

/* cache.c. [locked] */
bool iommu_cache_find(struct iommu *iommu, uint32_t device, uint64_t iova, bool write, uint64_t *paddr);
void iommu_cache_fill(struct iommu *iommu, const struct iommu_request *request);
void iommu_cache_drop(struct iommu *iommu);

#endif
