/*
 * SDES: a participant whose SRTP keys stand in its offer and our answer (RFC 4568), without ICE and
 * DTLS. Sections that send publish, sections that receive are filled as WHEP's are. The keys are as
 * secret as the connection that carries them, so it has TLS or does not leave this machine.
 */
#include "controlplane/whip.h"

/* What an offer wants, by the directions of its sections. */
struct wishes {
    bool sends, receives;
};

static struct wishes read_wishes(const struct cp_sdp *sdp)
{
    struct wishes w = {false, false};
    for (size_t i = 0; i < sdp->n_media; i++) {
        const struct cp_sdp_media *m = &sdp->media[i];
        if (m->kind > CP_SDP_VIDEO || (m->port == 0 && !m->bundle_only))
            continue;
        w.sends |= (m->direction & CP_SDP_SENDONLY) != 0;
        w.receives |= m->direction == CP_SDP_RECVONLY;
    }
    return w;
}

/* Why the first section that was not taken was not. */
static const char *first_reason(const struct cp_negotiation *n)
{
    for (size_t i = 0; i < n->n_media; i++)
        if (n->media[i].role == CP_MEDIA_REJECTED)
            return n->media[i].reason;
    return "none could be";
}

static void publish(struct cp_service *s, struct cp_exchange *x)
{
    if (cp_whip_publishing(s, x->params.value[0], x->params.value[1])) {
        cp_answer_problem(x, 409, "somebody publishes under this name already");
        return;
    }
    const struct cp_offer offer = {.sdp = x->body, .len = x->body_len, .sdes = true};
    struct cp_resource *r = cp_whip_begin(s, x, CP_KIND_SDES, &offer);
    if (!r)
        return;
    if (r->participant->sources->len == 0) {
        cp_answer_problem(x, 422, "no section that sends can be taken: %s",
                          first_reason(r->participant->media->negotiation));
        cp_resource_end(s, r, "gone");
        return;
    }
    cp_room_announce(r->participant);
    cp_whip_created(x, r);
}

static void receive(struct cp_service *s, struct cp_exchange *x, const struct cp_sdp *sdp)
{
    struct cp_participant *from =
        cp_whep_publisher(cp_rooms_find(&s->rooms, x->params.value[0]), x->params.value[1]);
    if (!from) {
        cp_answer_problem(x, 404, "nobody of this name publishes in the room");
        return;
    }
    size_t n;
    struct cp_offer_binding *bindings = cp_whep_bindings(from, sdp, &n);
    const struct cp_offer offer = {
        .sdp = x->body, .len = x->body_len, .bindings = bindings, .n_bindings = n, .sdes = true};
    struct cp_resource *r = n ? cp_whip_begin(s, x, CP_KIND_SDES, &offer) : NULL;
    g_free(bindings);
    if (n == 0)
        cp_answer_problem(x, 422, "the name publishes nothing of the kinds that are offered");
    else if (r)
        cp_whip_created(x, r);
}

void cp_sdes_post(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_sdp *sdp;
    if (x->cleartext && !s->config->http.sdes_cleartext) {
        cp_answer_problem(x, 403,
                          "an offer with keys in it comes by HTTPS, or from this machine "
                          "(http.sdes_cleartext)");
        return;
    }
    if (!cp_whip_check(s, x, &sdp))
        return;
    struct wishes wishes = read_wishes(sdp);
    if (cp_sdp_name_sections(sdp) < 0)
        cp_answer_problem(x, 500, "out of memory");
    else if (wishes.sends && wishes.receives)
        cp_answer_problem(x, 422,
                          "some sections send and some are recvonly: one session does either");
    else if (wishes.sends)
        publish(s, x);
    else if (wishes.receives)
        receive(s, x, sdp);
    else
        cp_answer_problem(x, 422, "no section of audio or video sends or receives");
    cp_sdp_free(sdp);
}

/* For receivers that send nothing while they receive: what tells us that they are still there. */
void cp_sdes_patch(struct cp_service *s, struct cp_exchange *x)
{
    struct cp_resource *r = cp_resource_find(s, x);
    if (!r)
        return;
    if (x->body_len) {
        cp_answer_problem(x, 415, "a PATCH has no body here: it says that the client is there");
        return;
    }
    struct cp_endpoint *all[CP_TRANSPORTS_MAX];
    for (size_t n = cp_media_endpoints(r->participant->media, all); n > 0; n--)
        cp_endpoint_renew(all[n - 1], cp_now_ms());
    cp_answer(x, 204);
}
