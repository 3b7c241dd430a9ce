#include <errno.h>
#include <string.h>

#include "dataplane/rtp/rtcp.h"
#include "dataplane/rtp/wire.h"

/* Appends a packet of len bytes with its header written and the rest zero; NULL if it does not fit.
 */
static uint8_t *begin(struct dp_rtcp_buf *b, enum dp_rtcp_type type, unsigned count, size_t len)
{
    if (len > b->cap - b->len || len / 4 > 65536)
        return NULL;
    uint8_t *p = b->p + b->len;
    memset(p, 0, len);
    p[0] = (uint8_t)(0x80 | count);
    p[1] = (uint8_t)type;
    dp_put16(p + 2, (uint16_t)(len / 4 - 1));
    b->len += len;
    return p;
}

static void write_block(uint8_t *p, const struct dp_rtcp_report_block *block)
{
    int32_t lost = block->lost;
    if (lost > 0x7fffff)
        lost = 0x7fffff;
    if (lost < -0x800000)
        lost = -0x800000;
    dp_put32(p, block->ssrc);
    p[4] = block->fraction_lost;
    dp_put24(p + 5, (uint32_t)lost & 0xffffff);
    dp_put32(p + 8, block->highest_seq);
    dp_put32(p + 12, block->jitter);
    dp_put32(p + 16, block->lsr);
    dp_put32(p + 20, block->dlsr);
}

int dp_rtcp_put_sr(struct dp_rtcp_buf *b, const struct dp_rtcp_sr *sr,
                   const struct dp_rtcp_report_block *blocks, unsigned n)
{
    if (n > DP_RTCP_REPORTS_MAX)
        return -EINVAL;
    uint8_t *p = begin(b, DP_RTCP_SR, n, 28 + n * (size_t)DP_RTCP_BLOCK_LEN);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, sr->reports.sender);
    dp_put32(p + 8, (uint32_t)(sr->ntp >> 32));
    dp_put32(p + 12, (uint32_t)sr->ntp);
    dp_put32(p + 16, sr->rtp_ts);
    dp_put32(p + 20, sr->packets);
    dp_put32(p + 24, sr->bytes);
    for (unsigned i = 0; i < n; i++)
        write_block(p + 28 + i * (size_t)DP_RTCP_BLOCK_LEN, &blocks[i]);
    return 0;
}

int dp_rtcp_put_rr(struct dp_rtcp_buf *b, uint32_t sender,
                   const struct dp_rtcp_report_block *blocks, unsigned n)
{
    if (n > DP_RTCP_REPORTS_MAX)
        return -EINVAL;
    uint8_t *p = begin(b, DP_RTCP_RR, n, 8 + n * (size_t)DP_RTCP_BLOCK_LEN);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, sender);
    for (unsigned i = 0; i < n; i++)
        write_block(p + 8 + i * (size_t)DP_RTCP_BLOCK_LEN, &blocks[i]);
    return 0;
}

int dp_rtcp_put_sdes(struct dp_rtcp_buf *b, uint32_t ssrc, const char *cname)
{
    size_t name_len = strlen(cname);
    if (name_len == 0 || name_len > DP_RTCP_CNAME_MAX)
        return -EINVAL;
    /* Header, SSRC, item head, name, and one to four zeros that end the chunk. */
    uint8_t *p = begin(b, DP_RTCP_SDES, 1, (4 + 4 + 2 + name_len + 4) & ~(size_t)3);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, ssrc);
    p[8] = 1; /* CNAME */
    p[9] = (uint8_t)name_len;
    memcpy(p + 10, cname, name_len);
    return 0;
}

int dp_rtcp_put_bye(struct dp_rtcp_buf *b, uint32_t ssrc)
{
    uint8_t *p = begin(b, DP_RTCP_BYE, 1, 8);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, ssrc);
    return 0;
}

int dp_rtcp_put_pli(struct dp_rtcp_buf *b, uint32_t sender, uint32_t media)
{
    uint8_t *p = begin(b, DP_RTCP_PSFB, DP_PSFB_PLI, 12);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, sender);
    dp_put32(p + 8, media);
    return 0;
}

int dp_rtcp_put_fir(struct dp_rtcp_buf *b, const struct dp_rtcp_fir *fir)
{
    uint8_t *p = begin(b, DP_RTCP_PSFB, DP_PSFB_FIR, 20);
    if (!p)
        return -ENOSPC;
    /* The media source of the header stays 0: the entry names it (RFC 5104 section 4.3.1.2). */
    dp_put32(p + 4, fir->sender);
    dp_put32(p + 12, fir->ssrc);
    p[16] = fir->seq;
    return 0;
}

/* Takes from seqs[0..n) the numbers that one PID and bitmask can say; returns how many. */
static unsigned nack_entry(const uint16_t *seqs, unsigned n, uint16_t *blp)
{
    unsigned taken = 1;
    *blp = 0;
    for (; taken < n; taken++) {
        uint16_t distance = (uint16_t)(seqs[taken] - seqs[0]);
        if (distance > 16)
            break;
        if (distance)
            *blp |= (uint16_t)(1u << (distance - 1));
    }
    return taken;
}

int dp_rtcp_put_nack(struct dp_rtcp_buf *b, uint32_t sender, uint32_t media, const uint16_t *seqs,
                     unsigned n)
{
    size_t entries = 0;
    uint16_t blp;
    if (n == 0)
        return -EINVAL;
    for (unsigned i = 0; i < n; i += nack_entry(seqs + i, n - i, &blp))
        entries++;
    uint8_t *p = begin(b, DP_RTCP_RTPFB, DP_RTPFB_NACK, 12 + 4 * entries);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, sender);
    dp_put32(p + 8, media);
    p += 12;
    for (unsigned i = 0; i < n; p += 4) {
        dp_put16(p, seqs[i]);
        i += nack_entry(seqs + i, n - i, &blp);
        dp_put16(p + 2, blp);
    }
    return 0;
}

int dp_rtcp_put_rrtr(struct dp_rtcp_buf *b, uint32_t sender, uint64_t ntp)
{
    uint8_t *p = begin(b, DP_RTCP_XR, 0, 20);
    if (!p)
        return -ENOSPC;
    dp_put32(p + 4, sender);
    p[8] = DP_XR_RRTR;
    dp_put16(p + 10, 2);
    dp_put32(p + 12, (uint32_t)(ntp >> 32));
    dp_put32(p + 16, (uint32_t)ntp);
    return 0;
}

int dp_rtcp_put_remb(struct dp_rtcp_buf *b, uint32_t sender, uint64_t bitrate,
                     const uint32_t *ssrcs, unsigned n)
{
    if (n > 255)
        return -EINVAL;
    uint8_t *p = begin(b, DP_RTCP_PSFB, DP_PSFB_AFB, 20 + 4 * (size_t)n);
    if (!p)
        return -ENOSPC;
    unsigned exponent = 0;
    while (bitrate >> exponent > 0x3ffff)
        exponent++;
    dp_put32(p + 4, sender);
    memcpy(p + 12, "REMB", 4);
    p[16] = (uint8_t)n;
    dp_put24(p + 17, exponent << 18 | (uint32_t)(bitrate >> exponent));
    for (unsigned i = 0; i < n; i++)
        dp_put32(p + 20 + 4 * (size_t)i, ssrcs[i]);
    return 0;
}
