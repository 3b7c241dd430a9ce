/* A leg's SRTP on libsrtp2: Opus-like packets of 160 bytes. What does not authenticate or comes
 * twice is not counted as received. */
#include "joins.h"

#include <arpa/inet.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 160
#define OPUS_PT 111

struct media {
    srtp_t session;
    bool sends;
    uint32_t ssrc, timestamp;
    uint16_t seq;
};

struct media_counts media_counts;

struct media *media_new(bool gcm, bool sends, uint32_t ssrc, const uint8_t *keys)
{
    static bool initialized;
    struct media *m = calloc(1, sizeof(*m));
    uint8_t key[30];
    size_t salt = gcm ? 12 : 14;

    if (!m || (!initialized && srtp_init()))
        die("libsrtp2 does not start");
    initialized = true;
    memcpy(key, keys + (sends ? 0 : 16), 16);
    memcpy(key + 16, keys + 32 + (sends ? 0 : salt), salt);
    srtp_policy_t policy = {.key = key};
    if (gcm)
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    else
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
    policy.rtcp = policy.rtp;
    policy.ssrc.type = sends ? ssrc_any_outbound : ssrc_any_inbound;
    policy.window_size = 1024;
    if (srtp_create(&m->session, &policy))
        die("libsrtp2 does not take the keys");
    m->sends = sends;
    m->ssrc = ssrc;
    return m;
}

void media_free(struct media *m)
{
    if (!m)
        return;
    srtp_dealloc(m->session);
    free(m);
}

size_t media_packet(struct media *m, uint8_t *out)
{
    uint32_t word[3] = {htonl(2u << 30 | OPUS_PT << 16 | m->seq++), htonl(m->timestamp),
                        htonl(m->ssrc)};
    int len = sizeof(word) + PAYLOAD;

    m->timestamp += 960;
    memcpy(out, word, sizeof(word));
    memset(out + sizeof(word), m->seq & 0xff, PAYLOAD);
    if (srtp_protect(m->session, out, &len))
        die("libsrtp2 does not protect");
    media_counts.sent++;
    return (size_t)len;
}

void media_take(struct media *m, uint8_t *data, size_t len)
{
    int n = (int)len;

    if (m->sends || len < 12 || (data[1] >= 192 && data[1] <= 223))
        return; /* RTCP (RFC 5761 4) */
    if (srtp_unprotect(m->session, data, &n))
        media_counts.rejected++;
    else
        media_counts.received++;
}
