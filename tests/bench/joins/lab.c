/*
 * The network is two unnamed namespaces, gone with the processes in them:
 *
 *   this process and the control plane  198.18.0.1, 198.19.0.0/16 ---- veth ---- dataplane
 * 198.18.0.2
 */
#include "joins.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_S 30

uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void die(const char *format, ...)
{
    va_list ap;

    fprintf(stderr, "headrace-bench-joins: ");
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
    char command[512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    int status = system(command);
    if (status)
        die("failed: %s", command);
}

void lab_enter(void)
{
    if (geteuid() != 0)
        die("it makes network namespaces, so it must be root");
    if (unshare(CLONE_NEWNET) < 0)
        die("no network namespace: %s", strerror(errno));
    run("ip link set lo up");
    run("ip route add local 198.19.0.0/16 dev lo");
    run("sysctl -qw net.ipv4.ip_local_port_range='1024 65535' net.core.somaxconn=8192 "
        "net.ipv4.tcp_max_syn_backlog=8192");
}

static void write_config(const struct lab *lab, const struct options *o)
{
    FILE *f = fopen(lab->config, "w");

    if (!f)
        die("%s: %s", lab->config, strerror(errno));
    fprintf(f, "run_dir: %s\nlog_level: info\ndataplane:\n", lab->dir);
    fprintf(f, "  hugepages: false\n  memory_mb: %u\n  mbufs: 32768\n  polling: low-power\n",
            512 + lab->capacity / 16);
    if (o->other_core >= 0)
        fprintf(f, "  worker_cores: \"%d\"\n  main_core: \"%d\"\n", o->other_core, o->other_core);
    fprintf(f, "  endpoints: %u\n  sources: %u\n  subscriptions: %u\n", lab->capacity,
            2 * lab->capacity, 2 * lab->capacity * (o->room_size > 1 ? o->room_size - 1 : 1));
    fprintf(f, "  ports:\n    - device: net_af_packet0,iface=hrinner\n"
               "      addresses: [198.18.0.2/15]\n");
    fprintf(f, "http:\n  address: 198.18.0.1\n  port: %d\n  web_root: /\n", LAB_HTTP_PORT);
    fprintf(f, "limits:\n  participants: %u\n  rooms: %u\n", lab->capacity, lab->capacity);
    fclose(f);
}

/* Where headrace-NAME is: --programs, a build tree, or beside this program. */
static void find_program(const struct options *o, const char *name, char *path, size_t size)
{
    static const char *const places[] = {".", "../bin", "../../bin", "../../dataplane",
                                         "../../controlplane"};
    char self[256];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (o->programs)
            snprintf(path, size, "%s/headrace-%s", o->programs, name);
        else
            snprintf(path, size, "%s/%s/headrace-%s", self, places[i], name);
        if (access(path, X_OK) == 0)
            return;
    }
    die("headrace-%s is not %s%s; --programs DIR says where", name, o->programs ? "in " : "beside",
        o->programs ? o->programs : " this program");
}

static void become(const struct lab *lab, const struct options *o, const char *name)
{
    char path[512], log[128];

    find_program(o, name, path, sizeof(path));
    snprintf(log, sizeof(log), "%s/%s.log", lab->dir, name);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        die("%s: %s", log, strerror(errno));
    execl(path, path, "--config", lab->config, (char *)NULL);
    die("%s: %s", path, strerror(errno));
}

static void pin(int core)
{
    cpu_set_t set;

    if (core < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0)
        die("CPU %d: %s", core, strerror(errno));
}

static pid_t spawn(void)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

/* As in deploy/network.sh: the inner side's kernel says nothing, and neither side leaves sums to a
 * NIC. */
static void start_dataplane(struct lab *lab, const struct options *o)
{
    int to[2], from[2];
    char byte = 0;

    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        die("pipe: %s", strerror(errno));
    lab->dataplane = spawn();
    if (lab->dataplane == 0) {
        if (unshare(CLONE_NEWNET) < 0 || write(from[1], &byte, 1) != 1 ||
            read(to[0], &byte, 1) != 1)
            die("no network namespace for the dataplane: %s", strerror(errno));
        run("ethtool -K hrinner tx off sg off tso off gso off gro off >/dev/null 2>&1 || true");
        run("sysctl -qw net.ipv6.conf.hrinner.disable_ipv6=1");
        run("ip link set lo up && ip link set hrinner up");
        become(lab, o, "dataplane");
    }
    if (read(from[0], &byte, 1) != 1)
        die("the dataplane did not start");
    run("ip link add hrouter type veth peer name hrinner netns %d", (int)lab->dataplane);
    run("ethtool -K hrouter tx off sg off tso off gso off gro off >/dev/null 2>&1 || true");
    run("ip address add 198.18.0.1/15 dev hrouter && ip link set hrouter up");
    run("sysctl -qw net.ipv4.conf.hrouter.arp_announce=2");
    if (write(to[1], &byte, 1) != 1)
        die("the dataplane did not wait");
    for (int i = 0; i < 2; i++) {
        close(to[i]);
        close(from[i]);
    }
}

/* A blocking GET; the answer with its head, "" when there is none. Caller frees. */
static char *get(const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(LAB_HTTP_PORT),
                             .sin_addr.s_addr = htonl(LAB_HTTP)};
    struct timeval limit = {.tv_sec = 20};
    size_t size = 1 << 20, len = 0;
    char *text = calloc(1, size), request[128];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
             path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        write(fd, request, strlen(request)) > 0) {
        for (ssize_t n; len + 1 < size && (n = read(fd, text + len, size - len - 1)) > 0;) {
            len += (size_t)n;
            const char *body = strstr(text, "\r\n\r\n"), *l = strcasestr(text, "content-length:");
            if (body && l && len >= (size_t)(body + 4 - text) + strtoul(l + 15, NULL, 10))
                break;
        }
    }
    close(fd);
    return text;
}

double lab_metric(const char *name)
{
    char *text = get("/metrics"), key[128];
    double value = -1;

    snprintf(key, sizeof(key), "\n%s ", name);
    const char *at = strstr(text, key);
    if (at)
        value = strtod(at + strlen(key), NULL);
    free(text);
    return value;
}

static void check_alive(const struct lab *lab, pid_t pid, const char *name)
{
    char log[128], line[512];

    if (waitpid(pid, NULL, WNOHANG) == 0)
        return;
    snprintf(log, sizeof(log), "%s/%s.log", lab->dir, name);
    FILE *f = fopen(log, "r");
    while (f && fgets(line, sizeof(line), f))
        fprintf(stderr, "%s: %s", name, line);
    die("headrace-%s has ended", name);
}

static void wait_ready(const struct lab *lab)
{
    uint64_t limit = now_us() + START_S * 1000000;

    while (now_us() < limit) {
        check_alive(lab, lab->dataplane, "dataplane");
        check_alive(lab, lab->controlplane, "controlplane");
        char *text = get("/healthz");
        bool ok = strstr(text, "\"ok\"") != NULL;
        free(text);
        if (ok)
            return;
        usleep(50000);
    }
    die("the daemons were not ready within %d s; their logs are in %s", START_S, lab->dir);
}

void lab_start(struct lab *lab, const struct options *o, unsigned capacity)
{
    *lab = (struct lab){.capacity = capacity};
    snprintf(lab->dir, sizeof(lab->dir), "/tmp/headrace-joins.XXXXXX");
    if (!mkdtemp(lab->dir))
        die("%s: %s", lab->dir, strerror(errno));
    snprintf(lab->config, sizeof(lab->config), "%s/headrace.yaml", lab->dir);
    write_config(lab, o);
    start_dataplane(lab, o);
    lab->controlplane = spawn();
    if (lab->controlplane == 0) {
        pin(o->controlplane_core);
        become(lab, o, "controlplane");
    }
    pin(o->other_core);
    wait_ready(lab);
}

void lab_stop(struct lab *lab)
{
    kill(lab->controlplane, SIGTERM);
    waitpid(lab->controlplane, NULL, 0);
    kill(lab->dataplane, SIGTERM);
    waitpid(lab->dataplane, NULL, 0);
    run("ip link delete hrouter 2>/dev/null || true");
    run("rm -rf %s", lab->dir);
}

struct lab_time lab_time(pid_t pid)
{
    char pattern[64];
    glob_t tasks;
    struct lab_time t = {0};

    snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/schedstat", (int)pid);
    if (glob(pattern, 0, NULL, &tasks))
        die("%s: nothing there; is the kernel without CONFIG_SCHED_INFO?", pattern);
    for (size_t i = 0; i < tasks.gl_pathc; i++) {
        unsigned long long ran = 0, waited = 0;
        FILE *f = fopen(tasks.gl_pathv[i], "r");
        if (f && fscanf(f, "%llu %llu", &ran, &waited) == 2) {
            t.ran += (double)ran / 1e9;
            t.waited += (double)waited / 1e9;
        }
        if (f)
            fclose(f);
    }
    globfree(&tasks);
    return t;
}

uint64_t lab_memory(pid_t pid)
{
    char path[64], line[128];
    unsigned long long kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "Pss: %llu kB", &kib) == 1)
            break;
    if (!f || !kib)
        die("%s: cannot be read", path);
    fclose(f);
    return kib << 10;
}
