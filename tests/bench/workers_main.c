/* Two workers against one: where a room's endpoints are, and where its packets come in. */
#include "workers.h"

#include <stdio.h>

static const struct way {
    const char *name;
    bool scattered, steered;
} ways[] = {
    {"scattered", true, false},
    {"together", false, false},
    {"together, steered", false, true},
};

static int measure(struct relay_plan plan, size_t size, unsigned workers, const struct way *way,
                   struct workers_figures *f)
{
    plan.workers = workers;
    plan.scattered = way->scattered;
    plan.steered = way->steered;
    return workers_measure(&plan, size, f);
}

static int compare(unsigned fanout, size_t size)
{
    struct relay_plan plan = {.rooms = RTE_MAX(256 / fanout, 8u),
                              .fanout = fanout,
                              .profile = HR_SRTP_AEAD_AES_128_GCM,
                              .video = size >= 500};
    struct workers_figures one, two;

    if (measure(plan, size, 1, &ways[0], &one))
        return 1;
    for (unsigned i = 0; i < RTE_DIM(ways); i++) {
        if (measure(plan, size, 2, &ways[i], &two))
            return 1;
        printf("%7u %5zu %-18s | %8.1f %8.1f %5.2f | %8.1f %8.1f %5.2f\n", fanout, size,
               ways[i].name, one.cpu, two.cpu, one.cpu / two.cpu, one.wall, two.wall,
               one.wall / two.wall);
        fflush(stdout);
    }
    return 0;
}

int main(void)
{
    static const unsigned fanouts[] = {1, 10, 100, 1000};
    static const size_t sizes[] = {160, 1200};
    bool huge = true;
    int failed = 0;

    if (relay_start(&huge))
        return 1;
    printf("Cycles per copy, rekey GCM, %s; medians of rounds\n",
           huge ? "hugepages" : "no hugepages");
    printf("%7s %5s %-18s | %8s %8s %5s | %8s %8s %5s\n", "", "", "", "CPU: one", "two", "ratio",
           "wall: one", "two", "ratio");
    for (unsigned s = 0; s < RTE_DIM(sizes); s++)
        for (unsigned f = 0; f < RTE_DIM(fanouts); f++)
            failed |= compare(fanouts[f], sizes[s]);
    return failed;
}
