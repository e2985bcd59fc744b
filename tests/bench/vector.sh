# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
# The group "vector" of run.sh. Its programs are compiled three times: with vectors for the guest, without them for the
# guest, and for the host. run.sh sources this file, which uses its variables and emulate().

# compile_loops OBJECT FLAGS...: compiles loops.c with vectors by gcc 14. If the cross compiler is older, gcc 14 of Debian 13
# is unpacked, without its installation; the system's preprocessor and assembler do the rest.
compile_loops() {
    loops=$1
    shift
    compiler=${RVIVE_CROSS:-riscv64-linux-gnu-}gcc
    if [ "$("$compiler" -dumpversion | cut -d. -f1)" -ge 14 ]; then
        "$compiler" "$@" -march=rv64gcv -c "$here/vector/compiled/loops.c" -o "$loops" || die "loops.c does not compile"
        vector_compiler=$("$compiler" --version | head -n 1)
        return
    fi
    peers=${RVIVE_GCC14:-$RVIVE_CACHE/gcc14}
    sh "$top/tests/peers/gcc14.sh" "$peers"
    "$compiler" -E "$@" "$here/vector/compiled/loops.c" -o "$loops.i" || die "loops.c does not compile"
    sh "$top/tests/peers/qemu" "$peers" ../libexec/gcc-cross/riscv64-linux-gnu/14/cc1 -quiet -fpreprocessed "$@" \
        -march=rv64gcv -mabi=lp64d "$loops.i" -o "$loops.s" || die "loops.c does not compile with gcc 14"
    # The attribute lists extensions whose names an older assembler does not know.
    sed -i '/^[[:space:]]*\.attribute/d' "$loops.s"
    "$compiler" -march=rv64gcv -mabi=lp64d -c "$loops.s" -o "$loops" || die "what gcc 14 made of loops.c is not assembled"
    vector_compiler="gcc 14 of Debian 13"
}

# prepare_vector: builds rvvector and rvvector-scalar for the guest, and rvvector-native for the host.
prepare_vector() {
    cross=${RVIVE_CROSS:-riscv64-linux-gnu-}gcc
    # These flags make the floating-point operations the same everywhere.
    vector_flags=$(echo "$flags" | sed 's/-O2/-O3 -ffp-contract=off -fno-math-errno -fno-trapping-math/')
    sources="$here/programs/main.c $here/vector/*.c"
    gcc $vector_flags -march=x86-64-v3 -static -o "$bench/rvvector-native" $sources \
        "$here"/vector/scalar/*.c "$here"/vector/compiled/*.c -lm ||
        die "the vector programs do not compile"
    "$cross" $vector_flags -march=rv64gc -mabi=lp64d -static -o "$bench/initramfs/bench/rvvector-scalar" $sources \
        "$here"/vector/scalar/*.c "$here"/vector/compiled/*.c -lm || die "the vector programs do not compile for the guest"
    compile_loops "$bench/loops.o" $vector_flags
    "$cross" $vector_flags -march=rv64gc -mabi=lp64d -static -o "$bench/initramfs/bench/rvvector" $sources \
        "$bench/loops.o" "$here"/vector/rvv/*.[cS] -lm ||
        die "the vector programs do not compile for the guest, with vectors"
}

# plot_vector: draws the plot of these programs, vector.png.
plot_vector() {
    awk -v mode=vector -f "$here/report.awk" "$csv" >"$output/plot-vector.txt"
    [ ! -s "$output/plot-vector.txt" ] ||
        gnuplot -e "data='$output/plot-vector.txt'; image='$output/vector.png'; natives=1; scalars=1" "$here/plot.gp" ||
        die "gnuplot failed"
}
