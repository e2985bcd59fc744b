# SPDX-License-Identifier: MIT
# Prints a C program of about -v lines=N lines for the compiler to work on: functions with loops, switches, structures and
# calls of one another, each of them different. main prints a number that depends on all of them. The output is always the
# same for the same N.

function random(n) {
    seed = (seed * 16807) % 2147483647
    return seed % n
}

function out(text) {
    print text
    printed++
}

function make_function(i, k, cases) {
    out("static uint64_t work_" i "(struct item *items, unsigned count, uint64_t x)")
    out("{")
    out("    uint64_t sum = " random(1000) ", low = x & " (1 + random(255)) ";")
    out("    for (unsigned i = 0; i < count; i++) {")
    out("        struct item *item = &items[(i * " (1 + 2 * random(50)) " + low) % count];")
    out("        switch (item->kind % 8) {")
    cases = 3 + random(5)
    for (k = 0; k < cases; k++) {
        out("        case " k ":")
        if (random(3) == 0)
            out("            item->value += (x >> " random(32) ") ^ " random(100000) ";")
        else if (random(2) == 0)
            out("            for (unsigned j = 0; j < " (2 + random(7)) "; j++)")
        out("            sum = sum * " (3 + 2 * random(500)) " + item->value / " (1 + random(99)) ";")
        out("            break;")
    }
    out("        default:")
    out("            if (item->next < count && items[item->next].value > sum % " (100 + random(900)) ")")
    out("                item->kind = (uint8_t)(item->kind + " (1 + random(6)) ");")
    out("            else")
    out("                sum ^= (uint64_t)(item->weight * " random(90) "." random(10) ") + item->name[i % 8];")
    out("        }")
    out("    }")
    if (i > 0 && random(3) == 0)
        out("    sum += work_" random(i) "(items, count / 2 + 1, sum % 97);")
    out("    return sum;")
    out("}")
    out("")
}

BEGIN {
    seed = 20011
    out("#include <inttypes.h>")
    out("#include <stdio.h>")
    out("#include <string.h>")
    out("")
    out("struct item {")
    out("    uint8_t kind;")
    out("    char name[8];")
    out("    unsigned next;")
    out("    double weight;")
    out("    uint64_t value;")
    out("};")
    out("")
    do
        make_function(functions++)
    while (printed + functions + 18 < lines)
    out("int main(void)")
    out("{")
    out("    static struct item items[32];")
    out("    uint64_t sum = 1;")
    out("    for (unsigned i = 0; i < 32; i++) {")
    out("        items[i] = (struct item){ (uint8_t)(i * 5), { 0 }, i * 7 % 32, i * 0.5, i * 1000003u };")
    out("        memset(items[i].name, 'a' + (int)(i % 26), 8);")
    out("    }")
    for (i = 0; i < functions; i++)
        out("    sum = sum * 31 + work_" i "(items, 32, sum % 1000);")
    out("    printf(\"%\" PRIu64 \"\\n\", sum);")
    out("    return 0;")
    out("}")
}
