#include "dataplane/meter.h"

#include <rte_jhash.h>
#include <rte_meter.h>
#include <rte_random.h>
#include <stdlib.h>
#include <string.h>

struct dp_meter {
    struct rte_meter_srtcm_profile total_rate, source_rate;
    struct rte_meter_srtcm total;
    uint32_t seed;
    struct rte_meter_srtcm sources[DP_METER_SOURCES];
};

/* rte_meter counts bytes and takes the rate from rte_get_tsc_hz(); a packet is one byte here. */
static int make_rate(struct rte_meter_srtcm_profile *rate, uint32_t per_second, uint64_t hz)
{
    struct rte_meter_srtcm_params params = {.cir = per_second, .cbs = per_second};

    if (rte_meter_srtcm_profile_config(rate, &params))
        return -1;
    rate->cir_period = hz / per_second;
    rate->cir_bytes_per_period = 1;
    return 0;
}

static struct rte_meter_srtcm full(const struct rte_meter_srtcm_profile *rate, uint64_t now)
{
    return (struct rte_meter_srtcm){.time = now, .tc = rate->cbs};
}

struct dp_meter *dp_meter_new(uint32_t total, uint32_t per_source, uint64_t hz, uint64_t now)
{
    if (total == 0 || per_source == 0 || hz < total || hz < per_source)
        return NULL;
    struct dp_meter *m = calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    if (make_rate(&m->total_rate, total, hz) || make_rate(&m->source_rate, per_source, hz)) {
        free(m);
        return NULL;
    }
    m->total = full(&m->total_rate, now);
    for (unsigned i = 0; i < DP_METER_SOURCES; i++)
        m->sources[i] = full(&m->source_rate, now);
    m->seed = (uint32_t)rte_rand();
    return m;
}

void dp_meter_free(struct dp_meter *m)
{
    free(m);
}

static bool take(struct rte_meter_srtcm *bucket, struct rte_meter_srtcm_profile *rate, uint64_t now)
{
    return rte_meter_srtcm_color_blind_check(bucket, rate, now, 1) == RTE_COLOR_GREEN;
}

enum dp_meter_verdict dp_meter_check(struct dp_meter *m, uint8_t family, const uint8_t *ip,
                                     bool known, uint64_t now)
{
    const uint32_t len = family == 4 ? 4 : 8;
    uint64_t aligned = 0; /* in a frame the address is not */

    memcpy(&aligned, ip, len);
    uint32_t hash = rte_jhash(&aligned, len, m->seed);

    if (!take(&m->sources[hash % DP_METER_SOURCES], &m->source_rate, now))
        return DP_METER_SOURCE;
    if (!known && !take(&m->total, &m->total_rate, now))
        return DP_METER_TOTAL;
    return DP_METER_PASS;
}
