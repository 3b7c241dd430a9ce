/* What a participant publishes: one media section of its offer. Subscriptions of others hang on it.
 */
#ifndef CP_SOURCE_H
#define CP_SOURCE_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/rate.h"
#include "proto/limits.h"

struct cp_participant;

/* X(name, word): labels as in docs/signalling.md. */
#define CP_LABEL_MAP(X)                                                                            \
    X(MICROPHONE, "microphone")                                                                    \
    X(CAMERA, "camera")                                                                            \
    X(SCREEN, "screen")                                                                            \
    X(SCREEN_AUDIO, "screen-audio")

enum cp_label {
#define X(name, word) CP_LABEL_##name,
    CP_LABEL_MAP(X)
#undef X
        CP_LABELS
};

struct cp_source {
    uint32_t id;     /* "s4" is 4 */
    uint32_t object; /* its id in the dataplane */
    struct cp_participant *owner;
    char mid[HR_MID_MAX + 1];
    bool video;
    enum cp_label label;
    bool muted;
    bool simulcast;
    bool put;                 /* the dataplane has been told of it */
    bool behind;              /* and is to be told again when there is room */
    GPtrArray *subscriptions; /* struct cp_subscription, not owned */
    struct cp_rate rate;      /* for `headrace room` */
};

/* Puts it into owner's list. */
struct cp_source *cp_source_new(uint32_t id, struct cp_participant *owner, const char *mid,
                                bool video);
/* Takes it out of owner's list and unbinds its subscriptions, which stay. */
void cp_source_free(struct cp_source *s);
struct cp_source *cp_source_by_mid(const struct cp_participant *p, const char *mid);

json_t *cp_source_json(const struct cp_source *s);
int cp_label_parse(const char *word); /* enum cp_label, or -EINVAL */
const char *cp_label_word(enum cp_label label);

#endif
