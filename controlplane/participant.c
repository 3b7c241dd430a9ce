#include "controlplane/participant.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/media.h"
#include "controlplane/source.h"
#include "controlplane/subscription.h"
#include "controlplane/view.h"

const char *cp_kind_word(enum cp_kind kind)
{
    static const char *const words[] = {"member", "whip", "whep", "sdes"};
    return words[kind];
}

void cp_token(char text[CP_TOKEN_TEXT])
{
    unsigned char bits[16];
    /* A token that can be guessed gives a call away, so there is no second best. */
    if (RAND_bytes(bits, sizeof(bits)) != 1)
        abort();
    for (size_t i = 0; i < sizeof(bits); i++)
        snprintf(text + 2 * i, 3, "%02x", bits[i]);
}

struct cp_participant *cp_participant_new(uint32_t id, enum cp_kind kind,
                                          const struct cp_profile *profile)
{
    struct cp_participant *p = g_new0(struct cp_participant, 1);
    p->id = id;
    p->kind = kind;
    p->name = g_strdup(profile->name ? profile->name : "");
    p->email = g_strdup(profile->email ? profile->email : "");
    p->avatar = g_strdup(profile->avatar ? profile->avatar : "");
    p->last_n = CP_VIEW_ALL;
    p->hand = profile->hand && *profile->hand;
    p->sources = g_ptr_array_new();
    p->subscriptions = g_ptr_array_new();
    cp_token(p->resume);
    return p;
}

void cp_participant_free(struct cp_participant *p)
{
    if (!p)
        return;
    cp_media_shut(p->media);
    while (p->subscriptions->len)
        cp_subscription_free(p->subscriptions->pdata[p->subscriptions->len - 1]);
    while (p->sources->len)
        cp_source_free(p->sources->pdata[p->sources->len - 1]);
    cp_media_free(p->media);
    g_ptr_array_free(p->subscriptions, TRUE);
    g_ptr_array_free(p->sources, TRUE);
    g_free(p->name);
    g_free(p->email);
    g_free(p->avatar);
    g_free(p);
}

json_t *cp_participant_json(const struct cp_participant *p)
{
    char id[16];
    snprintf(id, sizeof(id), "p%u", p->id);
    json_t *sources = json_array();
    for (guint i = 0; i < p->sources->len; i++)
        json_array_append_new(sources, cp_source_json(p->sources->pdata[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "id", id, "name", p->name, "email",
                     p->email, "avatar", p->avatar, "hand", (int)p->hand, "kind",
                     cp_kind_word(p->kind), "sources", sources);
}

static bool replace(char **field, const char *value)
{
    if (!value || strcmp(*field, value) == 0)
        return false;
    g_free(*field);
    *field = g_strdup(value);
    return true;
}

bool cp_participant_update(struct cp_participant *p, const struct cp_profile *profile)
{
    bool changed = replace(&p->name, profile->name);
    changed |= replace(&p->email, profile->email);
    changed |= replace(&p->avatar, profile->avatar);
    if (profile->hand && *profile->hand != p->hand) {
        p->hand = *profile->hand;
        changed = true;
    }
    return changed;
}

void cp_participant_send(struct cp_participant *p, json_t *message)
{
    char *text = p->client && message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text)
        p->client->send(p->client, text, strlen(text));
    free(text);
}
