#include "dataplane/rtp/peek.h"

#include <endian.h>

enum nal { NAL_IDR = 5, NAL_SPS = 7, NAL_STAP_A = 24, NAL_FU_A = 28 };

static uint8_t at(uint64_t head, unsigned i)
{
    return (uint8_t)(le64toh(head) >> (8 * i));
}

bool dp_peek_vp8(uint64_t head)
{
    uint8_t first = at(head, 0);
    unsigned n = 1;

    if (!(first & 0x10) || (first & 0x07)) /* S and PID: not where the first partition begins */
        return false;
    if (first & 0x80) {
        uint8_t more = at(head, n++);
        if (more & 0x80) /* I: PictureID, of two bytes with M */
            n += at(head, n) & 0x80 ? 2 : 1;
        n += !!(more & 0x40); /* L: TL0PICIDX */
        n += !!(more & 0x30); /* T, K */
    }
    return !(at(head, n) & 1); /* P */
}

static bool begins_sequence(uint8_t nal)
{
    return (nal & 31) == NAL_IDR || (nal & 31) == NAL_SPS;
}

bool dp_peek_h264(uint64_t head)
{
    switch (at(head, 0) & 31) {
    case NAL_STAP_A:
        return begins_sequence(at(head, 3)); /* behind the length of the first unit */
    case NAL_FU_A:
        return (at(head, 1) & 0x80) && begins_sequence(at(head, 1));
    default:
        return begins_sequence(at(head, 0));
    }
}
