#include "dataplane/eal.h"

#include "dataplane/cores.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <dirent.h>
#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX (64 + HR_PORTS_MAX)
#define HUGEPAGES     "/sys/kernel/mm/hugepages"
#define PREFIX        "headrace"
#define RUNTIME       "dpdk/" PREFIX /* below the run directory */
#define WORKERS_SPARE 4u /* workers_max by default, where there are so many CPUs */

/* The argument vector; EAL permutes the pointers, so they are freed from a copy of it. */
struct arguments {
    char *v[ARGUMENTS_MAX + 1], *owned[ARGUMENTS_MAX];
    int n;
    bool full;
};

__attribute__((format(printf, 2, 3))) static void add(struct arguments *a, const char *format, ...)
{
    va_list ap;
    char *text;

    va_start(ap, format);
    int len = vasprintf(&text, format, ap);
    va_end(ap);
    if (len < 0 || a->n == ARGUMENTS_MAX) {
        a->full = true;
        if (len >= 0)
            free(text);
        return;
    }
    a->v[a->n] = a->owned[a->n] = text;
    a->n++;
}

/* ---- DPDK's log, line by line into ours */

static ssize_t log_write(void *cookie, const char *buf, size_t size)
{
    static _Thread_local char line[512];
    static _Thread_local size_t used;

    (void)cookie;
    for (size_t i = 0; i < size; i++) {
        if (buf[i] != '\n') {
            if (used < sizeof(line) - 1)
                line[used++] = buf[i];
            continue;
        }
        line[used] = 0;
        if (used)
            hr_warning("dpdk: %s", line);
        used = 0;
    }
    return (ssize_t)size;
}

static void open_log(void)
{
    FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_write});

    if (!f)
        return;
    setvbuf(f, NULL, _IOLBF, 0);
    rte_openlog_stream(f);
}

/* ---- cores */

/* The CPUs of a list, all allowed: their count or -errno, logged. */
static int listed_cores(const char *text, const char *key, unsigned cores[HR_WORKERS_MAX])
{
    cpu_set_t allowed;
    int n = dp_cores_parse(text, cores, HR_WORKERS_MAX);

    if (n < 0) {
        hr_error("%s: '%s' is not a list of at most %d CPUs such as 2-5,8", key, text,
                 HR_WORKERS_MAX);
        return n;
    }
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return -errno;
    for (int i = 0; i < n; i++) {
        if (cores[i] < CPU_SETSIZE && CPU_ISSET(cores[i], &allowed))
            continue;
        hr_error("%s: CPU %u does not exist or is not allowed to this process (taskset -p shows "
                 "those that are)",
                 key, cores[i]);
        return -EINVAL;
    }
    return n;
}

/* All CPUs that this process may use, as EAL writes them. */
static int any_core(char *set, size_t size)
{
    cpu_set_t allowed;
    size_t used = 0;

    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return -errno;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE && used < size; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            used += (size_t)snprintf(set + used, size - used, "%s%u", used ? "," : "", cpu);
    return used && used < size ? 0 : -EINVAL;
}

static int main_core(const char *text, char *set, size_t size)
{
    unsigned cores[HR_WORKERS_MAX];

    if (!text || !*text)
        return any_core(set, size);
    int n = listed_cores(text, "dataplane.main_core", cores);
    if (n == 1)
        snprintf(set, size, "%u", cores[0]);
    if (n > 1)
        hr_error("dataplane.main_core: '%s' is not one CPU", text);
    return n < 0 ? n : n == 1 ? 0 : -EINVAL;
}

int dp_eal_workers(const struct hr_config *config, struct dp_dataplane *dp)
{
    const char *text = config->dataplane.worker_cores;
    unsigned cores[HR_WORKERS_MAX];
    int n = 1;

    if (sched_getaffinity(0, sizeof(dp->cpus), &dp->cpus))
        return -errno;
    dp->wanted_cpus[0] = DP_CPU_ANY;
    if (text && *text) {
        n = listed_cores(text, "dataplane.worker_cores", cores);
        for (int i = 0; i < n; i++)
            dp->wanted_cpus[i] = (int)cores[i];
    }
    if (n < 0)
        return n;
    dp->workers_wanted = (unsigned)n;
    dp->workers_max = config->dataplane.workers_max;
    if (dp->workers_max == 0)
        dp->workers_max = RTE_MIN((unsigned)CPU_COUNT(&dp->cpus), WORKERS_SPARE);
    dp->workers_max = RTE_MAX(dp->workers_max, dp->workers_wanted);
    return 0;
}

/* An lcore per worker that there may be. They float: a worker that begins goes to its CPU. */
static int worker_lcores(unsigned count, char *set, size_t size)
{
    char any[4096];
    int err = any_core(any, sizeof(any));

    for (unsigned i = 0, used = 0; i < count && !err && used < size; i++)
        used += (unsigned)snprintf(set + used, size - used, ",%u@(%s)", DP_EAL_WORKER_LCORE + i,
                                   any);
    return err;
}

static int add_cores(struct arguments *a, const struct dp_dataplane *dp)
{
    static char worker_set[HR_WORKERS_MAX * 4096]; /* main thread only */
    char main_set[4096];
    int err = main_core(dp->config->dataplane.main_core, main_set, sizeof(main_set));

    if (!err)
        err = worker_lcores(dp->workers_max, worker_set, sizeof(worker_set));
    if (err)
        return err;
    add(a, "--lcores=%d@(%s)%s", DP_EAL_MAIN_LCORE, main_set, worker_set);
    add(a, "--main-lcore=%d", DP_EAL_MAIN_LCORE);
    return 0;
}

/* ---- memory */

static unsigned long free_hugepages(void)
{
    unsigned long total = 0, n;
    DIR *dir = opendir(HUGEPAGES);
    struct dirent *e;

    while (dir && (e = readdir(dir))) {
        char path[512];
        snprintf(path, sizeof(path), HUGEPAGES "/%s/free_hugepages", e->d_name);
        FILE *f = e->d_name[0] == '.' ? NULL : fopen(path, "re");
        if (f && fscanf(f, "%lu", &n) == 1)
            total += n;
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return total;
}

static int add_memory(struct arguments *a, const struct hr_config *config)
{
    add(a, "-m");
    add(a, "%u", config->dataplane.memory_mb);
    /* Either way nothing to find, or to leave behind, in a file system. */
    add(a, config->dataplane.hugepages ? "--in-memory" : "--no-shconf");
    if (!config->dataplane.hugepages) {
        add(a, "--no-huge");
        return 0;
    }
    if (free_hugepages() > 0)
        return 0;
    hr_error("no free hugepages for dataplane.memory_mb = %u: "
             "echo %u > " HUGEPAGES "/hugepages-2048kB/nr_hugepages (as root), "
             "or set dataplane.hugepages: false",
             config->dataplane.memory_mb, (config->dataplane.memory_mb + 1) / 2);
    return -ENOMEM;
}

static void add_devices(struct arguments *a, const struct dp_device *devices, unsigned count)
{
    bool pci = false;

    for (unsigned i = 0; i < count; i++) {
        pci |= devices[i].pci;
        add(a, devices[i].pci ? "--allow=%s" : "--vdev=%s", devices[i].args);
    }
    if (!pci)
        add(a, "--no-pci");
}

int dp_eal_start(const struct dp_dataplane *dp)
{
    const struct hr_config *config = dp->config;
    struct arguments a = {0};

    add(&a, "headrace-dataplane");
    add(&a, "--log-level=warning");
    add(&a,
        "--log-level=lib.telemetry:error"); /* it warns of a socket that it rightly does not make */
    add(&a, "--file-prefix=" PREFIX);
    int err = add_cores(&a, dp);
    if (!err)
        err = add_memory(&a, config);
    add_devices(&a, dp->devices, config->dataplane.ports_count);
    for (unsigned i = 0; i < config->dataplane.eal_count; i++)
        add(&a, "%s", config->dataplane.eal[i]);
    if (!err && a.full) {
        hr_error("dataplane.eal: more than %d arguments, or no memory", ARGUMENTS_MAX);
        err = -E2BIG;
    }
    if (!err) {
        setenv("RUNTIME_DIRECTORY", dp->run_dir, 1); /* where DPDK's telemetry socket goes */
        open_log();
        if (rte_eal_init(a.n, a.v) < 0) {
            err = rte_errno ? -rte_errno : -EINVAL;
            hr_error("DPDK does not start: %s; its own lines above say why", strerror(-err));
        }
    }
    for (int i = 0; i < a.n; i++)
        free(a.owned[i]);
    return err;
}

void dp_eal_stop(const char *run_dir)
{
    char path[512];

    rte_eal_cleanup();
    /* DPDK leaves its telemetry socket's place behind. */
    snprintf(path, sizeof(path), "%s/" RUNTIME "/dpdk_telemetry.v2", run_dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/" RUNTIME, run_dir);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/dpdk", run_dir);
    rmdir(path);
}
