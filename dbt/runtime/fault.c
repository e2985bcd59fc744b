/* SPDX-License-Identifier: MIT
 *
 * See fault.h.
 */
#include "dbt/runtime/fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <ucontext.h>

#define CACHES_MAX 16

static const struct code_cache *_Atomic caches[CACHES_MAX];
static struct sigaction before; /* what served the signal before */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool installed;

static void on_fault(int number, siginfo_t *info, void *opaque)
{
    ucontext_t *context = opaque;
    greg_t *pc = &context->uc_mcontext.gregs[REG_RIP];
    bool sent = info->si_code <= 0; /* by a process, not by the instruction */
    for (unsigned i = 0; i < CACHES_MAX && !sent; i++) {
        const struct code_cache *cache = atomic_load_explicit(&caches[i], memory_order_acquire);
        const uint8_t *cold = cache ? code_cache_find_fault(cache, (const uint8_t *)(uintptr_t)*pc) : NULL;
        if (cold) {
            *pc = (greg_t)(uintptr_t)cold;
            return;
        }
    }
    sigaction(number, &before, NULL); /* the instruction faults again, and the earlier handler serves it */
    if (sent)
        raise(number);
}

bool fault_serve(const struct code_cache *cache)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART };
    unsigned i = 0;
    pthread_mutex_lock(&lock);
    while (i < CACHES_MAX && atomic_load(&caches[i]))
        i++;
    if (i < CACHES_MAX)
        atomic_store(&caches[i], cache);
    if (i < CACHES_MAX && !installed)
        installed = sigaction(SIGSEGV, &action, &before) == 0;
    pthread_mutex_unlock(&lock);
    return i < CACHES_MAX && installed;
}

void fault_forget(const struct code_cache *cache)
{
    bool any = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < CACHES_MAX; i++) {
        if (atomic_load(&caches[i]) == cache)
            atomic_store(&caches[i], NULL);
        any |= atomic_load(&caches[i]) != NULL;
    }
    if (!any && installed) {
        sigaction(SIGSEGV, &before, NULL);
        installed = false;
    }
    pthread_mutex_unlock(&lock);
}
