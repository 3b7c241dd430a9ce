/* What the tests of this folder share: cmocka with its prerequisites, and repeatable randomness. */
#ifndef HEADRACE_TESTS_RTP_SUPPORT_H
#define HEADRACE_TESTS_RTP_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* xorshift64*: state must not be 0. */
static inline uint32_t random_u32(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * 0x2545f4914f6cdd1dULL >> 32);
}

static inline uint32_t random_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(((uint64_t)random_u32(state) * n) >> 32);
}

#endif
