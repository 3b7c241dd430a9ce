#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controlplane/sdp_support.h"

#define FP                                                                   \
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:" \
    "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\n"
#define ICE       "a=ice-ufrag:CLie\na=ice-pwd:clientPasswordOf24Bytes0\n"
#define HEAD      "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
#define OPUS(mid) "m=audio 9 UDP/TLS/RTP/SAVPF 111\na=rtpmap:111 opus/48000/2\na=mid:" mid "\n"
#define MUX       "a=rtcp-mux\n"

/* An offer with all it was negotiated with. */
struct deal {
    struct cp_sdp *offer;
    struct sdp_answering with;
    struct cp_negotiation *n;
};

static struct deal deal_text(const char *text)
{
    struct deal d = {.offer = sdp_parse_text(text)};
    sdp_answering_init(&d.with, d.offer);
    d.n = sdp_negotiate(d.offer, &d.with.cfg);
    return d;
}

static struct deal deal_vector(const char *name)
{
    size_t len;
    char *text = sdp_read(name, ".sdp", &len);
    assert_non_null(text);
    struct deal d = deal_text(text);
    free(text);
    return d;
}

static void deal_free(struct deal *d)
{
    cp_negotiation_free(d->n);
    cp_sdp_free(d->offer);
}

static void write_golden(const char *name, const struct cp_negotiation *n)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s.answer.sdp", SDP_VECTORS, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(n->answer, 1, n->answer_len, f);
    fclose(f);
}

/* SDP_GOLDEN_WRITE=1 in the environment writes them anew; look at the difference before committing.
 */
static void answers_are_the_golden_ones(void **state)
{
    for (const char *const *name = sdp_vectors; *name; name++) {
        struct deal d = deal_vector(*name);
        if (getenv("SDP_GOLDEN_WRITE"))
            write_golden(*name, d.n);
        size_t len;
        char *golden = sdp_read(*name, ".answer.sdp", &len);
        if (!golden || strcmp(golden, d.n->answer) != 0)
            fail_msg("%s is answered with:\n%s", *name, d.n->answer);
        free(golden);
        deal_free(&d);
    }
}

static void an_answer_mirrors_its_offer(void **state)
{
    for (const char *const *name = sdp_vectors; *name; name++) {
        struct deal d = deal_vector(*name);
        struct cp_sdp *answer = sdp_parse_text(d.n->answer);
        assert_int_equal(answer->n_media, d.offer->n_media);
        assert_true(answer->ice_lite);
        for (size_t i = 0; i < answer->n_media; i++) {
            const struct cp_sdp_media *a = &answer->media[i], *o = &d.offer->media[i];
            assert_string_equal(a->kind_name, o->kind_name);
            assert_string_equal(a->protocol, o->protocol);
            assert_string_equal(a->mid, o->mid);
            assert_int_equal(a->port == 0, d.n->media[i].role == CP_MEDIA_REJECTED);
            assert_int_equal(a->direction & ~cp_sdp_reverse(o->direction), 0);
        }
        cp_sdp_free(answer);
        deal_free(&d);
    }
}

static void chromium_publishes_three_layers(void **state)
{
    struct deal d = deal_vector("chromium-publish");
    assert_int_equal(d.n->n_accepted, 4);
    assert_int_equal(d.n->dtls_role, CP_DTLS_SERVER);
    assert_string_equal(d.n->remote_ufrag, "CLie");
    assert_int_equal(d.n->n_remote_fingerprints, 1);
    const struct cp_negotiated_media *v = &d.n->media[1];
    assert_int_equal(v->role, CP_MEDIA_PUBLISH);
    assert_int_equal(v->codecs[0].key.id, CP_CODEC_VP8);
    assert_int_equal(v->codecs[0].rtx_pt, 97);
    assert_int_equal(v->codecs[1].rtx_for, 96);
    assert_true(v->nack && v->pli && v->fir && v->transport_cc && !v->remb);
    assert_int_equal(v->n_rids, 3);
    assert_string_equal(v->rids[0].id, "q");
    assert_string_equal(v->rids[2].id, "f");
    assert_int_equal(v->ext[HR_EXT_MID], 4);
    assert_int_equal(v->ext[HR_EXT_RID], 10);
    assert_int_equal(v->ext[HR_EXT_DEPENDENCY_DESCRIPTOR], 12);
    assert_int_equal(v->ext[HR_EXT_ABS_SEND_TIME], 0);
    assert_int_equal(d.n->ext[HR_EXT_AUDIO_LEVEL], 1);
    deal_free(&d);
}

static void subscribers_get_what_they_can_use(void **state)
{
    struct deal d = deal_vector("chromium-publish");
    const struct cp_negotiated_media *v = &d.n->media[3];
    assert_int_equal(v->role, CP_MEDIA_SUBSCRIBE);
    assert_int_equal(v->ext[HR_EXT_DEPENDENCY_DESCRIPTOR], 12);
    assert_int_equal(v->ext[HR_EXT_ABS_SEND_TIME], 0);
    assert_true(v->nack && v->pli && v->fir && !v->transport_cc);
    for (size_t i = 0; i < v->n_codecs; i++)
        assert_int_not_equal(v->codecs[i].key.id, CP_CODEC_RTX);
    assert_non_null(strstr(d.n->answer, "a=msid:stream-1 track-3\r\n"));
    assert_non_null(strstr(d.n->answer, "a=ssrc:1006 cname:p1\r\n"));
    deal_free(&d);
}

/* Chromium would leave them out of later sections that it sends in. */
static void subscribers_do_not_refuse_what_publishers_need(void **state)
{
    struct deal d = deal_vector("chromium-publish");
    const struct cp_negotiated_media *pub = &d.n->media[1], *sub = &d.n->media[3];
    static const enum hr_ext_kind kinds[] = {HR_EXT_MID, HR_EXT_RID, HR_EXT_RRID,
                                             HR_EXT_TRANSPORT_CC};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_not_equal(sub->ext[kinds[i]], 0);
        assert_int_equal(sub->ext[kinds[i]], pub->ext[kinds[i]]);
    }
    assert_false(sub->transport_cc);
    deal_free(&d);
}

static void rtx_and_transport_cc_for_subscribers_when_asked(void **state)
{
    struct deal d = {.offer = sdp_parse_vector("chromium-publish")};
    sdp_answering_init(&d.with, d.offer);
    d.with.cfg.subscribe_rtx = true;
    d.with.cfg.subscribe_transport_cc = true;
    d.n = sdp_negotiate(d.offer, &d.with.cfg);
    const struct cp_negotiated_media *v = &d.n->media[3];
    assert_true(v->transport_cc);
    assert_int_equal(v->ext[HR_EXT_TRANSPORT_CC], 3);
    assert_int_equal(v->codecs[0].rtx_pt, 97);
    assert_true(v->n_codecs <= HR_PAYLOADS_MAX);
    assert_non_null(strstr(d.n->answer, "a=ssrc-group:FID 1006 1007\r\n"));
    deal_free(&d);
}

static void firefox_cannot_read_descriptors_it_sends(void **state)
{
    struct deal d = deal_vector("firefox-publish");
    const struct cp_negotiated_media *pub = &d.n->media[1], *sub = &d.n->media[3];
    assert_int_equal(pub->ext[HR_EXT_DEPENDENCY_DESCRIPTOR], 8);
    assert_int_equal(sub->ext[HR_EXT_DEPENDENCY_DESCRIPTOR], 0);
    assert_int_equal(pub->ext[HR_EXT_PLAYOUT_DELAY], 0);
    assert_int_equal(sub->ext[HR_EXT_PLAYOUT_DELAY], 6);
    assert_non_null(strstr(d.n->answer, "a=extmap:6/sendonly http"));
    assert_int_equal(pub->n_ssrcs, 3);
    assert_int_not_equal(pub->ssrcs[0].rtx_ssrc, 0);
    deal_free(&d);
}

static void a_later_offer_keeps_what_was_agreed(void **state)
{
    static const char *const flows[][3] = {
        {"chromium-publish", "chromium-reoffer", "chromium-stopped"},
        {"firefox-publish", "firefox-reoffer", "firefox-stopped"},
    };
    for (size_t f = 0; f < 2; f++) {
        struct deal first = deal_vector(flows[f][0]), second = deal_vector(flows[f][1]);
        struct deal third = deal_vector(flows[f][2]);
        assert_int_equal(second.n->n_media, 8);
        assert_memory_equal(first.n->ext, second.n->ext, sizeof(first.n->ext));
        assert_int_equal(second.n->media[2].role, CP_MEDIA_INACTIVE);
        assert_int_equal(second.n->media[7].role, CP_MEDIA_SUBSCRIBE);
        assert_int_equal(first.n->media[1].n_codecs, second.n->media[1].n_codecs);
        assert_int_equal(third.n->media[3].role, CP_MEDIA_REJECTED);
        assert_int_equal(third.n->media[8].role, CP_MEDIA_REJECTED);
        assert_string_equal(third.n->media[8].reason, "data channels are not served");
        assert_int_equal(third.n->n_accepted, 7);
        deal_free(&first);
        deal_free(&second);
        deal_free(&third);
    }
}

static void without_a_sender_a_section_waits(void **state)
{
    struct deal d = {.offer = sdp_parse_vector("chromium-whep")};
    sdp_answering_init(&d.with, d.offer);
    d.with.cfg.n_senders = 1;
    d.n = sdp_negotiate(d.offer, &d.with.cfg);
    assert_int_equal(d.n->media[0].role, CP_MEDIA_SUBSCRIBE);
    assert_int_equal(d.n->media[1].role, CP_MEDIA_INACTIVE);
    assert_true(d.n->media[1].n_codecs > 0);
    assert_int_equal(d.n->n_accepted, 2);
    assert_non_null(strstr(d.n->answer, "a=inactive\r\n"));
    deal_free(&d);
}

static void codecs_follow_the_configured_order(void **state)
{
    static const char *const only[] = {"AV1", "vp9", NULL};
    struct deal d = {.offer = sdp_parse_vector("chromium-publish")};
    sdp_answering_init(&d.with, d.offer);
    d.with.cfg.video_codecs = only;
    d.n = sdp_negotiate(d.offer, &d.with.cfg);
    const struct cp_negotiated_media *v = &d.n->media[1];
    assert_int_equal(v->n_codecs, 6);
    assert_int_equal(v->codecs[0].key.id, CP_CODEC_AV1);
    assert_int_equal(v->codecs[2].key.id, CP_CODEC_VP9);
    assert_int_equal(v->codecs[4].key.profile, 2);
    deal_free(&d);
}

static void layers_that_cannot_be_served_are_left_out(void **state)
{
    struct deal d = deal_vector("odd-layers");
    const struct cp_negotiated_media *v = &d.n->media[1];
    assert_int_equal(v->n_rids, HR_RIDS_MAX);
    assert_string_equal(v->rids[0].id, "hi"); /* its better alternative has no codec left */
    assert_true(v->rids[1].paused);
    assert_non_null(strstr(d.n->answer, "a=rid:hi recv pt=96;max-width=1280\r\n"));
    assert_non_null(strstr(d.n->answer, "a=simulcast:recv hi;lo;x1\r\n"));
    assert_int_equal(v->n_ssrcs, 2);
    assert_int_equal(v->ssrcs[0].ssrc, 30); /* the order of the SIM group */
    assert_int_equal(v->ssrcs[0].rtx_ssrc, 31);
    assert_non_null(strstr(d.n->answer, "a=group:BUNDLE v\r\n"));
    assert_string_equal(d.n->media[2].reason, "no codec in common");
    deal_free(&d);
}

static void the_dtls_role_is_what_the_client_leaves_us(void **state)
{
    static const struct {
        const char *setup;
        enum cp_dtls_role before, after; /* after CP_DTLS_ANY: refused */
        const char *answer;
    } cases[] = {
        {"actpass", CP_DTLS_ANY, CP_DTLS_SERVER, "a=setup:passive\r\n"},
        {"active", CP_DTLS_ANY, CP_DTLS_SERVER, "a=setup:passive\r\n"},
        {"passive", CP_DTLS_ANY, CP_DTLS_CLIENT, "a=setup:active\r\n"},
        {"actpass", CP_DTLS_CLIENT, CP_DTLS_CLIENT, "a=setup:active\r\n"},
        {"passive", CP_DTLS_SERVER, CP_DTLS_ANY, "changes roles"},
        {"active", CP_DTLS_CLIENT, CP_DTLS_ANY, "changes roles"},
        {"holdconn", CP_DTLS_ANY, CP_DTLS_ANY, "holdconn"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text), HEAD ICE FP "a=setup:%s\n" OPUS("0") MUX, cases[i].setup);
        struct deal d = {.offer = sdp_parse_text(text)};
        struct cp_sdp_error err;
        sdp_answering_init(&d.with, d.offer);
        d.with.cfg.dtls_role = cases[i].before;
        int rc = cp_negotiate(d.offer, &d.with.cfg, &d.n, &err);
        assert_int_equal(rc, cases[i].after == CP_DTLS_ANY ? -ENOTSUP : 0);
        assert_non_null(strstr(rc ? err.text : d.n->answer, cases[i].answer));
        assert_int_equal(rc ? CP_DTLS_ANY : d.n->dtls_role, cases[i].after);
        deal_free(&d);
    }
}

static void an_offer_that_cannot_be_served_is_refused(void **state)
{
    static const struct {
        const char *text;
        int rc;
        unsigned line;
        const char *says;
    } cases[] = {
        {HEAD ICE FP, -EINVAL, 0, "no media section"},
        {HEAD FP OPUS("0") MUX, -EINVAL, 6, "no a=ice-ufrag"},
        {HEAD "a=ice-ufrag:CLie\n" FP OPUS("0") MUX, -EINVAL, 7, "no a=ice-pwd"},
        {HEAD ICE OPUS("0") MUX, -EINVAL, 7, "no a=fingerprint"},
        {HEAD ICE "a=fingerprint:sha-1 00:01\n" OPUS("0") MUX, -EINVAL, 8, "no a=fingerprint"},
        {HEAD ICE FP OPUS("0") MUX OPUS("1") MUX, -ENOTSUP, 12, "no a=group:BUNDLE for 2"},
        {HEAD ICE FP "a=group:BUNDLE 0 7\n" OPUS("0") MUX, -EINVAL, 0, "mid 7 of no section"},
        {HEAD ICE FP "a=ice-lite\n" OPUS("0") MUX, -ENOTSUP, 0, "ice-lite"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cp_sdp *offer = sdp_parse_text(cases[i].text);
        struct sdp_answering with;
        struct cp_negotiation *n = NULL;
        struct cp_sdp_error err = {0};
        sdp_answering_init(&with, offer);
        int rc = cp_negotiate(offer, &with.cfg, &n, &err);
        if (rc != cases[i].rc || err.line != cases[i].line || !strstr(err.text, cases[i].says))
            fail_msg("case %zu: %d, line %u: %s", i, rc, err.line, err.text);
        cp_sdp_free(offer);
    }
}

static void a_section_that_cannot_be_served_is_rejected_alone(void **state)
{
    static const struct {
        const char *section, *reason;
    } cases[] = {
        {OPUS("1"), "no a=rtcp-mux"},
        {OPUS("2") MUX, "not in the BUNDLE group"},
        {OPUS("1234567890abcdefg") MUX, "its mid is longer than 16 bytes"},
        {"m=audio 9 RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=mid:1\n" MUX,
         "not RTP over DTLS-SRTP"},
        {"m=text 9 UDP/TLS/RTP/SAVPF 98\na=mid:1\n" MUX, "neither audio nor video"},
        {"m=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:1\n" MUX, "no codec in common"},
        {"m=audio 9 UDP/TLS/RTP/SAVPF 9\na=rtpmap:9 telephone-event/8000\na=mid:1\n" MUX,
         "no codec in common"},
        {"m=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:1\n" MUX, "stopped by the client"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[2048];
        const char *mid = i == 1 ? "0" : i == 2 ? "0 1234567890abcdefg" : "0 1";
        snprintf(text, sizeof(text), HEAD ICE FP "a=group:BUNDLE %s\n" OPUS("0") MUX "%s", mid,
                 cases[i].section);
        struct deal d = deal_text(text);
        assert_int_equal(d.n->media[0].role, CP_MEDIA_PUBLISH);
        assert_int_equal(d.n->media[1].role, CP_MEDIA_REJECTED);
        assert_string_equal(d.n->media[1].reason, cases[i].reason);
        assert_non_null(strstr(d.n->answer, "a=group:BUNDLE 0\r\n"));
        deal_free(&d);
    }
}

static void nothing_accepted_is_still_an_answer(void **state)
{
    struct deal d = deal_text(HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:0\n");
    assert_int_equal(d.n->n_accepted, 0);
    assert_null(d.n->remote_ufrag);
    assert_non_null(strstr(d.n->answer, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
    deal_free(&d);
}

/* The first section of the group is refused: the next one's transport is the bundle's. */
static void the_transport_is_of_the_first_section_accepted(void **state)
{
    struct deal d = deal_text(
        HEAD FP "a=group:BUNDLE d 0 1\n"
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:d\n"
                "a=ice-ufrag:data\na=ice-pwd:0000000000000000000000\n" OPUS("1") MUX ICE OPUS("0")
                    MUX "a=ice-ufrag:zero\na=ice-pwd:1111111111111111111111\n");
    assert_string_equal(d.n->remote_ufrag, "zero");
    assert_non_null(strstr(d.n->answer, "a=group:BUNDLE 0 1\r\n"));
    deal_free(&d);
}

static void an_extension_id_means_one_thing_in_a_bundle(void **state)
{
    struct deal d = deal_text(HEAD ICE FP "a=group:BUNDLE 0 1\n" OPUS("0") MUX
                              "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\n"
                              "a=extmap:15 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n" OPUS("1")
                                  MUX "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid\n"
                                      "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\n");
    assert_int_equal(d.n->ext[HR_EXT_MID], 1);
    assert_int_equal(d.n->ext[HR_EXT_AUDIO_LEVEL], 0);
    assert_int_equal(d.n->media[1].ext[HR_EXT_MID], 0);
    deal_free(&d);
}

/* A level in an encrypted extension (RFC 6904) could not be read: that is not accepted. */
static void levels_are_in_the_clear(void **state)
{
#define LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    static const struct {
        const char *lines;
        uint8_t id;
    } cases[] = {
        {"a=extmap:4 " LEVEL "\n", 4},
        {"a=extmap:4 " LEVEL " vad=on\n", 4},
        {"a=extmap:5 urn:ietf:params:rtp-hdrext:encrypt " LEVEL "\n", 0},
        {"a=extmap:5 urn:ietf:params:rtp-hdrext:encrypt " LEVEL "\na=extmap:6 " LEVEL "\n", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text), HEAD ICE FP OPUS("0") MUX "%s", cases[i].lines);
        struct deal d = deal_text(text);
        assert_int_equal(d.n->ext[HR_EXT_AUDIO_LEVEL], cases[i].id);
        assert_int_equal(d.n->media[0].ext[HR_EXT_AUDIO_LEVEL], cases[i].id);
        assert_null(strstr(d.n->answer, "encrypt"));
        deal_free(&d);
    }
}

/* Who can tell how loud it is, does: browsers and aiortc. */
static void publishers_send_levels(void **state)
{
    static const char *const names[] = {"chromium-publish", "chromium-whip", "firefox-publish",
                                        "firefox-whip", "aiortc"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct deal d = deal_vector(names[i]);
        assert_int_equal(d.n->media[0].kind, CP_SDP_AUDIO);
        assert_int_equal(d.n->media[0].role, CP_MEDIA_PUBLISH);
        assert_int_not_equal(d.n->media[0].ext[HR_EXT_AUDIO_LEVEL], 0);
        assert_int_equal(d.n->ext[HR_EXT_AUDIO_LEVEL], d.n->media[0].ext[HR_EXT_AUDIO_LEVEL]);
        deal_free(&d);
    }
}

static void transport_cc_needs_extension_and_feedback(void **state)
{
#define TCC       \
    "a=extmap:3 " \
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\n"
#define VIDEO "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\na=mid:0\n" MUX
    struct deal d = deal_text(HEAD ICE FP VIDEO "a=rtcp-fb:96 goog-remb\n" TCC);
    assert_int_equal(d.n->ext[HR_EXT_TRANSPORT_CC], 0);
    assert_true(d.n->media[0].remb && !d.n->media[0].transport_cc);
    deal_free(&d);
    d = deal_text(HEAD ICE FP VIDEO "a=rtcp-fb:96 goog-remb\na=rtcp-fb:96 transport-cc\n");
    assert_true(d.n->media[0].remb && !d.n->media[0].transport_cc);
    deal_free(&d);
    d = deal_text(HEAD ICE FP VIDEO "a=rtcp-fb:* goog-remb\na=rtcp-fb:* transport-cc\n" TCC);
    assert_true(!d.n->media[0].remb && d.n->media[0].transport_cc);
    deal_free(&d);
}

static void one_section_needs_neither_bundle_nor_mid(void **state)
{
    struct deal d = deal_text(HEAD ICE FP "m=audio 9 UDP/TLS/RTP/SAVPF 111\n"
                                          "a=rtpmap:111 opus/48000/2\n" MUX);
    assert_int_equal(d.n->n_accepted, 1);
    assert_string_equal(d.n->media[0].mid, "");
    assert_null(strstr(d.n->answer, "BUNDLE"));
    deal_free(&d);
}

static void our_candidates_are_in_order_of_priority(void **state)
{
    struct deal d = deal_vector("chromium-whip");
    const char *first =
        strstr(d.n->answer, "a=candidate:1 1 udp 2130706431 198.18.0.1 10000 typ host\r\n"
                            "a=candidate:2 1 udp 2130706175 2001:2::1 10000 typ host\r\n"
                            "a=end-of-candidates\r\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "a=candidate:1 "));
    deal_free(&d);
}

/* The codec keys of one H264 payload with that fmtp; id CP_CODEC_NONE: not accepted. */
static struct cp_codec_key h264(const char *fmtp)
{
    char text[1024];
    snprintf(text, sizeof(text),
             HEAD ICE FP "m=video 9 UDP/TLS/RTP/SAVPF 96\n" MUX "a=rtpmap:96 H264/90000\n%s%s\n",
             fmtp ? "a=fmtp:96 " : "", fmtp ? fmtp : "");
    struct deal d = deal_text(text);
    struct cp_codec_key key = {0};
    if (d.n->media[0].n_codecs)
        key = d.n->media[0].codecs[0].key;
    deal_free(&d);
    return key;
}

static void h264_profiles_by_their_bits(void **state)
{
    static const struct {
        const char *fmtp;
        uint8_t profile;
    } cases[] = {
        {"profile-level-id=42e01f", CP_H264_CONSTRAINED_BASELINE},
        {"profile-level-id=42C02A;packetization-mode=1", CP_H264_CONSTRAINED_BASELINE},
        {"profile-level-id=4d801f", CP_H264_CONSTRAINED_BASELINE},
        {"profile-level-id=58c01f", CP_H264_CONSTRAINED_BASELINE},
        {"profile-level-id=42001f", CP_H264_BASELINE},
        {"profile-level-id=4d001f", CP_H264_MAIN},
        {"profile-level-id=4d401f", CP_H264_MAIN},
        {"profile-level-id=640c1f", CP_H264_CONSTRAINED_HIGH},
        {"profile-level-id=64001f", CP_H264_HIGH},
        {"profile-level-id=f4001f", 0xf4},
        {"packetization-mode=1", CP_H264_CONSTRAINED_BASELINE},
        {NULL, CP_H264_CONSTRAINED_BASELINE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cp_codec_key key = h264(cases[i].fmtp);
        assert_int_equal(key.id, CP_CODEC_H264);
        assert_int_equal(key.profile, cases[i].profile);
    }
    assert_int_equal(h264("profile-level-id=42e01g").id, CP_CODEC_NONE);
    assert_int_equal(h264("profile-level-id=").id, CP_CODEC_NONE);
    assert_int_equal(h264("packetization-mode=2").id, CP_CODEC_NONE);
    assert_int_equal(h264("packetization-mode=-1").id, CP_CODEC_NONE);
}

static void a_lower_packetization_mode_can_be_read(void **state)
{
    struct cp_codec_key single = h264("packetization-mode=0"), many = h264("packetization-mode=1");
    assert_true(cp_codec_match(&single, &many));
    assert_false(cp_codec_match(&many, &single));
    struct cp_codec_key high = h264("profile-level-id=64001f;packetization-mode=1");
    assert_false(cp_codec_match(&many, &high));
}

static const struct cp_payload_pair *pair_from(const struct cp_payload_pair *pairs, size_t n,
                                               uint8_t from)
{
    for (size_t i = 0; i < n; i++) {
        if (pairs[i].from == from)
            return &pairs[i];
    }
    return NULL;
}

static void payload_types_are_mapped_between_browsers(void **state)
{
    struct deal chromium = deal_vector("chromium-publish"),
                firefox = deal_vector("firefox-publish");
    struct cp_payload_pair pairs[HR_PAYLOADS_MAX];
    size_t n = cp_negotiate_payload_map(&chromium.n->media[1], &firefox.n->media[3], pairs,
                                        HR_PAYLOADS_MAX);
    assert_int_equal(n, 3); /* Firefox has no H264 here, and VP9 profile 0 only */
    assert_int_equal(pair_from(pairs, n, 96)->to, 120);
    assert_int_equal(pair_from(pairs, n, 98)->to, 121);
    assert_int_equal(pair_from(pairs, n, 45)->to, 99);
    assert_int_equal(pairs[0].from_rtx, 97);
    assert_int_equal(pairs[0].to_rtx, CP_NO_PT);
    n = cp_negotiate_payload_map(&chromium.n->media[0], &firefox.n->media[2], pairs,
                                 HR_PAYLOADS_MAX);
    assert_int_equal(pair_from(pairs, n, 111)->to, 109);
    assert_null(pair_from(pairs, n, 63)); /* RED: not offered by Firefox */
    n = cp_negotiate_payload_map(&chromium.n->media[0], &chromium.n->media[2], pairs,
                                 HR_PAYLOADS_MAX);
    assert_int_equal(pair_from(pairs, n, 63)->to, 63);
    n = cp_negotiate_payload_map(&chromium.n->media[1], &chromium.n->media[3], pairs, 2);
    assert_int_equal(n, 2);
    deal_free(&chromium);
    deal_free(&firefox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_golden_ones),
        cmocka_unit_test(an_answer_mirrors_its_offer),
        cmocka_unit_test(chromium_publishes_three_layers),
        cmocka_unit_test(subscribers_get_what_they_can_use),
        cmocka_unit_test(subscribers_do_not_refuse_what_publishers_need),
        cmocka_unit_test(rtx_and_transport_cc_for_subscribers_when_asked),
        cmocka_unit_test(firefox_cannot_read_descriptors_it_sends),
        cmocka_unit_test(a_later_offer_keeps_what_was_agreed),
        cmocka_unit_test(without_a_sender_a_section_waits),
        cmocka_unit_test(codecs_follow_the_configured_order),
        cmocka_unit_test(layers_that_cannot_be_served_are_left_out),
        cmocka_unit_test(the_dtls_role_is_what_the_client_leaves_us),
        cmocka_unit_test(an_offer_that_cannot_be_served_is_refused),
        cmocka_unit_test(a_section_that_cannot_be_served_is_rejected_alone),
        cmocka_unit_test(nothing_accepted_is_still_an_answer),
        cmocka_unit_test(the_transport_is_of_the_first_section_accepted),
        cmocka_unit_test(an_extension_id_means_one_thing_in_a_bundle),
        cmocka_unit_test(levels_are_in_the_clear),
        cmocka_unit_test(publishers_send_levels),
        cmocka_unit_test(transport_cc_needs_extension_and_feedback),
        cmocka_unit_test(one_section_needs_neither_bundle_nor_mid),
        cmocka_unit_test(our_candidates_are_in_order_of_priority),
        cmocka_unit_test(h264_profiles_by_their_bits),
        cmocka_unit_test(a_lower_packetization_mode_can_be_read),
        cmocka_unit_test(payload_types_are_mapped_between_browsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
