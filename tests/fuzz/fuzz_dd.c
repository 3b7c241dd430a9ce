/* The descriptors of a stream, one after the other: a byte of length before each. */
#include "dataplane/rtp/dd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dp_dd_state st = {0};
    struct dp_dd dd;
    for (uint64_t seq = 0; size > 0; seq++) {
        size_t len = *data++;
        size--;
        if (len > size)
            len = size;
        dp_dd_read(&st, seq, data, len, &dd);
        data += len;
        size -= len;
    }
    return 0;
}
