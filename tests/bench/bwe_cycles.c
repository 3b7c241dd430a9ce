/*
 * What the estimator costs, in TSC cycles (means): per packet sent, and per packet that feedback
 * names, for one endpoint whose estimate stays in the cache and for many whose does not.
 */
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/bwe/bwe.h"

#define ROUNDS  400
#define PACKETS 16 /* between two feedbacks: 50 ms of 3 Mbit/s */
#define STEP_US 50000

#define SAMPLES 100000

/* A sample a feedback. */
struct samples {
    unsigned n;
    uint64_t sent[SAMPLES], fed[SAMPLES];
};

static struct samples all;

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The mean without the highest fiftieth, which is what the kernel did meanwhile. */
static double mean(uint64_t *v)
{
    double sum = 0;
    unsigned n = all.n - all.n / 50;
    qsort(v, all.n, sizeof(*v), compare);
    for (unsigned i = 0; i < n; i++)
        sum += (double)v[i];
    return sum / n;
}

/* The feedback of n packets, one of them lost if `loss`, made as a receiver makes it. */
static void feed(struct dp_bwe *b, struct dp_twcc *t, uint16_t first, bool loss, int64_t now_us)
{
    uint8_t bytes[256];
    struct dp_rtcp_buf buf = {.p = bytes, .cap = sizeof(bytes)};
    struct dp_twcc_view view;
    for (unsigned i = 0; i < PACKETS; i++)
        if (!loss || i != 7)
            dp_twcc_record(t, (uint16_t)(first + i), now_us + i * 3000 + 25000);
    if (dp_twcc_build(t, 1, 2, &buf) || dp_twcc_parse(bytes + 4, buf.len - 4, &view))
        abort();
    uint64_t begin = rte_rdtsc();
    dp_bwe_feedback(b, &view, now_us + STEP_US + 25000);
    all.fed[all.n++] = rte_rdtsc() - begin;
}

static void measure(unsigned endpoints, bool loss)
{
    struct dp_bwe *b = calloc(endpoints, sizeof(*b));
    struct dp_twcc *t = calloc(endpoints, sizeof(*t));
    const struct dp_bwe_config config = {.start = 3000000, .min = 50000, .max = 20000000};
    unsigned rounds = ROUNDS / (endpoints > 10 ? 10 : 1);
    all.n = 0;
    if (!b || !t || rounds * endpoints > SAMPLES)
        abort();
    for (unsigned e = 0; e < endpoints; e++)
        dp_bwe_init(&b[e], &config, 1);
    for (unsigned r = 0; r < rounds; r++)
        for (unsigned e = 0; e < endpoints; e++) {
            uint16_t first = (uint16_t)(r * PACKETS);
            int64_t now_us = 1000000 + (int64_t)r * STEP_US;
            uint64_t begin = rte_rdtsc();
            for (unsigned i = 0; i < PACKETS; i++)
                dp_bwe_sent(&b[e], (uint16_t)(first + i), 1200, 0, now_us + i * 3000);
            all.sent[all.n] = rte_rdtsc() - begin;
            feed(&b[e], &t[e], first, loss, now_us);
        }
    double fed = mean(all.fed);
    printf("%9u  %-4s  %9.0f  %9.0f  %12.0f\n", endpoints, loss ? "6 %" : "none",
           mean(all.sent) / PACKETS, fed / PACKETS, fed);
    free(b);
    free(t);
}

int main(void)
{
    printf("state: %zu bytes an endpoint\nendpoints  loss  per packet  fed, each  per feedback\n",
           sizeof(struct dp_bwe));
    for (unsigned i = 0; i < 3; i++)
        for (unsigned loss = 0; loss < 2; loss++)
            measure(i == 0 ? 1 : i == 1 ? 100 : 2000, loss);
    return 0;
}
