/*
 * A recvonly section of a participant's offer, and the source that fills it, if one does. The SSRC
 * belongs to the section for as long as it is in the offers, so that rebinding continues one
 * stream.
 */
#ifndef CP_SUBSCRIPTION_H
#define CP_SUBSCRIPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/rate.h"
#include "controlplane/view.h"
#include "proto/limits.h"

struct cp_participant;
struct cp_source;

struct cp_subscription {
    uint32_t object; /* its id in the dataplane */
    struct cp_participant *owner;
    struct cp_source *source; /* NULL: none for now */
    char mid[HR_MID_MAX + 1];
    bool video;
    uint32_t ssrc, rtx_ssrc; /* rtx_ssrc: of retransmissions; 0: none */
    bool put;            /* the dataplane has been told of it */
    bool behind;         /* and is to be told again when there is room */
    bool fresh;          /* made by the offer in hand: goes when that fails */
    struct cp_shown shown;
    struct cp_rate rate; /* for `headrace room` */
};

/* Puts it into owner's list. */
struct cp_subscription *cp_subscription_new(uint32_t object, struct cp_participant *owner,
                                            const char *mid, bool video);
void cp_subscription_free(struct cp_subscription *s);
/* Binds to source, or to none, and puts it into the dataplane. True when that is a change. */
bool cp_subscription_bind(struct cp_subscription *s, struct cp_source *source);
struct cp_subscription *cp_subscription_by_mid(const struct cp_participant *p, const char *mid);

#endif
