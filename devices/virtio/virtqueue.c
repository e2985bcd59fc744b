/* SPDX-License-Identifier: MIT
 *
 * Split virtqueues: see virtqueue.h for the rules that keep a hostile driver harmless.
 *
 * Notifications (section 2.7.10): the device asks to be told of new buffers only when it found the ring
 * empty, and looks once more after having asked, so that none is missed. Without the event index it always
 * wants to be told. Index words are read with acquire and written with release, as the driver does.
 */
#include "devices/virtio/virtqueue.h"

#include <stdio.h>
#include <string.h>

#include "devices/virtio/virtio.h"
#include "util/check.h"
#include "util/log.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum { AVAIL_NO_INTERRUPT = 1 };
#define DESC_BYTES       16u
#define RING_HEADER      4u /* flags and idx, of both rings */
#define USED_ENTRY_BYTES 8u

struct descriptor {
    uint64_t paddr;
    uint32_t length;
    uint16_t flags, next;
};

/* The same in the guest's memory, at any alignment (indirect tables need none). */
struct descriptor_in_ram {
    uint64_t paddr;
    uint32_t length;
    uint16_t flags, next;
} __attribute__((packed));

static uint64_t avail_bytes(const struct virtqueue *queue)
{
    return RING_HEADER + 2u * queue->size + 2;
}

static uint64_t used_bytes(const struct virtqueue *queue)
{
    return RING_HEADER + USED_ENTRY_BYTES * queue->size + 2;
}

/* Where a word of an area is: at `host`, if the area is mapped. NULL if the IOMMU denies the access. The word
 * is aligned, so it is in one page. [locked] */
static uint8_t *word_at(struct virtqueue *queue, uint8_t *host, uint64_t address, uint64_t length, bool write,
                        uint64_t *paddr)
{
    *paddr = address;
    return host ? host : dma_map(queue->device->dma, address, &length, write, paddr);
}

/* A word of the available ring. If it cannot be read, the device is broken. [locked] */
static uint16_t load16(struct virtqueue *queue, uint64_t offset)
{
    uint64_t paddr;
    uint8_t *at = queue->avail ? queue->avail + offset : NULL;
    const uint8_t *host = word_at(queue, at, queue->avail_paddr + offset, 2, false, &paddr);
    if (host)
        return __atomic_load_n((const uint16_t *)host, __ATOMIC_SEQ_CST);
    LOG_GUEST("%s: queue %u: the available ring is not RAM any more", queue->device->ops->name, queue->index);
    virtio_device_break(queue->device);
    return 0;
}

/* Checks what holds between any two calls, whatever the driver does. */
static void check_queue(const struct virtqueue *queue)
{
    CHECK(queue->size_max && !(queue->size_max & (queue->size_max - 1)));
    CHECK(queue->size_max <= VIRTQUEUE_SIZE_MAX);
    CHECK(queue->size <= queue->size_max && !(queue->size & (queue->size - 1)));
    CHECK(!queue->enabled || queue->size);
    CHECK(!queue->enabled || dma_is_translated(queue->device->dma) ||
          (queue->desc && queue->avail && queue->used));
    CHECK(queue->index < queue->device->queue_count);
}

/* Checks what devices may rely on in a chain. */
static void check_chain(const struct virtqueue *queue, const struct virtq_chain *chain)
{
    uint64_t out = 0, in = 0;
    CHECK(chain->head < queue->size);
    CHECK(chain->out_count + chain->in_count <= VIRTQUEUE_SIZE_MAX);
    for (unsigned n = 0; n < chain->out_count + chain->in_count; n++) {
        CHECK(chain->segments[n].iov_base && chain->segments[n].iov_len);
        *(n < chain->out_count ? &out : &in) += chain->segments[n].iov_len;
    }
    CHECK(out == chain->out_length && in == chain->in_length && out + in <= UINT32_MAX);
}

void virtqueue_init(struct virtqueue *queue, struct virtio_device *device, unsigned index, uint16_t size_max)
{
    *queue = (struct virtqueue){ .device = device, .index = index, .size_max = size_max, .size = size_max };
}

void virtqueue_reset(struct virtqueue *queue)
{
    CHECK_HELD(&queue->device->lock);
    uint32_t epoch = queue->epoch;
    virtqueue_init(queue, queue->device, queue->index, queue->size_max);
    queue->epoch = epoch + 1;
}

void virtqueue_set_size(struct virtqueue *queue, uint32_t size)
{
    CHECK_HELD(&queue->device->lock);
    bool possible = size && size <= queue->size_max && !(size & (size - 1));
    queue->size = possible ? (uint16_t)size : 0;
}

/* Maps the three areas. Section 2.7 demands an alignment of 16, 2 and 4 bytes. A table of descriptors that is
 * aligned less does no harm. Behind an IOMMU nothing is mapped for longer than an access, since areas may be
 * pieces of memory and translations change. */
static bool virtqueue_map(struct virtqueue *queue)
{
    struct dma *dma = queue->device->dma;
    unsigned table_align = queue->device->strict ? 16 : 1;
    if (!queue->size || queue->desc_paddr % table_align || queue->avail_paddr % 2 || queue->used_paddr % 4)
        return false;
    if (dma_is_translated(dma))
        return true;
    queue->desc = dma->ops->map(dma, queue->desc_paddr, (uint64_t)queue->size * DESC_BYTES, false);
    queue->avail = dma->ops->map(dma, queue->avail_paddr, avail_bytes(queue), false);
    queue->used = dma->ops->map(dma, queue->used_paddr, used_bytes(queue), true);
    return queue->desc && queue->avail && queue->used;
}

bool virtqueue_enable(struct virtqueue *queue)
{
    CHECK_HELD(&queue->device->lock);
    if (queue->enabled)
        return true;
    if (!virtqueue_map(queue)) {
        LOG_GUEST("%s: queue %u: bad ring (size %u, descriptors 0x%llx, available 0x%llx, used 0x%llx)",
                  queue->device->ops->name, queue->index, queue->size, (unsigned long long)queue->desc_paddr,
                  (unsigned long long)queue->avail_paddr, (unsigned long long)queue->used_paddr);
        return false;
    }
    queue->last_avail = queue->used_idx = 0;
    queue->signalled_valid = false;
    queue->enabled = true;
    CHECK_INVARIANT(check_queue(queue));
    return true;
}

void virtqueue_disable(struct virtqueue *queue)
{
    CHECK_HELD(&queue->device->lock);
    queue->enabled = false;
    queue->epoch++;
}

/* Appends memory of the host. Returns NULL, or what is wrong with it. */
static const char *chain_add(struct virtq_chain *chain, bool in, uint8_t *host, uint64_t paddr,
                             uint32_t length)
{
    unsigned n = chain->out_count + chain->in_count;
    if (n == VIRTQUEUE_SIZE_MAX)
        return "a chain of too many pieces of memory";
    chain->segments[n] = (struct iovec){ host, length };
    chain->paddrs[n] = paddr;
    *(in ? &chain->in_count : &chain->out_count) += 1;
    *(in ? &chain->in_length : &chain->out_length) += length;
    return NULL;
}

/* Appends one buffer: behind an IOMMU, all of its pieces. Returns NULL, or what is wrong with it. */
static const char *chain_append(struct virtqueue *queue, struct virtq_chain *chain,
                                const struct descriptor *desc)
{
    bool in = desc->flags & DESC_WRITE;
    if (!in && chain->in_count)
        return "a readable descriptor after a writable one";
    if (!desc->length)
        return NULL;
    if (desc->length > UINT32_MAX - chain->out_length - chain->in_length)
        return "a chain of 4 GiB or more";
    const char *fault = NULL;
    for (uint64_t done = 0; done < desc->length && !fault;) {
        uint64_t piece = desc->length - done, paddr;
        uint8_t *host = dma_map(queue->device->dma, desc->paddr + done, &piece, in, &paddr);
        fault = host ? chain_add(chain, in, host, paddr, (uint32_t)piece) : "a buffer that is not RAM";
        done += piece;
    }
    return fault;
}

/* The position of a walk over a chain. `seen` counts descriptors of the current table, `total` of the
 * chain. */
struct walk {
    const uint8_t *table; /* NULL behind an IOMMU */
    uint64_t table_paddr;
    uint32_t table_size, seen, total;
    bool indirect;
};

/* Reads a descriptor once, since the guest may change the table meanwhile. False if it is not RAM. */
static bool descriptor_fetch(struct virtqueue *queue, const struct walk *walk, uint32_t index,
                             struct descriptor *desc)
{
    const volatile struct descriptor_in_ram *ram;
    struct descriptor_in_ram copy;
    if (walk->table)
        ram = (const volatile struct descriptor_in_ram *)(walk->table + (size_t)index * DESC_BYTES);
    else if (dma_read(queue->device->dma, walk->table_paddr + (uint64_t)index * DESC_BYTES, &copy,
                      sizeof(copy)))
        ram = &copy;
    else
        return false;
    *desc = (struct descriptor){ ram->paddr, ram->length, ram->flags, ram->next };
    return true;
}

/* Enters an indirect table (section 2.7.5.3). Returns NULL, or what is wrong with it. */
static const char *walk_enter(struct virtqueue *queue, struct walk *walk, const struct descriptor *desc)
{
    if (!virtio_device_has(queue->device, VIRTIO_F_INDIRECT_DESC))
        return "an indirect descriptor that was not negotiated";
    if (walk->indirect)
        return "an indirect table within an indirect table";
    if (desc->flags & DESC_NEXT)
        return "an indirect descriptor with a next one";
    if (!desc->length || desc->length % DESC_BYTES)
        return "an indirect table of a length that is no multiple of 16";
    struct dma *dma = queue->device->dma;
    walk->table = dma_is_translated(dma) ? NULL : dma->ops->map(dma, desc->paddr, desc->length, false);
    if (!walk->table && !dma_is_translated(dma))
        return "an indirect table that is not RAM";
    walk->table_paddr = desc->paddr;
    walk->table_size = desc->length / DESC_BYTES;
    walk->indirect = true;
    walk->seen = 0;
    return NULL;
}

/* Collects the chain that starts at `head`. Returns NULL, or what is wrong with it. */
static const char *chain_collect(struct virtqueue *queue, struct virtq_chain *chain, uint16_t head)
{
    struct walk walk = { .table = queue->desc, .table_paddr = queue->desc_paddr, .table_size = queue->size };
    uint32_t index = head;
    chain->head = head;
    chain->epoch = queue->epoch;
    chain->out_count = chain->in_count = 0;
    chain->out_length = chain->in_length = 0;
    for (;;) {
        if (index >= walk.table_size)
            return "a descriptor index beyond the table";
        /* The limit for indirect tables is the size that the device offers, even if the driver made its ring
         * smaller: such drivers size their tables by the device's limit. */
        if (++walk.seen > walk.table_size || ++walk.total > queue->size_max)
            return "a chain with a loop, or longer than the queue";
        struct descriptor desc;
        if (!descriptor_fetch(queue, &walk, index, &desc))
            return "a table of descriptors that is not RAM";
        const char *fault;
        if (desc.flags & DESC_INDIRECT) {
            fault = walk_enter(queue, &walk, &desc);
            walk.total--; /* the descriptor of the table holds no buffer */
            index = 0;
        } else {
            fault = chain_append(queue, chain, &desc);
            if (!fault && !(desc.flags & DESC_NEXT))
                return NULL;
            index = desc.next;
        }
        if (fault)
            return fault;
    }
}

static void lost_used(struct virtqueue *queue)
{
    LOG_GUEST("%s: queue %u: the used ring is not RAM any more", queue->device->ops->name, queue->index);
    virtio_device_break(queue->device);
}

/* Stores a word of the used ring. This is also a full barrier: what the device tells the driver is visible
 * before the device looks at what the driver tells it, so at least one of them notices the other (sections
 * 2.7.7 and 2.7.10). It is an exchange, since thread sanitizers know that as a barrier. */
static void store_used16(struct virtqueue *queue, uint64_t offset, uint16_t value)
{
    struct dma *dma = queue->device->dma;
    uint64_t paddr;
    uint8_t *at = queue->used ? queue->used + offset : NULL;
    uint8_t *host = word_at(queue, at, queue->used_paddr + offset, 2, true, &paddr);
    if (!host) {
        lost_used(queue);
        return;
    }
    (void)__atomic_exchange_n((uint16_t *)host, value, __ATOMIC_SEQ_CST);
    dma->ops->written(dma, paddr, 2);
}

/* Stores half of a used entry; the halves may lie in two pages. */
static void store_used32(struct virtqueue *queue, uint64_t offset, uint32_t value)
{
    uint64_t paddr;
    uint8_t *at = queue->used ? queue->used + offset : NULL;
    uint8_t *host = word_at(queue, at, queue->used_paddr + offset, 4, true, &paddr);
    if (!host) {
        lost_used(queue);
        return;
    }
    __atomic_store_n((uint32_t *)host, value, __ATOMIC_RELAXED);
    queue->device->dma->ops->written(queue->device->dma, paddr, 4);
}

/* The ring looked empty: asks for a notification, then looks again. */
static uint16_t avail_idx_after_asking(struct virtqueue *queue)
{
    if (virtio_device_has(queue->device, VIRTIO_F_EVENT_IDX))
        store_used16(queue, RING_HEADER + USED_ENTRY_BYTES * queue->size, queue->last_avail);
    return load16(queue, 2);
}

bool virtqueue_pop(struct virtqueue *queue, struct virtq_chain *chain)
{
    CHECK_HELD(&queue->device->lock);
    CHECK_INVARIANT(check_queue(queue));
    if (!queue->enabled || !virtio_device_may_run(queue->device))
        return false;
    uint16_t idx = load16(queue, 2);
    if (idx == queue->last_avail) {
        idx = avail_idx_after_asking(queue);
        if (idx == queue->last_avail)
            return false;
    }
    if (queue->device->broken)
        return false; /* the IOMMU denied access to a ring */
    const char *fault = NULL;
    if ((uint16_t)(idx - queue->last_avail) > queue->size) {
        fault = "an available index that is ahead by more than the ring's size";
    } else {
        unsigned slot = queue->last_avail & (queue->size - 1u);
        fault = chain_collect(queue, chain, load16(queue, RING_HEADER + 2 * slot));
    }
    if (fault) {
        LOG_GUEST("%s: queue %u: the driver gave %s", queue->device->ops->name, queue->index, fault);
        virtio_device_break(queue->device);
        return false;
    }
    queue->last_avail++;
    CHECK_INVARIANT(check_chain(queue, chain));
    if (log_enabled(LOG_CATEGORY_VIRTIO))
        log_line(LOG_CATEGORY_VIRTIO, "%s: queue %u: takes %u: out %u bytes, in %u bytes",
                 queue->device->ops->name, queue->index, chain->head, chain->out_length, chain->in_length);
    return true;
}

bool virtqueue_retake(struct virtqueue *queue, struct virtq_chain *chain, uint32_t head)
{
    CHECK_HELD(&queue->device->lock);
    return queue->enabled && head < queue->size && !chain_collect(queue, chain, (uint16_t)head);
}

bool virtqueue_has_more(struct virtqueue *queue)
{
    CHECK_HELD(&queue->device->lock);
    return queue->enabled &&
           (load16(queue, 2) != queue->last_avail || avail_idx_after_asking(queue) != queue->last_avail);
}

void virtqueue_unpop(struct virtqueue *queue, unsigned count)
{
    CHECK_HELD(&queue->device->lock);
    queue->last_avail = (uint16_t)(queue->last_avail - count);
}

void virtqueue_fill(struct virtqueue *queue, const struct virtq_chain *chain, uint32_t written,
                    unsigned ahead)
{
    CHECK_HELD(&queue->device->lock);
    CHECK(written <= chain->in_length);
    struct dma *dma = queue->device->dma;
    /* This is done even if the queue is gone, since the buffers may have been written. */
    for (unsigned n = chain->out_count; n < chain->out_count + chain->in_count; n++)
        dma->ops->written(dma, chain->paddrs[n], chain->segments[n].iov_len);
    if (!queue->enabled || chain->epoch != queue->epoch)
        return;
    if (log_enabled(LOG_CATEGORY_VIRTIO))
        log_line(LOG_CATEGORY_VIRTIO, "%s: queue %u: returns %u: %u bytes written", queue->device->ops->name,
                 queue->index, chain->head, written);
    uint64_t offset = RING_HEADER + USED_ENTRY_BYTES * ((queue->used_idx + ahead) & (queue->size - 1u));
    store_used32(queue, offset, chain->head);
    store_used32(queue, offset + 4, written);
}

void virtqueue_publish(struct virtqueue *queue, unsigned count)
{
    CHECK_HELD(&queue->device->lock);
    queue->used_idx = (uint16_t)(queue->used_idx + count);
    store_used16(queue, 2, queue->used_idx);
}

void virtqueue_push(struct virtqueue *queue, const struct virtq_chain *chain, uint32_t written)
{
    virtqueue_fill(queue, chain, written, 0);
    if (queue->enabled && chain->epoch == queue->epoch)
        virtqueue_publish(queue, 1);
}

/* Sections 2.7.7 and 2.7.10: is an interrupt due for the entries from `signalled` to `used_idx`? */
static bool interrupt_wanted(struct virtqueue *queue)
{
    if (!virtio_device_has(queue->device, VIRTIO_F_EVENT_IDX))
        return !(load16(queue, 0) & AVAIL_NO_INTERRUPT);
    uint16_t event = load16(queue, RING_HEADER + 2 * queue->size);
    uint16_t crossed = (uint16_t)(queue->used_idx - event - 1);
    return !queue->signalled_valid || crossed < (uint16_t)(queue->used_idx - queue->signalled);
}

void virtqueue_signal(struct virtqueue *queue)
{
    CHECK_HELD(&queue->device->lock);
    if (!queue->enabled || (queue->signalled_valid && queue->signalled == queue->used_idx))
        return;
    bool wanted = interrupt_wanted(queue);
    queue->signalled = queue->used_idx;
    queue->signalled_valid = true;
    if (wanted)
        virtio_device_queue_interrupt(queue->device, queue->index);
}

unsigned virtq_chain_iov(const struct virtq_chain *chain, bool in, uint32_t offset, uint32_t length,
                         struct iovec *iov)
{
    const struct iovec *segment = chain->segments + (in ? chain->out_count : 0);
    const struct iovec *end = segment + (in ? chain->in_count : chain->out_count);
    unsigned count = 0;
    for (; segment < end && length; segment++) {
        if (offset >= segment->iov_len) {
            offset -= (uint32_t)segment->iov_len;
            continue;
        }
        size_t part = segment->iov_len - offset;
        if (part > length)
            part = length;
        iov[count++] = (struct iovec){ (uint8_t *)segment->iov_base + offset, part };
        length -= (uint32_t)part;
        offset = 0;
    }
    return count;
}

/* Copies between `bytes` and the buffers of one direction, segment by segment. */
static size_t chain_copy(const struct virtq_chain *chain, bool in, uint32_t offset, uint8_t *to,
                         const uint8_t *from, size_t length)
{
    const struct iovec *segment = chain->segments + (in ? chain->out_count : 0);
    const struct iovec *end = segment + (in ? chain->in_count : chain->out_count);
    size_t done = 0;
    for (; segment < end && done < length; segment++) {
        if (offset >= segment->iov_len) {
            offset -= (uint32_t)segment->iov_len;
            continue;
        }
        uint8_t *host = (uint8_t *)segment->iov_base + offset;
        size_t part = segment->iov_len - offset;
        if (part > length - done)
            part = length - done;
        memcpy(in ? host : to + done, in ? from + done : host, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtq_chain_read(const struct virtq_chain *chain, uint32_t offset, void *bytes, size_t length)
{
    return chain_copy(chain, false, offset, bytes, NULL, length);
}

size_t virtq_chain_write(const struct virtq_chain *chain, uint32_t offset, const void *bytes, size_t length)
{
    return chain_copy(chain, true, offset, NULL, bytes, length);
}

static const char *field(char *buffer, size_t size, const struct virtqueue *queue, const char *name)
{
    snprintf(buffer, size, "queue%u.%s", queue->index, name);
    return buffer;
}

void virtqueue_save(const struct virtqueue *queue, struct state_writer *writer)
{
    CHECK_HELD(&queue->device->lock);
    char name[32];
    state_put(writer, field(name, sizeof(name), queue, "size"), queue->size);
    state_put(writer, field(name, sizeof(name), queue, "enabled"), queue->enabled);
    state_put(writer, field(name, sizeof(name), queue, "desc"), queue->desc_paddr);
    state_put(writer, field(name, sizeof(name), queue, "avail"), queue->avail_paddr);
    state_put(writer, field(name, sizeof(name), queue, "used"), queue->used_paddr);
    state_put(writer, field(name, sizeof(name), queue, "last_avail"), queue->last_avail);
    state_put(writer, field(name, sizeof(name), queue, "used_idx"), queue->used_idx);
}

bool virtqueue_load(struct virtqueue *queue, struct state_reader *reader)
{
    CHECK_HELD(&queue->device->lock);
    char name[32];
    virtqueue_reset(queue);
    virtqueue_set_size(
        queue, (uint32_t)state_get(reader, field(name, sizeof(name), queue, "size"), queue->size_max));
    bool enabled = state_get(reader, field(name, sizeof(name), queue, "enabled"), 1);
    queue->desc_paddr = state_get(reader, field(name, sizeof(name), queue, "desc"), UINT64_MAX);
    queue->avail_paddr = state_get(reader, field(name, sizeof(name), queue, "avail"), UINT64_MAX);
    queue->used_paddr = state_get(reader, field(name, sizeof(name), queue, "used"), UINT64_MAX);
    uint16_t last_avail =
        (uint16_t)state_get(reader, field(name, sizeof(name), queue, "last_avail"), UINT16_MAX);
    uint16_t used_idx = (uint16_t)state_get(reader, field(name, sizeof(name), queue, "used_idx"), UINT16_MAX);
    if (reader->failed)
        return false;
    if (enabled && !virtqueue_enable(queue)) {
        reader->failed = true;
        return error_set(reader->error, "saved state: %s queue %u lies outside this machine's RAM",
                         queue->device->ops->name, queue->index);
    }
    queue->last_avail = last_avail;
    queue->used_idx = used_idx;
    return true;
}
