/* GHASH (NIST SP 800-38D) for any CPU, in constant time.
 *
 * A carry-less product comes from ordinary multiplication: with only every fourth bit of each
 * operand set, a column's count never grows into the next column that is kept. That is true of the
 * low 64 bits; the high ones are the low ones of the bit-reversed operands, reversed back. */
#include "dataplane/srtp/srtp_internal.h"

#include <string.h>

#define EVERY4 UINT64_C(0x1111111111111111)

/* Low 64 bits of the carry-less product. */
static uint64_t mul_low(uint64_t x, uint64_t y)
{
    uint64_t a[4], b[4], z = 0;

    for (int i = 0; i < 4; i++) {
        a[i] = x & EVERY4 << i;
        b[i] = y & EVERY4 << i;
    }
    for (int i = 0; i < 4; i++) {
        uint64_t column = 0;

        for (int j = 0; j < 4; j++)
            column ^= a[j] * b[(i - j) & 3];
        z |= column & EVERY4 << i;
    }
    return z;
}

static uint64_t reverse(uint64_t x)
{
    x = (x & UINT64_C(0x5555555555555555)) << 1 | (x >> 1 & UINT64_C(0x5555555555555555));
    x = (x & UINT64_C(0x3333333333333333)) << 2 | (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x & UINT64_C(0x0f0f0f0f0f0f0f0f)) << 4 | (x >> 4 & UINT64_C(0x0f0f0f0f0f0f0f0f));
    return __builtin_bswap64(x);
}

/* One operand in both directions; fold is the Karatsuba sum. */
struct operand {
    uint64_t hi, lo, fold;
    uint64_t hi_r, lo_r, fold_r;
};

static struct operand operand_of(const uint64_t v[2])
{
    struct operand o = {.hi = v[0], .lo = v[1], .fold = v[0] ^ v[1]};

    o.hi_r = reverse(o.hi);
    o.lo_r = reverse(o.lo);
    o.fold_r = o.hi_r ^ o.lo_r;
    return o;
}

/* z = x * h, 255 bits in four words, least significant first. */
static void multiply(uint64_t z[4], const struct operand *x, const struct operand *h)
{
    uint64_t lo = mul_low(x->lo, h->lo), hi = mul_low(x->hi, h->hi);
    uint64_t mid = mul_low(x->fold, h->fold) ^ lo ^ hi;
    uint64_t lo_r = mul_low(x->lo_r, h->lo_r), hi_r = mul_low(x->hi_r, h->hi_r);
    uint64_t mid_r = mul_low(x->fold_r, h->fold_r) ^ lo_r ^ hi_r;

    z[0] = lo;
    z[1] = mid ^ reverse(lo_r) >> 1;
    z[2] = hi ^ reverse(mid_r) >> 1;
    z[3] = reverse(hi_r) >> 1;
}

/* GCM numbers bits the other way round: shift the product up by one, then fold the low half, which
 * holds the high powers, by x^128 = x^7 + x^2 + x + 1. */
static void reduce(uint64_t y[2], uint64_t z[4])
{
    z[3] = z[3] << 1 | z[2] >> 63;
    z[2] = z[2] << 1 | z[1] >> 63;
    z[1] = z[1] << 1 | z[0] >> 63;
    z[0] <<= 1;
    for (int i = 0; i < 2; i++) {
        z[i + 2] ^= z[i] ^ z[i] >> 1 ^ z[i] >> 2 ^ z[i] >> 7;
        z[i + 1] ^= z[i] << 63 ^ z[i] << 62 ^ z[i] << 57;
    }
    y[0] = z[3];
    y[1] = z[2];
}

void dp_srtp_ghash(const uint64_t h[2], uint64_t y[2], const uint8_t *data, size_t len)
{
    struct operand ho = operand_of(h);
    uint8_t block[SRTP_BLOCK];
    uint64_t z[4];

    while (len > 0) {
        size_t n = len < SRTP_BLOCK ? len : SRTP_BLOCK;
        struct operand yo;

        memset(block, 0, sizeof(block));
        memcpy(block, data, n);
        y[0] ^= srtp_get64(block);
        y[1] ^= srtp_get64(block + 8);
        yo = operand_of(y);
        multiply(z, &yo, &ho);
        reduce(y, z);
        data += n;
        len -= n;
    }
}
