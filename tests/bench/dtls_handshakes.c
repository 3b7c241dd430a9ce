/*
 * Full DTLS handshakes that one core serves in a second, client certificate and keys included: only
 * the relay's side is timed. Prints also what one connected association holds in memory.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/dtls.h"
#include "tests/unit/controlplane/dtls_client.h"

#define DATAGRAMS 64
#define KEEP      200 /* associations held at once, to see what they weigh */

struct link {
    uint8_t bytes[DATAGRAMS][CP_DTLS_DATAGRAM_MAX];
    size_t len[DATAGRAMS];
    unsigned head, tail;
};

static struct link up, down;

static void put(void *arg, const uint8_t *data, size_t len)
{
    struct link *l = arg;

    memcpy(l->bytes[l->tail % DATAGRAMS], data, len);
    l->len[l->tail++ % DATAGRAMS] = len;
}

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Returns the processor time that our side took. */
static double handshake(struct cp_dtls_context *ctx, struct dtls_client *client,
                        const struct cp_dtls_params *params, struct cp_dtls **out)
{
    struct cp_dtls_keys keys;
    double start = seconds();

    if (cp_dtls_create(ctx, params, 0, out))
        abort();
    double used = seconds() - start;
    dtls_client_step(client, NULL, 0);
    while (up.head != up.tail || down.head != down.tail) {
        start = seconds();
        for (; up.head != up.tail; up.head++)
            cp_dtls_receive(*out, up.bytes[up.head % DATAGRAMS], up.len[up.head % DATAGRAMS], 0);
        used += seconds() - start;
        for (; down.head != down.tail; down.head++)
            dtls_client_step(client, down.bytes[down.head % DATAGRAMS],
                             down.len[down.head % DATAGRAMS]);
    }
    start = seconds();
    if (cp_dtls_keys(*out, &keys)) {
        fprintf(stderr, "handshake failed: %s\n", cp_dtls_end_word(cp_dtls_end(*out)));
        exit(1);
    }
    return used + seconds() - start;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 2000;
    struct cp_dtls *kept[KEEP] = {0};
    struct cp_dtls_context *ctx;
    struct dtls_client client;
    struct cp_sdp_fingerprint fingerprint;
    double used = 0;

    if (count < KEEP || cp_dtls_context_create(&ctx)) {
        fprintf(stderr, "usage: %s [HANDSHAKES, %d or more]\n", argv[0], KEEP);
        return 1;
    }
    dtls_client_create(&client, &(struct dtls_client_options){
                                    .profiles = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"});
    client.send = put;
    client.arg = &up;
    dtls_client_fingerprint(&client, CP_SDP_SHA256, &fingerprint);
    struct cp_dtls_params params = {
        .fingerprints = &fingerprint, .n_fingerprints = 1, .send = put, .arg = &down};

    for (unsigned i = 0; i < count; i++) {
        cp_dtls_destroy(kept[i % KEEP]);
        used += handshake(ctx, &client, &params, &kept[i % KEEP]);
        dtls_client_again(&client);
    }
    size_t with = mallinfo2().uordblks;
    for (unsigned i = 0; i < KEEP; i++)
        cp_dtls_destroy(kept[i]);
    printf(
        "%u handshakes, %.0f us each, %.0f a second on one core; %zu bytes each when connected\n",
        count, used / count * 1e6, count / used, (with - mallinfo2().uordblks) / KEEP);
    dtls_client_destroy(&client);
    cp_dtls_context_destroy(ctx);
    return 0;
}
