#include "matrix.h"

#include "ipsec_mb.h"
#include "measure.h"
#include "openssl.h"
#include "residence.h"
#include "rounds.h"
#include "testpmd.h"
#include "workers.h"

#include "proto/version.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ROUNDS     5
#define HEADER     32 /* RTP header as receivers get it, about */
#define KEYS       256
#define ROOMS_MIN  4
#define BURST      32
#define COPIES_MAX 1024 /* of a burst: small ones are interrupted less */
#define RING_MAX   1000 /* copies that a net_ring port takes before the bench empties it */
#define NICE       (-15)

struct matrix {
    bool json, huge, first;
    double seconds; /* of work in a round */
    const char *parts;
    const char *part; /* that runs */
    unsigned failed;
};

enum { GCM, SHA1, TRANSFORMS };
static const struct {
    const char *name;
    enum hr_srtp_profile profile;
} transforms[TRANSFORMS] = {
    [GCM] = {"gcm", HR_SRTP_AEAD_AES_128_GCM},
    [SHA1] = {"sha1", HR_SRTP_AES_CM_128_HMAC_SHA1_80},
};
static const unsigned sizes[] = {160, 1200};

/* ---- telling: one JSON object a line, or its keys and values */

static void tell(struct matrix *m, json_t *row)
{
    const char *key;
    json_t *value;

    if (m->json) {
        char *text = json_dumps(row, JSON_COMPACT | JSON_REAL_PRECISION(5));
        printf("%s\n  %s", m->first ? "" : ",", text);
        free(text);
    } else {
        printf("%-9s", m->part);
        json_object_foreach (row, key, value) {
            if (json_is_string(value)) {
                if (strcmp(key, "part"))
                    printf(" %s", json_string_value(value));
            } else {
                printf("  %s %.5g", key, json_number_value(value));
            }
        }
        printf("\n");
    }
    fflush(stdout);
    m->first = false;
    json_decref(row);
}

static void fail(struct matrix *m, const char *what, const char *why)
{
    fprintf(stderr, "headrace: bench matrix: %s: %s: %s\n", m->part, what, why);
    m->failed++;
}

/* ---- cycles per copy */

enum figure { RX, CLASSIFY, INGRESS, FANOUT, EGRESS, TX, TOTAL, TIMERS, FIGURES };
static const enum dp_stage_id stage_of[TOTAL] = {DP_STAGE_RX,      DP_STAGE_CLASSIFY,
                                                 DP_STAGE_INGRESS, DP_STAGE_FANOUT,
                                                 DP_STAGE_EGRESS,  DP_STAGE_TX};

static unsigned rooms_for(unsigned fanout)
{
    return RTE_MAX((KEYS + fanout - 1) / fanout, (unsigned)ROOMS_MIN);
}

/* Stages up to ingress per packet received, the others per copy; timers per endpoint and second. */
static void note(const struct relay_plan *plan, const struct measure_tally *t, unsigned round,
                 double rounds[FIGURES][ROUNDS])
{
    double copies = (double)measure_copies(t), in = (double)t->stages[DP_STAGE_RX].packets;

    for (unsigned i = 0; i < TOTAL; i++)
        rounds[i][round] = (double)t->stages[stage_of[i]].cycles / (i < FANOUT ? in : copies);
    if (plan->opaque)
        rounds[EGRESS][round] = (double)t->stages[DP_STAGE_OPAQUE].cycles / copies;
    rounds[TOTAL][round] = measure_per_copy(t);
    rounds[TIMERS][round] = (double)t->idle_cycles / (double)t->wall * (double)rte_get_tsc_hz() /
                            (plan->rooms * (plan->fanout + 1));
}

static int run_case(struct matrix *m, const struct relay_plan *plan, unsigned size,
                    double rounds[FIGURES][ROUNDS])
{
    static struct measure bench;
    struct measure_tally t;
    unsigned copies = plan->ring_out ? RING_MAX : COPIES_MAX;
    unsigned burst = RTE_MIN(BURST, RTE_MAX(copies / plan->fanout, 1u));
    int err = measure_open(&bench, plan, size, burst, m->seconds);

    if (err)
        return err;
    for (unsigned i = 0; i < ROUNDS && !err; i++) {
        err = measure_round(&bench, m->seconds, &t);
        if (!err)
            note(plan, &t, i, rounds);
    }
    if (!err && measure_dropped(&bench))
        err = -EIO;
    measure_close(&bench);
    for (unsigned i = 0; i < FIGURES && !err; i++)
        rounds_median(rounds[i], ROUNDS);
    return err;
}

/* A row of it, with what it is compared to beside it where there is such. */
static void copy_row(struct matrix *m, const char *transform, const struct relay_plan *plan,
                     unsigned size)
{
    double rounds[FIGURES][ROUNDS];
    int err = run_case(m, plan, size, rounds);

    if (err) {
        fail(m, transform, strerror(-err));
        return;
    }
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:f, s:f, s:f}", "part", m->part, "transform",
                  transform, "port", plan->ring_out ? "net_ring" : "net_null", "size", (int)size,
                  "fanout", (int)plan->fanout, "endpoints", (int)(plan->rooms * (plan->fanout + 1)),
                  "cycles", rounds[TOTAL][ROUNDS / 2], "lowest", rounds[TOTAL][0], "highest",
                  rounds[TOTAL][ROUNDS - 1]);
    static const char *const names[] = {"rx",           "classify", "ingress",
                                        "fanout_stage", "egress",   "tx"};
    for (unsigned i = 0; i < TOTAL; i++)
        json_object_set_new(row, names[i], json_real(rounds[i][ROUNDS / 2]));
    json_object_set_new(row, "timers", json_real(rounds[TIMERS][ROUNDS / 2]));
    if (!plan->opaque)
        json_object_set_new(row, "ipsec_mb",
                            json_real(ipsec_mb_cycles(plan->profile, HEADER, size)));
    tell(m, row);
}

static void fanout_part(struct matrix *m)
{
    static const unsigned fanouts[] = {1, 10, 100, 1000, 10000};

    for (unsigned z = 0; z < RTE_DIM(sizes); z++)
        for (unsigned f = 0; f < RTE_DIM(fanouts); f++) {
            struct relay_plan plan = {
                .fanout = fanouts[f], .rooms = rooms_for(fanouts[f]), .video = sizes[z] >= 500};
            for (unsigned t = 0; t < TRANSFORMS; t++) {
                plan.profile = transforms[t].profile;
                copy_row(m, transforms[t].name, &plan, sizes[z]);
            }
            plan.opaque = true;
            copy_row(m, "opaque", &plan, sizes[z]);
        }
}

static void rooms_part(struct matrix *m)
{
    static const unsigned people[] = {2, 3, 5, 10, 30, 100, 300, 1000, 3000, 10000};

    for (unsigned i = 0; i < RTE_DIM(people); i++) {
        struct relay_plan plan = {.fanout = people[i] - 1,
                                  .rooms = rooms_for(people[i] - 1),
                                  .profile = transforms[GCM].profile,
                                  .video = true};
        copy_row(m, transforms[GCM].name, &plan, 1200);
    }
}

static void ports_part(struct matrix *m)
{
    for (unsigned ring = 0; ring < 2; ring++)
        for (unsigned z = 0; z < RTE_DIM(sizes); z++)
            for (unsigned fanout = 10; fanout <= 1000; fanout *= 10) {
                struct relay_plan plan = {.fanout = fanout,
                                          .rooms = rooms_for(fanout),
                                          .profile = transforms[GCM].profile,
                                          .ring_out = ring,
                                          .video = sizes[z] >= 500};
                copy_row(m, transforms[GCM].name, &plan, sizes[z]);
            }
}

static void endpoints_part(struct matrix *m)
{
    static const unsigned endpoints[] = {100, 300, 1000, 3000, 10000, 30000, 100000};

    for (unsigned i = 0; i < RTE_DIM(endpoints); i++) {
        struct relay_plan plan = {.fanout = 9,
                                  .rooms = endpoints[i] / 10,
                                  .profile = transforms[GCM].profile,
                                  .video = true};
        copy_row(m, transforms[GCM].name, &plan, 1200);
    }
}

/* ---- what it is compared to */

static void crypto_part(struct matrix *m)
{
    for (unsigned t = 0; t < TRANSFORMS; t++)
        for (unsigned z = 0; z < RTE_DIM(sizes); z++)
            tell(m, json_pack("{s:s, s:s, s:i, s:f, s:f}", "part", m->part, "transform",
                              transforms[t].name, "size", (int)sizes[z], "ipsec_mb",
                              ipsec_mb_cycles(transforms[t].profile, HEADER, sizes[z]), "openssl",
                              openssl_cycles(transforms[t].profile, HEADER, sizes[z])));
}

static void floor_part(struct matrix *m)
{
    static const char *const ports[] = {"net_null", "net_ring"}, *const modes[] = {"io", "macswap"};

    for (unsigned p = 0; p < RTE_DIM(ports); p++)
        for (unsigned o = 0; o < RTE_DIM(modes); o++) {
            double rounds[ROUNDS];
            char why[200];
            int err = 0;
            for (unsigned i = 0; i < ROUNDS && !err; i++)
                err = testpmd_cycles(modes[o], ports[p], m->seconds, &rounds[i], why, sizeof(why));
            if (err) {
                fail(m, "testpmd", why);
                return;
            }
            double median = rounds_median(rounds, ROUNDS);
            tell(m, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "part", m->part, "port", ports[p],
                              "testpmd", modes[o], "cycles", median, "lowest", rounds[0], "highest",
                              rounds[ROUNDS - 1]));
        }
}

/* ---- time, and two workers */

static void load_part(struct matrix *m)
{
    static const double loads[] = {0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
    static const unsigned fanouts[] = {9, 99};

    for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
        struct relay_plan plan = {.fanout = fanouts[i],
                                  .rooms = rooms_for(fanouts[i]),
                                  .profile = transforms[GCM].profile,
                                  .video = true};
        struct residence *r = residence_open(&plan, 1200);
        double highest = r ? residence_lossless(r) : 0;
        for (unsigned l = 0; l < RTE_DIM(loads) && highest > 0; l++) {
            struct residence_figures f;
            int err = residence_at(r, loads[l] * highest, (uint64_t)(4e6 * m->seconds), &f);
            if (err) {
                fail(m, "residence", strerror(-err));
                continue;
            }
            tell(m, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "part", m->part,
                              "fanout", (int)plan.fanout, "load", loads[l], "rate", f.rate,
                              "highest_rate", highest, "p50_us", f.p50, "p99_us", f.p99, "p999_us",
                              f.p999, "p9999_us", f.p9999, "left_out",
                              (double)f.interrupted / f.windows));
        }
        if (r)
            residence_close(r);
        if (highest <= 0)
            fail(m, "residence", "no lossless rate found");
    }
}

/* As tests/bench/peers has it: one publisher, 100 receivers, 1,100 bytes. */
static void lossless_part(struct matrix *m)
{
    for (unsigned t = 0; t < TRANSFORMS; t++) {
        struct relay_plan plan = {
            .fanout = 100, .rooms = 1, .profile = transforms[t].profile, .video = true};
        struct residence *r = residence_open(&plan, 1100);
        double highest = r ? residence_lossless(r) : 0;
        if (r)
            residence_close(r);
        if (highest <= 0) {
            fail(m, transforms[t].name, "no lossless rate found");
            continue;
        }
        tell(m, json_pack("{s:s, s:s, s:i, s:f, s:f}", "part", m->part, "transform",
                          transforms[t].name, "fanout", (int)plan.fanout, "rate", highest,
                          "copies_per_second", highest * plan.fanout));
    }
}

static void workers_part(struct matrix *m)
{
    static const unsigned fanouts[] = {1, 10, 100, 1000};

    if (relay_cpus() < RELAY_WORKERS) {
        fail(m, "two workers", "this process may use one CPU alone");
        return;
    }
    for (unsigned z = 0; z < RTE_DIM(sizes); z++)
        for (unsigned i = 0; i < RTE_DIM(fanouts); i++) {
            struct relay_plan plan = {.fanout = fanouts[i],
                                      .rooms = RTE_MAX(KEYS / fanouts[i], 8u),
                                      .profile = transforms[GCM].profile,
                                      .video = sizes[z] >= 500};
            struct workers_figures f[RELAY_WORKERS];
            int err = 0;
            for (unsigned w = 0; w < RELAY_WORKERS && !err; w++) {
                plan.workers = w + 1;
                err = workers_measure(&plan, sizes[z], &f[w]);
            }
            if (err) {
                fail(m, "two workers", strerror(-err));
                continue;
            }
            tell(m, json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f}", "part", m->part,
                              "transform", "gcm", "size", (int)sizes[z], "fanout", (int)fanouts[i],
                              "one", f[0].cpu, "two", f[1].cpu, "ratio", f[0].cpu / f[1].cpu,
                              "ratio_wall", f[0].wall / f[1].wall));
        }
}

/* ---- all parts */

static const struct {
    const char *name;
    void (*run)(struct matrix *m);
    const char *help;
} parts[] = {
    {"floor", floor_part, "testpmd on the same ports: cycles per packet"},
    {"crypto", crypto_part, "ipsec-mb and OpenSSL for the same bytes: cycles per packet"},
    {"fanout", fanout_part, "fan-outs 1 to 10,000, opaque, GCM, SHA1, 160 and 1,200 bytes"},
    {"rooms", rooms_part, "rooms of 2 to 10,000, one speaks"},
    {"ports", ports_part, "copies to net_null and to net_ring"},
    {"endpoints", endpoints_part, "100 to 100,000 endpoints, in rooms of 10"},
    {"workers", workers_part, "two workers against one"},
    {"lossless", lossless_part, "the highest lossless rate, one publisher, 100 receivers"},
    {"load", load_part, "time in the relay at 10 to 95 % of its highest lossless rate"},
};

static bool wanted(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : "")
        if (!strncmp(at, name, len) && (at[len] == ',' || !at[len]))
            return true;
    return !list;
}

static void usage(void)
{
    fputs("Usage: headrace bench matrix [--json] [--part NAME[,NAME]] [--seconds 0.1] [--no-huge]\n"
          "Cycles of the TSC per copy, if nothing else is said; medians of five rounds. Parts:\n",
          stderr);
    for (unsigned i = 0; i < RTE_DIM(parts); i++)
        fprintf(stderr, "  %-10s %s\n", parts[i].name, parts[i].help);
    fputs("Exit code: 0 measured, 1 something failed, 2 wrong usage.\n", stderr);
}

static int parse(int argc, char **argv, struct matrix *m)
{
    static const struct option names[] = {{"json", no_argument, NULL, 'j'},
                                          {"part", required_argument, NULL, 'p'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"no-huge", no_argument, NULL, 'h'},
                                          {0}};
    int c;

    *m = (struct matrix){.huge = true, .first = true, .seconds = 0.1};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (c) {
        case 'j':
            m->json = true;
            break;
        case 'h':
            m->huge = false;
            break;
        case 'p':
            m->parts = optarg;
            break;
        case 's':
            m->seconds = strtod(optarg, NULL);
            if (m->seconds > 0 && m->seconds <= 60)
                break;
            fprintf(stderr, "headrace: bench matrix: --seconds %s\n", optarg);
            return -EINVAL;
        default:
            return -EINVAL;
        }
    return optind == argc ? 0 : -EINVAL;
}

int matrix_main(int argc, char **argv)
{
    struct matrix m;

    if (parse(argc, argv, &m)) {
        usage();
        return 2;
    }
    setpriority(PRIO_PROCESS, 0, NICE); /* refused unless root */
    if (relay_start(&m.huge))
        return 1;
    if (m.json)
        printf("{\"build\": \"%s\", \"pages\": \"%s\", \"tsc_mhz\": %.0f, \"ipsec_mb\": \"%s\", "
               "\"openssl\": \"%s\", \"rows\": [",
               hr_build(), m.huge ? "hugepages" : "no hugepages", (double)rte_get_tsc_hz() / 1e6,
               ipsec_mb_version(), openssl_version());
    for (unsigned i = 0; i < RTE_DIM(parts); i++) {
        m.part = parts[i].name;
        if (wanted(m.parts, m.part))
            parts[i].run(&m);
    }
    if (m.json)
        printf("\n]}\n");
    return m.failed ? 1 : 0;
}
