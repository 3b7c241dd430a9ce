/*
 * WHIP (RFC 9725), its mirror image WHEP, and SDES (sdes.c) which is like both: one POST makes a
 * participant with an endpoint, and a resource whose path nobody can guess stands for it until
 * DELETE, or until its endpoint is gone.
 */
#ifndef CP_WHIP_H
#define CP_WHIP_H

#include "controlplane/exchange.h"
#include "controlplane/service.h"

#define CP_RETRY_AFTER_S 5 /* what a 503 advises */

struct cp_resource {
    char id[CP_TOKEN_TEXT];
    char etag[CP_TOKEN_TEXT]; /* of the ICE session; without quotes */
    char room[CP_NAME_MAX + 1], name[CP_NAME_MAX + 1];
    struct cp_participant *participant;
};

cp_handler cp_whip_post, cp_whep_post, cp_sdes_post, cp_sdes_patch, cp_resource_patch,
    cp_resource_delete, cp_resource_options;
/* Headers that let pages of other origins use these paths. */
void cp_resource_cors(struct cp_exchange *x);
/* Ends one: its participant leaves the room, for a reason of participant-left. */
void cp_resource_end(struct cp_service *s, struct cp_resource *r, const char *reason);

/* ---- for whip.c, whep.c and sdes.c */

/* Whether somebody publishes under that name who came by WHIP or SDES. */
bool cp_whip_publishing(const struct cp_service *s, const char *room, const char *name);
/* Who is received under that name, NULL: nobody. */
struct cp_participant *cp_whep_publisher(const struct cp_room *room, const char *name);
/* Sources of `from` for the recvonly sections of an offer; *count of them. The caller frees. */
struct cp_offer_binding *cp_whep_bindings(const struct cp_participant *from,
                                          const struct cp_sdp *sdp, size_t *count);
/* The resource of the request's path, or NULL and answered. */
struct cp_resource *cp_resource_find(struct cp_service *s, struct cp_exchange *x);

/* The body is an offer that parses, and the server takes newcomers; else answered. *sdp is the
 * caller's. */
bool cp_whip_check(struct cp_service *s, struct cp_exchange *x, struct cp_sdp **sdp);
/* A participant, its answer and its resource; or answered with what was wrong. NULL then. */
struct cp_resource *cp_whip_begin(struct cp_service *s, struct cp_exchange *x, enum cp_kind kind,
                                  const struct cp_offer *offer);
/* 201 with the SDP answer. */
void cp_whip_created(struct cp_exchange *x, const struct cp_resource *r);
/* Empty sections of those who came by WHEP or SDES are filled when a source has come (struct
 * cp_media_env). */
void cp_whep_fill(struct cp_room *room);

#endif
