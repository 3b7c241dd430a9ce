# gnuplot -e "data='DIR'; out='docs'" tests/bench/bwe.gp: the plots of docs/bandwidth.md, from what tests/bench/bwe_report makes.
set terminal pngcairo size 760,440 font 'sans,10' background rgb 'white'
set grid ytics xtics lc rgb '#dddddd'
set border 3
set tics nomirror out
set key outside bottom center horizontal
set style line 1 lc rgb '#1b6ca8' lw 2
set style line 2 lc rgb '#c0392b' lw 2
set style line 3 lc rgb '#2e8b57' lw 1
set style line 4 lc rgb '#8a8a8a' lw 2 dt 2
set xlabel 'seconds'
set ylabel 'kbit/s'
set yrange [0:*]
array names[4] = ['steps', 'staircase', 'cross', 'fairness']
array heading[4] = ['3, 0.5, 3 Mbit/s', 'A staircase', 'Others take 2 of 4 Mbit/s from 30 to 60 s', 'A second sender on 3 Mbit/s from 30 s on']
do for [i = 1:4] {
    set output out.'/bandwidth-'.names[i].'.png'
    set title (heading[i])
    if (i < 4) {
        plot data.'/'.names[i].'.txt' using 1:2 with steps ls 4 title 'room', \
             '' using 1:7 with lines ls 3 title 'the draft, ideal', \
             '' using 1:3 with lines ls 1 title 'estimate'
    } else {
        plot data.'/'.names[i].'.txt' using 1:2 with steps ls 4 title 'link', \
             '' using 1:3 with lines ls 1 title 'first', '' using 1:4 with lines ls 2 title 'second'
    }
}
set output out.'/bandwidth-loss.png'
set title '3 Mbit/s that lose packets at random from 30 s on; 30 % for 0.5 s at 20, 30, 40 s'
plot data.'/loss5.txt' using 1:2 with steps ls 4 title 'link', \
     '' using 1:3 with lines ls 1 title '5 %', \
     data.'/loss15.txt' using 1:3 with lines ls 2 title '15 %', \
     data.'/bursts.txt' using 1:3 with lines ls 3 title 'bursts'
