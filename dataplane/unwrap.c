/*
 * What changes is what is known of the packet, not its bytes: SSRC, payload type and number are the
 * original's, and the payload begins two bytes later, under the same keystream (struct dp_cipher).
 * Of the payload only the original sequence number is uncovered, in a register.
 */
#include "dataplane/unwrap.h"

#include "dataplane/rtp/wire.h"

#include <errno.h>

static uint16_t original_number(const struct dp_packet *p, const uint8_t *bytes,
                                const struct dp_srtp_key *key)
{
    uint8_t ks[DP_OSN_LEN];
    dp_srtp_keystream(key, p->cipher.ssrc, p->cipher.index, ks, sizeof(ks));
    return (uint16_t)(dp_get16(bytes + p->rtp.hdr_len) ^ dp_get16(ks));
}

/* One packet index passes once, as it came first or again. */
static enum dp_drop take(struct dp_stream *media, uint16_t number, uint64_t *index)
{
    int error = dp_srtp_rx_estimate(&media->rx, number, index);
    if (error == -EALREADY)
        return DP_DROP_RTX_DUPLICATE;
    if (error || *index > media->rx.highest + DP_SRTP_WINDOW)
        return DP_DROP_RTX_UNUSED;
    dp_srtp_rx_commit(&media->rx, *index);
    return DP_DROPS;
}

enum dp_drop dp_unwrap(struct dp_packet *p, const uint8_t *bytes)
{
    const struct dp_source *s = p->stream->source;
    const struct dp_keys *keys = s->endpoint->keys;
    const struct dp_payload *payload = &s->conf.payloads[p->rtp.pt];
    struct dp_stream *media = s->streams[p->stream->layer];
    if (payload->codec != HEADRACE__PAYLOAD__CODEC__RTX)
        return DP_DROP_PAYLOAD_TYPE;
    if (p->rtp.padding || dp_packet_media_len(p, keys->profile) <= DP_OSN_LEN)
        return DP_DROP_RTX_PADDING;
    if (media == NULL || !media->begun)
        return DP_DROP_RTX_UNUSED;
    uint16_t number = original_number(p, bytes, &keys->ingress);
    enum dp_drop why = take(media, number, &p->index);
    if (why != DP_DROPS)
        return why;
    p->stream = media;
    p->cipher.skip = DP_OSN_LEN;
    p->rtp.ssrc = media->ssrc;
    p->rtp.seq = number;
    p->rtp.pt = payload->rtx_for;
    p->rtp.hdr_len += DP_OSN_LEN;
    p->rtp.payload_len -= DP_OSN_LEN;
    return DP_DROPS;
}
