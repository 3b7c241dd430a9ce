/* The Internet checksum (RFC 1071): a 32-bit running sum of 16-bit words in memory order, folded at
 * the end. */
#ifndef DP_CHECKSUM_H
#define DP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds len bytes; an odd last byte is padded with zero, so only the last piece may be odd. */
uint32_t dp_checksum_add(uint32_t sum, const void *data, size_t len);

/* The sum of so many 32-bit words: for headers, where the call would cost more than the sum. */
static inline uint32_t dp_checksum_words(const void *data, unsigned n)
{
    uint64_t sum = 0;
    uint32_t word;

    for (unsigned i = 0; i < n; i++) {
        __builtin_memcpy(&word, (const uint8_t *)data + 4 * i, sizeof(word));
        sum += word;
    }
    return (uint32_t)((sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32));
}

/* Adds a number that is in host order. */
static inline uint32_t dp_checksum_add16(uint32_t sum, uint16_t host)
{
    return sum + __builtin_bswap16(host);
}

/* The sum in 16 bits, as it is in memory: 0xffff when everything summed, its checksum included, is
 * right. */
static inline uint16_t dp_checksum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* What goes into the header, as it is in memory. */
static inline uint16_t dp_checksum_finish(uint32_t sum)
{
    return (uint16_t)~dp_checksum_fold(sum);
}

#endif
