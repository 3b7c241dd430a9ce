/*
 * Cycles per packet of each stage of the media path, rekeying (SRTP with keys of its own on every
 * leg) or opaque. The median of the rounds is told with their spread.
 */
#include "ipsec_mb.h"
#include "measure.h"
#include "rounds.h"

#include <errno.h>
#include <getopt.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX   8
#define ROUNDS_MAX 99
#define COPIES_MAX                                                                                 \
    4096              /* of one burst: smaller bursts where the fan-out is large, so that some are \
                         not interrupted */
#define KEYS_MIN  256 /* receivers in all, at least: their keys are used in turn */
#define ROOMS_MIN 4
#define HEADER    32 /* RTP header as receivers get it, about: for the comparison */

enum { GCM, SHA1, OPAQUE, TRANSFORMS };
static const struct {
    const char *name;
    enum hr_srtp_profile profile;
} transforms[TRANSFORMS] = {
    [GCM] = {"gcm", HR_SRTP_AEAD_AES_128_GCM},
    [SHA1] = {"sha1", HR_SRTP_AES_CM_128_HMAC_SHA1_80},
    [OPAQUE] = {"opaque", HR_SRTP_AES_CM_128_HMAC_SHA1_80},
};

struct options {
    unsigned fanouts[LIST_MAX], fanouts_count;
    unsigned sizes[LIST_MAX], sizes_count;
    bool transforms[TRANSFORMS]; /* which of them */
    unsigned rounds, burst, rooms;
    double seconds; /* of work in a round */
    bool json;
};

/* What is told of a round, and of all: cycles. Egress is the opaque stage where that is measured.
 */
enum figure { RX, CLASSIFY, INGRESS, FANOUT, EGRESS, TX, REST, TOTAL, TIMERS, FIGURES };
static const char *const figure_names[FIGURES] = {"rx", "classify", "ingress", "fanout", "egress",
                                                  "tx", "rest",     "total",   "timers"};
static const enum dp_stage_id stage_of[REST] = {DP_STAGE_RX,      DP_STAGE_CLASSIFY,
                                                DP_STAGE_INGRESS, DP_STAGE_FANOUT,
                                                DP_STAGE_EGRESS,  DP_STAGE_TX};

struct result {
    const char *transform;
    unsigned fanout, size, rooms, burst;
    double rounds[FIGURES][ROUNDS_MAX], median[FIGURES];
    double low, high; /* of the totals */
    double reference; /* ipsec-mb */
    uint64_t bursts, interrupted, dropped;
};

/* ---- measuring */

static void note(struct result *r, unsigned round, const struct measure_tally *t)
{
    double copies = (double)measure_copies(t), way = 0;

    for (unsigned i = 0; i < REST; i++) {
        bool opaque = i == EGRESS && t->stages[DP_STAGE_OPAQUE].packets;
        const struct dp_stage_counters *s = &t->stages[opaque ? DP_STAGE_OPAQUE : stage_of[i]];
        double per = i < FANOUT ? (double)t->stages[DP_STAGE_RX].packets : copies;
        r->rounds[i][round] = (double)s->cycles / per;
        way += (double)s->cycles;
    }
    r->rounds[REST][round] = ((double)t->cycles - way) / copies;
    r->rounds[TOTAL][round] = (double)t->cycles / copies;
    r->rounds[TIMERS][round] = (double)t->idle_cycles / (double)t->wall * (double)rte_get_tsc_hz() /
                               (r->rooms * (r->fanout + 1));
}

static void sum_up(struct result *r, unsigned rounds)
{
    for (unsigned i = 0; i < FIGURES; i++) {
        r->median[i] = rounds_median(r->rounds[i], rounds);
    }
    r->low = r->rounds[TOTAL][0];
    r->high = r->rounds[TOTAL][rounds - 1];
}

static int run_rounds(struct measure *m, const struct options *o, struct result *r)
{
    struct measure_tally t;
    int err = 0;

    for (unsigned i = 0; i < o->rounds && !err; i++) {
        err = measure_round(m, o->seconds, &t);
        r->bursts += t.bursts;
        r->interrupted += t.interrupted;
        if (!err)
            note(r, i, &t);
    }
    sum_up(r, o->rounds);
    r->dropped = measure_dropped(m);
    if (err)
        fprintf(stderr, "stages: %s: %llu bursts, %llu of them interrupted\n", strerror(-err),
                (unsigned long long)r->bursts, (unsigned long long)r->interrupted);
    return err;
}

static int run_case(const struct options *o, unsigned transform, struct result *r)
{
    static struct measure m;
    struct relay_plan plan = {.rooms = r->rooms,
                              .fanout = r->fanout,
                              .profile = transforms[transform].profile,
                              .opaque = transform == OPAQUE,
                              .video = r->size >= 500};

    if (measure_open(&m, &plan, r->size, r->burst, o->seconds))
        return -1;
    int err = run_rounds(&m, o, r);
    measure_close(&m);
    return err || r->dropped ? -1 : 0;
}

/* ---- telling */

static void print_head(void)
{
    printf("%-6s %5s %7s | %-22s | %-58s | %s\n", "", "", "", "per packet received", "per copy",
           "");
    printf("%-6s %5s %7s | %5s %8s %7s | %6s %6s %5s %5s | %7s %15s | %8s %6s | %8s | %6s\n",
           "SRTP", "bytes", "fan-out", "rx", "classify", "ingress", "fanout", "egress", "tx",
           "rest", "total", "lowest-highest", "ipsec-mb", "ratio", "Mcopies/s", "timers");
}

static double ratio(const struct result *r)
{
    return r->reference > 0 ? r->median[TOTAL] / r->reference : 0;
}

static void print_row(const struct result *r)
{
    const double *m = r->median;

    printf("%-6s %5u %7u | %5.0f %8.0f %7.0f | %6.1f %6.0f %5.1f %5.1f | %7.0f %7.0f-%-7.0f | "
           "%8.0f %6.2f | %8.3f | %6.0f\n",
           r->transform, r->size, r->fanout, m[RX], m[CLASSIFY], m[INGRESS], m[FANOUT], m[EGRESS],
           m[TX], m[REST], m[TOTAL], r->low, r->high, r->reference, ratio(r),
           (double)rte_get_tsc_hz() / m[TOTAL] / 1e6, m[TIMERS]);
    fflush(stdout);
}

static void print_json(const struct result *r, bool first)
{
    printf("%s\n  {\"name\": \"%s%s_%u_fanout_%u\", \"value\": %.1f, \"unit\": \"cycles/copy\"",
           first ? "" : ",", r->reference > 0 ? "rekey_" : "", r->transform, r->size, r->fanout,
           r->median[TOTAL]);
    printf(", \"lowest\": %.1f, \"highest\": %.1f", r->low, r->high);
    if (r->reference > 0)
        printf(", \"against\": \"ipsec-mb %s\", \"against_value\": %.1f, \"ratio\": %.3f",
               r->transform, r->reference, ratio(r));
    printf(", \"rooms\": %u, \"burst\": %u, \"bursts\": %llu, \"interrupted\": %llu", r->rooms,
           r->burst, (unsigned long long)r->bursts, (unsigned long long)r->interrupted);
    for (unsigned i = 0; i < FIGURES; i++)
        if (i != TOTAL)
            printf(", \"%s\": %.1f", figure_names[i], r->median[i]);
    printf("}");
    fflush(stdout);
}

/* ---- options */

static const char usage_text[] =
    "Usage: stages [--fanout 1,10,100,1000] [--size 160,1200] [--transform gcm,sha1,opaque]\n"
    "              [--seconds 0.5] [--rounds 5] [--rooms N] [--burst 32] [--json]\n"
    "Drives the dataplane's stages on virtual ports; prints TSC cycles per packet.\n"
    "  --fanout     receivers of a packet\n"
    "  --size       bytes of RTP payload; from 500 on it is video, else audio\n"
    "  --transform  SRTP transform of all legs, or opaque\n"
    "  --seconds    of work in a round; figures are medians of the rounds\n"
    "  --rooms      each with one publisher; default: so many that there are 256 receivers, at "
    "least 4\n"
    "  --burst      packets received at once, at most 64\n";

static int parse_numbers(const char *text, unsigned *list, unsigned *count, unsigned most)
{
    char *end;

    for (*count = 0; *count < LIST_MAX; text = end + 1) {
        unsigned long n = strtoul(text, &end, 10);
        if (end == text || n < 1 || n > most)
            return -EINVAL;
        list[(*count)++] = (unsigned)n;
        if (*end == 0)
            return 0;
        if (*end != ',')
            return -EINVAL;
    }
    return -E2BIG;
}

static int parse_number(const char *text, unsigned *n, unsigned most)
{
    unsigned list[LIST_MAX], count;
    int err = parse_numbers(text, list, &count, most);

    if (err || count != 1)
        return -EINVAL;
    *n = list[0];
    return 0;
}

static int parse_transforms(const char *text, struct options *o)
{
    bool any = false;
    for (unsigned i = 0; i < TRANSFORMS; i++) {
        o->transforms[i] = strstr(text, transforms[i].name);
        any |= o->transforms[i];
    }
    return any ? 0 : -EINVAL;
}

static int parse_option(int c, const char *value, struct options *o)
{
    switch (c) {
    case 'f':
        return parse_numbers(value, o->fanouts, &o->fanouts_count, 10000);
    case 'z':
        return parse_numbers(value, o->sizes, &o->sizes_count, 1400);
    case 't':
        return parse_transforms(value, o);
    case 's':
        o->seconds = strtod(value, NULL);
        return o->seconds > 0 ? 0 : -EINVAL;
    case 'r':
        return parse_number(value, &o->rounds, ROUNDS_MAX);
    case 'm':
        return parse_number(value, &o->rooms, 10000);
    case 'b':
        return parse_number(value, &o->burst, DP_BURST);
    case 'j':
        o->json = true;
        return 0;
    default:
        return -EINVAL;
    }
}

static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"fanout", required_argument, NULL, 'f'},
        {"size", required_argument, NULL, 'z'},
        {"transform", required_argument, NULL, 't'},
        {"seconds", required_argument, NULL, 's'},
        {"rounds", required_argument, NULL, 'r'},
        {"rooms", required_argument, NULL, 'm'},
        {"burst", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    int c;

    *o = (struct options){.fanouts = {1, 10, 100, 1000},
                          .fanouts_count = 4,
                          .sizes = {160, 1200},
                          .sizes_count = 2,
                          .transforms = {true, true, true},
                          .rounds = 5,
                          .burst = 32,
                          .seconds = 0.5};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (parse_option(c, optarg, o))
            return -EINVAL;
    return optind == argc ? 0 : -EINVAL;
}

/* ---- all cases */

static void lay_out(const struct options *o, struct result *r)
{
    unsigned rooms = RTE_MAX((KEYS_MIN + r->fanout - 1) / r->fanout, (unsigned)ROOMS_MIN);
    unsigned burst = RTE_MAX(COPIES_MAX / r->fanout, 1u);

    r->rooms = o->rooms ? o->rooms : rooms;
    r->burst = RTE_MIN(o->burst, burst);
}

/* Opaque does nothing that could be compared to a cipher: testpmd is its measure. */
static double reference_for(unsigned transform, unsigned size)
{
    return transform == OPAQUE ? 0 : ipsec_mb_cycles(transforms[transform].profile, HEADER, size);
}

static int run_all(const struct options *o)
{
    static struct result r;
    bool first = true;

    for (unsigned p = 0; p < TRANSFORMS; p++)
        for (unsigned z = 0; z < o->sizes_count; z++) {
            double reference = reference_for(p, o->sizes[z]);
            for (unsigned f = 0; o->transforms[p] && f < o->fanouts_count; f++) {
                r = (struct result){.transform = transforms[p].name,
                                    .fanout = o->fanouts[f],
                                    .size = o->sizes[z],
                                    .reference = reference};
                lay_out(o, &r);
                if (run_case(o, p, &r))
                    return 1;
                if (o->json)
                    print_json(&r, first);
                else
                    print_row(&r);
                first = false;
            }
        }
    return 0;
}

int main(int argc, char **argv)
{
    struct options o;
    bool huge = true;

    if (parse_options(argc, argv, &o)) {
        fputs(usage_text, stderr);
        return 2;
    }
    if (relay_start(&huge))
        return 1;
    const char *pages = huge ? "hugepages" : "no hugepages";
    if (o.json) {
        printf("{\"pages\": \"%s\", \"rounds\": %u, \"rows\": [", pages, o.rounds);
    } else {
        printf("%s, %u rounds of %g s, TSC %.0f MHz; ipsec-mb %s, same bytes, %d keys in turn\n",
               pages, o.rounds, o.seconds, (double)rte_get_tsc_hz() / 1e6, ipsec_mb_version(),
               KEYS_MIN);
        print_head();
    }
    int failed = run_all(&o);
    if (o.json)
        printf("\n]}\n");
    return failed;
}
