/*
 * A room as its members hear it: who speaks is found from levels alone, the loudest are forwarded,
 * and what is held back leaves no gap in anybody's numbers.
 */
#include "rig.h"

#include "dataplane/objects.h"
#include "dataplane/rtp/wire.h"

#include <stdlib.h>

#define SPEAKERS  20
#define RECEIVERS 2
#define LOUDEST   3
#define FRAME_MS  20
#define TURN_MS   2500
#define TURNS     12
#define SILENT    127
#define NOTHING   0 /* no packet at all */
#define ROOM      5

static struct rig_client *speaker[SPEAKERS], *receiver[RECEIVERS];
static uint16_t sent[SPEAKERS];
static uint16_t number[RECEIVERS][SPEAKERS], word[RECEIVERS][SPEAKERS];
static unsigned received[RECEIVERS][SPEAKERS];
static bool lossy; /* numbers may be missing */

static unsigned roll(unsigned n)
{
    return (unsigned)rand() % n;
}

static uint32_t subscription_id(unsigned r, unsigned s)
{
    return 100 + SPEAKERS * r + s;
}

static void begin(unsigned speakers, bool levels)
{
    struct rig_exts exts = {.id = {[HR_EXT_MID] = 1, [HR_EXT_AUDIO_LEVEL] = levels ? 4 : 0}};
    memset(sent, 0, sizeof(sent));
    memset(received, 0, sizeof(received));
    lossy = false;
    rig.audio_nack = true;
    rig.audio_room = ROOM;
    rig.config.media.audio_loudest = LOUDEST;
    for (unsigned i = 0; i < RECEIVERS; i++)
        receiver[i] = rig_client(SPEAKERS + i, HR_SRTP_AES_CM_128_HMAC_SHA1_80, exts);
    for (unsigned i = 0; i < speakers; i++) {
        speaker[i] = rig_client(i, HR_SRTP_AEAD_AES_128_GCM, exts);
        assert_int_equal(rig_audio(1 + i, speaker[i]), HR_ERROR_OK);
        for (unsigned k = 0; k < RECEIVERS; k++)
            assert_int_equal(rig_subscribe(subscription_id(k, i), receiver[k], 1 + i), HR_ERROR_OK);
    }
}

/* The payload says which of the sender's packets it was. */
static void speak(unsigned i, uint8_t level)
{
    uint8_t bytes[RIG_PACKET + SRTP_MAX_TRAILER_LEN];
    struct rig_rtp p = {.ssrc = 7 + i, .seq = sent[i], .ts = sent[i] * 960u, .pt = 111};
    p.mid = "a";
    p.len = 60 + roll(60);
    p.level = level;
    int len = (int)rig_build(speaker[i], &p, bytes);
    dp_put16(bytes + (size_t)len - p.len, sent[i]++);
    assert_int_equal(srtp_protect(speaker[i]->tx, bytes, &len), srtp_err_status_ok);
    if (rig_threads)
        rig_offer(speaker[i], bytes, (size_t)len);
    else
        rig_deliver(speaker[i], bytes, (size_t)len);
}

/* What has come of each speaker: in order, without a gap, and no more words than were sent. */
static unsigned hear(unsigned r)
{
    struct rig_got g;
    uint32_t heard = 0;
    while (rig_receive(receiver[r], &g)) {
        if (g.rtcp)
            continue;
        unsigned s = (g.rtp.ssrc / 1000 - 100) % SPEAKERS;
        uint16_t value = dp_get16(g.bytes + g.rtp.hdr_len);
        if (received[r][s]++) {
            uint16_t step = (uint16_t)(value - word[r][s]);
            assert_true(lossy || g.rtp.seq == (uint16_t)(number[r][s] + 1));
            assert_in_range((uint16_t)(g.rtp.seq - number[r][s]), 1, step);
        }
        number[r][s] = g.rtp.seq;
        word[r][s] = value;
        heard |= UINT32_C(1) << s;
    }
    return heard;
}

/* One packet of everybody; who was heard, by bits. */
static uint32_t frame(unsigned speakers, const uint8_t *levels)
{
    uint32_t heard = 0;
    for (unsigned i = 0; i < speakers; i++)
        if (levels[i] != NOTHING)
            speak(i, levels[i]);
    rig_pass(FRAME_MS);
    for (unsigned k = 0; k < RECEIVERS; k++)
        heard |= hear(k);
    return heard;
}

static uint32_t frames(unsigned n, unsigned speakers, const uint8_t *levels)
{
    uint32_t heard = 0;
    for (unsigned i = 0; i < n; i++)
        heard |= frame(speakers, levels);
    return heard;
}

static void assert_no_nacks(void)
{
    assert_int_equal(rig_counts().nacks_sent, 0);
    assert_int_equal(rig_counts().retransmitted, 0);
}

static void set(uint8_t *levels, uint8_t to)
{
    memset(levels, to, SPEAKERS);
}

static Headrace__StreamStats stats;

static void on_stats(void *arg, const Headrace__Reply *reply)
{
    assert_int_equal(reply->n_stats, 1);
    stats = *reply->stats[0]->streams[0];
}

static const Headrace__StreamStats *ask_stats(unsigned i)
{
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__StatsGet get = HEADRACE__STATS_GET__INIT;
    get.endpoints = &speaker[i]->id;
    get.n_endpoints = 1;
    cmd.op_case = HEADRACE__COMMAND__OP_STATS_GET;
    cmd.stats_get = &get;
    assert_int_equal(dp_apply(&rig.dp, &cmd, on_stats, NULL), 0);
    rig_pass(1);
    if (rig_workers == 1) {
        struct dp_work *work = NULL;
        assert_int_equal(rte_ring_sc_dequeue(rig.worker.mailbox, (void **)&work), 0);
        work->run(&rig.worker, work);
        assert_int_equal(dp_worker_return(&rig.worker, work), 0);
        dp_worker_collect(&rig.worker);
    }
    return &stats;
}

/* ---- a large room */

/* How each of the twenty sounds while it does not have the word. */
static uint8_t background(unsigned i, unsigned at)
{
    switch (i % 4) {
    case 0:
        return SILENT; /* muted */
    case 1:
        return at % 20 == i ? 100 : NOTHING; /* DTX */
    case 2:
        return (uint8_t)(70 + roll(15));
    default:
        return roll(200) ? 80 : 45; /* somebody coughs, or types */
    }
}

static uint8_t speech(unsigned at)
{
    return (uint8_t)(at % 25 > 20 ? 72 + roll(10) : 20 + roll(18));
}

static unsigned bits(uint32_t v)
{
    return (unsigned)__builtin_popcount(v);
}

/* Who is forwarded at this moment. */
static uint32_t forwarded(void)
{
    uint32_t out = 0;
    for (unsigned i = 0; i < SPEAKERS; i++) {
        const struct dp_source_object *o = dp_index_find(&rig.dp.objects->sources, 1 + i);
        out |= (uint32_t)atomic_load(&o->source->speaker.seated) << i;
    }
    return out;
}

struct outcome {
    unsigned latest;  /* ms until the dominant one is right */
    unsigned wrong;   /* frames after that in which it is not */
    unsigned most;    /* forwarded at once */
    unsigned clipped; /* frames of the speaker that are not heard */
    unsigned packets; /* to each receiver */
};

/* One speaks, and is the dominant one within a second and from then on. */
static void take_turn(unsigned who, unsigned before, struct outcome *o)
{
    unsigned right = 0;
    for (unsigned at = 0; at < TURN_MS / FRAME_MS; at++) {
        uint8_t levels[SPEAKERS];
        for (unsigned i = 0; i < SPEAKERS; i++)
            levels[i] = background(i, at);
        levels[who] = speech(at);
        if (at < 10 && before < SPEAKERS) /* both, for a moment */
            levels[before] = speech(at);
        uint32_t heard = frame(SPEAKERS, levels);
        o->most = RTE_MAX(o->most, bits(forwarded()));
        o->packets += bits(heard);
        o->clipped += !(heard >> who & 1);
        if (rig.speakers.dominant == who + 1 && right == 0)
            right = 1 + at;
        o->wrong += right && rig.speakers.dominant != who + 1;
    }
    assert_int_not_equal(right, 0);
    o->latest = RTE_MAX(o->latest, right * FRAME_MS);
}

static void test_twenty_speakers(void **state)
{
    struct outcome o = {0};
    unsigned before = SPEAKERS, who;
    begin(SPEAKERS, true);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        do
            who = roll(SPEAKERS);
        while (who == before);
        take_turn(who, before, &o);
        before = who;
        if (rig_workers > 1)
            assert_int_equal(rig_move(roll(4), roll(rig_workers)), HR_ERROR_OK);
    }
    print_message("dominant after %u ms at most, %u of 20 forwarded at most, %.2f on average\n",
                  o.latest, o.most, (double)o.packets / (TURNS * TURN_MS / FRAME_MS));
    assert_true(o.latest <= 1000);
    assert_int_equal(o.wrong, 0);
    assert_int_equal(o.most, LOUDEST + 1);
    /* Where a seat changes hands between two packets, both are heard. */
    assert_in_range(o.packets, 1, (LOUDEST + 1) * TURNS * TURN_MS / FRAME_MS * 102 / 100);
    assert_int_equal(o.clipped, 0);
    assert_true(rig_drops(DP_DROP_NOT_LOUDEST) > 1000);
    assert_int_equal(rig.speakers.room, ROOM);
    assert_int_equal(rig.recent[0], before + 1);
    assert_true(rig.speakers.n_recent > 1);
    assert_no_nacks();
}

/* Any levels at all, packets lost and late, shards that move. */
static void test_random(void **state)
{
    begin(SPEAKERS, true);
    lossy = true;
    for (unsigned at = 0; at < 400; at++) {
        for (unsigned i = 0; i < SPEAKERS; i++) {
            if (roll(30) == 0)
                sent[i]++;
            if (roll(4))
                speak(i, (uint8_t)(1 + roll(SILENT)));
        }
        rig_pass(1 + roll(2 * FRAME_MS));
        for (unsigned k = 0; k < RECEIVERS; k++)
            hear(k);
        if (rig_workers > 1 && roll(50) == 0)
            assert_int_equal(rig_move(roll(4), roll(rig_workers)), HR_ERROR_OK);
    }
    assert_true(rig_drops(DP_DROP_NOT_LOUDEST) > 100);
    assert_true(rig_threads || rig.speakers_changed > 0); /* real time may have gaps */
}

/* All shout: the first ones stay, nobody else is let in, and it does not flicker. */
static void test_all_at_once(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(SPEAKERS, true);
    set(levels, 30);
    uint32_t heard = frames(100, SPEAKERS, levels);
    assert_int_equal(bits(heard), LOUDEST + 1);
    levels[19] = 15; /* one is much louder */
    heard = frames(50, SPEAKERS, levels);
    assert_true(heard >> 19 & 1);
    assert_int_equal(bits(frame(SPEAKERS, levels)), LOUDEST + 1);
    assert_false(ask_stats(19)->not_loudest);
    assert_in_range(stats.level, 110, 112);
    unsigned unheard = 0;
    for (unsigned i = 0; i < SPEAKERS; i++)
        unheard += ask_stats(i)->not_loudest;
    assert_int_equal(unheard, SPEAKERS - LOUDEST - 1);
    assert_no_nacks();
}

/* ---- rooms in which nobody is held back */

static void test_few(void **state)
{
    static const uint8_t levels[LOUDEST + 1] = {SILENT, SILENT, 90, 30};
    begin(LOUDEST + 1, true);
    for (unsigned at = 0; at < 100; at++)
        assert_int_equal(frame(LOUDEST + 1, levels), 0xF);
    assert_int_equal(rig.speakers.dominant, 4);
    assert_int_equal(rig.speakers_changed, 1);
    assert_int_equal(rig_drops(DP_DROP_NOT_LOUDEST), 0);
}

static void test_no_room(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(0, true);
    rig.audio_room = 0;
    for (unsigned i = 0; i < 8; i++) {
        speaker[i] = rig_client(i, HR_SRTP_AEAD_AES_128_GCM, receiver[0]->exts);
        assert_int_equal(rig_audio(1 + i, speaker[i]), HR_ERROR_OK);
        assert_int_equal(rig_subscribe(subscription_id(0, i), receiver[0], 1 + i), HR_ERROR_OK);
    }
    set(levels, SILENT);
    levels[3] = 20;
    for (unsigned at = 0; at < 60; at++)
        assert_int_equal(frame(8, levels), 0xFF);
    assert_int_equal(rig.speakers_changed, 0);
    assert_int_equal(ask_stats(3)->level, 0);
}

static void test_without_levels(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(8, false);
    set(levels, SILENT);
    for (unsigned at = 0; at < 60; at++)
        assert_int_equal(frame(8, levels), 0xFF);
    assert_int_equal(rig.speakers_changed, 0);
}

/* media.audio_loudest: 0 forwards all; who speaks is found all the same. */
static void test_switched_off(void **state)
{
    uint8_t levels[SPEAKERS];
    rig.config.media.audio_loudest = 0;
    begin(0, true);
    rig.config.media.audio_loudest = 0;
    for (unsigned i = 0; i < SPEAKERS; i++) {
        speaker[i] = rig_client(i, HR_SRTP_AEAD_AES_128_GCM, receiver[0]->exts);
        assert_int_equal(rig_audio(1 + i, speaker[i]), HR_ERROR_OK);
        assert_int_equal(rig_subscribe(subscription_id(0, i), receiver[0], 1 + i), HR_ERROR_OK);
    }
    set(levels, SILENT);
    levels[18] = 30;
    for (unsigned at = 0; at < 60; at++)
        assert_int_equal(frame(SPEAKERS, levels), (1u << SPEAKERS) - 1);
    assert_int_equal(rig.speakers.dominant, 19);
    assert_false(ask_stats(0)->not_loudest);
}

/* ---- coming and going */

/* Words from the first packet that is not silence to the last, though others had the seats. */
static void test_whole_words(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(SPEAKERS, true);
    set(levels, SILENT);
    frames(50, SPEAKERS, levels);
    for (unsigned i = 4; i < 10; i++) {
        levels[i] = 55;
        assert_true(frame(SPEAKERS, levels) >> i & 1);
        levels[i] = 30;
        for (unsigned at = 0; at < 40; at++)
            assert_true(frame(SPEAKERS, levels) >> i & 1);
        levels[i] = SILENT;
        for (unsigned at = 0; at < 40; at++)
            assert_true(frame(SPEAKERS, levels) >> i & 1);
    }
    assert_no_nacks();
}

static void test_who_leaves(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(6, true);
    set(levels, SILENT);
    levels[0] = 30;
    frames(60, 6, levels);
    assert_int_equal(rig.speakers.dominant, 1);
    levels[0] = SILENT;
    levels[1] = 30;
    frames(60, 6, levels);
    assert_int_equal(rig.speakers.dominant, 2);
    assert_int_equal(rig.speakers.n_recent, 2);
    unsigned events = rig.speakers_changed;

    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__SOURCE, 2), HR_ERROR_OK);
    assert_int_equal(rig.speakers_changed, events + 1);
    assert_int_equal(rig.speakers.dominant, 0);
    assert_int_equal(rig.speakers.n_recent, 1);
    assert_int_equal(rig.recent[0], 1);
    levels[1] = NOTHING;
    frames(10, 6, levels); /* its seat is another's */
    assert_int_equal(bits(frame(6, levels)), LOUDEST + 1);

    assert_int_equal(rig_delete(HEADRACE__OBJECT_DELETE__TYPE__ENDPOINT, speaker[0]->id),
                     HR_ERROR_OK);
    assert_int_equal(rig.speakers.n_recent, 0);
    assert_int_equal(rig.speakers_changed, events + 2);
    levels[0] = NOTHING;
    for (unsigned at = 0; at < 20; at++)
        assert_int_equal(frame(6, levels), 0x3C); /* four are left */
}

/* Out of the room all are heard again, with numbers that go on; and into another. */
static void test_other_room(void **state)
{
    uint8_t levels[SPEAKERS];
    begin(8, true);
    set(levels, SILENT);
    levels[0] = 30;
    frames(60, 8, levels);
    assert_true(ask_stats(7)->not_loudest);
    rig.audio_room = 0;
    assert_int_equal(rig_audio(8, speaker[7]), HR_ERROR_OK);
    assert_int_equal(rig_audio(1, speaker[0]), HR_ERROR_OK);
    assert_int_equal(rig.speakers.dominant, 0);
    for (unsigned at = 0; at < 20; at++)
        assert_int_equal(frame(8, levels) & 0x81, 0x81);
    rig.audio_room = ROOM + 1;
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(rig_audio(1 + i, speaker[i]), HR_ERROR_OK);
    frames(60, 8, levels);
    assert_int_equal(rig.speakers.room, ROOM + 1);
    assert_int_equal(rig.speakers.dominant, 1);
    assert_int_equal(bits(frame(8, levels)), LOUDEST + 1);
    assert_no_nacks();
}

/* A control plane that has begun anew reads all sources back, and is told who speaks. */
static void test_told_again(void **state)
{
    uint8_t levels[SPEAKERS];
    Headrace__Command cmd = HEADRACE__COMMAND__INIT;
    Headrace__ObjectsGet get = HEADRACE__OBJECTS_GET__INIT;
    begin(3, true);
    set(levels, SILENT);
    levels[2] = 30;
    frames(60, 3, levels);
    unsigned events = rig.speakers_changed;
    get.type = HEADRACE__OBJECT_DELETE__TYPE__SOURCE;
    cmd.op_case = HEADRACE__COMMAND__OP_OBJECTS_GET;
    cmd.objects_get = &get;
    assert_int_equal(rig_apply(&cmd), HR_ERROR_OK);
    assert_int_equal(rig.speakers_changed, events + 1);
    assert_int_equal(rig.speakers.dominant, 3);
    assert_int_equal(rig.recent[0], 3);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, rig_up, rig_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_twenty_speakers), TEST(test_random),
        TEST(test_all_at_once),     TEST(test_few),
        TEST(test_no_room),         TEST(test_without_levels),
        TEST(test_switched_off),    TEST(test_whole_words),
        TEST(test_who_leaves),      TEST(test_other_room),
        TEST(test_told_again),
    };
    const struct CMUnitTest threads[] = {TEST(test_random)};
    if (getenv("RIG_THREADS") == NULL)
        return cmocka_run_group_tests(tests, rig_eal, NULL);
    setenv("RIG_WORKERS", "3", 1);
    return cmocka_run_group_tests(threads, rig_eal, NULL);
}
