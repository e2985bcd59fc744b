/* SPDX-License-Identifier: MIT
 *
 * A program for picolibc with semihosting: each word of its command line is one action. It prints the result,
 * and ends with the number after "exit".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A call that the library does not wrap. */
static long call(long operation, const volatile void *argument)
{
    register long a0 __asm__("a0") = operation;
    register const volatile void *a1 __asm__("a1") = argument;
    __asm__ volatile(
        ".balign 16\n.option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
        : "+r"(a0)
        : "r"(a1)
        : "memory");
    return a0;
}

static void raw_calls(void)
{
    static const char features[] = ":semihosting-features", text[] = "write0\n";
    char bytes[40] = "";
    long open_args[3] = { (long)features, 0, sizeof(features) - 1 };
    long handle = call(0x01, open_args);
    long read_args[3] = { handle, (long)bytes, sizeof(bytes) }, one[1] = { handle };
    printf("features: length %ld, unread %ld of 40, %.4s %d\n", call(0x0c, one), call(0x06, read_args), bytes,
           bytes[4]);
    printf("closed: %ld, again: %ld, errno %ld\n", call(0x02, one), call(0x02, one), call(0x13, 0));
    long heap[4] = { 0 }, heap_args[1] = { (long)heap };
    call(0x16, heap_args);
    printf("heap info: %s\n", heap[0] && heap[0] < heap[1] && heap[3] < heap[2] ? "right" : "wrong");
    long long before = 0, after = 0;
    call(0x30, &before);
    call(0x30, &after);
    printf("ticks: %s at %ld Hz\n", after > before ? "right" : "wrong", call(0x31, 0));
    long name_args[3] = { (long)bytes, 7, sizeof(bytes) }, status[1] = { -1 };
    printf("temporary name: %ld %s, error: %ld\n", call(0x0d, name_args), bytes, call(0x08, status));
    printf("system: %ld, unknown: %ld\n", call(0x12, name_args), call(0x77, 0));
    long bad[3] = { 1, 1, 0x7fffffff }, everything[3] = { 1, (long)features, -1 };
    printf("bad pointers: %ld %ld\n", call(0x01, bad), call(0x05, (void *)8));
    everything[0] = 99;
    printf("bad handle: %ld\n", call(0x05, everything));
    fflush(stdout);
    call(0x04, text);
    call(0x03, "\n");
}

static void rename_file(const char *from, const char *to)
{
    long args[4] = { (long)from, (long)strlen(from), (long)to, (long)strlen(to) };
    printf("rename %s: %s\n", from, call(0x0f, args) ? "failed" : "done");
}

static void write_file(const char *name)
{
    FILE *file = fopen(name, "w");
    if (!file) {
        printf("write %s: errno %d\n", name, errno);
        return;
    }
    for (int i = 0; i < 2000; i++)
        fprintf(file, "line %d\n", i);
    printf("write %s: %s\n", name, fclose(file) ? "failed" : "done");
}

static void read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    char line[64], last[64] = "";
    int lines = 0;
    if (!file) {
        printf("read %s: errno %d\n", name, errno);
        return;
    }
    while (fgets(line, sizeof(line), file)) {
        strcpy(last, line);
        lines++;
    }
    last[strcspn(last, "\n")] = 0;
    fseek(file, 5, SEEK_SET);
    printf("read %s: %d lines, the last is \"%s\", at 5 is %c\n", name, lines, last, fgetc(file));
    fclose(file);
}

static void read_input(void)
{
    char line[64];
    if (fgets(line, sizeof(line), stdin))
        printf("input: %s", line);
    else
        printf("input: none\n");
}

static void times(void)
{
    clock_t start = clock();
    time_t now = time(NULL);
    volatile long spin = 0;
    while (clock() == start && spin < 2000000000)
        spin++;
    printf("clock goes on: %s, time is %s\n", clock() > start ? "yes" : "no",
           now > 1600000000 ? "right" : "wrong");
}

int main(int argc, char **argv)
{
    /* picolibc 1.8 puts a name of its own before the first argument, and 1.8.10 nothing. */
    int first = argc > 1 && strcmp(argv[1], "prog") == 0;
    printf("%d arguments\n", argc - first);
    for (int i = first + 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "write") == 0)
            write_file(next);
        else if (strcmp(argv[i], "read") == 0)
            read_file(next);
        else if (strcmp(argv[i], "remove") == 0)
            printf("remove %s: %s\n", next, remove(next) ? "failed" : "done");
        else if (strcmp(argv[i], "rename") == 0)
            rename_file(next, "renamed");
        else if (strcmp(argv[i], "input") == 0)
            read_input();
        else if (strcmp(argv[i], "times") == 0)
            times();
        else if (strcmp(argv[i], "heap") == 0)
            printf("heap: %s\n", malloc(100000) ? "yes" : "no");
        else if (strcmp(argv[i], "raw") == 0)
            raw_calls();
        else if (strcmp(argv[i], "error") == 0)
            fprintf(stderr, "to stderr\n");
        else if (strcmp(argv[i], "exit") == 0)
            exit(atoi(next));
    }
    return 0;
}
