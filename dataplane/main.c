#include "dataplane/apply.h"
#include "dataplane/args.h"
#include "dataplane/control.h"
#include "dataplane/start.h"
#include "proto/config.h"
#include "proto/log.h"
#include "proto/version.h"

#include <stdlib.h>

static int run(struct dp_dataplane *dp, struct dp_control *control)
{
    int err = dp_start_workers(dp);

    if (err)
        return err;
    hr_info("ready: build %s, %u port%s, %u worker%s", hr_build(), dp->ports_count,
            dp->ports_count == 1 ? "" : "s", dp->crew.count, dp->crew.count == 1 ? "" : "s");
    dp_control_run(control);
    dp_stop_workers(dp);
    return 0;
}

static int with_eal(struct dp_dataplane *dp, struct dp_control *control)
{
    int err = dp_start_eal(dp);

    if (err)
        return err;
    err = dp_start_ports(dp);
    if (err)
        goto stop_eal;
    err = dp_make_workers(dp);
    if (err)
        goto stop_ports;
    err = dp_apply_open(dp, dp_commands_event, control);
    if (err) {
        hr_error("no memory for the tables of endpoints, sources and subscriptions");
        goto free_workers;
    }
    err = run(dp, control);
    dp_apply_close(dp);
free_workers:
    dp_free_workers(dp);
stop_ports:
    dp_stop_ports(dp);
stop_eal:
    dp_stop_eal(dp);
    return err;
}

int main(int argc, char **argv)
{
    static struct dp_dataplane dp;
    static struct dp_control control;
    struct hr_config *config;
    struct hr_config_error why;
    struct dp_args args;

    int done = dp_args_parse(argc, argv, &args);
    if (done)
        return done < 0 ? 2 : EXIT_SUCCESS;
    hr_log_open("headrace-dataplane", HR_LOG_INFO);
    int err = hr_config_load(args.config, &config, &why);
    if (err) {
        hr_error("%s", why.text);
        return EXIT_FAILURE;
    }
    hr_log_open("headrace-dataplane", hr_log_level_of(config->log_level));
    dp.config = config;
    dp.run_dir = args.run_dir ? args.run_dir : config->run_dir;
    err = dp_control_open(&control, &dp, dp.run_dir);
    if (!err) {
        err = with_eal(&dp, &control);
        dp_control_close(&control);
    }
    hr_config_free(config);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
