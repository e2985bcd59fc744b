/* SPDX-License-Identifier: MIT
 *
 * Commands of the xHCI controller (sections 4.6 and 6.4.3) and the contexts of devices that they work on
 * (section 6.2). What the driver says about a device is copied into the slot here as far as it is used; the
 * rest is only passed from the input context to the device context.
 */
#include <string.h>

#include "devices/usb/xhci_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { CONTEXT_BYTES = 32, CONTROL_ENDPOINT = 1 };
enum { TYPE_CONTROL = 4 }; /* of an endpoint; those from 4 on are to the host, or both */
#define ENTRIES_SHIFT  27u
#define ROUTE_MASK     0xfffffu
#define ROOT_PORT_MASK 0xff0000u
#define STATE_SHIFT    27u
#define ADD_SLOT       1u
#define ADD_CONTROL    2u

struct context {
    uint32_t words[8];
};
_Static_assert(sizeof(struct context) == CONTEXT_BYTES, "the layout of section 6.2");

/* ---- Contexts in the guest's memory -------------------------------------------------------------------- */

static bool get_context(struct xhci *xhci, uint64_t at, unsigned number, struct context *context)
{
    return dma_read(xhci->config.dma, at + number * CONTEXT_BYTES, context, sizeof(*context));
}

static bool put_context(struct xhci *xhci, const struct xhci_slot *slot, unsigned number,
                        const struct context *context)
{
    return dma_write(xhci->config.dma, slot->context + number * CONTEXT_BYTES, context, sizeof(*context));
}

/* Reads which contexts of the input are to be dropped and added. */
static bool get_flags(struct xhci *xhci, uint64_t input, uint32_t *drop, uint32_t *add)
{
    struct context control;
    if (!get_context(xhci, input, 0, &control))
        return false;
    *drop = control.words[0];
    *add = control.words[1];
    return true;
}

static uint64_t dequeue_of(const struct context *context)
{
    return context->words[2] | (uint64_t)context->words[3] << 32;
}

static void set_ring(struct xhci_endpoint *endpoint, uint64_t dequeue)
{
    endpoint->ring = (struct xhci_ring){ dequeue & ~(uint64_t)15, dequeue & TRB_CYCLE };
    endpoint->done = endpoint->event_data = 0;
}

/* ---- Slots --------------------------------------------------------------------------------------------- */

void xhci_slot_clear(struct xhci_slot *slot)
{
    memset(slot, 0, sizeof(*slot));
}

static enum xhci_code enable_slot(struct xhci *xhci, unsigned *number)
{
    unsigned limit = xhci->configure & 0xff;
    for (unsigned n = 1; n <= XHCI_SLOTS && n <= limit; n++) {
        if (xhci->slots[n].enabled)
            continue;
        xhci_slot_clear(&xhci->slots[n]);
        xhci->slots[n].enabled = true;
        *number = n;
        return XHCI_SUCCESS;
    }
    return XHCI_NO_SLOTS;
}

/* Section 4.6.5. */
static enum xhci_code address_device(struct xhci *xhci, unsigned number, const struct xhci_trb *trb)
{
    struct xhci_slot *slot = &xhci->slots[number];
    uint64_t input = trb->parameter & ~(uint64_t)15, at;
    bool block = trb->control & TRB_BSR;
    struct context device, control;
    uint32_t drop, add;
    if (!get_flags(xhci, input, &drop, &add) || !get_context(xhci, input, 1, &device) ||
        !get_context(xhci, input, 2, &control) ||
        !dma_read(xhci->config.dma, xhci->contexts + 8ull * number, &at, sizeof(at)))
        return XHCI_PARAMETER;
    if ((add & 3) != 3 || drop & 3 || (control.words[1] >> 3 & 7) != TYPE_CONTROL)
        return XHCI_PARAMETER;
    if (slot->state > (block ? SLOT_ENABLED : SLOT_DEFAULT))
        return XHCI_CONTEXT_STATE;
    unsigned port = device.words[1] >> 16 & 0xff;
    uint32_t route = device.words[0] & ROUTE_MASK;
    if (!xhci_find_device(xhci, port, route))
        return XHCI_TRANSACTION;
    xhci_slot_clear(slot);
    slot->enabled = true;
    slot->state = block ? SLOT_DEFAULT : SLOT_ADDRESSED;
    slot->context = at & ~(uint64_t)63;
    slot->port = port;
    slot->route = route;
    slot->endpoints[CONTROL_ENDPOINT].state = EP_RUNNING;
    set_ring(&slot->endpoints[CONTROL_ENDPOINT], dequeue_of(&control));
    device.words[3] = (uint32_t)slot->state << STATE_SHIFT | (block ? 0 : number);
    control.words[0] = (control.words[0] & ~7u) | EP_RUNNING;
    if (put_context(xhci, slot, 0, &device) && put_context(xhci, slot, CONTROL_ENDPOINT, &control))
        return XHCI_SUCCESS;
    xhci_slot_clear(slot);
    slot->enabled = true;
    return XHCI_PARAMETER;
}

/* Writes the slot's state to the device context, after a change of its endpoints. With `input`, what the
 * driver may change of it is taken from there. */
static bool update_slot(struct xhci *xhci, const struct xhci_slot *slot, const struct context *input)
{
    struct context device;
    if (!get_context(xhci, slot->context, 0, &device))
        return false;
    if (input) {
        device.words[0] = (input->words[0] & ~ROUTE_MASK) | (device.words[0] & ROUTE_MASK);
        device.words[1] = (input->words[1] & ~ROOT_PORT_MASK) | (device.words[1] & ROOT_PORT_MASK);
        device.words[2] = input->words[2];
    }
    if (slot->state != SLOT_CONFIGURED)
        device.words[0] = (device.words[0] & ~(31u << ENTRIES_SHIFT)) | 1u << ENTRIES_SHIFT;
    if (slot->state == SLOT_DEFAULT)
        device.words[3] &= ~0xffu; /* its address */
    device.words[3] = (device.words[3] & ~(31u << STATE_SHIFT)) | (uint32_t)slot->state << STATE_SHIFT;
    return put_context(xhci, slot, 0, &device);
}

/* ---- Endpoints ----------------------------------------------------------------------------------------- */

static bool drop_endpoint(struct xhci *xhci, struct xhci_slot *slot, unsigned n)
{
    struct context context;
    if (slot->endpoints[n].state == EP_DISABLED)
        return true;
    memset(&slot->endpoints[n], 0, sizeof(slot->endpoints[n]));
    slot->ready &= ~(1u << n);
    if (!get_context(xhci, slot->context, n, &context))
        return false;
    context.words[0] &= ~7u;
    return put_context(xhci, slot, n, &context);
}

static bool drop_endpoints(struct xhci *xhci, struct xhci_slot *slot, uint32_t which)
{
    bool ok = true;
    for (unsigned n = CONTROL_ENDPOINT + 1; n < XHCI_ENDPOINTS; n++)
        if (which >> n & 1)
            ok &= drop_endpoint(xhci, slot, n);
    return ok;
}

/* Is that a kind of endpoint which there is? Its number says in which direction it goes. */
static bool is_endpoint(const struct context *context, unsigned n)
{
    unsigned type = context->words[1] >> 3 & 7, streams = context->words[0] >> 10 & 31;
    if (streams)
        LOG_UNIMP("xhci: an endpoint with streams");
    return type && type != TYPE_CONTROL && (type > TYPE_CONTROL) == (n & 1) && !streams;
}

static enum xhci_code add_endpoints(struct xhci *xhci, struct xhci_slot *slot, uint64_t input, uint32_t add)
{
    struct context context;
    for (unsigned n = CONTROL_ENDPOINT + 1; n < XHCI_ENDPOINTS; n++)
        if (add >> n & 1 && (!get_context(xhci, input, n + 1, &context) || !is_endpoint(&context, n)))
            return XHCI_PARAMETER;
    for (unsigned n = CONTROL_ENDPOINT + 1; n < XHCI_ENDPOINTS; n++) {
        if (!(add >> n & 1))
            continue;
        get_context(xhci, input, n + 1, &context); /* what the guest has changed meanwhile does no harm */
        context.words[0] = (context.words[0] & ~7u) | EP_RUNNING;
        if (!put_context(xhci, slot, n, &context))
            return XHCI_PARAMETER;
        slot->endpoints[n].state = EP_RUNNING;
        set_ring(&slot->endpoints[n], dequeue_of(&context));
    }
    return XHCI_SUCCESS;
}

/* Section 4.6.6. */
static enum xhci_code configure_endpoint(struct xhci *xhci, struct xhci_slot *slot,
                                         const struct xhci_trb *trb)
{
    uint64_t input = trb->parameter & ~(uint64_t)15;
    struct context device, *given = NULL;
    uint32_t drop = UINT32_MAX, add = 0, used = 0;
    if (slot->state < SLOT_ADDRESSED)
        return XHCI_CONTEXT_STATE;
    if (!(trb->control & TRB_DECONFIGURE)) {
        if (!get_flags(xhci, input, &drop, &add))
            return XHCI_PARAMETER;
        if (add & ADD_SLOT) {
            if (!get_context(xhci, input, 1, &device))
                return XHCI_PARAMETER;
            given = &device;
        }
    }
    if (!drop_endpoints(xhci, slot, drop))
        return XHCI_PARAMETER;
    enum xhci_code code = add_endpoints(xhci, slot, input, add);
    for (unsigned n = CONTROL_ENDPOINT + 1; n < XHCI_ENDPOINTS; n++)
        used += slot->endpoints[n].state != EP_DISABLED;
    slot->state = used ? SLOT_CONFIGURED : SLOT_ADDRESSED;
    if (code == XHCI_SUCCESS && !update_slot(xhci, slot, given))
        code = XHCI_PARAMETER;
    return code;
}

/* Section 4.6.7: only the latency, the interrupter, and the size of endpoint 0's packets change. */
static enum xhci_code evaluate_context(struct xhci *xhci, struct xhci_slot *slot, const struct xhci_trb *trb)
{
    uint64_t input = trb->parameter & ~(uint64_t)15;
    struct context from, to;
    uint32_t drop, add;
    if (slot->state < SLOT_DEFAULT)
        return XHCI_CONTEXT_STATE;
    if (!get_flags(xhci, input, &drop, &add))
        return XHCI_PARAMETER;
    if (add & ADD_SLOT) {
        if (!get_context(xhci, input, 1, &from) || !get_context(xhci, slot->context, 0, &to))
            return XHCI_PARAMETER;
        to.words[1] = (to.words[1] & ~0xffffu) | (from.words[1] & 0xffff);
        to.words[2] = (to.words[2] & 0x3fffff) | (from.words[2] & ~0x3fffffu);
        if (!put_context(xhci, slot, 0, &to))
            return XHCI_PARAMETER;
    }
    if (add & ADD_CONTROL) {
        if (!get_context(xhci, input, 2, &from) || !get_context(xhci, slot->context, 1, &to))
            return XHCI_PARAMETER;
        to.words[1] = (to.words[1] & 0xffff) | (from.words[1] & ~0xffffu);
        if (!put_context(xhci, slot, CONTROL_ENDPOINT, &to))
            return XHCI_PARAMETER;
    }
    return XHCI_SUCCESS;
}

/* Section 4.6.11. */
static enum xhci_code reset_device(struct xhci *xhci, struct xhci_slot *slot)
{
    if (slot->state < SLOT_ADDRESSED)
        return XHCI_CONTEXT_STATE;
    slot->state = SLOT_DEFAULT;
    slot->control.stage = STAGE_SETUP;
    return drop_endpoints(xhci, slot, UINT32_MAX) && update_slot(xhci, slot, NULL) ? XHCI_SUCCESS
                                                                                   : XHCI_PARAMETER;
}

/* Sections 4.6.8 to 4.6.10. */
static enum xhci_code endpoint_command(struct xhci *xhci, unsigned number, const struct xhci_trb *trb)
{
    struct xhci_slot *slot = &xhci->slots[number];
    unsigned n = trb->control >> 16 & 31;
    struct xhci_endpoint *endpoint = &slot->endpoints[n];
    if (!n)
        return XHCI_TRB_ERROR;
    if (endpoint->state == EP_DISABLED)
        return XHCI_ENDPOINT_NOT_ENABLED;
    switch (XHCI_TRB_TYPE(trb->control)) {
    case TRB_STOP_ENDPOINT:
        if (endpoint->state != EP_RUNNING)
            return XHCI_CONTEXT_STATE;
        xhci_endpoint_stop(xhci, number, n);
        return XHCI_SUCCESS;
    case TRB_RESET_ENDPOINT:
        if (endpoint->state != EP_HALTED)
            return XHCI_CONTEXT_STATE;
        break;
    default:
        if (endpoint->state != EP_STOPPED && endpoint->state != EP_ERROR)
            return XHCI_CONTEXT_STATE;
        if (trb->status >> 16)
            return XHCI_TRB_ERROR; /* a stream */
        set_ring(endpoint, trb->parameter);
        break;
    }
    if (n == CONTROL_ENDPOINT)
        slot->control.stage = STAGE_SETUP;
    xhci_endpoint_set(xhci, number, n, EP_STOPPED);
    return XHCI_SUCCESS;
}

/* ---- The command ring ---------------------------------------------------------------------------------- */

static enum xhci_code slot_command(struct xhci *xhci, unsigned number, const struct xhci_trb *trb)
{
    if (!number || number > XHCI_SLOTS || !xhci->slots[number].enabled)
        return XHCI_SLOT_NOT_ENABLED;
    struct xhci_slot *slot = &xhci->slots[number];
    switch (XHCI_TRB_TYPE(trb->control)) {
    case TRB_DISABLE_SLOT: xhci_slot_clear(slot); return XHCI_SUCCESS;
    case TRB_ADDRESS_DEVICE: return address_device(xhci, number, trb);
    case TRB_CONFIGURE_ENDPOINT: return configure_endpoint(xhci, slot, trb);
    case TRB_EVALUATE_CONTEXT: return evaluate_context(xhci, slot, trb);
    case TRB_RESET_DEVICE: return reset_device(xhci, slot);
    default: return endpoint_command(xhci, number, trb);
    }
}

static void execute(struct xhci *xhci, const struct xhci_trb *trb, uint64_t at)
{
    unsigned slot = trb->control >> 24, type = XHCI_TRB_TYPE(trb->control);
    enum xhci_code code;
    if (type == TRB_COMMAND_NOOP) {
        code = XHCI_SUCCESS;
    } else if (type == TRB_ENABLE_SLOT) {
        slot = 0;
        code = enable_slot(xhci, &slot);
    } else if (type >= TRB_DISABLE_SLOT && type <= TRB_RESET_DEVICE) {
        code = slot_command(xhci, slot, trb);
    } else {
        LOG_UNIMP("xhci: command of type %u", type);
        code = XHCI_TRB_ERROR;
    }
    if (code != XHCI_SUCCESS)
        LOG_GUEST("xhci: command of type %u for slot %u ends with code %u", type, slot, code);
    xhci_event(xhci, 0, at, (uint32_t)code << 24, XHCI_TYPE(TRB_COMMAND_EVENT) | slot << 24);
}

void xhci_commands(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    while (xhci->commands_run && xhci->commands_ready && xhci_runs(xhci) && xhci_events_room(xhci, 0) >= 2) {
        struct xhci_trb trb;
        uint64_t at;
        bool bad;
        if (xhci_ring_next(xhci, &xhci->commands, &trb, &at, &bad)) {
            execute(xhci, &trb, at);
            continue;
        }
        xhci->commands_ready = !bad && !xhci->budget;
        if (bad)
            xhci_fail(xhci, "the command ring", xhci->commands.at);
        return;
    }
}
