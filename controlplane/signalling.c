#include "controlplane/signalling.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 2, 3))) static int bad(struct cp_message_error *err,
                                                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return -EINVAL;
}

uint32_t cp_id_parse(const char *text, char letter)
{
    uint32_t value = 0;
    if (text[0] != letter || text[1] < '1' || text[1] > '9' || strlen(text) > 10)
        return 0;
    for (const char *p = text + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        value = value * 10 + (uint32_t)(*p - '0');
    }
    return value;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* What a text field may be: at most max bytes (or characters), and more by its check. */
struct text_rule {
    const char *name;
    size_t max;
    bool in_characters, required;
    bool (*ok)(const char *value);
};

static bool no_controls(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7f)
            return false;
    return true;
}

static bool name_ok(const char *value)
{
    return *value && no_controls(value);
}

static bool avatar_ok(const char *value)
{
    return no_controls(value) && (!*value || strncasecmp(value, "https://", 8) == 0 ||
                                  strncasecmp(value, "data:image/", 11) == 0);
}

static bool anything(const char *value)
{
    return true;
}

static bool not_empty(const char *value)
{
    return *value;
}

static const struct text_rule join_name = {"name", CP_DISPLAY_NAME_MAX, false, true, name_ok};
static const struct text_rule new_name = {"name", CP_DISPLAY_NAME_MAX, false, false, name_ok};
static const struct text_rule email = {"email", CP_EMAIL_MAX, false, false, no_controls};
static const struct text_rule avatar = {"avatar", CP_AVATAR_MAX, false, false, avatar_ok};
static const struct text_rule resume = {"resume", CP_TOKEN_TEXT - 1, false, false, no_controls};
static const struct text_rule chat_text = {"text", CP_CHAT_TEXT_MAX, true, true, not_empty};
static const struct text_rule sdp_text = {"sdp", CP_SDP_TEXT_MAX, false, true, anything};
static const struct text_rule source_id = {"source", 10, false, true, not_empty};
static const struct text_rule mid_text = {"mid", HR_MID_MAX, false, true, no_controls};
static const struct text_rule direct_id = {"id", 10, false, true, not_empty};
static const struct text_rule state_text = {"state", 16, false, true, not_empty};
static const struct text_rule label_text = {"label", 16, false, false, not_empty};

/* *out is NULL when an optional field is missing or null. */
static int get_text(const json_t *object, const struct text_rule *rule, const char **out,
                    struct cp_message_error *err)
{
    const json_t *value = json_object_get(object, rule->name);
    *out = NULL;
    if (!value || json_is_null(value))
        return rule->required ? bad(err, "%s is missing", rule->name) : 0;
    const char *text = json_string_value(value);
    if (!text)
        return bad(err, "%s is not a string", rule->name);
    size_t size = rule->in_characters ? characters(text) : json_string_length(value);
    if (size > rule->max)
        return bad(err, "%s is longer than %zu %s", rule->name, rule->max,
                   rule->in_characters ? "characters" : "bytes");
    if (!rule->ok(text))
        return bad(err, "%s has a value that cannot be taken", rule->name);
    *out = text;
    return 0;
}

static int get_bool(const json_t *object, const char *name, bool required, bool *out,
                    struct cp_message_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (!value)
        return required ? bad(err, "%s is missing", name) : 0;
    if (!json_is_boolean(value))
        return bad(err, "%s is not true or false", name);
    *out = json_is_true(value);
    return 0;
}

/* A whole number up to max; as it was when it is missing. */
static int get_count(const json_t *object, const char *name, uint32_t max, uint32_t *out,
                     struct cp_message_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > max)
        return bad(err, "%s is not a whole number from 0 to %u", name, max);
    *out = (uint32_t)json_integer_value(value);
    return 0;
}

static int parse_profile(struct cp_message *m, const struct text_rule *name,
                         struct cp_message_error *err)
{
    if (get_text(m->root, name, &m->profile.name, err) ||
        get_text(m->root, &email, &m->profile.email, err) ||
        get_text(m->root, &avatar, &m->profile.avatar, err))
        return -EINVAL;
    return 0;
}

static int parse_join(struct cp_message *m, struct cp_message_error *err)
{
    if (parse_profile(m, &join_name, err))
        return -EINVAL;
    if (get_text(m->root, &resume, &m->resume, err))
        return -EINVAL;
    return get_bool(m->root, "direct", false, &m->can_direct, err);
}

static int parse_update(struct cp_message *m, struct cp_message_error *err)
{
    if (parse_profile(m, &new_name, err) || get_bool(m->root, "hand", false, &m->hand, err))
        return -EINVAL;
    m->profile.hand = json_object_get(m->root, "hand") ? &m->hand : NULL;
    return 0;
}

static int parse_source_id(const json_t *object, uint32_t *out, struct cp_message_error *err)
{
    const char *text;
    if (get_text(object, &source_id, &text, err))
        return -EINVAL;
    *out = cp_id_parse(text, 's');
    return *out ? 0 : bad(err, "source is not the id of a source");
}

static int parse_source(struct cp_message *m, struct cp_message_error *err)
{
    if (parse_source_id(m->root, &m->source, err))
        return -EINVAL;
    return get_bool(m->root, "muted", true, &m->muted, err);
}

static int parse_chat(struct cp_message *m, struct cp_message_error *err)
{
    return get_text(m->root, &chat_text, &m->text, err);
}

static int parse_nothing(struct cp_message *m, struct cp_message_error *err)
{
    return 0;
}

static int parse_offer_source(const json_t *entry, struct cp_offer_source *out,
                              struct cp_message_error *err)
{
    const char *label;
    out->label = -1;
    if (get_text(entry, &mid_text, &out->mid, err) || get_text(entry, &label_text, &label, err))
        return -EINVAL;
    if (label)
        out->label = cp_label_parse(label);
    if (label && out->label < 0)
        return bad(err, "label is none of microphone, camera, screen, screen-audio");
    return get_bool(entry, "muted", false, &out->muted, err);
}

static int parse_offer_binding(const json_t *entry, struct cp_offer_binding *out,
                               struct cp_message_error *err)
{
    if (get_text(entry, &mid_text, &out->mid, err))
        return -EINVAL;
    if (json_is_null(json_object_get(entry, "source")))
        return 0;
    return parse_source_id(entry, &out->source, err);
}

/* The array of that name and its length; NULL with *count 0 when it is missing. */
static int get_array(const json_t *root, const char *name, const json_t **out, size_t *count,
                     struct cp_message_error *err)
{
    *out = json_object_get(root, name);
    *count = 0;
    if (!*out || json_is_null(*out))
        return 0;
    if (!json_is_array(*out))
        return bad(err, "%s is not an array", name);
    *count = json_array_size(*out);
    if (*count > CP_BINDINGS_MAX)
        return bad(err, "%s has more than %d entries", name, CP_BINDINGS_MAX);
    for (size_t i = 0; i < *count; i++)
        if (!json_is_object(json_array_get(*out, i)))
            return bad(err, "%s has an entry that is not an object", name);
    return 0;
}

static int parse_offer(struct cp_message *m, struct cp_message_error *err)
{
    const json_t *sources, *bindings;
    struct cp_offer *o = &m->offer;
    if (get_text(m->root, &sdp_text, &o->sdp, err) ||
        get_array(m->root, "sources", &sources, &o->n_sources, err) ||
        get_array(m->root, "subscriptions", &bindings, &o->n_bindings, err))
        return -EINVAL;
    o->len = strlen(o->sdp);
    struct cp_offer_source *s = calloc(o->n_sources + 1, sizeof(*s));
    struct cp_offer_binding *b = calloc(o->n_bindings + 1, sizeof(*b));
    o->sources = s;
    o->bindings = b;
    if (!s || !b)
        return bad(err, "out of memory");
    for (size_t i = 0; i < o->n_sources; i++)
        if (parse_offer_source(json_array_get(sources, i), &s[i], err))
            return -EINVAL;
    for (size_t i = 0; i < o->n_bindings; i++)
        if (parse_offer_binding(json_array_get(bindings, i), &b[i], err))
            return -EINVAL;
    return 0;
}

static int parse_direct_id(struct cp_message *m, struct cp_message_error *err)
{
    const char *text;
    if (get_text(m->root, &direct_id, &text, err))
        return -EINVAL;
    m->direct.id = cp_id_parse(text, 'd');
    return m->direct.id ? 0 : bad(err, "id is not that of a direct message");
}

static int parse_direct(struct cp_message *m, struct cp_message_error *err)
{
    m->direct.description = &m->offer;
    return parse_direct_id(m, err) ? -EINVAL : parse_offer(m, err);
}

static int parse_direct_state(struct cp_message *m, struct cp_message_error *err)
{
    static const char *const words[CP_DIRECT_STATES] = {"direct", "relay", "failed"};
    const char *text;
    if (parse_direct_id(m, err) || get_text(m->root, &state_text, &text, err))
        return -EINVAL;
    for (int i = 0; i < CP_DIRECT_STATES; i++) {
        m->direct.state = (enum cp_direct_state)i;
        if (strcmp(words[i], text) == 0)
            return 0;
    }
    return bad(err, "state is none of direct, relay, failed");
}

static int parse_view_entry(const json_t *entry, struct cp_view_entry *out,
                            struct cp_message_error *err)
{
    uint32_t width = 0, height = 0;
    if (parse_source_id(entry, &out->source, err) ||
        get_count(entry, "width", CP_VIEW_PIXELS_MAX, &width, err) ||
        get_count(entry, "height", CP_VIEW_PIXELS_MAX, &height, err))
        return -EINVAL;
    out->width = (uint16_t)width;
    out->height = (uint16_t)height;
    return get_bool(entry, "pinned", false, &out->pinned, err);
}

static int parse_view(struct cp_message *m, struct cp_message_error *err)
{
    const json_t *sources;
    struct cp_view *v = &m->view;
    v->last_n = CP_VIEW_ALL;
    if (get_array(m->root, "sources", &sources, &v->n, err) ||
        get_count(m->root, "last_n", CP_BINDINGS_MAX, &v->last_n, err))
        return -EINVAL;
    struct cp_view_entry *entries = calloc(v->n + 1, sizeof(*entries));
    v->entries = entries;
    if (!entries)
        return bad(err, "out of memory");
    for (size_t i = 0; i < v->n; i++)
        if (parse_view_entry(json_array_get(sources, i), &entries[i], err))
            return -EINVAL;
    return 0;
}

static const struct {
    const char *word;
    int (*parse)(struct cp_message *m, struct cp_message_error *err);
} rows[CP_MESSAGES] = {
    [CP_MESSAGE_JOIN] = {"join", parse_join},       [CP_MESSAGE_OFFER] = {"offer", parse_offer},
    [CP_MESSAGE_UPDATE] = {"update", parse_update}, [CP_MESSAGE_SOURCE] = {"source", parse_source},
    [CP_MESSAGE_CHAT] = {"chat", parse_chat},       [CP_MESSAGE_LEAVE] = {"leave", parse_nothing},
    [CP_MESSAGE_PING] = {"ping", parse_nothing},
    [CP_MESSAGE_DIRECT_OFFER] = {"direct-offer", parse_direct},
    [CP_MESSAGE_DIRECT_ANSWER] = {"direct-answer", parse_direct},
    [CP_MESSAGE_DIRECT_STATE] = {"direct-state", parse_direct_state},
    [CP_MESSAGE_VIEW] = {"view", parse_view},
};

int cp_message_parse(const char *text, size_t len, struct cp_message *out,
                     struct cp_message_error *err)
{
    json_error_t json;
    *out = (struct cp_message){0};
    *err = (struct cp_message_error){0};
    if (len > CP_MESSAGE_MAX)
        return bad(err, "the message is longer than %d bytes", CP_MESSAGE_MAX);
    out->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &json);
    if (!json_is_object(out->root))
        return bad(err, "the message is not a JSON object");
    const json_t *request = json_object_get(out->root, "request");
    if (request && !json_is_number(request))
        return bad(err, "request is not a number");
    out->request = err->request = request;
    const char *type = json_string_value(json_object_get(out->root, "type"));
    if (!type)
        return bad(err, "type is missing");
    for (int i = 0; i < CP_MESSAGES; i++) {
        if (strcmp(rows[i].word, type) != 0)
            continue;
        out->type = (enum cp_message_type)i;
        return rows[i].parse(out, err);
    }
    return bad(err, "type is not one that the server knows");
}

void cp_message_free(struct cp_message *m)
{
    free((void *)(uintptr_t)m->offer.sources);
    free((void *)(uintptr_t)m->offer.bindings);
    free((void *)(uintptr_t)m->view.entries);
    json_decref(m->root);
    m->root = NULL;
}
