/* What tests of speaker/ share. */
#ifndef SPEAKER_SUPPORT_H
#define SPEAKER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define FRAME INT64_C(20000)
#define MS    INT64_C(1000)
#define S     INT64_C(1000000)

static inline unsigned roll(unsigned n)
{
    return (unsigned)rand() % n;
}

/* Levels as people speak: syllables, with short pauses between them. */
static inline unsigned speech(unsigned frame)
{
    return frame % 25 > 20 ? 70 + roll(10) : 20 + roll(18);
}

static inline unsigned noise(void)
{
    return 75 + roll(15);
}

#endif
