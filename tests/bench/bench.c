/* headrace bench: the figures of docs/performance.md that Headrace is held to, as a table or JSON.
 */
#include "ipsec_mb.h"
#include "matrix.h"
#include "relay.h"
#include "rows.h"

#include "proto/version.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define NICE (-15) /* as root: above other programs */

enum { FINE, NOT_OK, USAGE };

static const char usage_text[] =
    "Usage: headrace bench [--json] [--check] [--quick] [--runs 5] [--seconds 0.5]\n"
    "                      [--only NAME[,NAME]] [--endpoints 100000] [--no-huge]\n"
    "       headrace bench matrix --help\n"
    "       headrace bench joins --help\n"
    "Drives the dataplane's stages on virtual ports, and beside them what they are measured\n"
    "against; medians of the runs. It takes two minutes, and wants a machine without other work, "
    "root\n"
    "and 512 free hugepages of 2 MiB; it says what was missing. Cycles are those of the CPU's\n"
    "time-stamp counter.\n"
    "  --json       {\"rows\": [...]}\n"
    "  --check      exit code 1 unless every row is as it must be\n"
    "  --quick      one short run with few endpoints: shows that it works, not how fast\n"
    "  --runs       odd, at most 25\n"
    "  --seconds    of work in each measurement\n"
    "  --only       these rows alone\n"
    "  --endpoints  that 100 are compared to, and that memory is measured with\n"
    "  --no-huge    without hugepages\n"
    "Exit code: 0 measured (or skipped, which the row says), 1 it failed, 2 wrong usage.\n";

struct options {
    struct rows_options rows;
    bool json, check, quick, huge;
    const char *only;
};

/* ---- telling */

static const char *bound_text(const struct row *r)
{
    return r->bound == RATIO_AT_LEAST ? "at least" : "at most";
}

static const char *pages(const struct options *o)
{
    return o->huge ? "hugepages" : "no hugepages";
}

static void print_text(const struct row rows[ROWS], const struct options *o)
{
    printf("headrace %s, %s, TSC %.0f MHz, ipsec-mb %s; medians of %u runs (lowest-highest)\n\n",
           hr_build(), pages(o), (double)rte_get_tsc_hz() / 1e6, ipsec_mb_version(), o->rows.runs);
    printf("%-19s %28s %-16s %12s %7s %-13s %-14s %s\n", "name", "value", "", "against", "ratio",
           "", "must be", "");
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        struct rows_figure f = rows_figure(r);
        char spread[48], ratios[32];
        if (!r->wanted)
            continue;
        if (!r->runs || r->skipped[0]) {
            printf("%-19s skipped: %s\n", r->name, r->skipped);
            continue;
        }
        snprintf(spread, sizeof(spread), "%.1f (%.1f-%.1f)", f.value, f.low, f.high);
        snprintf(ratios, sizeof(ratios), "(%.2f-%.2f)", f.ratio_low, f.ratio_high);
        printf("%-19s %28s %-16s %12.1f %7.2f %-13s %-8s %-5g %s\n", r->name, spread, r->unit,
               f.reference, f.ratio, ratios, bound_text(r), r->limit, f.ok ? "ok" : "NOT OK");
    }
    printf("\n");
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].wanted)
            printf("%-19s %s%s%s\n", rows[i].name, rows[i].what,
                   rows[i].bound == VALUE_AT_MOST ? "" : "; against ",
                   rows[i].bound == VALUE_AT_MOST ? "" : rows[i].against);
}

static json_t *number(double value)
{
    char text[40];

    snprintf(text, sizeof(text), "%.5g", value); /* no digits that mean nothing */
    return json_real(strtod(text, NULL));
}

static json_t *row_json(const struct row *r)
{
    struct rows_figure f = rows_figure(r);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:f, s:s, s:b, s:i}", "name", r->name, "what",
                          r->what, "unit", r->unit, "against", r->against, "limit", r->limit,
                          "must_be", bound_text(r), "ok", f.ok, "runs", (int)r->runs);

    if (!r->runs || r->skipped[0]) {
        json_object_set_new(o, "skipped", json_string(r->skipped));
        json_object_set_new(o, "value", json_null());
        json_object_set_new(o, "against_value", json_null());
        json_object_set_new(o, "ratio", json_null());
        return o;
    }
    json_object_set_new(o, "value", number(f.value));
    json_object_set_new(o, "lowest", number(f.low));
    json_object_set_new(o, "highest", number(f.high));
    json_object_set_new(o, "against_value", number(f.reference));
    json_object_set_new(o, "ratio", number(f.ratio));
    json_object_set_new(o, "ratio_lowest", number(f.ratio_low));
    json_object_set_new(o, "ratio_highest", number(f.ratio_high));
    return o;
}

static void print_json(const struct row rows[ROWS], const struct options *o)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].wanted)
            json_array_append_new(list, row_json(&rows[i]));
    json_t *all =
        json_pack("{s:s, s:s, s:o, s:s, s:b, s:i, s:o}", "build", hr_build(), "pages", pages(o),
                  "tsc_mhz", number((double)rte_get_tsc_hz() / 1e6), "ipsec_mb", ipsec_mb_version(),
                  "quick", o->quick, "endpoints", (int)o->rows.endpoints, "rows", list);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

/* ---- options */

static int parse_count(const char *text, unsigned *n, unsigned least, unsigned most)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);

    if (end == text || *end || v < least || v > most)
        return -EINVAL;
    *n = (unsigned)v;
    return 0;
}

static int parse_option(int c, const char *value, struct options *o)
{
    switch (c) {
    case 'j':
        o->json = true;
        return 0;
    case 'c':
        o->check = true;
        return 0;
    case 'q':
        o->quick = true;
        o->rows.runs = 1;
        o->rows.seconds = 0.02;
        o->rows.endpoints = 2000;
        return 0;
    case 'h':
        o->huge = false;
        return 0;
    case 'o':
        o->only = value;
        return 0;
    case 'r':
        return parse_count(value, &o->rows.runs, 1, ROWS_RUNS_MAX);
    case 'e':
        return parse_count(value, &o->rows.endpoints, 100, 120000);
    case 's':
        o->rows.seconds = strtod(value, NULL);
        return o->rows.seconds > 0 && o->rows.seconds <= 60 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"json", no_argument, NULL, 'j'},
        {"check", no_argument, NULL, 'c'},
        {"quick", no_argument, NULL, 'q'},
        {"runs", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"only", required_argument, NULL, 'o'},
        {"endpoints", required_argument, NULL, 'e'},
        {"no-huge", no_argument, NULL, 'h'},
        {"help", no_argument, NULL, '?'},
        {0},
    };
    int c;

    *o = (struct options){.huge = true, .rows = {.runs = 5, .endpoints = 100000, .seconds = 0.5}};
    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == '?')
            return -EINVAL;
        if (parse_option(c, optarg, o)) {
            fprintf(stderr, "headrace: bench: '%s' is not a value for this option\n", optarg);
            return -EINVAL;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "headrace: bench: no '%s'\n", argv[optind]);
    return -EINVAL;
}

/* "a,b": those rows are wanted and no others. */
static int choose(struct row rows[ROWS], const char *only)
{
    for (unsigned i = 0; i < ROWS; i++)
        rows[i].wanted = false;
    while (*only) {
        size_t len = strcspn(only, ",");
        unsigned i = 0;
        while (i < ROWS && (strlen(rows[i].name) != len || strncmp(only, rows[i].name, len)))
            i++;
        if (i == ROWS) {
            fprintf(stderr, "headrace: bench: no row '%.*s'; there are", (int)len, only);
            for (i = 0; i < ROWS; i++)
                fprintf(stderr, " %s", rows[i].name);
            fputc('\n', stderr);
            return -EINVAL;
        }
        rows[i].wanted = true;
        only += len + (only[len] == ',');
    }
    return 0;
}

static bool all_ok(const struct row rows[ROWS])
{
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].wanted && !rows_figure(&rows[i]).ok)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct options o;
    static struct row rows[ROWS];

    if (argc > 1 && !strcmp(argv[1], "matrix"))
        return matrix_main(argc - 1, argv + 1);
    rows_init(rows);
    if (parse(argc, argv, &o) || (o.only && choose(rows, o.only))) {
        fputs(usage_text, stderr);
        return USAGE;
    }
    setpriority(PRIO_PROCESS, 0, NICE); /* refused unless root */
    if (relay_start(&o.huge))
        return NOT_OK;
    o.rows.huge = o.huge;
    rows_run(rows, &o.rows);
    if (o.json)
        print_json(rows, &o);
    else
        print_text(rows, &o);
    return o.check && !all_ok(rows) ? NOT_OK : FINE;
}
