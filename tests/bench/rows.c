#include "rows.h"

#include "ipsec_mb.h"
#include "measure.h"
#include "memory.h"
#include "residence.h"
#include "rounds.h"
#include "testpmd.h"
#include "workers.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEADER     32  /* RTP header as receivers get it, about: for the comparison */
#define KEYS       300 /* receivers, about, whose keys are used in turn */
#define ROOM       10  /* people in one of many rooms: one speaks */
#define FEW        100 /* endpoints that many are compared to */
#define BURST      32
#define COPIES_MAX 1024 /* of a burst: small ones are interrupted less */

void rows_init(struct row rows[ROWS])
{
#define X(id, n, w, u, a, l, b)                                                                    \
    rows[ROW_##id] = (struct row){                                                                 \
        .name = n, .what = w, .unit = u, .against = a, .limit = l, .bound = b, .wanted = true};
    ROWS_MAP(X)
#undef X
}

__attribute__((format(printf, 2, 3))) static void skip(struct row *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->skipped, sizeof(r->skipped), format, args);
    va_end(args);
}

static void note(struct row *r, double value, double reference)
{
    r->values[r->runs] = value;
    r->references[r->runs++] = reference;
}

/* ---- cycles per copy */

static int per_copy(const struct relay_plan *plan, size_t payload, double seconds, double *cycles)
{
    static struct measure m;
    struct measure_tally t;
    unsigned burst = RTE_MIN(BURST, RTE_MAX(COPIES_MAX / plan->fanout, 1u));
    int err = measure_open(&m, plan, payload, burst, seconds / 2);

    if (err)
        return err;
    err = measure_round(&m, seconds, &t);
    if (!err && measure_dropped(&m))
        err = -EIO;
    if (!err)
        *cycles = measure_per_copy(&t);
    measure_close(&m);
    return err;
}

static void rekey(struct row *r, const struct rows_options *o, enum hr_srtp_profile profile,
                  size_t payload)
{
    const struct relay_plan plan = {
        .rooms = KEYS / 100, .fanout = 100, .profile = profile, .video = payload >= 500};
    double before = ipsec_mb_cycles(profile, HEADER, payload), cycles;
    int err = per_copy(&plan, payload, o->seconds, &cycles);
    double after = ipsec_mb_cycles(profile, HEADER, payload);

    if (err)
        skip(r, "the relay failed: %s", strerror(-err));
    else if (before <= 0 || after <= 0)
        skip(r, "ipsec-mb refuses the transform");
    else
        note(r, cycles, (before + after) / 2);
}

/* ---- the rows */

static void opaque(struct row rows[ROWS], const struct rows_options *o)
{
    struct row *r = &rows[ROW_OPAQUE_COPY];
    const struct relay_plan plan = {.rooms = KEYS / 10,
                                    .fanout = 10,
                                    .opaque = true,
                                    .profile = HR_SRTP_AEAD_AES_128_GCM,
                                    .video = true};
    char why[200];
    double cycles, macswap;

    if (!o->huge) {
        skip(r, "testpmd must have hugepages, and there are not enough free: "
                "echo 512 >/proc/sys/vm/nr_hugepages");
        return;
    }
    int err =
        testpmd_cycles("macswap", "net_null", RTE_MAX(o->seconds, 0.2), &macswap, why, sizeof(why));

    if (err) {
        skip(r, "%s", why);
        return;
    }
    err = per_copy(&plan, 1200, o->seconds, &cycles);
    if (err)
        skip(r, "the relay failed: %s", strerror(-err));
    else
        note(r, cycles, macswap);
}

static void rekey_gcm_1200(struct row rows[ROWS], const struct rows_options *o)
{
    rekey(&rows[ROW_REKEY_GCM_1200], o, HR_SRTP_AEAD_AES_128_GCM, 1200);
}

static void rekey_gcm_160(struct row rows[ROWS], const struct rows_options *o)
{
    rekey(&rows[ROW_REKEY_GCM_160], o, HR_SRTP_AEAD_AES_128_GCM, 160);
}

static void rekey_sha1_1200(struct row rows[ROWS], const struct rows_options *o)
{
    rekey(&rows[ROW_REKEY_SHA1_1200], o, HR_SRTP_AES_CM_128_HMAC_SHA1_80, 1200);
}

static struct relay_plan meetings(unsigned endpoints)
{
    return (struct relay_plan){.rooms = RTE_MAX(endpoints / ROOM, 1u),
                               .fanout = ROOM - 1,
                               .profile = HR_SRTP_AEAD_AES_128_GCM,
                               .video = true};
}

static void endpoints(struct row rows[ROWS], const struct rows_options *o)
{
    struct row *r = &rows[ROW_ENDPOINTS];
    const struct relay_plan few = meetings(FEW), many = meetings(o->endpoints);
    double cycles, reference;
    int err = per_copy(&few, 1200, o->seconds, &reference);

    if (!err)
        err = per_copy(&many, 1200, o->seconds, &cycles);
    if (err)
        skip(r, "the relay failed with %u endpoints: %s", o->endpoints, strerror(-err));
    else
        note(r, cycles, reference);
}

static void two_workers(struct row rows[ROWS], const struct rows_options *o)
{
    struct row *r = &rows[ROW_TWO_WORKERS];
    struct relay_plan plan = meetings(KEYS);
    struct workers_figures f[RELAY_WORKERS];
    double mega = (double)rte_get_tsc_hz() / 1e6;
    int err = 0;

    if (relay_cpus() < RELAY_WORKERS) {
        skip(r, "this process may use one CPU alone");
        return;
    }
    for (unsigned i = 0; i < RELAY_WORKERS && !err; i++) {
        plan.workers = i + 1;
        err = workers_measure(&plan, 1200, &f[i]);
    }
    if (err)
        skip(r, "the relay failed: %s", strerror(-err));
    else
        note(r, mega / f[1].cpu, mega / f[0].cpu);
}

static void residence(struct row rows[ROWS], const struct rows_options *o)
{
    struct row *r = &rows[ROW_RESIDENCE];
    const struct relay_plan plan = meetings(KEYS);
    struct residence *res = residence_open(&plan, 1200);
    struct residence_figures f;

    if (!res) {
        skip(r, "the relay failed");
        return;
    }
    double highest = residence_lossless(res);
    int err =
        highest > 0 ? residence_at(res, 0.7 * highest, (uint64_t)(2e6 * o->seconds), &f) : -EBUSY;
    residence_close(res);
    if (err == -EBUSY)
        skip(r, "other programs had the CPU too often");
    else if (err)
        skip(r, "the relay failed: %s", strerror(-err));
    else
        note(r, f.p999, r->limit);
}

static void memory(struct row rows[ROWS], const struct rows_options *o)
{
    struct row *e = &rows[ROW_ENDPOINT_BYTES], *s = &rows[ROW_SUBSCRIPTION_BYTES];
    const struct relay_plan plan = meetings(o->endpoints);
    struct memory_figures f;

    int err = memory_measure(&plan, &f);
    if (err) {
        const char *why = err == -ENOTSUP ? "built without jemalloc" : strerror(-err);
        skip(e, "%u endpoints: %s", o->endpoints, why);
        skip(s, "%u endpoints: %s", o->endpoints, why);
        return;
    }
    note(e, f.endpoint, e->limit);
    note(s, f.subscription, s->limit);
}

/* Rows that are measured together: the first, and how. */
static const struct step {
    enum rows_id first, last;
    void (*run)(struct row rows[ROWS], const struct rows_options *o);
} steps[] = {
    {ROW_OPAQUE_COPY, ROW_OPAQUE_COPY, opaque},
    {ROW_REKEY_GCM_1200, ROW_REKEY_GCM_1200, rekey_gcm_1200},
    {ROW_REKEY_GCM_160, ROW_REKEY_GCM_160, rekey_gcm_160},
    {ROW_REKEY_SHA1_1200, ROW_REKEY_SHA1_1200, rekey_sha1_1200},
    {ROW_ENDPOINTS, ROW_ENDPOINTS, endpoints},
    {ROW_TWO_WORKERS, ROW_TWO_WORKERS, two_workers},
    {ROW_RESIDENCE, ROW_RESIDENCE, residence},
    {ROW_ENDPOINT_BYTES, ROW_SUBSCRIPTION_BYTES, memory},
};

static bool is_due(const struct row rows[ROWS], const struct step *s)
{
    return (rows[s->first].wanted && !rows[s->first].skipped[0]) ||
           (rows[s->last].wanted && !rows[s->last].skipped[0]);
}

void rows_run(struct row rows[ROWS], const struct rows_options *o)
{
    for (unsigned run = 0; run < o->runs; run++)
        for (unsigned i = 0; i < RTE_DIM(steps); i++) {
            if (!is_due(rows, &steps[i]))
                continue;
            fprintf(stderr, "\rrun %u of %u: %-20s", run + 1, o->runs, rows[steps[i].first].name);
            steps[i].run(rows, o);
        }
    fprintf(stderr, "\r%40s\r", "");
}

static bool holds(const struct row *r, const struct rows_figure *f)
{
    switch (r->bound) {
    case RATIO_AT_MOST:
        return f->ratio <= r->limit;
    case RATIO_AT_LEAST:
        return f->ratio >= r->limit;
    case VALUE_AT_MOST:
        break;
    }
    return f->value <= r->limit;
}

struct rows_figure rows_figure(const struct row *r)
{
    double values[ROWS_RUNS_MAX], references[ROWS_RUNS_MAX], ratios[ROWS_RUNS_MAX];
    struct rows_figure f = {0};

    if (r->skipped[0] || !r->runs)
        return f;
    for (unsigned i = 0; i < r->runs; i++) {
        values[i] = r->values[i];
        references[i] = r->references[i];
        ratios[i] = values[i] / references[i];
    }
    f.value = rounds_median(values, r->runs);
    f.reference = rounds_median(references, r->runs);
    f.ratio = f.value / f.reference;
    rounds_median(ratios, r->runs);
    f.low = values[0];
    f.high = values[r->runs - 1];
    f.ratio_low = ratios[0];
    f.ratio_high = ratios[r->runs - 1];
    f.ok = holds(r, &f);
    return f;
}
