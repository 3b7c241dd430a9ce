#include "dataplane/srtp/srtp_internal.h"

#include <string.h>

uint16_t dp_srtp_sum(const uint8_t *p, size_t len)
{
    uint64_t low = 0, high = 0, word = 0;

    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        low += word & UINT32_MAX;
        high += word >> 32;
    }
    word = 0;
    memcpy(&word, p, len);
    return srtp_sum_fold(low + high + (word & UINT32_MAX) + (word >> 32));
}
