/* What a receiver may make of the estimator: four bytes say what happens, and when. */
#include <stdlib.h>

#include "dataplane/bwe/bwe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dp_bwe_config config = {.start = 300000, .min = 50000, .max = 20000000};

/* A step of up to 16 s, or back; then one call. Returns the bytes taken beyond the four. */
static size_t call(struct dp_bwe *b, int64_t *now_us, const uint8_t *data, size_t left)
{
    uint8_t what = data[0], x = data[1];
    struct dp_twcc_view view;
    struct dp_bwe_probe probe;
    *now_us += (int8_t)data[2] * 1000 * (1 + data[3] % 128);
    if (what % 8 < 3)
        for (unsigned i = 0; i < x; i++)
            dp_bwe_sent(b, (uint16_t)(what << 8 | i), 100u * (i % 12), data[3], *now_us + i);
    else if (what % 8 == 3)
        dp_bwe_remb(b, 1ULL << x % 64, *now_us);
    else if (what % 8 == 4)
        dp_bwe_report(b, x, (uint32_t)data[3] << 16, *now_us);
    else if (what % 8 == 5)
        dp_bwe_tick(b, *now_us);
    else if (what % 8 == 6)
        dp_bwe_probe(b, (uint64_t)x << 16, *now_us, &probe);
    else if (dp_twcc_parse(data + 4, x < left ? x : left, &view) == DP_RTCP_OK)
        dp_bwe_feedback(b, &view, *now_us);
    return what % 8 == 7 ? (x < left ? x : left) : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dp_bwe b;
    int64_t now_us = 0;
    dp_bwe_init(&b, &config, now_us);
    while (size >= 4) {
        size_t taken = 4 + call(&b, &now_us, data, size - 4);
        uint64_t target = dp_bwe_target(&b);
        if (target < config.min || target > config.max)
            abort();
        data += taken;
        size -= taken;
    }
    return 0;
}
