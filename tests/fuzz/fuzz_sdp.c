/* Any offer: parsing, writing it back, answering it; an answer must itself be a description. */
#include <stdlib.h>

#include "controlplane/direct_sdp.h"
#include "controlplane/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* fresh: NULL, or with SDES; published: of whom the first section receives. */
static void answer(const struct cp_sdp *offer, const uint8_t *fresh,
                   const struct cp_negotiated_media *published)
{
    const char *mid = offer->n_media && offer->media[0].mid ? offer->media[0].mid : "";
    const struct cp_sender sender = {mid, 1, 2, "cname", "stream", "track", published};
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
        .fresh = fresh,
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

static void answer_sdes(const struct cp_sdp *offer)
{
    static const uint8_t fresh[CP_NEGOTIATE_FRESH];
    struct cp_negotiated_media published = {.kind = CP_SDP_VIDEO};
    answer(offer, fresh, NULL);
    for (size_t i = 0; i < offer->n_media && !published.keys.ingress.len; i++) {
        if (offer->media[i].n_cryptos)
            published.keys.ingress = offer->media[i].cryptos[0].key;
    }
    answer(offer, fresh, &published);
}

/* What passes the check must be a description after it, too. */
static void pass_on(struct cp_sdp *sdp)
{
    const struct cp_local_candidate candidate = {"192.0.2.1", 10000};
    const struct cp_direct_ice ice = {"HrUf", "serverPasswordOf24Bytes0", &candidate, 1};
    struct cp_direct_shape shape;
    struct cp_sdp_error err;
    struct cp_sdp *again;
    size_t len;
    if (cp_direct_sdp_check(sdp, NULL, &shape, &err) || cp_direct_sdp_readdress(sdp, &ice))
        return;
    char *text = cp_sdp_write(sdp, &len);
    if (text && len <= CP_SDP_TEXT_MAX) {
        if (cp_sdp_parse(text, len, &again, &err))
            abort();
        cp_sdp_free(again);
    }
    free(text);
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
    answer(sdp, NULL, NULL);
    if (cp_sdp_name_sections(sdp) == 0)
        answer_sdes(sdp);
    pass_on(sdp);
    cp_sdp_free(sdp);
    return 0;
}
