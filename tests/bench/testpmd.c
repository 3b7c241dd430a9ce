#include "testpmd.h"

#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROGRAM   "dpdk-testpmd"
#define SIZE      "size=1254,copy=0" /* bytes: a payload of 1,200 with its headers */
#define MEMORY_MB 256
#define LATE_MS   30000 /* to start and to end; then it is killed */
#define OUTPUT    16384

extern char **environ;

struct child {
    pid_t pid;
    int in, out;
};

/* As root: above all other programs. Both of its threads are on one CPU, so they take turns. */
static void set_priority(posix_spawnattr_t *attributes)
{
    struct sched_param param = {.sched_priority = 50};

    posix_spawnattr_init(attributes);
    if (geteuid())
        return;
    posix_spawnattr_setschedpolicy(attributes, SCHED_RR);
    posix_spawnattr_setschedparam(attributes, &param);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSCHEDULER);
}

static int start(const char *mode, const char *port, struct child *c)
{
    char lcores[32], memory[8], forward[32], vdev[2][64];
    bool null = strcmp(port, "net_null") == 0;
    char *argv[] = {PROGRAM,
                    "--no-pci",
                    "--no-telemetry",
                    "--log-level=error",
                    "--in-memory",
                    "-m",
                    memory,
                    lcores,
                    vdev[0],
                    vdev[1],
                    "--",
                    "--nb-cores=1",
                    forward,
                    "--record-core-cycles",
                    "--total-num-mbufs=16384",
                    null ? NULL : "--tx-first",
                    NULL};
    int in[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;

    for (unsigned i = 0; i < 2; i++)
        snprintf(vdev[i], sizeof(vdev[i]), "--vdev=%s%u%s", port, i, null ? "," SIZE : "");
    snprintf(memory, sizeof(memory), "%d", MEMORY_MB);
    snprintf(lcores, sizeof(lcores), "--lcores=(0,1)@%u", relay_cpu());
    snprintf(forward, sizeof(forward), "--forward-mode=%s", mode);
    /* A terminal, so that it does not keep its words back. */
    c->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (c->out < 0)
        return -errno;
    if (grantpt(c->out) || unlockpt(c->out) || pipe2(in, O_CLOEXEC)) {
        close(c->out);
        return -errno;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, ptsname(c->out), O_RDWR | O_NOCTTY,
                                     0);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    set_priority(&attributes);
    int err = posix_spawnp(&c->pid, PROGRAM, &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    c->in = in[1];
    if (err) {
        close(c->in);
        close(c->out);
    }
    return -err;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All it says until it ends. "Press enter to exit" is said when it forwards: then its time begins,
 * and ends with its input. */
static int listen_to(struct child *c, double seconds, char *text, size_t size)
{
    struct pollfd p = {.fd = c->out, .events = POLLIN};
    int64_t end = now_ms() + LATE_MS, quit = end;
    size_t used = 0;

    while (true) {
        int64_t wait = (c->in >= 0 ? quit : end) - now_ms();
        int n = poll(&p, 1, wait > 0 ? (int)wait : 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0 && (c->in < 0 || quit == end))
            return -ETIMEDOUT;
        if (n == 0) {
            close(c->in);
            c->in = -1;
            end = now_ms() + LATE_MS;
        }
        if (n <= 0)
            continue;
        ssize_t got = read(c->out, text + used, size - 1 - used);
        if (got <= 0)
            return 0;
        used += (size_t)got;
        text[used] = 0;
        if (quit == end && strstr(text, "Press enter"))
            quit = now_ms() + (int64_t)(seconds * 1000);
        if (used == size - 1)
            used = size / 2; /* what matters comes last */
    }
}

/* Its last line, for people. */
static void tell(const char *text, char *why, size_t size)
{
    const char *end = text + strlen(text);

    while (end > text && (end[-1] == '\n' || end[-1] == '\r'))
        end--;
    const char *line = end;
    while (line > text && line[-1] != '\n')
        line--;
    snprintf(why, size, PROGRAM " ended without a figure: %.*s", (int)(end - line), line);
}

int testpmd_cycles(const char *mode, const char *port, double seconds, double *cycles, char *why,
                   size_t size)
{
    char text[OUTPUT] = "";
    struct child c;
    int err = start(mode, port, &c);

    if (err) {
        snprintf(why, size, PROGRAM " does not start (%s): Debian's package is dpdk-dev",
                 strerror(-err));
        return err;
    }
    err = listen_to(&c, seconds, text, sizeof(text));
    if (c.in >= 0)
        close(c.in);
    close(c.out);
    if (err)
        kill(c.pid, SIGKILL);
    waitpid(c.pid, NULL, 0);
    const char *found = strstr(text, "CPU cycles/packet=");
    if (!err && found && sscanf(found, "CPU cycles/packet=%lf", cycles) == 1 && *cycles > 0)
        return 0;
    if (err)
        snprintf(why, size, PROGRAM " did not end in time");
    else
        tell(text, why, size);
    return err ? err : -ENODATA;
}
