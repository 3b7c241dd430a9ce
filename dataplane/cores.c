#include "dataplane/cores.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define CORE_MAX 4095

/* A number without sign or space; returns what follows, or NULL. */
static const char *number(const char *text, unsigned *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (n > CORE_MAX)
        return NULL;
    *out = (unsigned)n;
    return end;
}

static int add(unsigned core, unsigned *cores, unsigned count, unsigned max)
{
    for (unsigned i = 0; i < count; i++)
        if (cores[i] == core)
            return -EINVAL;
    if (count == max)
        return -E2BIG;
    cores[count] = core;
    return 0;
}

int dp_cores_parse(const char *text, unsigned *cores, unsigned max)
{
    unsigned count = 0, first, last;

    while (true) {
        text = number(text, &first);
        if (!text)
            return -EINVAL;
        last = first;
        if (*text == '-')
            text = number(text + 1, &last);
        if (!text || last < first)
            return -EINVAL;
        for (unsigned core = first; core <= last; core++) {
            int err = add(core, cores, count, max);
            if (err)
                return err;
            count++;
        }
        if (*text == 0)
            return (int)count;
        if (*text++ != ',')
            return -EINVAL;
    }
}
