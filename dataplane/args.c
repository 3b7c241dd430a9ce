#include "dataplane/args.h"

#include "proto/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#define OPTIONS(X)                                                                               \
    X(CONFIG, "config", "FILE", "configuration (default /etc/headrace/headrace.yaml)")           \
    X(RUN_DIR, "run-dir", "DIR", "directory of dataplane.sock (default: run_dir as configured)") \
    X(VERSION, "version", NULL, "print the version and exit")                                    \
    X(HELP, "help", NULL, "print this and exit")

enum option_id {
    OPTION_NONE,
#define X(id, name, argument, help) OPTION_##id,
    OPTIONS(X)
#undef X
};

static const struct option options[] = {
#define X(id, name, argument, help) \
    {name, (argument) ? required_argument : no_argument, NULL, OPTION_##id},
    OPTIONS(X)
#undef X
        {0}};

static void print_option(const char *name, const char *argument, const char *help)
{
    char left[40];

    snprintf(left, sizeof(left), "--%s %s", name, argument ? argument : "");
    printf("  %-16s  %s\n", left, help);
}

static void print_help(void)
{
    printf("Usage: headrace-dataplane [OPTIONS]\n"
           "Receives, rekeys and forwards media between endpoints that headrace-controlplane sets "
           "up.\n\n");
#define X(id, name, argument, help) print_option(name, argument, help);
    OPTIONS(X)
#undef X
}

int dp_args_parse(int argc, char **argv, struct dp_args *out)
{
    int id;

    *out = (struct dp_args){0};
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (id) {
        case OPTION_CONFIG:
            out->config = optarg;
            break;
        case OPTION_RUN_DIR:
            out->run_dir = optarg;
            break;
        case OPTION_VERSION:
            printf("headrace-dataplane %s\n", hr_build());
            return 1;
        case OPTION_HELP:
            print_help();
            return 1;
        default:
            fprintf(stderr, "Try 'headrace-dataplane --help'.\n");
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "headrace-dataplane: '%s' is not an option. Try --help.\n", argv[optind]);
        return -EINVAL;
    }
    return 0;
}
