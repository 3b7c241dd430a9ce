/* Any offer: parsing, writing it back, answering it; an answer must itself be a description. */
#include <stdlib.h>

#include "controlplane/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct cp_sdp *offer)
{
    const char *mid = offer->n_media && offer->media[0].mid ? offer->media[0].mid : "";
    const struct cp_sender sender = {mid, 1, 2, "cname", "stream", "track"};
    const struct cp_local_candidate candidate = {"192.0.2.1", 10000};
    const struct cp_negotiate_config cfg = {
        .subscribe_rtx = true,
        .ufrag = "HrUf",
        .pwd = "serverPasswordOf24Bytes0",
        .fingerprint = "sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                       "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F",
        .candidates = &candidate,
        .n_candidates = 1,
        .senders = &sender,
        .n_senders = 1,
    };
    struct cp_negotiation *n;
    struct cp_sdp *again;
    struct cp_sdp_error err;
    if (cp_negotiate(offer, &cfg, &n, &err))
        return;
    if (n->answer_len <= CP_SDP_TEXT_MAX) {
        if (cp_sdp_parse(n->answer, n->answer_len, &again, &err))
            abort();
        cp_sdp_free(again);
    }
    cp_negotiation_free(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cp_sdp *sdp;
    struct cp_sdp_error err;
    if (cp_sdp_parse_fragment((const char *)data, size, &sdp, &err) == 0)
        cp_sdp_free(sdp);
    if (cp_sdp_parse((const char *)data, size, &sdp, &err))
        return 0;
    size_t len;
    free(cp_sdp_write(sdp, &len));
    answer(sdp);
    cp_sdp_free(sdp);
    return 0;
}
