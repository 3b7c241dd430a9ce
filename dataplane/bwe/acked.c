#include "dataplane/bwe/acked.h"

#include <math.h>

#define FIRST_WINDOW_US 500000
#define WINDOW_US       150000
#define IDLE_US         2000000
#define FIRST_VARIANCE  50.0
#define DRIFT           5.0  /* variance that each window adds */
#define DOUBT           10.0 /* of a sample, for its distance to the estimate */

static void restart_window(struct dp_bwe_acked *a, int64_t at)
{
    a->since = at;
    a->bytes = 0;
}

static void take(struct dp_bwe_acked *a, double sample)
{
    if (a->kbps <= 0) {
        a->kbps = sample;
        a->variance = FIRST_VARIANCE;
        return;
    }
    double doubt = DOUBT * fabs(a->kbps - sample) / (a->kbps > 25 ? a->kbps : 25);
    double of_sample = doubt * doubt;
    double of_estimate = a->variance + DRIFT;
    a->kbps = (of_sample * a->kbps + of_estimate * sample) / (of_sample + of_estimate);
    a->variance = of_sample * of_estimate / (of_sample + of_estimate);
}

void dp_bwe_acked_add(struct dp_bwe_acked *a, uint32_t bytes, int64_t arrived_us)
{
    if (!a->started || arrived_us - a->last > IDLE_US || a->last - arrived_us > IDLE_US) {
        *a = (struct dp_bwe_acked){.started = true, .last = arrived_us, .kbps = a->kbps};
        a->variance = FIRST_VARIANCE;
        restart_window(a, arrived_us);
    }
    int64_t window = a->kbps > 0 ? WINDOW_US : FIRST_WINDOW_US;
    if (arrived_us - a->since >= window) {
        take(a, (double)a->bytes * 8000 / (double)(arrived_us - a->since));
        restart_window(a, arrived_us);
    }
    a->bytes += bytes;
    if (arrived_us > a->last)
        a->last = arrived_us;
}

uint64_t dp_bwe_acked_rate(const struct dp_bwe_acked *a)
{
    return (uint64_t)(a->kbps * 1000);
}
