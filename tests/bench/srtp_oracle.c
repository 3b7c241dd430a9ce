/* The long run of tests/unit/dataplane/srtp/oracle.h: --packets N (10000000), --seed S (time). */
#include "oracle.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PROGRESS 250000 /* packets between two lines */

static void usage(const char *name)
{
    fprintf(stderr, "usage: %s [--packets N] [--seed S]\n", name);
    exit(2);
}

static uint64_t number(const char *text, const char *name)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);

    if (*text == '\0' || *end != '\0')
        usage(name);
    return value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"packets", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {NULL, 0, NULL, 0}};
    uint64_t packets = 10000000, seed = (uint64_t)time(NULL), done = 0;
    struct oracle_counts c;
    struct oracle *oracle;
    bool good = true;
    int opt;

    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 'n')
            packets = number(optarg, argv[0]);
        else if (opt == 's')
            seed = number(optarg, argv[0]);
        else
            usage(argv[0]);
    }
    oracle = oracle_new(seed);
    while (good && done < packets) {
        uint64_t n = packets - done < PROGRESS ? packets - done : PROGRESS;

        good = oracle_run(oracle, n);
        done += n;
        printf("%" PRIu64 " of %" PRIu64 " packets\n", done, packets);
        fflush(stdout);
    }
    c = oracle_counts(oracle);
    printf("seed %" PRIu64 ": %" PRIu64 " packets sent, %" PRIu64 " rekeyed equal to libsrtp2, "
           "%" PRIu64 " of them unprotected by it; %" PRIu64 " RTX, %" PRIu64 " late, %" PRIu64
           " stale, %" PRIu64 " replays refused, %" PRIu64 " streams: %s\n",
           seed, c.sent, c.compared, c.unprotected, c.rtx, c.late, c.stale, c.replayed, c.streams,
           good ? "no difference" : oracle_error(oracle));
    oracle_free(oracle);
    return good ? 0 : 1;
}
