/*
 * Framing first (the whole compound, so that a cut packet does nothing), then one row of the table
 * for each packet: the row's reader checks the content and calls the caller's handler.
 */
#include "dataplane/rtp/rtcp.h"

#include <string.h>

#include "dataplane/rtp/twcc.h"
#include "dataplane/rtp/wire.h"

#define ANY_COUNT 0xff

enum { SDES_END = 0, SDES_CNAME = 1 };

const char *dp_rtcp_error_text(enum dp_rtcp_error error)
{
    static const char *const texts[] = {
#define X(name, text) [DP_RTCP_##name] = text,
        DP_RTCP_ERRORS(X)
#undef X
    };
    return (unsigned)error < sizeof(texts) / sizeof(texts[0]) ? texts[error] : "unknown";
}

void dp_rtcp_iter_init(struct dp_rtcp_iter *it, const uint8_t *p, size_t len)
{
    *it = (struct dp_rtcp_iter){.p = p, .len = len};
}

static bool fail(struct dp_rtcp_iter *it, enum dp_rtcp_error error)
{
    it->error = error;
    it->len = 0;
    return false;
}

bool dp_rtcp_next(struct dp_rtcp_iter *it, struct dp_rtcp_packet *packet)
{
    const uint8_t *p = it->p;
    if (it->len == 0)
        return false;
    if (it->len < 4)
        return fail(it, DP_RTCP_SHORT);
    if (p[0] >> 6 != 2)
        return fail(it, DP_RTCP_VERSION);
    if (p[1] < 192 || p[1] > 223)
        return fail(it, DP_RTCP_TYPE);
    size_t len = ((size_t)dp_get16(p + 2) + 1) * 4;
    if (len > it->len)
        return fail(it, DP_RTCP_LENGTH);
    size_t padding = 0;
    if (p[0] & 0x20) {
        /* Only the last packet is padded (section 6.4.1), by a count that counts itself; a multiple
         * of four, but transport-cc feedback of browsers fills its last word with one to three. */
        padding = p[len - 1];
        if (len != it->len || padding == 0 || padding > len - 4)
            return fail(it, DP_RTCP_PADDING);
    }
    *packet = (struct dp_rtcp_packet){
        .type = p[1], .count = p[0] & 0x1f, .body = p + 4, .len = len - 4 - padding};
    it->p += len;
    it->len -= len;
    return true;
}

typedef enum dp_rtcp_error read_fn(const struct dp_rtcp_packet *, const struct dp_rtcp_handlers *,
                                   void *);

static enum dp_rtcp_error read_sr(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                  void *ctx)
{
    const uint8_t *p = k->body;
    if (k->len < 24u + k->count * (size_t)DP_RTCP_BLOCK_LEN)
        return DP_RTCP_CONTENT;
    struct dp_rtcp_sr sr = {
        .ntp = (uint64_t)dp_get32(p + 4) << 32 | dp_get32(p + 8),
        .rtp_ts = dp_get32(p + 12),
        .packets = dp_get32(p + 16),
        .bytes = dp_get32(p + 20),
        .reports = {.sender = dp_get32(p), .count = k->count, .blocks = p + 24},
    };
    if (h->sr)
        h->sr(ctx, &sr);
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_rr(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                  void *ctx)
{
    if (k->len < 4u + k->count * (size_t)DP_RTCP_BLOCK_LEN)
        return DP_RTCP_CONTENT;
    struct dp_rtcp_reports rr = {
        .sender = dp_get32(k->body), .count = k->count, .blocks = k->body + 4};
    if (h->rr)
        h->rr(ctx, &rr);
    return DP_RTCP_OK;
}

/* One chunk at *off: its CNAME, if it has one. The chunk ends with a zero and at a 32-bit boundary.
 */
static enum dp_rtcp_error read_chunk(const struct dp_rtcp_packet *k, size_t *off,
                                     struct dp_rtcp_cname *cname)
{
    const uint8_t *p = k->body;
    size_t at = *off;
    if (k->len - at < 4)
        return DP_RTCP_CONTENT;
    *cname = (struct dp_rtcp_cname){.ssrc = dp_get32(p + at)};
    for (at += 4; at < k->len && p[at] != SDES_END; at += 2u + p[at + 1]) {
        if (k->len - at < 2 || k->len - at - 2 < p[at + 1])
            return DP_RTCP_CONTENT;
        if (p[at] == SDES_CNAME) {
            cname->name = (const char *)p + at + 2;
            cname->len = p[at + 1];
        }
    }
    at = (at + 4) & ~(size_t)3;
    if (at > k->len)
        return DP_RTCP_CONTENT;
    *off = at;
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_sdes(const struct dp_rtcp_packet *k,
                                    const struct dp_rtcp_handlers *h, void *ctx)
{
    size_t off = 0;
    for (unsigned i = 0; i < k->count; i++) {
        struct dp_rtcp_cname cname;
        enum dp_rtcp_error error = read_chunk(k, &off, &cname);
        if (error)
            return error;
        if (h->cname && cname.name)
            h->cname(ctx, &cname);
    }
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_bye(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                   void *ctx)
{
    if (k->len < k->count * (size_t)4)
        return DP_RTCP_CONTENT;
    for (unsigned i = 0; h->bye && i < k->count; i++)
        h->bye(ctx, dp_get32(k->body + 4 * (size_t)i));
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_nack(const struct dp_rtcp_packet *k,
                                    const struct dp_rtcp_handlers *h, void *ctx)
{
    if (k->len < 12)
        return DP_RTCP_CONTENT;
    struct dp_rtcp_nack nack = {.sender = dp_get32(k->body),
                                .media = dp_get32(k->body + 4),
                                .entries = (k->len - 8) / 4,
                                .fci = k->body + 8};
    if (h->nack)
        h->nack(ctx, &nack);
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_twcc(const struct dp_rtcp_packet *k,
                                    const struct dp_rtcp_handlers *h, void *ctx)
{
    struct dp_twcc_view view;
    enum dp_rtcp_error error = dp_twcc_parse(k->body, k->len, &view);
    if (!error && h->twcc)
        h->twcc(ctx, &view);
    return error;
}

static enum dp_rtcp_error read_pli(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                   void *ctx)
{
    if (k->len < 8)
        return DP_RTCP_CONTENT;
    struct dp_rtcp_pli pli = {.sender = dp_get32(k->body), .media = dp_get32(k->body + 4)};
    if (h->pli)
        h->pli(ctx, &pli);
    return DP_RTCP_OK;
}

static enum dp_rtcp_error read_fir(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                   void *ctx)
{
    if (k->len < 16)
        return DP_RTCP_CONTENT;
    for (size_t off = 8; h->fir && k->len - off >= 8; off += 8) {
        struct dp_rtcp_fir fir = {
            .sender = dp_get32(k->body), .ssrc = dp_get32(k->body + off), .seq = k->body[off + 4]};
        h->fir(ctx, &fir);
    }
    return DP_RTCP_OK;
}

/* Application layer feedback is anybody's; REMB says its name, others are passed over. */
static enum dp_rtcp_error read_afb(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                   void *ctx)
{
    const uint8_t *p = k->body;
    if (k->len < 8)
        return DP_RTCP_CONTENT;
    if (k->len < 16 || memcmp(p + 8, "REMB", 4) != 0)
        return DP_RTCP_OK;
    struct dp_rtcp_remb remb = {.sender = dp_get32(p), .count = p[12], .ssrcs = p + 16};
    if (k->len < 16 + 4 * (size_t)remb.count)
        return DP_RTCP_CONTENT;
    uint32_t mantissa = dp_get24(p + 13) & 0x3ffff;
    unsigned exponent = p[13] >> 2;
    if (mantissa && exponent > 46)
        return DP_RTCP_CONTENT;
    remb.bitrate = mantissa ? (uint64_t)mantissa << exponent : 0;
    if (h->remb)
        h->remb(ctx, &remb);
    return DP_RTCP_OK;
}

static void read_dlrr(const uint8_t *p, size_t len, const struct dp_rtcp_handlers *h, void *ctx)
{
    for (size_t off = 0; h->dlrr && len - off >= 12; off += 12) {
        struct dp_rtcp_dlrr dlrr = {
            .ssrc = dp_get32(p + off), .lrr = dp_get32(p + off + 4), .dlrr = dp_get32(p + off + 8)};
        h->dlrr(ctx, &dlrr);
    }
}

/* Blocks of other types are passed over. */
static enum dp_rtcp_error read_xr(const struct dp_rtcp_packet *k, const struct dp_rtcp_handlers *h,
                                  void *ctx)
{
    if (k->len < 4)
        return DP_RTCP_CONTENT;
    for (size_t off = 4; off < k->len;) {
        if (k->len - off < 4)
            return DP_RTCP_CONTENT;
        size_t len = 4 * (size_t)dp_get16(k->body + off + 2);
        if (len > k->len - off - 4)
            return DP_RTCP_CONTENT;
        if (k->body[off] == DP_XR_DLRR)
            read_dlrr(k->body + off + 4, len, h, ctx);
        off += 4 + len;
    }
    return DP_RTCP_OK;
}

static const struct {
    uint8_t type;
    uint8_t format;
    read_fn *read;
} readers[] = {
    {DP_RTCP_SR, ANY_COUNT, read_sr},          {DP_RTCP_RR, ANY_COUNT, read_rr},
    {DP_RTCP_SDES, ANY_COUNT, read_sdes},      {DP_RTCP_BYE, ANY_COUNT, read_bye},
    {DP_RTCP_RTPFB, DP_RTPFB_NACK, read_nack}, {DP_RTCP_RTPFB, DP_RTPFB_TWCC, read_twcc},
    {DP_RTCP_PSFB, DP_PSFB_PLI, read_pli},     {DP_RTCP_PSFB, DP_PSFB_FIR, read_fir},
    {DP_RTCP_PSFB, DP_PSFB_AFB, read_afb},     {DP_RTCP_XR, ANY_COUNT, read_xr},
};

static read_fn *reader_of(const struct dp_rtcp_packet *packet)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (readers[i].type == packet->type &&
            (readers[i].format == ANY_COUNT || readers[i].format == packet->count))
            return readers[i].read;
    return NULL;
}

enum dp_rtcp_error dp_rtcp_dispatch(const uint8_t *p, size_t len,
                                    const struct dp_rtcp_handlers *handlers, void *ctx)
{
    struct dp_rtcp_iter it;
    struct dp_rtcp_packet packet;
    if (len == 0)
        return DP_RTCP_SHORT;
    dp_rtcp_iter_init(&it, p, len);
    while (dp_rtcp_next(&it, &packet))
        continue;
    if (it.error)
        return it.error;
    dp_rtcp_iter_init(&it, p, len);
    while (dp_rtcp_next(&it, &packet)) {
        read_fn *read = reader_of(&packet);
        enum dp_rtcp_error error = read ? read(&packet, handlers, ctx) : DP_RTCP_OK;
        if (error)
            return error;
    }
    return DP_RTCP_OK;
}

void dp_rtcp_report_block(const struct dp_rtcp_reports *reports, unsigned i,
                          struct dp_rtcp_report_block *block)
{
    const uint8_t *p = reports->blocks + i * (size_t)DP_RTCP_BLOCK_LEN;
    int32_t lost = (int32_t)dp_get24(p + 5);
    *block = (struct dp_rtcp_report_block){
        .ssrc = dp_get32(p),
        .fraction_lost = p[4],
        .lost = lost >= 0x800000 ? lost - 0x1000000 : lost,
        .highest_seq = dp_get32(p + 8),
        .jitter = dp_get32(p + 12),
        .lsr = dp_get32(p + 16),
        .dlsr = dp_get32(p + 20),
    };
}

bool dp_rtcp_nack_next(struct dp_rtcp_nack *nack, uint16_t *seq)
{
    if (nack->blp_left) {
        unsigned bit = (unsigned)__builtin_ctz(nack->blp_left);
        nack->blp_left &= nack->blp_left - 1;
        *seq = (uint16_t)(nack->pid + 1 + bit);
        return true;
    }
    if (nack->entries == 0)
        return false;
    nack->pid = dp_get16(nack->fci);
    nack->blp_left = dp_get16(nack->fci + 2);
    nack->fci += 4;
    nack->entries--;
    *seq = nack->pid;
    return true;
}

uint32_t dp_rtcp_remb_ssrc(const struct dp_rtcp_remb *remb, unsigned i)
{
    return dp_get32(remb->ssrcs + 4 * (size_t)i);
}
