/*
 * What the comparison with socket peers offers them: one RTP or SRTP stream at a fixed rate, in
 * ticks of a millisecond, with the accounts of the process under test. Its copies go to a device
 * that counts and drops them, but one subscriber's, which come here and are verified. Prints one
 * JSON line.
 *
 *   load --to ADDRESS:PORT --from ADDRESS:PORT | --fd N    where packets go, and the socket
 *        --rate N --seconds S                    packets a second, and how long
 *        --size N --type N --ssrc N              of the RTP packets
 *        --suite none|sha1|gcm --key BASE64      the stream's
 *        --sink ADDRESS:PORT --sink-suite .. --sink-key BASE64    of the verified subscriber
 *        --prefix HEX                            put before each packet (TURN ChannelData)
 *        --pid N --counter FILE --state FILE     under test; device's; where sequence numbers go on
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS   1000000
#define BATCH     256
#define FRAME     2048
#define WARM      0.3       /* seconds before what counts */
#define SETTLE_NS 200000000 /* after it: what is still on its way */
#define BUFFER    (8 << 20) /* bytes, of sockets */
#define MEDIA_MIN 500       /* bytes: less is RTCP or STUN */

enum { OUT, IN };

struct leg {
    const char *suite, *key;
    srtp_t srtp;
};

struct load {
    int fd, sink;
    struct sockaddr_in to;
    unsigned rate, size, type;
    uint32_t ssrc;
    double seconds;
    struct leg out, in;
    uint8_t prefix[8];
    size_t prefix_len;
    int pid;
    const char *counter, *state;

    unsigned roc, ts;
    uint16_t seq;
    uint64_t sent, verified, bad;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- accounts */

static uint64_t number_in(const char *path)
{
    uint64_t n = 0;
    FILE *f = fopen(path, "r");

    if (f && fscanf(f, "%" SCNu64, &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

/* CPU time of all threads of the process under test, in ns. */
static uint64_t cpu_ns(int pid)
{
    char path[300];
    uint64_t sum = 0;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", pid, e->d_name);
        sum += number_in(path);
    }
    if (dir)
        closedir(dir);
    return sum;
}

/* ---- SRTP */

static void open_leg(struct leg *l, int direction, uint32_t ssrc, unsigned roc)
{
    uint8_t key[64];
    srtp_policy_t p = {.key = key, .window_size = 1024};
    bool gcm = l->suite && !strcmp(l->suite, "gcm");

    if (!l->suite || !strcmp(l->suite, "none"))
        return;
    if (!l->key || EVP_DecodeBlock(key, (const uint8_t *)l->key, (int)strlen(l->key)) < 28) {
        errno = EINVAL;
        die("key");
    }
    if (gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&p.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&p.rtp);
        srtp_crypto_policy_set_rtcp_default(&p.rtcp);
    }
    p.ssrc.type = direction == OUT ? ssrc_specific : ssrc_any_inbound;
    p.ssrc.value = ssrc;
    if (srtp_create(&l->srtp, &p))
        die("srtp_create");
    if (direction == OUT)
        srtp_set_stream_roc(l->srtp, ssrc, roc);
}

/* ---- packets */

static size_t make(struct load *l, uint8_t *frame)
{
    uint8_t *rtp = frame + l->prefix_len;
    uint32_t word[2] = {htonl(l->ts), htonl(l->ssrc)};
    int len = 12 + (int)l->size;

    rtp[0] = 0x80;
    rtp[1] = (uint8_t)l->type;
    rtp[2] = (uint8_t)(l->seq >> 8);
    rtp[3] = (uint8_t)l->seq;
    memcpy(rtp + 4, word, sizeof(word));
    l->ts += 3000;
    if (++l->seq == 0)
        l->roc++;
    if (l->out.srtp && srtp_protect(l->out.srtp, rtp, &len))
        die("srtp_protect");
    memcpy(frame, l->prefix, l->prefix_len);
    if (l->prefix_len) { /* ChannelData: its length */
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
    }
    return l->prefix_len + (size_t)len;
}

static void send_some(struct load *l, unsigned n)
{
    static uint8_t frames[BATCH][FRAME];
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];

    memset(msgs, 0, sizeof(msgs));
    for (unsigned i = 0; i < n; i++) {
        iov[i] = (struct iovec){frames[i], make(l, frames[i])};
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    for (unsigned done = 0; done < n;) {
        int got = sendmmsg(l->fd, msgs + done, n - done, 0);
        if (got < 0 && errno != ECONNREFUSED && errno != EINTR)
            die("send");
        done += got > 0 ? (unsigned)got : 0;
    }
    l->sent += n;
}

static void poll_sink(struct load *l)
{
    uint8_t packet[FRAME];
    ssize_t got;

    while (l->sink >= 0 && (got = recv(l->sink, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
        int len = (int)got;
        if (got < MEDIA_MIN)
            continue;
        if (l->in.srtp && srtp_unprotect(l->in.srtp, packet, &len))
            l->bad++;
        else
            l->verified++;
    }
}

/* It never sleeps: waking a halted CPU would be on the account of who wakes it. */
static void wait_until(struct load *l, uint64_t when)
{
    while (now_ns() < when)
        poll_sink(l);
}

static void stream(struct load *l, double seconds)
{
    uint64_t begin = now_ns(), end = begin + (uint64_t)(seconds * 1e9), sent = 0;

    for (uint64_t tick = begin; tick < end; tick += TICK_NS) {
        wait_until(l, tick);
        uint64_t due = (tick - begin) * l->rate / 1000000000 + 1;
        while (sent < due) {
            unsigned n = due - sent < BATCH ? (unsigned)(due - sent) : BATCH;
            send_some(l, n);
            sent += n;
        }
    }
    wait_until(l, end + SETTLE_NS);
}

/* ---- start */

static struct sockaddr_in address(const char *text)
{
    char ip[32];
    unsigned port;
    struct sockaddr_in a = {.sin_family = AF_INET};

    if (sscanf(text, "%31[^:]:%u", ip, &port) != 2 || inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
        errno = EINVAL;
        die(text);
    }
    a.sin_port = htons((uint16_t)port);
    return a;
}

static int open_socket(const char *local)
{
    struct sockaddr_in a = address(local);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = BUFFER;

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        die(local);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    return fd;
}

static void keep_state(struct load *l, bool write)
{
    FILE *f = l->state ? fopen(l->state, write ? "w" : "r") : NULL;
    unsigned seq;

    if (!f)
        return;
    if (write)
        fprintf(f, "%u %u %u\n", l->roc, l->seq, l->ts);
    else if (fscanf(f, "%u %u %u", &l->roc, &seq, &l->ts) == 3)
        l->seq = (uint16_t)seq;
    fclose(f);
}

static void parse_prefix(struct load *l, const char *hex)
{
    for (; l->prefix_len < sizeof(l->prefix) && hex[0] && hex[1]; hex += 2) {
        unsigned byte;
        if (sscanf(hex, "%2x", &byte) == 1)
            l->prefix[l->prefix_len++] = (uint8_t)byte;
    }
}

static void parse(int argc, char **argv, struct load *l)
{
    enum {
        TO,
        FROM,
        FD,
        RATE,
        SECONDS,
        SIZE,
        TYPE,
        SSRC,
        SUITE,
        KEY,
        SINK,
        SINK_SUITE,
        SINK_KEY,
        PREFIX,
        PID,
        COUNTER,
        STATE
    };
    static const struct option names[] = {{"to", 1, NULL, TO},
                                          {"from", 1, NULL, FROM},
                                          {"fd", 1, NULL, FD},
                                          {"rate", 1, NULL, RATE},
                                          {"seconds", 1, NULL, SECONDS},
                                          {"size", 1, NULL, SIZE},
                                          {"type", 1, NULL, TYPE},
                                          {"ssrc", 1, NULL, SSRC},
                                          {"suite", 1, NULL, SUITE},
                                          {"key", 1, NULL, KEY},
                                          {"sink", 1, NULL, SINK},
                                          {"sink-key", 1, NULL, SINK_KEY},
                                          {"sink-suite", 1, NULL, SINK_SUITE},
                                          {"prefix", 1, NULL, PREFIX},
                                          {"pid", 1, NULL, PID},
                                          {"counter", 1, NULL, COUNTER},
                                          {"state", 1, NULL, STATE},
                                          {0}};
    const char **texts[] = {
        [SUITE] = &l->out.suite, [KEY] = &l->out.key,     [SINK_SUITE] = &l->in.suite,
        [SINK_KEY] = &l->in.key, [COUNTER] = &l->counter, [STATE] = &l->state};
    unsigned *numbers[] = {
        [RATE] = &l->rate, [SIZE] = &l->size, [TYPE] = &l->type, [SSRC] = &l->ssrc};
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c == '?')
            exit(2);
        if (c == TO)
            l->to = address(optarg);
        else if (c == FROM)
            l->fd = open_socket(optarg);
        else if (c == SINK)
            l->sink = open_socket(optarg);
        else if (c == FD)
            l->fd = atoi(optarg);
        else if (c == PID)
            l->pid = atoi(optarg);
        else if (c == SECONDS)
            l->seconds = strtod(optarg, NULL);
        else if (c == PREFIX)
            parse_prefix(l, optarg);
        else if (c < (int)(sizeof(texts) / sizeof(*texts)) && texts[c])
            *texts[c] = optarg;
        else
            *numbers[c] = (unsigned)strtoul(optarg, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    struct load l = {.fd = -1,
                     .sink = -1,
                     .rate = 100,
                     .size = 1100,
                     .type = 96,
                     .ssrc = 0x1234,
                     .seconds = 1,
                     .seq = 1000};

    parse(argc, argv, &l);
    if (l.fd < 0 || !l.to.sin_port || !l.counter || !l.pid || l.size > 1400 || l.size < MEDIA_MIN) {
        fprintf(stderr, "load: the comment at the top of load.c says what it wants\n");
        return 2;
    }
    if (connect(l.fd, (struct sockaddr *)&l.to, sizeof(l.to)))
        die("connect");
    keep_state(&l, false);
    if (srtp_init())
        die("srtp_init");
    open_leg(&l.out, OUT, l.ssrc, l.roc);
    open_leg(&l.in, IN, 0, 0);
    stream(&l, WARM);
    l.sent = l.verified = l.bad = 0;
    uint64_t cpu = cpu_ns(l.pid), count = number_in(l.counter);
    stream(&l, l.seconds);
    cpu = cpu_ns(l.pid) - cpu;
    count = number_in(l.counter) - count;
    keep_state(&l, true);
    printf("{\"sent\": %" PRIu64 ", \"counted\": %" PRIu64 ", \"verified\": %" PRIu64
           ", \"bad\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n",
           l.sent, count, l.verified, l.bad, cpu);
    return 0;
}
