#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sdp.h"

static void write_fingerprints(FILE *f, const struct cp_sdp_transport *t)
{
    static const char *const names[] = {"sha-256", "sha-384", "sha-512"};
    for (size_t i = 0; i < t->n_fingerprints; i++) {
        const struct cp_sdp_fingerprint *fp = &t->fingerprints[i];
        fprintf(f, "a=fingerprint:%s ", names[fp->hash]);
        for (unsigned k = 0; k < fp->len; k++)
            fprintf(f, "%s%02X", k ? ":" : "", fp->bytes[k]);
        fputs("\r\n", f);
    }
}

static void write_transport(FILE *f, const struct cp_sdp_transport *t)
{
    static const char *const setups[] = {"", "actpass", "active", "passive", "holdconn"};
    if (t->ufrag)
        fprintf(f, "a=ice-ufrag:%s\r\n", t->ufrag);
    if (t->pwd)
        fprintf(f, "a=ice-pwd:%s\r\n", t->pwd);
    if (t->ice_options)
        fprintf(f, "a=ice-options:%s\r\n", t->ice_options);
    write_fingerprints(f, t);
    if (t->setup != CP_SDP_SETUP_NONE)
        fprintf(f, "a=setup:%s\r\n", setups[t->setup]);
}

static void write_extmaps(FILE *f, const struct cp_sdp_extmap *extmaps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cp_sdp_extmap *e = &extmaps[i];
        fprintf(f, "a=extmap:%u", e->id);
        if (e->direction != CP_SDP_SENDRECV)
            fprintf(f, "/%s", cp_sdp_direction_name(e->direction));
        fprintf(f, " %s%s%s\r\n", e->uri, e->attributes ? " " : "",
                e->attributes ? e->attributes : "");
    }
}

static void write_feedback(FILE *f, const struct cp_sdp_media *m, int pt)
{
    for (size_t i = 0; i < m->n_feedback; i++) {
        if (m->feedback[i].pt != pt)
            continue;
        if (pt < 0)
            fprintf(f, "a=rtcp-fb:* %s\r\n", m->feedback[i].type);
        else
            fprintf(f, "a=rtcp-fb:%d %s\r\n", pt, m->feedback[i].type);
    }
}

static void write_codecs(FILE *f, const struct cp_sdp_media *m)
{
    write_feedback(f, m, -1);
    for (size_t i = 0; i < m->n_codecs; i++) {
        const struct cp_sdp_codec *c = &m->codecs[i];
        if (c->name) {
            fprintf(f, "a=rtpmap:%u %s/%u", c->pt, c->name, c->clock_rate);
            if (c->channels)
                fprintf(f, "/%u", c->channels);
            fputs("\r\n", f);
        }
        write_feedback(f, m, c->pt);
        if (c->fmtp)
            fprintf(f, "a=fmtp:%u %s\r\n", c->pt, c->fmtp);
    }
}

static void write_layers(FILE *f, const char *way, const struct cp_sdp_simulcast *list)
{
    if (!list->n)
        return;
    fprintf(f, "%s ", way);
    for (size_t i = 0; i < list->n; i++) {
        const struct cp_sdp_layer *layer = &list->layers[i];
        for (size_t k = 0; k < layer->n; k++)
            fprintf(f, "%s%s%s",
                    k   ? ","
                    : i ? ";"
                        : "",
                    layer->paused[k] ? "~" : "", layer->rids[k]);
    }
}

static void write_simulcast(FILE *f, const struct cp_sdp_media *m)
{
    for (size_t i = 0; i < m->n_rids; i++) {
        const struct cp_sdp_rid *r = &m->rids[i];
        fprintf(f, "a=rid:%s %s%s%s\r\n", r->id, r->direction == CP_SDP_SENDONLY ? "send" : "recv",
                r->params ? " " : "", r->params ? r->params : "");
    }
    if (!m->send.n && !m->receive.n)
        return;
    fputs("a=simulcast:", f);
    write_layers(f, "send", &m->send);
    if (m->send.n && m->receive.n)
        fputc(' ', f);
    write_layers(f, "recv", &m->receive);
    fputs("\r\n", f);
}

static void write_msid(FILE *f, const char *stream, const char *track)
{
    fprintf(f, "msid:%s%s%s\r\n", stream, track ? " " : "", track ? track : "");
}

static void write_ssrcs(FILE *f, const struct cp_sdp_media *m)
{
    for (size_t i = 0; i < m->n_ssrc_groups; i++) {
        fprintf(f, "a=ssrc-group:%s", m->ssrc_groups[i].semantics);
        for (size_t k = 0; k < m->ssrc_groups[i].n; k++)
            fprintf(f, " %u", m->ssrc_groups[i].ssrcs[k]);
        fputs("\r\n", f);
    }
    for (size_t i = 0; i < m->n_ssrcs; i++) {
        const struct cp_sdp_ssrc *s = &m->ssrcs[i];
        if (s->cname)
            fprintf(f, "a=ssrc:%u cname:%s\r\n", s->ssrc, s->cname);
        if (s->stream) {
            fprintf(f, "a=ssrc:%u ", s->ssrc);
            write_msid(f, s->stream, s->track);
        }
    }
}

static void write_cryptos(FILE *f, const struct cp_sdp_media *m)
{
    for (size_t i = 0; i < m->n_cryptos; i++) {
        const struct cp_sdp_crypto *c = &m->cryptos[i];
        char text[CP_SDP_KEY_TEXT];
        if (c->problem)
            continue;
        cp_sdp_key_text(&c->key, text);
        fprintf(f, "a=crypto:%u %s inline:%s\r\n", c->tag, hr_srtp_profile_name(c->key.profile),
                text);
    }
}

static void write_flag(FILE *f, bool set, const char *name)
{
    if (set)
        fprintf(f, "a=%s\r\n", name);
}

static void write_media_line(FILE *f, const struct cp_sdp_media *m)
{
    fprintf(f, "m=%s %u %s", m->kind_name, m->port, m->protocol);
    for (size_t i = 0; i < m->n_codecs; i++)
        fprintf(f, " %u", m->codecs[i].pt);
    if (!m->n_codecs)
        fprintf(f, " %s", m->formats ? m->formats : "0");
    const char *address = m->address ? m->address : "0.0.0.0";
    fprintf(f, "\r\nc=IN %s %s\r\n", strchr(address, ':') ? "IP6" : "IP4", address);
}

static void write_media(FILE *f, const struct cp_sdp_media *m)
{
    write_media_line(f, m);
    if (m->mid && !m->mid_made)
        fprintf(f, "a=mid:%s\r\n", m->mid);
    write_flag(f, m->bundle_only, "bundle-only");
    write_transport(f, &m->transport);
    write_cryptos(f, m);
    for (size_t i = 0; i < m->n_candidates; i++)
        fprintf(f, "a=candidate:%s\r\n", m->candidates[i]);
    write_flag(f, m->end_of_candidates, "end-of-candidates");
    write_flag(f, m->extmap_allow_mixed, "extmap-allow-mixed");
    write_extmaps(f, m->extmaps, m->n_extmaps);
    write_flag(f, true, cp_sdp_direction_name(m->direction));
    if (m->stream) {
        fputs("a=", f);
        write_msid(f, m->stream, m->track);
    }
    if (m->rtcp_port)
        fprintf(f, "a=rtcp:%u\r\n", m->rtcp_port);
    write_flag(f, m->rtcp_mux, "rtcp-mux");
    write_flag(f, m->rtcp_rsize, "rtcp-rsize");
    write_codecs(f, m);
    write_simulcast(f, m);
    write_ssrcs(f, m);
}

static void write_session(FILE *f, const struct cp_sdp *sdp)
{
    const char *address = sdp->origin_address ? sdp->origin_address : "0.0.0.0";
    fprintf(f, "v=0\r\no=%s %llu %llu IN %s %s\r\ns=%s\r\nt=0 0\r\n",
            sdp->origin_user ? sdp->origin_user : "-", (unsigned long long)sdp->session_id,
            (unsigned long long)sdp->session_version, strchr(address, ':') ? "IP6" : "IP4", address,
            sdp->name && *sdp->name ? sdp->name : "-");
    if (sdp->has_bundle) {
        fputs("a=group:BUNDLE", f);
        for (size_t i = 0; i < sdp->n_bundle; i++)
            fprintf(f, " %s", sdp->bundle[i]);
        fputs("\r\n", f);
    }
    write_flag(f, sdp->ice_lite, "ice-lite");
    write_flag(f, sdp->extmap_allow_mixed, "extmap-allow-mixed");
    write_transport(f, &sdp->transport);
    write_extmaps(f, sdp->extmaps, sdp->n_extmaps);
    if (sdp->direction != CP_SDP_SENDRECV)
        write_flag(f, true, cp_sdp_direction_name(sdp->direction));
}

char *cp_sdp_write(const struct cp_sdp *sdp, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (!f)
        return NULL;
    write_session(f, sdp);
    for (size_t i = 0; i < sdp->n_media; i++)
        write_media(f, &sdp->media[i]);
    bool failed = ferror(f) != 0;
    if (fclose(f) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
