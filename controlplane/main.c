/* headrace-controlplane: names, rooms, ICE, DTLS and SDP; no media. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controlplane/service.h"
#include "proto/log.h"
#include "proto/version.h"

struct options {
    const char *config, *run_dir;
};

static const char usage[] =
    "Usage: headrace-controlplane [--config FILE] [--run-dir DIR]\n"
    "\n"
    "  --config FILE   configuration; /etc/headrace/headrace.yaml\n"
    "  --run-dir DIR   where dataplane.sock and controlplane.sock are, in place of run_dir\n"
    "  --version       print the version\n"
    "  --help          print this\n"
    "\n"
    "SIGTERM and SIGINT tell the clients, then stop it.\n";

/* 0: go on; 1: done; -1: wrong usage. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {{"config", required_argument, NULL, 'c'},
                                         {"run-dir", required_argument, NULL, 'r'},
                                         {"version", no_argument, NULL, 'v'},
                                         {"help", no_argument, NULL, 'h'},
                                         {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", rows, NULL)) != -1;) {
        if (c == 'c') {
            o->config = optarg;
        } else if (c == 'r') {
            o->run_dir = optarg;
        } else if (c == 'v') {
            printf("headrace-controlplane %s\n", hr_build());
            return 1;
        } else if (c == 'h') {
            fputs(usage, stdout);
            return 1;
        } else {
            fputs(usage, stderr);
            return -1;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "headrace-controlplane: '%s' is not an option\n%s", argv[optind], usage);
    return -1;
}

struct signals {
    int fd;
    struct cp_service *service;
};

static void on_signal(void *user)
{
    struct signals *s = user;
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof(info)) == sizeof(info))
        cp_service_stop(s->service);
}

/* Blocks them for the whole process and gives a descriptor instead; -errno. */
static int signal_descriptor(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int run(struct hr_config *config)
{
    struct cp_service service;
    struct signals signals = {.service = &service};
    int rc = cp_service_init(&service, config);
    rc = rc ? rc : cp_service_start(&service);
    struct cp_watch *watch = NULL;
    if (rc == 0) {
        signals.fd = signal_descriptor();
        watch =
            signals.fd < 0 ? NULL : cp_loop_watch(&service.loop, signals.fd, on_signal, &signals);
        if (!watch)
            hr_error("cannot watch for signals");
        else
            cp_loop_run(&service.loop);
        cp_loop_unwatch(watch);
    }
    cp_service_destroy(&service);
    return rc == 0 && watch ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct hr_config *config;
    struct hr_config_error err;
    int rc = parse(argc, argv, &o);
    if (rc)
        return rc > 0 ? EXIT_SUCCESS : 2;
    hr_log_open("headrace-controlplane", HR_LOG_INFO);
    if (hr_config_load(o.config, &config, &err) < 0) {
        hr_error("%s", err.text);
        return EXIT_FAILURE;
    }
    hr_log_open("headrace-controlplane", hr_log_level_of(config->log_level));
    if (o.run_dir) {
        free(config->run_dir);
        config->run_dir = strdup(o.run_dir);
    }
    int status = run(config);
    hr_config_free(config);
    return status;
}
