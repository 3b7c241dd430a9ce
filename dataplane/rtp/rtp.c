#include "dataplane/rtp/rtp.h"

#include "dataplane/rtp/wire.h"

static enum dp_rtp_error ext_add(struct dp_rtp_header *h, unsigned id, unsigned len, unsigned off)
{
    if (off + len > (unsigned)h->ext_off + h->ext_len)
        return DP_RTP_EXT_ELEMENT;
    if (h->ext_count == DP_RTP_EXT_MAX)
        return DP_RTP_EXT_MANY;
    h->ext[h->ext_count++] =
        (struct dp_rtp_ext){.id = (uint8_t)id, .len = (uint8_t)len, .off = (uint16_t)off};
    return DP_RTP_OK;
}

static enum dp_rtp_error index_one_byte(const uint8_t *p, struct dp_rtp_header *h)
{
    unsigned off = h->ext_off, end = off + h->ext_len;
    while (off < end) {
        unsigned head = p[off++], id = head >> 4, len = (head & 15) + 1;
        if (head == 0)
            continue;
        /* Id 15, and id 0 with a length, end the list; what came before counts (section 4.2). */
        if (id == 15 || id == 0)
            break;
        enum dp_rtp_error error = ext_add(h, id, len, off);
        if (error)
            return error;
        off += len;
    }
    return DP_RTP_OK;
}

static enum dp_rtp_error index_two_byte(const uint8_t *p, struct dp_rtp_header *h)
{
    unsigned off = h->ext_off, end = off + h->ext_len;
    while (off < end) {
        unsigned id = p[off++];
        if (id == 0)
            continue;
        if (off == end)
            return DP_RTP_EXT_ELEMENT;
        unsigned len = p[off++];
        enum dp_rtp_error error = ext_add(h, id, len, off);
        if (error)
            return error;
        off += len;
    }
    return DP_RTP_OK;
}

/* h->hdr_len is where the extension starts; moves it past the extension. */
static enum dp_rtp_error parse_ext(const uint8_t *p, size_t len, struct dp_rtp_header *h)
{
    size_t off = h->hdr_len;
    if (len < off + 4)
        return DP_RTP_EXT_SHORT;
    size_t bytes = (size_t)dp_get16(p + off + 2) * 4;
    if (len < off + 4 + bytes)
        return DP_RTP_EXT_SHORT;
    h->ext_profile = dp_get16(p + off);
    h->ext_off = (uint16_t)(off + 4);
    h->ext_len = (uint16_t)bytes;
    h->hdr_len = (uint16_t)(off + 4 + bytes);
    if (h->ext_profile == DP_RTP_PROFILE_ONE)
        return index_one_byte(p, h);
    if ((h->ext_profile & DP_RTP_PROFILE_TWO_MSK) == DP_RTP_PROFILE_TWO)
        return index_two_byte(p, h);
    return DP_RTP_OK;
}

enum dp_rtp_error dp_rtp_parse(const uint8_t *p, size_t len, struct dp_rtp_header *h)
{
    if (len < DP_RTP_FIXED_LEN || len > UINT16_MAX)
        return DP_RTP_SHORT;
    if (p[0] >> 6 != 2)
        return DP_RTP_VERSION;
    h->padding = p[0] & 0x20;
    h->csrc_count = p[0] & 0x0f;
    h->marker = p[1] & 0x80;
    h->pt = p[1] & 0x7f;
    h->seq = dp_get16(p + 2);
    h->ts = dp_get32(p + 4);
    h->ssrc = dp_get32(p + 8);
    h->ext_profile = h->ext_off = h->ext_len = 0;
    h->ext_count = 0;
    h->hdr_len = (uint16_t)(DP_RTP_FIXED_LEN + 4 * h->csrc_count);
    if (len < h->hdr_len)
        return DP_RTP_CSRC_SHORT;
    if (p[0] & 0x10) {
        enum dp_rtp_error error = parse_ext(p, len, h);
        if (error)
            return error;
    }
    h->payload_len = (uint16_t)(len - h->hdr_len);
    return DP_RTP_OK;
}

const char *dp_rtp_error_text(enum dp_rtp_error error)
{
    static const char *const texts[] = {
#define X(name, text) [DP_RTP_##name] = text,
        DP_RTP_ERRORS(X)
#undef X
    };
    return (unsigned)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "unknown";
}
