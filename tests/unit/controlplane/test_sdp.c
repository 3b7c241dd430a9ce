#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/controlplane/sdp_support.h"

#define HEAD  "v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
#define AUDIO "m=audio 9 UDP/TLS/RTP/SAVPF 111\n"

static void what_is_read_is_written_and_read_again(void **state)
{
    for (const char *const *name = sdp_vectors; *name; name++) {
        size_t first_len, second_len;
        struct cp_sdp *sdp = sdp_parse_vector(*name);
        char *first = cp_sdp_write(sdp, &first_len);
        cp_sdp_free(sdp);
        sdp = sdp_parse_text(first);
        char *second = cp_sdp_write(sdp, &second_len);
        cp_sdp_free(sdp);
        assert_string_equal(first, second);
        assert_int_equal(first_len, strlen(first));
        free(first);
        free(second);
    }
}

static void chromium_simulcast_in_fields(void **state)
{
    struct cp_sdp *sdp = sdp_parse_vector("chromium-publish");
    assert_int_equal(sdp->n_media, 4);
    assert_true(sdp->has_bundle && sdp->extmap_allow_mixed && !sdp->ice_lite);
    assert_int_equal(sdp->n_bundle, 4);
    const struct cp_sdp_media *v = &sdp->media[1];
    assert_int_equal(v->kind, CP_SDP_VIDEO);
    assert_int_equal(v->direction, CP_SDP_SENDONLY);
    assert_string_equal(v->mid, "1");
    assert_int_equal(v->n_codecs, 23);
    assert_string_equal(v->codecs[0].name, "VP8");
    assert_int_equal(v->codecs[0].clock_rate, 90000);
    assert_string_equal(v->codecs[1].fmtp, "apt=96");
    assert_true(v->rtcp_mux && v->rtcp_rsize && v->extmap_allow_mixed);
    assert_int_equal(v->n_extmaps, 13);
    assert_int_equal(v->n_rids, 3);
    assert_int_equal(v->send.n, 3);
    assert_string_equal(v->send.layers[2].rids[0], "f");
    assert_int_equal(v->transport.setup, CP_SDP_ACTPASS);
    assert_string_equal(v->transport.ufrag, "CLie");
    assert_int_equal(v->transport.n_fingerprints, 1);
    assert_int_equal(v->transport.fingerprints[0].bytes[31], 0xbf);
    const struct cp_sdp_codec *opus = &sdp->media[0].codecs[0];
    assert_int_equal(opus->channels, 2);
    assert_string_equal(opus->fmtp, "minptime=10;useinbandfec=1");
    cp_sdp_free(sdp);
}

static void firefox_directions_groups_and_session_defaults(void **state)
{
    struct cp_sdp *sdp = sdp_parse_vector("firefox-publish");
    const struct cp_sdp_media *v = &sdp->media[1];
    assert_true(v->bundle_only && v->port == 0);
    assert_int_equal(v->n_ssrcs, 6);
    assert_int_equal(v->n_ssrc_groups, 3);
    assert_string_equal(v->ssrc_groups[0].semantics, "FID");
    assert_int_equal(v->transport.n_fingerprints, 1); /* the session's */
    unsigned sendonly = 0, recvonly = 0;
    for (size_t i = 0; i < v->n_extmaps; i++) {
        sendonly += v->extmaps[i].direction == CP_SDP_SENDONLY;
        recvonly += v->extmaps[i].direction == CP_SDP_RECVONLY;
    }
    assert_int_equal(sendonly, 3);
    assert_int_equal(recvonly, 1);
    cp_sdp_free(sdp);
}

static void session_attributes_reach_every_section(void **state)
{
    struct cp_sdp *sdp = sdp_parse_vector("odd-layers");
    const struct cp_sdp_media *v = &sdp->media[1], *a = &sdp->media[2];
    assert_string_equal(sdp->origin_address, "2001:2::9");
    assert_string_equal(sdp->media[0].formats, "webrtc-datachannel");
    assert_int_equal(v->n_extmaps, 3);
    assert_int_equal(a->n_extmaps, 2);
    assert_int_equal(a->transport.setup, CP_SDP_ACTIVE);
    assert_string_equal(v->send.layers[0].rids[1], "hi");
    assert_true(v->send.layers[1].paused[0]);
    assert_string_equal(v->rids[0].params, "pt=96,98;max-width=1280");
    assert_int_equal(v->feedback[0].pt, -1);
    assert_string_equal(v->feedback[1].type, "nack pli");
    cp_sdp_free(sdp);
}

static void an_attribute_it_does_not_know_is_skipped(void **state)
{
    struct cp_sdp *sdp = sdp_parse_text(HEAD "b=AS:1\na=new:thing\n" AUDIO
                                             "b=TIAS:9\na=rtcp-mux2\na=mid:0\na=rtpmap:96 x/1\n");
    assert_int_equal(sdp->n_media, 1);
    assert_false(sdp->media[0].rtcp_mux);
    assert_null(sdp->media[0].codecs[0].name);
    cp_sdp_free(sdp);
}

static void line_ends_are_crlf_or_lf_and_may_be_missing(void **state)
{
    static const char *const texts[] = {HEAD AUDIO "a=mid:0", HEAD AUDIO "a=mid:0\n",
                                        HEAD AUDIO "a=mid:0\r\n", HEAD AUDIO "a=mid:0\r\n\r\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cp_sdp *sdp = sdp_parse_text(texts[i]);
        assert_string_equal(sdp->media[0].mid, "0");
        cp_sdp_free(sdp);
    }
}

static void a_wrong_line_is_named_with_its_number(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } cases[] = {
        {"", 0, "empty"},
        {"hello", 1, "a letter and ="},
        {"o=- 1 2 IN IP4 127.0.0.1\n", 1, "begins with v=0"},
        {"v=1\n", 1, "v= must be 0"},
        {"v=0\no=- x 2 IN IP4 127.0.0.1\n", 2, "session id"},
        {"v=0\no=- 1 99999999999999999999 IN IP4 127.0.0.1\n", 2, "version"},
        {"v=0\no=- 1\n", 2, "six fields"},
        {"v=0\ns=-\nt=0 0\n" AUDIO, 4, "o= is missing"},
        {"v=0\no=- 1 2 IN IP4 127.0.0.1\ns=-\n", 3, "t= is missing"},
        {HEAD AUDIO "s=-\n", 6, "stands after m="},
        {HEAD "\n" AUDIO, 5, "empty line"},
        {HEAD "a=x\ry\n", 5, "carriage return"},
        {HEAD "m=audio 9\n", 5, "m= needs"},
        {HEAD "m=audio 70000 RTP/SAVPF 0\n", 5, "port"},
        {HEAD "m=audio 9 RTP/SAVPF 128\n", 5, "0 to 127"},
        {HEAD "m=audio 9 RTP/SAVPF 96 96\n", 5, "twice"},
        {HEAD "m=audio 9 RTP/SAVPF\n", 5, "no payload type"},
        {HEAD "m=application 9 UDP/DTLS/SCTP\n", 5, "no format"},
        {HEAD "c=IN\n", 5, "c= needs"},
        {HEAD "a=group:BUNDLE 0\na=group:BUNDLE 1\n", 6, "second BUNDLE"},
        {HEAD "a=ice-ufrag:abc\n", 5, "ice-ufrag"},
        {HEAD "a=ice-pwd:short\n", 5, "ice-pwd"},
        {HEAD "a=ice-ufrag:ab d\n", 5, "ice-ufrag"},
        {HEAD "a=fingerprint:sha-256 AA:BB\n", 5, "fingerprint"},
        {HEAD "a=fingerprint:sha-256\n", 5, "fingerprint"},
        {HEAD "a=setup:maybe\n", 5, "setup"},
        {HEAD "a=extmap:0 urn:x\n", 5, "extmap has an id"},
        {HEAD "a=extmap:1\n", 5, "extmap needs"},
        {HEAD "a=extmap:1/up urn:x\n", 5, "direction"},
        {HEAD "a=extmap:1 urn:x\na=extmap:1 urn:y\n", 6, "two extensions"},
        {HEAD AUDIO "a=mid:a b\n", 6, "mid is not a token"},
        {HEAD AUDIO "a=mid:\n", 6, "mid is not a token"},
        {HEAD AUDIO "a=mid:0\n" AUDIO "a=mid:0\n", 7, "that of line 5"},
        {HEAD AUDIO "a=rtpmap:111 opus\n", 6, "name/rate"},
        {HEAD AUDIO "a=rtpmap:111 opus/x\n", 6, "clock rate"},
        {HEAD AUDIO "a=rtpmap:111 opus/48000/0\n", 6, "channel count"},
        {HEAD AUDIO "a=rtpmap:opus\n", 6, "payload type"},
        {HEAD AUDIO "a=rtcp-fb:111\n", 6, "no feedback"},
        {HEAD AUDIO "a=rid:h\n", 6, "rid needs"},
        {HEAD AUDIO "a=rid:h both\n", 6, "neither send nor recv"},
        {HEAD AUDIO "a=rid:h;q send\n", 6, "rid needs"},
        {HEAD AUDIO "a=rid:h send\na=rid:h send\n", 7, "twice"},
        {HEAD AUDIO "a=simulcast:send\n", 6, "simulcast"},
        {HEAD AUDIO "a=simulcast:send a;;b\n", 6, "without a rid"},
        {HEAD AUDIO "a=simulcast:send a send b\n", 6, "one direction twice"},
        {HEAD AUDIO "a=simulcast:send a;b,a\n", 6, "rid a twice"},
        {HEAD AUDIO "a=ssrc:4294967296 cname:x\n", 6, "SSRC"},
        {HEAD AUDIO "a=ssrc-group:\n", 6, "empty"},
        {HEAD AUDIO "a=ssrc-group:FID 1 x\n", 6, "SSRC"},
        {HEAD AUDIO "a=msid:\n", 6, "msid"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cp_sdp *sdp = NULL;
        struct cp_sdp_error err = {0};
        int rc = cp_sdp_parse(cases[i].text, strlen(cases[i].text), &sdp, &err);
        if (rc != -EINVAL || err.line != cases[i].line || !strstr(err.text, cases[i].says))
            fail_msg("case %zu \"%s\": %d, line %u: %s", i, cases[i].says, rc, err.line, err.text);
    }
}

static void a_zero_byte_is_refused(void **state)
{
    static const char text[] = HEAD AUDIO "a=mid:0\n\0a=sendonly\n";
    struct cp_sdp *sdp = NULL;
    struct cp_sdp_error err;
    assert_int_equal(cp_sdp_parse(text, sizeof(text) - 1, &sdp, &err), -EINVAL);
    assert_non_null(strstr(err.text, "zero byte"));
}

/* HEAD, before, then a line with its own number again and again. */
static int parse_repeated(const char *before, const char *fmt, unsigned times,
                          struct cp_sdp_error *err)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    fprintf(f, "%s%s", HEAD, before);
    for (unsigned i = 1; i <= times; i++) {
        char line[128];
        snprintf(line, sizeof(line), fmt, i, i);
        fputs(line, f);
    }
    fclose(f);
    struct cp_sdp *sdp = NULL;
    int rc = cp_sdp_parse(text, len, &sdp, err);
    if (!rc)
        cp_sdp_free(sdp);
    free(text);
    return rc;
}

static void every_table_has_a_named_end(void **state)
{
    static const struct {
        const char *before, *fmt;
        unsigned limit;
    } cases[] = {
        {"", "m=audio 9 RTP/SAVPF 0\na=mid:%u\n", CP_SDP_MEDIA_MAX},
        {AUDIO, "a=extmap:%u urn:x:%u\n", CP_SDP_EXTMAPS_MAX},
        {AUDIO, "a=rtcp-fb:111 x%u\n", CP_SDP_FEEDBACK_MAX},
        {AUDIO, "a=rid:r%u send\n", CP_SDP_RIDS_MAX},
        {AUDIO, "a=ssrc:%u cname:c\n", CP_SDP_SSRCS_MAX},
        {AUDIO, "a=ssrc-group:FID %u\n", CP_SDP_SSRC_GROUPS_MAX},
        {AUDIO, "a=candidate:%u 1 udp 1 192.0.2.1 1 typ host\n", CP_SDP_CANDIDATES_MAX},
        {AUDIO,
         "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
         "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\n",
         CP_SDP_FINGERPRINTS_MAX},
        {"m=audio 9 RTP/SAVPF", " %u", CP_SDP_PAYLOADS_MAX},
        {AUDIO "a=ssrc-group:SIM", " %u", CP_SDP_GROUP_SSRCS_MAX},
        {AUDIO "a=simulcast:send r", ";r%u", CP_SDP_LAYERS_MAX - 1},
        {AUDIO "a=simulcast:send r", ",r%u", CP_SDP_LAYERS_MAX - 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cp_sdp_error err = {0};
        int rc = parse_repeated(cases[i].before, cases[i].fmt, cases[i].limit, &err);
        if (rc)
            fail_msg("case %zu at its limit: line %u: %s", i, err.line, err.text);
        rc = parse_repeated(cases[i].before, cases[i].fmt, cases[i].limit + 1, &err);
        if (rc != -E2BIG || !strstr(err.text, "more than") || !err.line)
            fail_msg("case %zu past its limit: %d %s", i, rc, err.text);
    }
}

static void a_description_that_is_too_long_is_refused(void **state)
{
    struct cp_sdp *sdp = NULL;
    struct cp_sdp_error err;
    char *text = malloc(CP_SDP_TEXT_MAX + 1);
    memset(text, 'a', CP_SDP_TEXT_MAX + 1);
    assert_int_equal(cp_sdp_parse(text, CP_SDP_TEXT_MAX + 1, &sdp, &err), -E2BIG);
    free(text);
}

/* Exact-size copies, so that a sanitizer sees a read past the end. */
static void a_description_may_end_anywhere(void **state)
{
    size_t len;
    char *text = sdp_read("odd-layers", ".sdp", &len);
    for (size_t cut = 1; cut <= len; cut++) {
        struct cp_sdp *sdp = NULL;
        struct cp_sdp_error err;
        char *copy = malloc(cut);
        memcpy(copy, text, cut);
        if (cp_sdp_parse(copy, cut, &sdp, &err) == 0)
            cp_sdp_free(sdp);
        free(copy);
    }
    free(text);
}

static void a_trickle_fragment_has_no_head(void **state)
{
    static const char text[] = "a=group:BUNDLE 0 1\r\na=ice-options:trickle\r\n"
                               "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                               "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
                               "a=candidate:1 1 udp 1 192.0.2.1 61665 typ host\r\n"
                               "a=end-of-candidates\r\n";
    struct cp_sdp *sdp = NULL;
    struct cp_sdp_error err;
    assert_int_equal(cp_sdp_parse_fragment(text, strlen(text), &sdp, &err), 0);
    assert_string_equal(sdp->transport.ufrag, "EsAw");
    assert_int_equal(sdp->media[0].n_candidates, 1);
    assert_true(sdp->media[0].end_of_candidates);
    cp_sdp_free(sdp);
    assert_int_equal(cp_sdp_parse(text, strlen(text), &sdp, &err), -EINVAL);
}

static void fingerprints_of_three_hashes(void **state)
{
    struct cp_sdp *sdp = sdp_parse_vector("aiortc");
    const struct cp_sdp_transport *t = &sdp->media[0].transport;
    assert_int_equal(t->n_fingerprints, 3);
    assert_int_equal(t->fingerprints[1].hash, CP_SDP_SHA384);
    assert_int_equal(t->fingerprints[1].len, 48);
    assert_int_equal(t->fingerprints[2].len, 64);
    assert_int_equal(t->fingerprints[2].bytes[63], 63);
    cp_sdp_free(sdp);
    struct cp_sdp_fingerprint fp;
    assert_int_equal(cp_sdp_fingerprint_parse("sha-1 00:01", &fp), -ENOTSUP);
    assert_int_equal(cp_sdp_fingerprint_parse("SHA-256 zz", &fp), -EINVAL);
}

static void fmtp_values_are_found_by_key(void **state)
{
    static const char fmtp[] = "level-asymmetry-allowed=1; packetization-mode=1;apt=96";
    size_t len;
    assert_string_equal(cp_sdp_fmtp_get(fmtp, "apt", &len), "96");
    assert_int_equal(len, 2);
    assert_non_null(cp_sdp_fmtp_get(fmtp, "Packetization-Mode", &len));
    assert_int_equal(len, 1);
    assert_null(cp_sdp_fmtp_get(fmtp, "mode", &len));
    assert_null(cp_sdp_fmtp_get(fmtp, "ap", &len));
    assert_null(cp_sdp_fmtp_get(NULL, "apt", &len));
}

static void directions_are_reversed(void **state)
{
    assert_int_equal(cp_sdp_reverse(CP_SDP_SENDONLY), CP_SDP_RECVONLY);
    assert_int_equal(cp_sdp_reverse(CP_SDP_RECVONLY), CP_SDP_SENDONLY);
    assert_int_equal(cp_sdp_reverse(CP_SDP_SENDRECV), CP_SDP_SENDRECV);
    assert_int_equal(cp_sdp_reverse(CP_SDP_INACTIVE), CP_SDP_INACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_and_read_again),
        cmocka_unit_test(chromium_simulcast_in_fields),
        cmocka_unit_test(firefox_directions_groups_and_session_defaults),
        cmocka_unit_test(session_attributes_reach_every_section),
        cmocka_unit_test(an_attribute_it_does_not_know_is_skipped),
        cmocka_unit_test(line_ends_are_crlf_or_lf_and_may_be_missing),
        cmocka_unit_test(a_wrong_line_is_named_with_its_number),
        cmocka_unit_test(a_zero_byte_is_refused),
        cmocka_unit_test(every_table_has_a_named_end),
        cmocka_unit_test(a_description_that_is_too_long_is_refused),
        cmocka_unit_test(a_description_may_end_anywhere),
        cmocka_unit_test(a_trickle_fragment_has_no_head),
        cmocka_unit_test(fingerprints_of_three_hashes),
        cmocka_unit_test(fmtp_values_are_found_by_key),
        cmocka_unit_test(directions_are_reversed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
