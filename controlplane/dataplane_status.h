/* The dataplane's Status, asked for at most once a second however many want it. */
#ifndef CP_DATAPLANE_STATUS_H
#define CP_DATAPLANE_STATUS_H

#include <stdint.h>

#include "controlplane/service.h"

#define CP_STATUS_FRESH_MS    1000 /* an answer that old is good enough */
#define CP_STATUS_WAITERS_MAX 64   /* more get what is there */

/* status: valid during the call; NULL when there is no dataplane, or it did not say. */
typedef void (*cp_status_fn)(void *arg, const Headrace__Status *status);

/* Calls fn once, now or when the dataplane has answered. */
void cp_status_get(struct cp_service *s, cp_status_fn fn, void *arg);
void cp_status_free(struct cp_status_cache *c);

#endif
