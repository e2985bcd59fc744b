// SPDX-License-Identifier: MIT
// Integer programs: sorting, hashing, matrices, strings, recursion, indirect calls, an interpreter with one
// big switch.
#include <ctype.h>
#include <string.h>

#include "bench.h"

enum { SORT_COUNT = 1 << 14 };
static uint64_t sort_keys[SORT_COUNT];

static void sort_swap(uint64_t *a, uint64_t *b)
{
    uint64_t kept = *a;
    *a = *b;
    *b = kept;
}

static void sort_insertion(uint64_t *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        size_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void sort_quick(uint64_t *keys, size_t count)
{
    while (count > 16) {
        size_t middle = count / 2, low = 0, high = count - 1;
        if (keys[middle] < keys[0])
            sort_swap(&keys[middle], &keys[0]);
        if (keys[high] < keys[0])
            sort_swap(&keys[high], &keys[0]);
        if (keys[high] < keys[middle])
            sort_swap(&keys[high], &keys[middle]);
        uint64_t pivot = keys[middle];
        while (true) {
            while (keys[low] < pivot)
                low++;
            while (keys[high] > pivot)
                high--;
            if (low >= high)
                break;
            sort_swap(&keys[low++], &keys[high--]);
        }
        sort_quick(keys, low);
        keys += low;
        count -= low;
    }
    sort_insertion(keys, count);
}

static void sort_heap_sink(uint64_t *keys, size_t count, size_t parent)
{
    uint64_t key = keys[parent];
    for (size_t child = 2 * parent + 1; child < count; child = 2 * parent + 1) {
        if (child + 1 < count && keys[child + 1] > keys[child])
            child++;
        if (keys[child] <= key)
            break;
        keys[parent] = keys[child];
        parent = child;
    }
    keys[parent] = key;
}

static void sort_heap(uint64_t *keys, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sort_heap_sink(keys, count, i);
    for (size_t i = count; i-- > 1;) {
        sort_swap(&keys[0], &keys[i]);
        sort_heap_sink(keys, i, 0);
    }
}

static uint64_t sort_fill_and(void (*sort)(uint64_t *, size_t), uint64_t seed)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < SORT_COUNT; i++)
        sort_keys[i] = bench_random(&seed);
    sort(sort_keys, SORT_COUNT);
    for (size_t i = 0; i < SORT_COUNT; i++) {
        if (i > 0 && sort_keys[i] < sort_keys[i - 1])
            return 0;
        sum = bench_mix(sum, sort_keys[i]);
    }
    return sum;
}

static uint64_t sort_run(void)
{
    return sort_fill_and(sort_quick, 1) ^ sort_fill_and(sort_heap, 2);
}

// Hashing: words are put into a table with open addressing and looked up again.
enum { HASH_SLOTS = 1 << 14, HASH_WORDS = 10000, HASH_LENGTH = 24 };
static char hash_words[HASH_WORDS][HASH_LENGTH];
static uint32_t hash_table[HASH_SLOTS]; // 1 + the number of a word; 0: free

static bool hash_prepare(void)
{
    uint64_t seed = 3;
    for (size_t word = 0; word < HASH_WORDS; word++) {
        size_t length = 6 + bench_random(&seed) % (HASH_LENGTH - 7);
        for (size_t i = 0; i < length; i++)
            hash_words[word][i] = (char)('a' + bench_random(&seed) % 26);
        hash_words[word][length] = 0;
    }
    return true;
}

static uint32_t hash_word(const char *word, uint32_t salt)
{
    uint32_t hash = 0x811c9dc5 ^ salt;
    for (; *word; word++)
        hash = (hash ^ (uint8_t)*word) * 0x01000193;
    return hash ^ hash >> 15;
}

static uint64_t hash_run(void)
{
    uint64_t probes = 0, found = 0;
    memset(hash_table, 0, sizeof hash_table);
    for (uint32_t word = 0; word < HASH_WORDS; word++) {
        uint32_t slot = hash_word(hash_words[word], 0) % HASH_SLOTS;
        for (; hash_table[slot]; slot = (slot + 1) % HASH_SLOTS)
            probes++;
        hash_table[slot] = word + 1;
    }
    // Every second look-up is for a word that is not there: its salt differs.
    for (uint32_t word = 0; word < 2 * HASH_WORDS; word++) {
        const char *key = hash_words[word / 2];
        uint32_t slot = hash_word(key, word % 2) % HASH_SLOTS;
        for (; hash_table[slot]; slot = (slot + 1) % HASH_SLOTS) {
            probes++;
            if (strcmp(hash_words[hash_table[slot] - 1], key) == 0) {
                found++;
                break;
            }
        }
    }
    return probes << 20 | found;
}

enum { MATRIX_SIDE = 96 };
static int32_t matrix_a[MATRIX_SIDE][MATRIX_SIDE], matrix_b[MATRIX_SIDE][MATRIX_SIDE];
static int32_t matrix_c[MATRIX_SIDE][MATRIX_SIDE];

static bool matrix_prepare(void)
{
    uint64_t seed = 4;
    for (size_t i = 0; i < MATRIX_SIDE; i++)
        for (size_t j = 0; j < MATRIX_SIDE; j++) {
            matrix_a[i][j] = (int32_t)(bench_random(&seed) % 2001) - 1000;
            matrix_b[i][j] = (int32_t)(bench_random(&seed) % 2001) - 1000;
        }
    return true;
}

static uint64_t matrix_run(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < MATRIX_SIDE; i++)
        for (size_t j = 0; j < MATRIX_SIDE; j++) {
            int32_t product = 0;
            for (size_t k = 0; k < MATRIX_SIDE; k++)
                product += matrix_a[i][k] * matrix_b[k][j];
            matrix_c[i][j] = product;
        }
    for (size_t i = 0; i < MATRIX_SIDE; i++)
        for (size_t j = 0; j < MATRIX_SIDE; j++)
            sum = bench_mix(sum, (uint64_t)matrix_c[i][j]);
    return sum;
}

// Strings: a text is split into words, the words are reversed and counted, and patterns are searched, by
// loops over bytes and by the C library.
enum { STRINGS_LENGTH = 1 << 16 };
static char strings_text[STRINGS_LENGTH + 1], strings_copy[STRINGS_LENGTH + 1];

static bool strings_prepare(void)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < STRINGS_LENGTH; i++) {
        uint64_t value = bench_random(&seed);
        strings_text[i] = value % 6 == 0 ? ' ' : (char)("aeiorstnlEARST"[value / 6 % 14]);
    }
    strings_text[STRINGS_LENGTH] = 0;
    return true;
}

static void strings_reverse(char *first, char *last)
{
    for (; first < last; first++, last--) {
        char kept = *first;
        *first = *last;
        *last = kept;
    }
}

static unsigned strings_search(const char *text, const char *pattern)
{
    unsigned count = 0;
    for (; *text; text++) {
        size_t i = 0;
        while (pattern[i] && text[i] == pattern[i])
            i++;
        count += pattern[i] == 0;
    }
    return count;
}

static uint64_t strings_run(void)
{
    static const char *const patterns[] = { "rest", "tear", "stone", "lint", "sat" };
    uint64_t sum = strlen(strings_text);
    memcpy(strings_copy, strings_text, sizeof strings_copy);
    for (char *at = strings_copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        sum = bench_mix(sum, strings_search(strings_copy, patterns[i]));
        unsigned found = 0;
        for (const char *at = strings_copy; (at = strstr(at, patterns[i])); at++)
            found++;
        sum = bench_mix(sum, found);
    }
    const char *longest = "";
    for (char *word = strtok(strings_copy, " "); word; word = strtok(NULL, " ")) {
        size_t length = strlen(word);
        strings_reverse(word, word + length - 1);
        if (length > strlen(longest) || (length == strlen(longest) && strcmp(word, longest) > 0))
            longest = word;
        sum = bench_mix(sum, (uint64_t)word[0] << 8 | length);
    }
    return sum;
}

static uint64_t __attribute__((noinline)) fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t fib_run(void)
{
    return fib(27);
}

// Indirect calls: the result of each function decides which function is called next.
static uint64_t call_add(uint64_t x)
{
    return x + 0x12345;
}
static uint64_t call_xor(uint64_t x)
{
    return x ^ 0x5a5a5a5a5a;
}
static uint64_t call_rotate(uint64_t x)
{
    return x << 13 | x >> 51;
}
static uint64_t call_multiply(uint64_t x)
{
    return x * 0x2545f4914f6cdd1d;
}
static uint64_t call_shift(uint64_t x)
{
    return x ^ x >> 17;
}
static uint64_t call_negate(uint64_t x)
{
    return ~x + 77;
}
static uint64_t call_fold(uint64_t x)
{
    return (x & 0xffffffff) * 31 + (x >> 32);
}
static uint64_t call_square(uint64_t x)
{
    return x * x + x + 41;
}

static uint64_t calls_run(void)
{
    static uint64_t (*const volatile table[8])(uint64_t) = {
        call_add, call_xor, call_rotate, call_multiply, call_shift, call_negate, call_fold, call_square,
    };
    uint64_t x = 6;
    for (uint64_t i = 0; i < 1000000; i++)
        x = table[(x >> 20 ^ i) % 8](x) + i;
    return x;
}

// An interpreter: sixteen registers, one switch. Its program sums the lengths of Collatz sequences.
enum opcode {
    OP_SET,
    OP_ADD,
    OP_ADD_VALUE,
    OP_MUL_VALUE,
    OP_SHIFT_RIGHT,
    OP_AND_VALUE,
    OP_XOR,
    OP_MOVE,
    OP_JUMP,
    OP_JUMP_ZERO,
    OP_JUMP_BELOW,
    OP_JUMP_NOT,
    OP_STORE,
    OP_LOAD,
    OP_MIX,
    OP_HALT
};
struct operation {
    uint8_t code, a, b;
    int32_t value; // a constant, or the number of the operation to jump to
};

static const struct operation interpreter_program[] = {
    { OP_SET, 0, 0, 1 },         //  0: start of the sequence
    { OP_SET, 1, 0, 0 },         //  1: sum
    { OP_SET, 7, 0, 3000 },      //  2: end of the starts
    { OP_MOVE, 2, 0, 0 },        //  3: next start
    { OP_SET, 3, 0, 0 },         //  4: length
    { OP_SET, 6, 0, 1 },         //  5
    { OP_JUMP_NOT, 2, 6, 8 },    //  6: next step, unless 1 is reached
    { OP_JUMP, 0, 0, 17 },       //  7
    { OP_ADD_VALUE, 3, 0, 1 },   //  8
    { OP_MOVE, 4, 2, 0 },        //  9
    { OP_AND_VALUE, 4, 0, 1 },   // 10
    { OP_JUMP_ZERO, 4, 0, 15 },  // 11
    { OP_MUL_VALUE, 2, 0, 3 },   // 12: odd
    { OP_ADD_VALUE, 2, 0, 1 },   // 13
    { OP_JUMP, 0, 0, 6 },        // 14
    { OP_SHIFT_RIGHT, 2, 0, 1 }, // 15: even
    { OP_JUMP, 0, 0, 6 },        // 16
    { OP_STORE, 3, 0, 0 },       // 17: memory[start % 64] = length
    { OP_LOAD, 5, 0, 0 },        // 18
    { OP_ADD, 1, 5, 0 },         // 19
    { OP_XOR, 8, 5, 0 },         // 20
    { OP_MIX, 9, 8, 0 },         // 21
    { OP_ADD_VALUE, 0, 0, 1 },   // 22
    { OP_JUMP_BELOW, 0, 7, 3 },  // 23
    { OP_HALT, 0, 0, 0 },        // 24
};

static uint64_t interpreter_run(void)
{
    uint64_t r[16] = { 0 }, memory[64] = { 0 };
    for (const struct operation *at = interpreter_program;; at++) {
        uint64_t value = (uint64_t)at->value;
        const struct operation *target = interpreter_program + at->value - 1;
        switch (at->code) {
        case OP_SET: r[at->a] = value; break;
        case OP_ADD: r[at->a] += r[at->b]; break;
        case OP_ADD_VALUE: r[at->a] += value; break;
        case OP_MUL_VALUE: r[at->a] *= value; break;
        case OP_SHIFT_RIGHT: r[at->a] >>= value; break;
        case OP_AND_VALUE: r[at->a] &= value; break;
        case OP_XOR: r[at->a] ^= r[at->b]; break;
        case OP_MOVE: r[at->a] = r[at->b]; break;
        case OP_JUMP: at = target; break;
        case OP_JUMP_ZERO: at = r[at->a] ? at : target; break;
        case OP_JUMP_BELOW: at = r[at->a] < r[at->b] ? target : at; break;
        case OP_JUMP_NOT: at = r[at->a] != r[at->b] ? target : at; break;
        case OP_STORE: memory[r[at->b] % 64] = r[at->a]; break;
        case OP_LOAD: r[at->a] = memory[r[at->b] % 64]; break;
        case OP_MIX: r[at->a] = bench_mix(r[at->a], r[at->b]); break;
        case OP_HALT: return bench_mix(r[9], r[1]);
        }
    }
}

const struct bench_program bench_integer[] = {
    { "integer", "sort", 280, 0xb7218fd262e09c0f, NULL, sort_run, NULL },
    { "integer", "hash", 400, 0xd02a02712, hash_prepare, hash_run, NULL },
    { "integer", "matrix", 300, 0x99133c6ff78dfccd, matrix_prepare, matrix_run, NULL },
    { "integer", "strings", 300, 0x1749a120b1eb0748, strings_prepare, strings_run, NULL },
    { "integer", "fib", 200, 196418, NULL, fib_run, NULL },
    { "integer", "calls", 40, 0x9e62f5bf990efbdb, NULL, calls_run, NULL },
    { "integer", "interpreter", 30, 0x714a4d454b211da3, NULL, interpreter_run, NULL },
    { 0 },
};
