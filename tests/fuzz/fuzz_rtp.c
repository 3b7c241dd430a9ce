/* A packet as a publisher may send it: parse, and if it is well formed write a subscriber's header.
 */
#include <stdlib.h>

#include "dataplane/rtp/ext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dp_rtp_header h, again;
    struct dp_ext_map in, out;
    struct dp_audio_level level;
    uint8_t dst[DP_RTP_WRITE_MAX];
    if (dp_rtp_parse(data, size, &h))
        return 0;
    bool two_byte = h.seq & 1;
    dp_ext_map_init(&in, true);
    dp_ext_map_init(&out, two_byte);
    for (unsigned kind = 1; kind < HR_EXT_KINDS; kind++) {
        dp_ext_map_set(&in, (enum hr_ext_kind)kind, kind);
        dp_ext_map_set(&out, (enum hr_ext_kind)kind, (two_byte ? 20 : 14) - kind);
    }
    struct dp_rtp_rewrite rw = {.seq = 7,
                                .pt = 96,
                                .has_transport_cc = true,
                                .frame_offset = 40000,
                                .mid_len = 1,
                                .mid = "0",
                                .in = &in,
                                .out = &out};
    int len = dp_rtp_write(dst, sizeof(dst), data, &h, &rw);
    if (len < 0 || dp_rtp_parse(dst, (size_t)len, &again) || again.hdr_len != len)
        abort();
    dp_ext_audio_level(data, &h, &in, &level);
    return 0;
}
