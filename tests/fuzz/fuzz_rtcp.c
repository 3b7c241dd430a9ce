/* A compound packet: every handler reads all that its view offers. */
#include "dataplane/rtp/twcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void on_rr(void *ctx, const struct dp_rtcp_reports *reports)
{
    struct dp_rtcp_report_block block;
    for (unsigned i = 0; i < reports->count; i++) {
        dp_rtcp_report_block(reports, i, &block);
        sink += block.jitter;
    }
}

static void on_sr(void *ctx, const struct dp_rtcp_sr *sr)
{
    on_rr(ctx, &sr->reports);
}

static void on_cname(void *ctx, const struct dp_rtcp_cname *cname)
{
    for (unsigned i = 0; i < cname->len; i++)
        sink += (uint8_t)cname->name[i];
}

static void on_nack(void *ctx, struct dp_rtcp_nack *nack)
{
    for (uint16_t seq; dp_rtcp_nack_next(nack, &seq);)
        sink += seq;
}

static void on_remb(void *ctx, const struct dp_rtcp_remb *remb)
{
    for (unsigned i = 0; i < remb->count; i++)
        sink += dp_rtcp_remb_ssrc(remb, i);
}

static void on_twcc(void *ctx, const struct dp_twcc_view *view)
{
    struct dp_twcc_iter it;
    struct dp_twcc_status status;
    for (dp_twcc_iter_init(&it, view); dp_twcc_next(&it, &status);)
        sink += (uint64_t)status.arrival_us;
}

static void on_dlrr(void *ctx, const struct dp_rtcp_dlrr *dlrr)
{
    sink += dlrr->ssrc + dlrr->lrr + dlrr->dlrr;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dp_rtcp_handlers handlers = {.sr = on_sr,
                                                     .rr = on_rr,
                                                     .cname = on_cname,
                                                     .nack = on_nack,
                                                     .remb = on_remb,
                                                     .twcc = on_twcc,
                                                     .dlrr = on_dlrr};
    dp_rtcp_dispatch(data, size, &handlers, NULL);
    return 0;
}
