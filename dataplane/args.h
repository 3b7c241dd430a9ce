/* The command line of headrace-dataplane: a row per option, from which getopt's table and --help
 * are made. */
#ifndef DP_ARGS_H
#define DP_ARGS_H

struct dp_args {
    const char *config;  /* NULL: the default file */
    const char *run_dir; /* NULL: as configured */
};

/* 0: go on; 1: done (--help, --version); -EINVAL: printed what is wrong. */
int dp_args_parse(int argc, char **argv, struct dp_args *out);

#endif
