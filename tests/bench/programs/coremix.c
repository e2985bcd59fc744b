// SPDX-License-Identifier: MIT
// A mix of what small controllers do, in the proportions of the usual benchmark for them: a linked list that
// is searched, reversed and sorted; products of small matrices; a state machine that reads numbers; and a CRC
// over all the results, bit by bit.
#include "bench.h"

enum { LIST_NODES = 64, SIDE = 12, TEXT_LENGTH = 512 };

struct node {
    struct node *next;
    int16_t value, index;
};

static struct node list_nodes[LIST_NODES];
static int16_t left[SIDE][SIDE], right[SIDE][SIDE];
static int32_t product[SIDE][SIDE];
static char text[TEXT_LENGTH + 1];

static uint16_t crc_add(uint16_t crc, uint32_t value, unsigned bits)
{
    for (; bits; bits--, value >>= 1) {
        bool odd = (crc ^ value) & 1;
        crc = (uint16_t)(crc >> 1);
        if (odd)
            crc ^= 0xa001;
    }
    return crc;
}

static struct node *list_make(uint64_t seed)
{
    for (int i = 0; i < LIST_NODES; i++) {
        list_nodes[i].next = i + 1 < LIST_NODES ? &list_nodes[i + 1] : NULL;
        list_nodes[i].value = (int16_t)(bench_random(&seed) % 1000);
        list_nodes[i].index = (int16_t)i;
    }
    return list_nodes;
}

static struct node *list_reverse(struct node *list)
{
    struct node *reversed = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static const struct node *list_find(const struct node *list, int16_t value)
{
    while (list && list->value != value)
        list = list->next;
    return list;
}

static int compare_value(const struct node *a, const struct node *b)
{
    return a->value - b->value;
}
static int compare_index(const struct node *a, const struct node *b)
{
    return a->index - b->index;
}

static struct node *list_merge(struct node *a, struct node *b,
                               int (*compare)(const struct node *, const struct node *))
{
    struct node head = { 0 }, *tail = &head;
    while (a && b) {
        struct node **from = compare(a, b) <= 0 ? &a : &b;
        tail->next = *from;
        tail = *from;
        *from = tail->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

static struct node *list_sort(struct node *list, unsigned count,
                              int (*compare)(const struct node *, const struct node *))
{
    if (count < 2) {
        if (list)
            list->next = NULL;
        return list;
    }
    struct node *second = list;
    for (unsigned i = 0; i < count / 2; i++)
        second = second->next;
    second = list_sort(second, count - count / 2, compare);
    return list_merge(list_sort(list, count / 2, compare), second, compare);
}

static uint16_t list_work(uint16_t crc, uint64_t seed)
{
    struct node *list = list_make(seed);
    for (int i = 0; i < 32; i++) {
        const struct node *found = list_find(list, (int16_t)(bench_random(&seed) % 1000));
        crc = crc_add(crc, found ? (uint32_t)found->index : 0xffff, 16);
        list = list_reverse(list);
    }
    list = list_sort(list, LIST_NODES, compare_value);
    crc = crc_add(crc, (uint32_t)list->value << 16 | (uint16_t)list->next->index, 32);
    list = list_sort(list, LIST_NODES, compare_index);
    return crc_add(crc, (uint16_t)list->next->value, 16);
}

static uint16_t matrix_work(uint16_t crc, uint64_t seed)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            left[i][j] = (int16_t)(bench_random(&seed) % 512);
            right[i][j] = (int16_t)(left[i][j] ^ (i * 7 + j));
        }
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            int32_t sum = 0;
            for (int k = 0; k < SIDE; k++)
                sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    int32_t fields = 0;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            fields += (product[i][j] >> 2 & 15) * (product[i][j] >> 5 & 127);
    return crc_add(crc, (uint32_t)fields, 32);
}

enum state {
    START,
    SIGNED,
    INTEGER,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGNED,
    EXPONENT_DIGITS,
    INVALID,
    STATES
};

static enum state state_next(enum state state, char c)
{
    bool digit = c >= '0' && c <= '9', sign = c == '+' || c == '-';
    switch (state) {
    case START: return digit ? INTEGER : sign ? SIGNED : c == '.' ? POINT : INVALID;
    case SIGNED: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : c == 'e' ? EXPONENT : INVALID;
    case EXPONENT: return digit ? EXPONENT_DIGITS : sign ? EXPONENT_SIGNED : INVALID;
    case EXPONENT_SIGNED:
    case EXPONENT_DIGITS: return digit ? EXPONENT_DIGITS : INVALID;
    default: return INVALID;
    }
}

static uint16_t state_work(uint16_t crc, uint64_t seed)
{
    uint32_t ended[STATES] = { 0 }, visited[STATES] = { 0 };
    for (int i = 0; i < TEXT_LENGTH; i++)
        text[i] = "0123456789012345678901234.-+e,,,"[bench_random(&seed) % 32];
    text[TEXT_LENGTH] = 0;
    enum state state = START;
    for (const char *at = text;; at++) {
        if (*at == ',' || *at == 0) {
            ended[state]++;
            state = START;
            if (*at == 0)
                break;
        } else {
            state = state_next(state, *at);
            visited[state]++;
        }
    }
    for (int i = 0; i < STATES; i++)
        crc = crc_add(crc, ended[i] << 16 | visited[i], 32);
    return crc;
}

static uint64_t coremix_run(void)
{
    uint16_t crc = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        crc = list_work(crc, seed);
        crc = matrix_work(crc, seed);
        crc = state_work(crc, seed);
    }
    return crc;
}

const struct bench_program bench_coremix[] = {
    { "integer", "coremix", 200, 0x3315, NULL, coremix_run, NULL },
    { 0 },
};
