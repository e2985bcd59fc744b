# SPDX-License-Identifier: MIT
# The plot of tests/bench/run.sh. Usage: gnuplot -e "data='...'; image='...'; natives=N; scalars=N" plot.gp, with data made
# by report.awk. scalars: the data have a third number, that of the programs without vectors.
set terminal pngcairo size 1600,640 font "sans,11"
set output image
set title "Speed in system emulation, QEMU 10 = 1 (higher is faster; capitals: geometric mean of the group)"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set logscale y
set format y "%g"
set ylabel "times as fast as QEMU 10"
set grid ytics lc rgb "#d0d0d0"
set xtics rotate by -50 scale 0
set key top left
set yrange [*:*]
# Devices have no native counterpart, and gnuplot cannot draw an empty histogram.
if (scalars > 0) {
    plot data using 2:xtic(1) title "Rvive" lc rgb "#2a6fbb", \
         '' using 4 title "Rvive, without vectors" lc rgb "#8fb8e0", \
         '' using 3 title "native (AVX2)" lc rgb "#b8b8b8", \
         1 title "QEMU 10" with lines lc rgb "#c0392b" lw 2
} else { if (natives > 0) {
    plot data using 2:xtic(1) title "Rvive" lc rgb "#2a6fbb", \
         '' using 3 title "native" lc rgb "#b8b8b8", \
         1 title "QEMU 10" with lines lc rgb "#c0392b" lw 2
} else {
    plot data using 2:xtic(1) title "Rvive" lc rgb "#2a6fbb", \
         1 title "QEMU 10" with lines lc rgb "#c0392b" lw 2
} }
