/*
 * The estimator on paper links as a time series: a line per 100 ms of the trace named, columns
 * seconds, part, room, target, second (kbit/s), round trip (ms), loss. Without a name: the traces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dataplane/bwe/link.h"

#define ROW_US  100000
#define ROWS    10 /* a second */
#define CHANGES 8

/* From `at` seconds on; rate 0: the link has what it had. */
struct change {
    double at, rate, loss, cross, jitter_ms;
    bool second; /* another sender with the same estimator is there */
};

struct trace {
    const char *name, *what;
    unsigned seconds;
    double queue_ms;
    struct change changes[CHANGES];
};

static const struct trace traces[] = {
    {"steps", "3, 0.5, 3 Mbit/s", 90, 300, {{0, 3e6}, {30, 0.5e6}, {60, 3e6}}},
    {"staircase",
     "0.5, 1, 2, 4, 2, 1, 0.5 Mbit/s",
     105,
     300,
     {{0, 5e5}, {15, 1e6}, {30, 2e6}, {45, 4e6}, {60, 2e6}, {75, 1e6}, {90, 5e5}}},
    {"cross",
     "others take 2 of 4 Mbit/s for 30 s",
     90,
     300,
     {{0, 4e6}, {30, 4e6, 0, 2e6}, {60, 4e6}}},
    {"fairness", "a second sender on 3 Mbit/s", 120, 300, {{0, 3e6}, {30, 3e6, .second = true}}},
    {"loss5", "5 % of packets lost on 3 Mbit/s", 90, 300, {{0, 3e6}, {30, 3e6, 0.05}}},
    {"loss15", "15 % of packets lost on 3 Mbit/s", 90, 300, {{0, 3e6}, {30, 3e6, 0.15}}},
    {"bursts",
     "30 % of packets lost for half a second, three times",
     60,
     300,
     {{0, 3e6},
      {20, 3e6, 0.3},
      {20.5, 3e6},
      {30, 3e6, 0.3},
      {30.5, 3e6},
      {40, 3e6, 0.3},
      {40.5, 3e6}}},
    {"jitter", "10 ms of jitter on 3 Mbit/s", 60, 300, {{0, 3e6}, {30, 3e6, .jitter_ms = 10}}},
    {"shallow", "2 Mbit/s with 8 ms of queue", 60, 8, {{0, 2e6}}},
};

#define TRACES (sizeof(traces) / sizeof(traces[0]))

static struct link first, second;
static bool both;

static void apply(const struct change *c)
{
    if (c->second && !both) {
        link_init(&second, 600000, first.capacity);
        link_share(&second, &first);
        both = true;
    }
    struct link *links[] = {&first, &second};
    for (unsigned i = 0; i < (both ? 2 : 1); i++) {
        links[i]->capacity = (uint64_t)c->rate;
        links[i]->cross = (uint64_t)c->cross;
        links[i]->loss = c->loss;
        links[i]->jitter_us = (int64_t)(c->jitter_ms * 1000);
    }
}

static void row(unsigned i, unsigned part)
{
    printf("%.1f,%u,%llu,%llu,%llu,%.1f,%.3f\n", (double)(i + 1) / ROWS, part,
           (unsigned long long)(first.capacity - first.cross) / 1000,
           (unsigned long long)dp_bwe_target(&first.bwe) / 1000,
           both ? (unsigned long long)dp_bwe_target(&second.bwe) / 1000 : 0,
           (double)dp_bwe_rtt(&first.bwe) / 1000, dp_bwe_lost(&first.bwe));
}

static void play(const struct trace *t)
{
    unsigned next = 0;
    link_init(&first, 600000, (uint64_t)t->changes[0].rate);
    first.queue_us = (int64_t)(t->queue_ms * 1000);
    printf("seconds,part,room,target,second,rtt,loss\n");
    for (unsigned i = 0; i < t->seconds * ROWS; i++) {
        while (next < CHANGES && t->changes[next].rate > 0 &&
               t->changes[next].at * ROWS <= (double)i + 0.01)
            apply(&t->changes[next++]);
        for (unsigned ms = 0; ms < ROW_US / 1000; ms++) {
            link_run(&first, 1000);
            if (both)
                link_run(&second, 1000);
        }
        row(i, next);
    }
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < TRACES; i++) {
        if (argc < 2)
            printf("%-10s %s\n", traces[i].name, traces[i].what);
        else if (strcmp(argv[1], traces[i].name) == 0)
            return play(&traces[i]), 0;
    }
    return argc < 2 ? 0 : 1;
}
