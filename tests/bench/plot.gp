# gnuplot -e "data='DIR'; out='docs'" tests/bench/plot.gp: the plots of docs/performance.md, from tables that report made.
set terminal pngcairo size 760,440 font 'sans,10' background rgb 'white'
set grid ytics xtics lc rgb '#dddddd'
set border 3
set tics nomirror out
set key outside right top Left reverse
set style line 1 lc rgb '#1b6ca8' lw 2 pt 7 ps 0.9
set style line 2 lc rgb '#c0392b' lw 2 pt 5 ps 0.9
set style line 3 lc rgb '#2e8b57' lw 2 pt 9 ps 1.1
set style line 4 lc rgb '#8a8a8a' lw 2 pt 7 ps 0.9 dt 2

set output out.'/performance-fanout.png'
set title 'Cycles per copy over fan-out, all stages'
set xlabel 'receivers of a packet'
set ylabel 'TSC cycles per copy'
set logscale x
set logscale y
set xrange [0.8:12500]
set xtics (1, 10, 100, '1,000' 1000, '10,000' 10000)
set ytics (20, 50, 100, 200, 500, '1,000' 1000, '2,000' 2000, '5,000' 5000)
plot data.'/sha1-1200.txt' with linespoints ls 2 title 'SHA1\_80, 1,200 bytes', \
     data.'/gcm-1200.txt' with linespoints ls 1 title 'GCM, 1,200 bytes', \
     data.'/sha1-160.txt' with linespoints ls 2 dt 2 title 'SHA1\_80, 160 bytes', \
     data.'/gcm-160.txt' with linespoints ls 1 dt 2 title 'GCM, 160 bytes', \
     data.'/opaque-1200.txt' with linespoints ls 3 title 'opaque, 1,200 bytes', \
     data.'/opaque-160.txt' with linespoints ls 3 dt 2 title 'opaque, 160 bytes'

set output out.'/performance-endpoints.png'
set title 'Cycles per copy over endpoints: rooms of 10, GCM, 1,200 bytes'
set xlabel 'endpoints'
unset logscale y
set xrange [80:125000]
set yrange [0:*]
set xtics (100, 300, '1,000' 1000, '3,000' 3000, '10,000' 10000, '30,000' 30000, '100,000' 100000)
set ytics auto
set format y '%.0f'
plot data.'/endpoints.txt' with linespoints ls 1 title 'measured', \
     data.'/endpoints.txt' using 1:3 with lines ls 4 title 'what 100 take, times 1.5'

set output out.'/performance-load.png'
set title 'Time in the relay over load: rooms of 10, GCM, 1,200 bytes'
set xlabel '% of the highest lossless rate'
set ylabel 'microseconds'
unset logscale x
set logscale y
set xrange [0:100]
set yrange [1:*]
set xtics 10
set ytics (1, 2, 5, 10, 20, 50, 100, 200, 500, '1,000' 1000, '2,000' 2000, '5,000' 5000)
plot data.'/load.txt' using 1:4 with linespoints ls 2 title '99.9 %', \
     data.'/load.txt' using 1:3 with linespoints ls 3 title '99 %', \
     data.'/load.txt' using 1:2 with linespoints ls 1 title 'median', \
     100 with lines ls 4 title '100 us'

set output out.'/performance-peers.png'
set title 'Packets per second and core without loss, 100 receivers, SRTP on both legs (mediasoup: recorded)'
unset xlabel
set ylabel 'packets per second and core'
set xrange [*:*]
set yrange [10000:*]
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set xtics auto
set ytics ('10 k' 1e4, '30 k' 3e4, '100 k' 1e5, '300 k' 3e5, '1 M' 1e6, '3 M' 3e6, '10 M' 1e7)
plot data.'/peers.txt' using 2:xtic(1) lc rgb '#1b6ca8' title 'GCM', \
     '' using 3 lc rgb '#c0392b' title 'SHA1\_80'
