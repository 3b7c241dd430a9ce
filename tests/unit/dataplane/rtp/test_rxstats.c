#include "support.h"

#include "dataplane/rtp/rxstats.h"

#define MS 1000

static struct dp_rtcp_report_block report(struct dp_rxstats *s, int64_t now_us)
{
    struct dp_rtcp_report_block block;
    assert_true(dp_rxstats_report(s, now_us, &block));
    return block;
}

static void nothing_received_is_no_report(void **state)
{
    struct dp_rxstats s;
    struct dp_rtcp_report_block block;
    dp_rxstats_init(&s, 1, 90000);
    assert_false(dp_rxstats_report(&s, 0, &block));
}

static void counts_loss_and_fraction_per_interval(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 0xabc, 90000);
    for (uint16_t seq = 0; seq < 100; seq++)
        if (seq % 4 != 3)
            dp_rxstats_packet(&s, seq, seq * 3000u, seq * 33333);
    dp_rxstats_packet(&s, 100, 300000, 3333300);
    struct dp_rtcp_report_block b = report(&s, 0);
    assert_int_equal(b.ssrc, 0xabc);
    assert_int_equal(b.highest_seq, 100);
    assert_int_equal(b.lost, 25);
    assert_int_equal(b.fraction_lost, 25 * 256 / 101);
    assert_int_equal(b.lsr, 0);
    assert_int_equal(b.dlsr, 0);
    for (uint16_t seq = 102; seq < 201; seq += 2)
        dp_rxstats_packet(&s, seq, seq * 3000u, seq * 33333);
    b = report(&s, 0);
    assert_int_equal(b.lost, 75);
    assert_int_equal(b.fraction_lost, 128);
    assert_int_equal(report(&s, 0).fraction_lost, 0);
}

static void extends_across_wraps_and_counts_late_packets(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 1, 90000);
    static const uint16_t seqs[] = {65534, 0, 65535, 1, 3, 2};
    for (size_t i = 0; i < 6; i++)
        dp_rxstats_packet(&s, seqs[i], 0, 0);
    struct dp_rtcp_report_block b = report(&s, 0);
    assert_int_equal(b.highest_seq, 65536 + 3);
    assert_int_equal(b.lost, 0);
    dp_rxstats_packet(&s, 3, 0, 0);
    b = report(&s, 0);
    assert_int_equal(b.lost, -1); /* a duplicate counts as received */
    assert_int_equal(b.fraction_lost, 0);
}

static void two_in_a_row_after_a_jump_are_a_restart(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 1, 90000);
    dp_rxstats_packet(&s, 10, 0, 0);
    dp_rxstats_packet(&s, 30000, 0, 0);
    assert_int_equal(report(&s, 0).highest_seq, 10);
    dp_rxstats_packet(&s, 11, 0, 0);
    dp_rxstats_packet(&s, 40000, 0, 0);
    dp_rxstats_packet(&s, 40001, 0, 0);
    struct dp_rtcp_report_block b = report(&s, 0);
    assert_int_equal(b.highest_seq, 40001);
    assert_int_equal(b.lost, 0);
}

/* A.8 by hand: every second packet 16 ms late makes |D| 16 ms each time. */
static void jitter_approaches_the_mean_difference(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 1, 48000);
    for (int i = 0; i < 400; i++)
        dp_rxstats_packet(&s, (uint16_t)i, (uint32_t)i * 960, i * 20 * MS + (i & 1) * 16 * MS);
    assert_in_range(report(&s, 0).jitter, 767, 769);
    dp_rxstats_init(&s, 1, 48000);
    for (int i = 0; i < 400; i++)
        dp_rxstats_packet(&s, (uint16_t)i, (uint32_t)i * 960, i * 20 * MS);
    assert_int_equal(report(&s, 0).jitter, 0);
    for (int i = 400; i < 500; i++) /* the encoder began again with another timestamp */
        dp_rxstats_packet(&s, (uint16_t)i, 0x80000000u + (uint32_t)i * 960, i * 20 * MS);
    assert_int_equal(report(&s, 0).jitter, 0);
}

static void says_when_the_sender_report_came(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 1, 90000);
    dp_rxstats_packet(&s, 1, 0, 0);
    dp_rxstats_sender_report(&s, 0x1122334455667788, 1000 * MS);
    struct dp_rtcp_report_block b = report(&s, 3500 * MS);
    assert_int_equal(b.lsr, 0x33445566);
    assert_int_equal(b.dlsr, 65536 * 5 / 2);
    assert_int_equal(report(&s, 999 * MS).dlsr, 0);
    assert_int_equal(report(&s, INT64_C(100000000) * MS).dlsr, UINT32_MAX);
}

static void what_is_sent_again_is_received_and_no_jitter(void **state)
{
    struct dp_rxstats s;
    dp_rxstats_init(&s, 1, 90000);
    dp_rxstats_packet(&s, 1, 0, 0);
    dp_rxstats_packet(&s, 4, 9000, 100 * MS);
    assert_int_equal(report(&s, 0).lost, 2);
    dp_rxstats_late(&s);
    dp_rxstats_late(&s);
    struct dp_rtcp_report_block b = report(&s, 0);
    assert_int_equal(b.lost, 0);
    assert_int_equal(b.jitter, 0);
    assert_int_equal(b.highest_seq, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_received_is_no_report),
        cmocka_unit_test(counts_loss_and_fraction_per_interval),
        cmocka_unit_test(extends_across_wraps_and_counts_late_packets),
        cmocka_unit_test(two_in_a_row_after_a_jump_are_a_restart),
        cmocka_unit_test(jitter_approaches_the_mean_difference),
        cmocka_unit_test(what_is_sent_again_is_received_and_no_jitter),
        cmocka_unit_test(says_when_the_sender_report_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
