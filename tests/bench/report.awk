# SPDX-License-Identifier: MIT
# Turns the raw numbers of tests/bench/run.sh (group,program,where,repetition,value,unit) into tables in Markdown, or, with
# -v mode=plot, into data for plot.gp: "LABEL RVIVE NATIVE", how many times as fast as QEMU each of the two is. With -v
# mode=vector the data are those of the programs of the group vector alone, with a third number for the programs without
# vectors on Rvive. The groups disk, net and screen have rates (MB/s or a number a second) instead of times, in a table of
# their own. Every number is the median of its repetitions; a group's ratio is the geometric mean of its programs' ratios.

function add_sorted(key, value, i) {
    for (i = ++count[key]; i > 1 && values[key, i - 1] > value; i--)
        values[key, i] = values[key, i - 1]
    values[key, i] = value
}

# Returns the median, or 0 if nothing was measured.
function median(group, program, where, key, n) {
    key = group SUBSEP program SUBSEP where
    n = count[key]
    if (!n)
        return 0
    return n % 2 ? values[key, (n + 1) / 2] : (values[key, n / 2] + values[key, n / 2 + 1]) / 2
}

function seconds(ns) { return ns ? sprintf("%.3f", ns / 1e9) : "–" }
function milliseconds(ns) { return ns ? sprintf(ns < 1e8 ? "%.1f" : "%.0f", ns / 1e6) : "–" }
function rate(value) { return value ? sprintf(value < 100 ? "%.1f" : "%.0f", value) : "–" }
function times(a, b) { return a && b ? sprintf("%.2f", a / b) : "–" }

# Adds a ratio to the geometric mean with this name.
function mean_add(name, a, b) {
    if (a && b) {
        logs[name] += log(a / b)
        ratios[name]++
    }
}
function mean(name) { return ratios[name] ? exp(logs[name] / ratios[name]) : 0 }
function mean_text(name) { return ratios[name] ? sprintf("**%.2f**", mean(name)) : "–" }

function time_rows(group, i, program, native, qemu, rvive, n) {
    for (i = 1; i <= programs[group]; i++) {
        program = program_name[group, i]
        native = median(group, program, "native")
        qemu = median(group, program, "qemu")
        rvive = median(group, program, "rvive")
        mean_add(group ",rvive", qemu, rvive)
        mean_add(group ",native", qemu, native)
        mean_add(group ",slower", rvive, native)
        row[group, i] = sprintf("| %s | %s | %s | %s | %s | %s |", program, seconds(native), seconds(qemu),
                                seconds(rvive), times(qemu, rvive), times(rvive, native))
        if (qemu && rvive)
            plot[++plots] = sprintf("\"%s\" %.4f %s", program, qemu / rvive, native ? qemu / native : "NaN")
    }
    n = ratios[group ",rvive"]
    if (n)
        plot[++plots] = sprintf("\"%s\" %.4f %s", toupper(group), mean(group ",rvive"),
                                ratios[group ",native"] ? mean(group ",native") : "NaN")
    if (mode == "plot")
        return
    printf "| **%s** | | | | %s | %s |\n", title[group], mean_text(group ",rvive"), mean_text(group ",slower")
    for (i = 1; i <= programs[group]; i++)
        print row[group, i]
}

# Groups whose values are rates: a larger value is better.
function rate_rows(group, i, program, qemu, rvive) {
    for (i = 1; i <= programs[group]; i++) {
        program = program_name[group, i]
        qemu = median(group, program, "qemu")
        rvive = median(group, program, "rvive")
        mean_add(group ",rvive", rvive, qemu)
        row[group, i] = sprintf("| %s | %s | %s | %s | %s |", program, units[group, program], rate(qemu), rate(rvive),
                                times(rvive, qemu))
        if (qemu && rvive)
            plot[++plots] = sprintf("\"%s\" %.4f NaN", program, rvive / qemu)
    }
    if (ratios[group ",rvive"])
        plot[++plots] = sprintf("\"%s\" %.4f NaN", toupper(group), mean(group ",rvive"))
    if (mode == "plot")
        return
    printf "| **%s** | | | | %s |\n", title[group], mean_text(group ",rvive")
    for (i = 1; i <= programs[group]; i++)
        print row[group, i]
}

# The programs with vectors, compared with QEMU, with the same programs without vectors, and with the host's own vectors.
function vector_rows(group, i, program, native, qemu, scalar, rvive) {
    group = "vector"
    for (i = 1; i <= programs[group]; i++) {
        program = program_name[group, i]
        native = median(group, program, "native")
        qemu = median(group, program, "qemu")
        scalar = median(group, program, "scalar")
        rvive = median(group, program, "rvive")
        mean_add("vector,rvive", qemu, rvive)
        mean_add("vector,native", qemu, native)
        mean_add("vector,scalar", scalar, rvive)
        mean_add("vector,slower", rvive, native)
        row[group, i] = sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |", program, milliseconds(native), milliseconds(qemu),
                                milliseconds(scalar), milliseconds(rvive), times(qemu, rvive), times(scalar, rvive),
                                times(rvive, native))
        if (mode == "vector" && qemu && rvive)
            printf "\"%s\" %.4f %s %s\n", program, qemu / rvive, native ? qemu / native : "NaN",
                   scalar ? qemu / scalar : "NaN"
    }
    if (ratios["vector,rvive"])
        plot[++plots] = sprintf("\"VECTOR\" %.4f %s", mean("vector,rvive"),
                                ratios["vector,native"] ? mean("vector,native") : "NaN")
    if (mode)
        return
    print "\n| vectors, milliseconds | native | QEMU 10 | Rvive, scalar | Rvive | times as fast as QEMU | as scalar |" \
          " times as long as native |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    printf "| **geometric mean** | | | | | %s | %s | %s |\n", mean_text("vector,rvive"), mean_text("vector,scalar"),
           mean_text("vector,slower")
    for (i = 1; i <= programs[group]; i++)
        print row[group, i]
}

# How much more two copies at once get done than one; 2 is the best possible.
function scaling(program, where, one, two) {
    one = median("smp", program "-x1", where)
    two = median("smp", program "-x2", where)
    mean_add("scaling," where, 2 * one, two)
    return times(2 * one, two)
}

function smp_table(i, program) {
    print "\n| two harts do, of one's work | native | QEMU 10 | Rvive |\n|---|--:|--:|--:|"
    for (i = 1; i <= programs["smp"]; i++) {
        program = program_name["smp", i]
        if (program !~ /-x1$/)
            continue
        sub(/-x1$/, "", program)
        printf "| %s | %s | %s | %s |\n", program, scaling(program, "native"), scaling(program, "qemu"),
               scaling(program, "rvive")
    }
    printf "| geometric mean | %s | %s | %s |\n", mean_text("scaling,native"), mean_text("scaling,qemu"),
           mean_text("scaling,rvive")
}

function mebibytes(kib) { return kib ? sprintf("%.1f", kib / 1024) : "–" }

function memory_table(i, program) {
    print "\n| resident memory beyond guest RAM, MiB | QEMU 10 | Rvive |\n|---|--:|--:|"
    for (i = 1; i <= programs["memory-use"]; i++) {
        program = program_name["memory-use", i]
        printf "| %s | %s | %s |\n", program, mebibytes(median("memory-use", program, "qemu")),
               mebibytes(median("memory-use", program, "rvive"))
    }
}

BEGIN {
    FS = ","
    title["integer"] = "integer kernels"
    title["corners"] = "corners"
    title["float"] = "scalar floating point"
    title["memory"] = "memory"
    title["system"] = "system"
    title["rv32"] = "RV32, bare metal"
    title["boot"] = "boot"
    title["real"] = "real programs"
    title["disk"] = "disks"
    title["net"] = "user network"
    title["screen"] = "screen"
    split("integer float memory system corners rv32 boot real", order, " ")
    split("disk net screen", rate_order, " ")
}

FNR > 1 {
    if (!(($1, $2) in seen)) {
        seen[$1, $2] = 1
        program_name[$1, ++programs[$1]] = $2
    }
    units[$1, $2] = $6
    add_sorted($1 SUBSEP $2 SUBSEP $3, $5 + 0)
}

END {
    if (mode == "vector") {
        vector_rows()
        exit
    }
    for (g = 1; g in order; g++)
        timed += programs[order[g]]
    for (g = 1; g in rate_order; g++)
        rated += programs[rate_order[g]]
    if (mode != "plot" && timed)
        print "| seconds | native | QEMU 10 | Rvive | times as fast as QEMU | times as long as native |\n" \
              "|---|--:|--:|--:|--:|--:|"
    for (g = 1; g in order; g++)
        if (programs[order[g]])
            time_rows(order[g])
    if (programs["vector"])
        vector_rows()
    if (mode != "plot" && rated)
        print "\n| devices | unit | QEMU 10 | Rvive | times as fast as QEMU |\n|---|---|--:|--:|--:|"
    for (g = 1; g in rate_order; g++)
        if (programs[rate_order[g]])
            rate_rows(rate_order[g])
    if (mode == "plot") {
        for (p = 1; p <= plots; p++)
            print plot[p]
        exit
    }
    if (programs["smp"])
        smp_table()
    if (programs["memory-use"])
        memory_table()
}
