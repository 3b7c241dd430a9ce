#include "support.h"

#include <errno.h>

#include "dataplane/rtp/rtcp.h"
#include "dataplane/rtp/twcc.h"
#include "dataplane/rtp/wire.h"

/* Everything a compound said, in the order of arrival. */
struct heard {
    unsigned srs, rrs, cnames, byes, nacks, plis, firs, rembs, twccs;
    struct dp_rtcp_sr sr;
    uint32_t rr_sender;
    struct dp_rtcp_report_block blocks[DP_RTCP_REPORTS_MAX];
    struct dp_rtcp_cname cname;
    uint32_t bye[DP_RTCP_REPORTS_MAX];
    uint32_t nack_media;
    unsigned missing;
    uint16_t seqs[512];
    struct dp_rtcp_pli pli;
    struct dp_rtcp_fir fir[4];
    uint64_t remb;
    uint32_t remb_ssrc[4];
};

static void keep_blocks(struct heard *h, const struct dp_rtcp_reports *r)
{
    for (unsigned i = 0; i < r->count; i++)
        dp_rtcp_report_block(r, i, &h->blocks[i]);
}

static void on_sr(void *ctx, const struct dp_rtcp_sr *sr)
{
    struct heard *h = ctx;
    h->srs++;
    h->sr = *sr;
    keep_blocks(h, &sr->reports);
}

static void on_rr(void *ctx, const struct dp_rtcp_reports *rr)
{
    struct heard *h = ctx;
    h->rrs++;
    h->rr_sender = rr->sender;
    keep_blocks(h, rr);
}

static void on_cname(void *ctx, const struct dp_rtcp_cname *cname)
{
    struct heard *h = ctx;
    h->cnames++;
    h->cname = *cname;
}

static void on_bye(void *ctx, uint32_t ssrc)
{
    struct heard *h = ctx;
    h->bye[h->byes++] = ssrc;
}

static void on_nack(void *ctx, struct dp_rtcp_nack *nack)
{
    struct heard *h = ctx;
    h->nacks++;
    h->nack_media = nack->media;
    while (h->missing < 512 && dp_rtcp_nack_next(nack, &h->seqs[h->missing]))
        h->missing++;
}

static void on_pli(void *ctx, const struct dp_rtcp_pli *pli)
{
    struct heard *h = ctx;
    h->plis++;
    h->pli = *pli;
}

static void on_fir(void *ctx, const struct dp_rtcp_fir *fir)
{
    struct heard *h = ctx;
    h->fir[h->firs++] = *fir;
}

static void on_remb(void *ctx, const struct dp_rtcp_remb *remb)
{
    struct heard *h = ctx;
    h->rembs++;
    h->remb = remb->bitrate;
    for (unsigned i = 0; i < remb->count && i < 4; i++)
        h->remb_ssrc[i] = dp_rtcp_remb_ssrc(remb, i);
}

static void on_twcc(void *ctx, const struct dp_twcc_view *view)
{
    struct heard *h = ctx;
    h->twccs++;
}

static const struct dp_rtcp_handlers handlers = {.sr = on_sr,
                                                 .rr = on_rr,
                                                 .cname = on_cname,
                                                 .bye = on_bye,
                                                 .nack = on_nack,
                                                 .twcc = on_twcc,
                                                 .pli = on_pli,
                                                 .fir = on_fir,
                                                 .remb = on_remb};

static enum dp_rtcp_error hear(const uint8_t *p, size_t len, struct heard *h)
{
    memset(h, 0, sizeof(*h));
    return dp_rtcp_dispatch(p, len, &handlers, h);
}

static void a_report_compound_is_read_as_built(void **state)
{
    uint8_t p[512];
    struct heard h;
    struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
    const struct dp_rtcp_report_block blocks[] = {
        {.ssrc = 1,
         .fraction_lost = 200,
         .lost = -5,
         .highest_seq = 0x10002,
         .jitter = 77,
         .lsr = 0x12345678,
         .dlsr = 0x9abc},
        {.ssrc = 2, .lost = 0x7fffff, .jitter = 1},
    };
    const struct dp_rtcp_sr sr = {.ntp = 0x0123456789abcdef,
                                  .rtp_ts = 0xfedcba98,
                                  .packets = 1000,
                                  .bytes = 1000000,
                                  .reports = {.sender = 0xcafe}};
    assert_int_equal(dp_rtcp_put_sr(&b, &sr, blocks, 2), 0);
    assert_int_equal(dp_rtcp_put_rr(&b, 0xbeef, NULL, 0), 0);
    assert_int_equal(dp_rtcp_put_sdes(&b, 0xcafe, "relay"), 0);
    assert_int_equal(dp_rtcp_put_bye(&b, 0xdead), 0);
    assert_int_equal(hear(p, b.len, &h), DP_RTCP_OK);
    assert_int_equal(h.srs, 1);
    assert_true(h.sr.ntp == sr.ntp);
    assert_int_equal(h.sr.rtp_ts, sr.rtp_ts);
    assert_int_equal(h.sr.packets, 1000);
    assert_int_equal(h.sr.bytes, 1000000);
    assert_int_equal(h.sr.reports.sender, 0xcafe);
    assert_int_equal(h.sr.reports.count, 2);
    assert_memory_equal(h.blocks, blocks, sizeof(blocks));
    assert_int_equal(h.rrs, 1);
    assert_int_equal(h.rr_sender, 0xbeef);
    assert_int_equal(h.cnames, 1);
    assert_int_equal(h.cname.ssrc, 0xcafe);
    assert_int_equal(h.cname.len, 5);
    assert_memory_equal(h.cname.name, "relay", 5);
    assert_int_equal(h.byes, 1);
    assert_int_equal(h.bye[0], 0xdead);
}

static void feedback_is_read_as_built(void **state)
{
    uint8_t p[512];
    struct heard h;
    struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
    const struct dp_rtcp_fir fir = {.sender = 1, .ssrc = 0x2222, .seq = 9};
    const uint32_t ssrcs[] = {5, 6};
    assert_int_equal(dp_rtcp_put_pli(&b, 1, 2), 0);
    assert_int_equal(dp_rtcp_put_fir(&b, &fir), 0);
    assert_int_equal(dp_rtcp_put_remb(&b, 1, 2500000, ssrcs, 2), 0);
    assert_int_equal(hear(p, b.len, &h), DP_RTCP_OK);
    assert_int_equal(h.plis, 1);
    assert_int_equal(h.pli.sender, 1);
    assert_int_equal(h.pli.media, 2);
    assert_int_equal(h.firs, 1);
    assert_int_equal(h.fir[0].sender, 1);
    assert_int_equal(h.fir[0].ssrc, 0x2222);
    assert_int_equal(h.fir[0].seq, 9);
    assert_int_equal(h.rembs, 1);
    assert_int_equal(h.remb, 2500000);
    assert_int_equal(h.remb_ssrc[1], 6);
}

static void bytes_are_as_the_rfcs_draw_them(void **state)
{
    uint8_t p[64];
    struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
    const uint16_t seqs[] = {0xfff0, 0xfff1, 0x0000, 0x0001};
    dp_rtcp_put_nack(&b, 0x01020304, 0x05060708, seqs, 4);
    assert_int_equal(b.len, 20);
    assert_memory_equal(p,
                        "\x81\xcd\x00\x04\x01\x02\x03\x04\x05\x06\x07\x08"
                        "\xff\xf0\x80\x01\x00\x01\x00\x00",
                        20);
    b.len = 0;
    dp_rtcp_put_pli(&b, 1, 2);
    assert_memory_equal(p, "\x81\xce\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02", 12);
    b.len = 0;
    dp_rtcp_put_sdes(&b, 1, "ab");
    assert_int_equal(b.len, 16);
    assert_memory_equal(p, "\x81\xca\x00\x03\x00\x00\x00\x01\x01\x02\x61\x62\x00\x00\x00\x00", 16);
    b.len = 0;
    dp_rtcp_put_remb(&b, 1, 0x40000, NULL, 0);
    assert_memory_equal(p + 12, "REMB\x00\x06\x00\x00", 8);
}

static void random_nack_lists_come_back(void **state)
{
    uint64_t seed = 11;
    for (int round = 0; round < 3000; round++) {
        uint8_t p[4096];
        uint16_t seqs[256];
        struct heard h;
        struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
        unsigned n = 1 + random_below(&seed, 256);
        uint16_t seq = (uint16_t)random_u32(&seed);
        uint32_t step = 1 + random_below(&seed, 30);
        for (unsigned i = 0; i < n; i++)
            seqs[i] = seq = (uint16_t)(seq + 1 + random_below(&seed, step));
        assert_int_equal(dp_rtcp_put_nack(&b, 1, 2, seqs, n), 0);
        assert_int_equal(hear(p, b.len, &h), DP_RTCP_OK);
        assert_int_equal(h.missing, n);
        assert_memory_equal(h.seqs, seqs, n * sizeof(seqs[0]));
    }
}

static void remb_rounds_down_and_refuses_nonsense(void **state)
{
    uint8_t p[64];
    struct heard h;
    uint64_t seed = 5;
    for (int round = 0; round < 1000; round++) {
        uint64_t rate =
            ((uint64_t)random_u32(&seed) << 32 | random_u32(&seed)) >> random_below(&seed, 64);
        struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
        assert_int_equal(dp_rtcp_put_remb(&b, 1, rate, NULL, 0), 0);
        assert_int_equal(hear(p, b.len, &h), DP_RTCP_OK);
        assert_true(h.remb <= rate && rate - h.remb <= rate >> 17);
    }
    p[17] = 0xff; /* exponent 63 */
    p[19] = 1;
    assert_int_equal(hear(p, 20, &h), DP_RTCP_CONTENT);
    p[12] = 'X'; /* somebody else's feedback */
    assert_int_equal(hear(p, 20, &h), DP_RTCP_OK);
    assert_int_equal(h.rembs, 0);
}

static void framing_errors_hand_nothing_over(void **state)
{
    struct heard h;
    uint8_t p[] = {0x80, 201, 0, 1, 0, 0, 0, 7, 0xa1, 206, 0, 3,
                   0,    0,   0, 1, 0, 0, 0, 2, 0,    0,   0, 4};
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_OK);
    assert_int_equal(h.rrs + h.plis, 2);
    assert_int_equal(hear(p, 0, &h), DP_RTCP_SHORT);
    assert_int_equal(hear(p, sizeof(p) - 1, &h), DP_RTCP_LENGTH);
    assert_int_equal(hear(p, 11, &h), DP_RTCP_SHORT);
    assert_int_equal(h.rrs, 0);
    static const uint8_t paddings[] = {0, 17, 255};
    for (size_t i = 0; i < sizeof(paddings); i++) {
        p[sizeof(p) - 1] = paddings[i];
        assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_PADDING);
    }
    p[sizeof(p) - 1] = 4;
    p[0] = 0xa0; /* padding before the last packet */
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_PADDING);
    p[0] = 0x40;
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_VERSION);
    p[0] = 0x80;
    p[1] = 96;
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_TYPE);
    assert_int_equal(h.rrs + h.plis, 0);
}

/* Each type, with a count that its length does not carry. */
static void content_that_does_not_fit_is_named(void **state)
{
    static const uint8_t packets[][24] = {
        {0x80, 200, 0, 5},                             /* SR without octet count */
        {0x81, 200, 0, 5},                             /* SR, one block missing */
        {0x81, 201, 0, 5},                             /* RR */
        {0x80, 201, 0, 0},                             /* RR without sender */
        {0x86, 203, 0, 5},                             /* BYE of six */
        {0x81, 202, 0, 2, 0, 0, 0, 1, 1, 3, 'a', 'b'}, /* SDES item too long */
        {0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, 'a', 'b'}, /* SDES without its end */
        {0x82, 202, 0, 2, 0, 0, 0, 1, 1, 1, 'a', 0},   /* SDES of two */
        {0x81, 205, 0, 2},                             /* NACK of nothing */
        {0x81, 206, 0, 1},                             /* PLI without media */
        {0x84, 206, 0, 3},                             /* FIR without entry */
        {0x8f, 206, 0, 1},                             /* AFB */
        {0x8f, 205, 0, 3},                             /* transport-cc */
        {0x8f, 206, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 1, 0, 0, 0},
    };
    struct heard h;
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
        assert_int_equal(hear(packets[i], (packets[i][3] + 1u) * 4, &h), DP_RTCP_CONTENT);
    assert_string_equal(dp_rtcp_error_text(DP_RTCP_CONTENT), "content does not fit its length");
}

static void other_types_are_passed_over(void **state)
{
    static const uint8_t p[] = {0x80, 207, 0,    1,   0, 0,   0,    1,   0x85, 204,  0,
                                2,    0,   0,    0,   1, 'n', 'a',  'm', 'e',  0x83, 205,
                                0,    0,   0x80, 192, 0, 0,   0x80, 203, 0,    0};
    struct heard h;
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_OK);
    const struct dp_rtcp_handlers none = {0};
    assert_int_equal(dp_rtcp_dispatch(p, sizeof(p), &none, NULL), DP_RTCP_OK);
}

static void sdes_skips_other_items_and_chunks_without_name(void **state)
{
    static const uint8_t p[] = {0x82, 202, 0, 5, 0, 0, 0, 1, 2,   1, 'x', 0,
                                0,    0,   0, 2, 7, 0, 1, 1, 'c', 0, 0,   0};
    struct heard h;
    assert_int_equal(hear(p, sizeof(p), &h), DP_RTCP_OK);
    assert_int_equal(h.cnames, 1);
    assert_int_equal(h.cname.ssrc, 2);
    assert_int_equal(h.cname.name[0], 'c');
}

static void builders_append_all_or_nothing(void **state)
{
    uint8_t p[64];
    struct dp_rtcp_report_block blocks[32] = {0};
    const struct dp_rtcp_sr sr = {0};
    struct dp_rtcp_buf b = {.p = p, .cap = 27};
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = 0;
    assert_int_equal(dp_rtcp_put_sr(&b, &sr, NULL, 0), -ENOSPC);
    assert_int_equal(dp_rtcp_put_rr(&b, 1, blocks, 1), -ENOSPC);
    assert_int_equal(dp_rtcp_put_rr(&b, 1, blocks, 32), -EINVAL);
    assert_int_equal(dp_rtcp_put_sr(&b, &sr, blocks, 32), -EINVAL);
    assert_int_equal(dp_rtcp_put_sdes(&b, 1, long_name), -EINVAL);
    assert_int_equal(dp_rtcp_put_sdes(&b, 1, ""), -EINVAL);
    assert_int_equal(dp_rtcp_put_nack(&b, 1, 2, NULL, 0), -EINVAL);
    assert_int_equal(dp_rtcp_put_remb(&b, 1, 2, NULL, 256), -EINVAL);
    assert_int_equal(b.len, 0);
    assert_int_equal(dp_rtcp_put_pli(&b, 1, 2), 0);
    assert_int_equal(dp_rtcp_put_pli(&b, 1, 2), 0);
    assert_int_equal(dp_rtcp_put_bye(&b, 1), -ENOSPC);
    assert_int_equal(b.len, 24);
}

/* Names of every length end on a word, and can be followed by another packet. */
static void names_of_every_length_come_back(void **state)
{
    char name[256] = {0};
    uint8_t p[512];
    struct heard h;
    for (size_t len = 1; len <= 255; len++) {
        struct dp_rtcp_buf b = {.p = p, .cap = sizeof(p)};
        name[len - 1] = 'n';
        assert_int_equal(dp_rtcp_put_sdes(&b, 3, name), 0);
        assert_int_equal(b.len % 4, 0);
        assert_int_equal(dp_rtcp_put_pli(&b, 1, 2), 0);
        assert_int_equal(hear(p, b.len, &h), DP_RTCP_OK);
        assert_int_equal(h.cname.len, len);
        assert_int_equal(h.plis, 1);
    }
}

/* ---- extended reports */

static unsigned dlrrs;
static struct dp_rtcp_dlrr dlrr[4];

static void on_dlrr(void *ctx, const struct dp_rtcp_dlrr *d)
{
    dlrr[dlrrs++] = *d;
}

static enum dp_rtcp_error hear_xr(const uint8_t *p, size_t len)
{
    static const struct dp_rtcp_handlers only = {.dlrr = on_dlrr};
    dlrrs = 0;
    return dp_rtcp_dispatch(p, len, &only, NULL);
}

static void reference_times_and_their_answers(void **state)
{
    static const uint8_t asked[] = {0x80, 207, 0, 4, 0, 0, 0, 9, 4, 0,
                                    0,    2,   1, 2, 3, 4, 5, 6, 7, 8};
    static const uint8_t answer[] = {0x80, 207, 0, 12, 0, 0, 0, 9, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0,
                                     0,    0,   5, 0,  0, 6, 0, 0, 0, 7, 3, 4, 5, 6, 0, 0, 1, 0,
                                     0,    0,   0, 8,  0, 0, 0, 1, 0, 0, 0, 2, 6, 0, 0, 0};
    uint8_t p[64];
    struct dp_rtcp_buf b = {.p = p, .cap = 19};
    assert_int_equal(dp_rtcp_put_rrtr(&b, 9, 0x0102030405060708), -ENOSPC);
    b.cap = sizeof(p);
    assert_int_equal(dp_rtcp_put_rrtr(&b, 9, 0x0102030405060708), 0);
    assert_int_equal(b.len, sizeof(asked));
    assert_memory_equal(p, asked, sizeof(asked));
    assert_int_equal(hear_xr(p, b.len), DP_RTCP_OK);
    assert_int_equal(dlrrs, 0);
    assert_int_equal(hear_xr(answer, sizeof(answer)), DP_RTCP_OK);
    assert_int_equal(dlrrs, 2);
    assert_int_equal(dlrr[0].ssrc, 7);
    assert_int_equal(dlrr[0].lrr, 0x03040506);
    assert_int_equal(dlrr[0].dlrr, 256);
    assert_int_equal(dlrr[1].ssrc, 8);
    memcpy(p, answer, sizeof(answer));
    p[23] = 9; /* runs past the end */
    assert_int_equal(hear_xr(p, sizeof(answer)), DP_RTCP_CONTENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_compound_is_read_as_built),
        cmocka_unit_test(feedback_is_read_as_built),
        cmocka_unit_test(bytes_are_as_the_rfcs_draw_them),
        cmocka_unit_test(random_nack_lists_come_back),
        cmocka_unit_test(remb_rounds_down_and_refuses_nonsense),
        cmocka_unit_test(framing_errors_hand_nothing_over),
        cmocka_unit_test(content_that_does_not_fit_is_named),
        cmocka_unit_test(other_types_are_passed_over),
        cmocka_unit_test(sdes_skips_other_items_and_chunks_without_name),
        cmocka_unit_test(builders_append_all_or_nothing),
        cmocka_unit_test(names_of_every_length_come_back),
        cmocka_unit_test(reference_times_and_their_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
