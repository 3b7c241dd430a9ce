/*
 * libcyaml finds the keys, their nesting and their lines; every scalar arrives as text and is
 * checked against its row here, so that one table says type, range, default and help. Range errors
 * name the line by a second look at the file, since libcyaml has forgotten it by then.
 */
#include "proto/config.h"

#include "proto/address.h"
#include "proto/config_schema.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/etc/headrace/headrace.yaml"
#define SECTIONS     8

/* What libcyaml fills: one per row. */
struct raw_value {
    char *scalar;
    void *list;
    unsigned count;
};

struct loaded {
    struct hr_config config; /* first: hr_config_free() is given its address */
    struct raw_value raw[CONFIG_ROWS];
};

struct schema {
    cyaml_schema_field_t top[CONFIG_ROWS + SECTIONS + 1];
    cyaml_schema_field_t section[SECTIONS][CONFIG_ROWS + 1];
    cyaml_schema_value_t root;
};

struct load {
    const char *path;
    struct loaded *out;
    struct hr_config_error *err;
    char why[256]; /* libcyaml's first error line */
    int line;
};

static const cyaml_schema_value_t string_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};

static const cyaml_schema_field_t port_fields[] = {
    CYAML_FIELD_STRING_PTR("device", CYAML_FLAG_POINTER, struct hr_config_port, device, 1,
                           CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE("addresses", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                         struct hr_config_port, addresses, &string_entry, 0, CONFIG_LIST_MAX),
    CYAML_FIELD_END};

static const cyaml_schema_value_t port_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct hr_config_port, port_fields)};

static cyaml_schema_field_t row_field(unsigned i, const char *key)
{
    const struct config_row *row = &config_rows[i];
    size_t at = i * sizeof(struct raw_value);
    bool list = row->type == CONFIG_LIST || row->type == CONFIG_PORTS;
    cyaml_schema_field_t f = {.key = key};

    if (!list) {
        f.data_offset = (uint32_t)(at + offsetof(struct raw_value, scalar));
        f.value = (cyaml_schema_value_t){
            CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0, CYAML_UNLIMITED)};
        return f;
    }
    f.data_offset = (uint32_t)(at + offsetof(struct raw_value, list));
    f.count_offset = (uint32_t)(at + offsetof(struct raw_value, count));
    f.count_size = sizeof(unsigned);
    f.value.type = CYAML_SEQUENCE;
    f.value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
    f.value.data_size = row->type == CONFIG_PORTS ? sizeof(struct hr_config_port) : sizeof(char *);
    f.value.sequence.entry = row->type == CONFIG_PORTS ? &port_entry : &string_entry;
    f.value.sequence.max = CONFIG_LIST_MAX;
    return f;
}

/* Every section is a mapping at offset 0, so that its keys may keep their place in struct
 * loaded.raw. */
static void make_schema(struct schema *s)
{
    unsigned top = 0;
    const uint32_t size = sizeof(struct raw_value) * CONFIG_ROWS;

    memset(s, 0, sizeof(*s));
    for (unsigned sec = 0; config_sections[sec]; sec++) {
        size_t length = strlen(config_sections[sec]);
        unsigned n = 0;
        for (unsigned i = 0; i < CONFIG_ROWS; i++) {
            const char *name = config_rows[i].name;
            if (!strncmp(name, config_sections[sec], length) && name[length] == '.')
                s->section[sec][n++] = row_field(i, name + length + 1);
        }
        s->top[top].key = config_sections[sec];
        s->top[top].value.type = CYAML_MAPPING;
        s->top[top].value.flags = CYAML_FLAG_OPTIONAL;
        s->top[top].value.data_size = size;
        s->top[top++].value.mapping.fields = s->section[sec];
    }
    for (unsigned i = 0; i < CONFIG_ROWS; i++)
        if (!strchr(config_rows[i].name, '.'))
            s->top[top++] = row_field(i, config_rows[i].name);
    s->root.type = CYAML_MAPPING;
    s->root.flags = CYAML_FLAG_POINTER;
    s->root.data_size = size;
    s->root.mapping.fields = s->top;
}

/* libcyaml says what is wrong first and then, from the inside out, where it was. */
static void take_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct load *ld = ctx;
    char text[256];

    if (level < CYAML_LOG_ERROR)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = 0;
    const char *line = strstr(text, "line: ");
    if (line && !ld->line)
        ld->line = (int)strtol(line + 6, NULL, 10);
    if (!ld->why[0] && !strstr(text, "Backtrace"))
        memcpy(ld->why, text, sizeof(text));
}

/* The line of section.key in block style, or of the section alone; 0 when not found. */
static int find_line(const char *path, const char *name)
{
    const char *dot = strchr(name, '.');
    const char *key = dot ? dot + 1 : name;
    size_t section = dot ? (size_t)(dot - name) : 0;
    bool inside = !dot;
    char line[1024];
    int found = 0;
    FILE *f = path ? fopen(path, "r") : NULL;

    for (int n = 1; f && fgets(line, sizeof(line), f); n++) {
        size_t indent = strspn(line, " ");
        if (dot && indent == 0 && line[0] != '#' && line[0] != '\n')
            inside = !strncmp(line, name, section) && line[section] == ':';
        if (inside && (dot != NULL) == (indent > 0) && !strncmp(line + indent, key, strlen(key)) &&
            line[indent + strlen(key)] == ':') {
            found = n;
            break;
        }
    }
    if (f)
        fclose(f);
    return found;
}

__attribute__((format(printf, 3, 4))) static int fail(struct load *ld, const char *name,
                                                      const char *format, ...)
{
    char text[384];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int line = find_line(ld->path, name);
    if (line)
        snprintf(ld->err->text, sizeof(ld->err->text), "%s:%d: %s: %s", ld->path, line, name, text);
    else
        snprintf(ld->err->text, sizeof(ld->err->text), "%s: %s: %s",
                 ld->path ? ld->path : "defaults", name, text);
    return -EINVAL;
}

static bool one_of(const char *value, const char *choices)
{
    size_t length = strlen(value);

    for (const char *p = choices; *p; p += strcspn(p, " ") + (p[strcspn(p, " ")] == ' ')) {
        size_t word = strcspn(p, ", ");
        if (word == length && !strncmp(p, value, length))
            return true;
    }
    return false;
}

static int set_number(struct load *ld, const struct config_row *row, const char *text)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return fail(ld, row->name, "'%s' is not a whole number", text);
    if (n < row->min || n > row->max)
        return fail(ld, row->name, "%llu is outside %" PRIu64 "..%" PRIu64, n, row->min, row->max);
    void *at = (char *)&ld->out->config + row->offset;
    if (row->type == CONFIG_U16)
        *(uint16_t *)at = (uint16_t)n;
    else
        *(uint32_t *)at = (uint32_t)n;
    return 0;
}

static int set_scalar(struct load *ld, const struct config_row *row, const char *text)
{
    void *at = (char *)&ld->out->config + row->offset;

    switch (row->type) {
    case CONFIG_BOOL:
        if (!one_of(text, "true, false"))
            return fail(ld, row->name, "'%s' is neither true nor false", text);
        *(bool *)at = !strcmp(text, "true");
        return 0;
    case CONFIG_STRING:
        if (row->choices && !one_of(text, row->choices))
            return fail(ld, row->name, "'%s' is not one of %s", text, row->choices);
        *(char **)at = strdup(text);
        return *(char **)at ? 0 : -ENOMEM;
    default:
        return set_number(ld, row, text);
    }
}

static int default_list(struct raw_value *v, const char *text)
{
    char **list = calloc(CONFIG_LIST_MAX, sizeof(*list));

    if (!list)
        return -ENOMEM;
    v->list = list;
    for (const char *p = text; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
        list[v->count] = strndup(p, strcspn(p, ","));
        if (!list[v->count++])
            return -ENOMEM;
    }
    return 0;
}

static int set_list(struct load *ld, const struct config_row *row, struct raw_value *v)
{
    for (unsigned i = 0; row->choices && i < v->count; i++) {
        const char *entry = ((char **)v->list)[i];
        if (!one_of(entry, row->choices))
            return fail(ld, row->name, "'%s' is not one of %s", entry, row->choices);
    }
    *(void **)((char *)&ld->out->config + row->offset) = v->list;
    *(unsigned *)((char *)&ld->out->config + row->count_offset) = v->count;
    return 0;
}

static int set_rows(struct load *ld)
{
    for (unsigned i = 0; i < CONFIG_ROWS; i++) {
        const struct config_row *row = &config_rows[i];
        struct raw_value *v = &ld->out->raw[i];
        struct raw_value fallback = {0};
        int err = 0;

        if (row->type != CONFIG_LIST && row->type != CONFIG_PORTS) {
            err = set_scalar(ld, row, v->scalar ? v->scalar : row->fallback);
        } else if (v->list) {
            err = set_list(ld, row, v);
        } else {
            /* raw keeps list == NULL, which is how hr_config_value() knows a default. */
            err = default_list(&fallback, row->fallback);
            if (!err)
                err = set_list(ld, row, &fallback);
        }
        if (err)
            return err;
    }
    return 0;
}

static int check_addresses(struct load *ld)
{
    const struct hr_config *c = &ld->out->config;
    struct hr_address a;

    for (unsigned i = 0; i < c->dataplane.ports_count; i++) {
        const struct hr_config_port *p = &c->dataplane.ports[i];
        for (unsigned j = 0; j < p->addresses_count; j++)
            if (hr_address_parse(p->addresses[j], &a) || a.port || !a.prefix)
                return fail(ld, "dataplane.ports",
                            "'%s' of %s is not an address with prefix, such as 198.18.0.2/24",
                            p->addresses[j], p->device);
    }
    for (unsigned i = 0; i < c->media.advertise_count; i++)
        if (hr_address_parse(c->media.advertise[i], &a) || a.port || a.prefix)
            return fail(ld, "media.advertise", "'%s' is not an IP address", c->media.advertise[i]);
    if (hr_address_parse(c->http.address, &a) || a.port || a.prefix)
        return fail(ld, "http.address", "'%s' is not an IP address", c->http.address);
    return 0;
}

/* The words go into a header's quotes as they are. */
static bool is_ice_server(const char *s)
{
    static const char *const schemes[] = {"stun:", "stuns:", "turn:", "turns:"};
    unsigned words = 1;
    bool known = false;

    for (unsigned i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        known |= !strncmp(s, schemes[i], strlen(schemes[i])) && s[strlen(schemes[i])] > ' ';
    for (const char *p = s; *p; p++) {
        if (*p < ' ' || *p > '~' || strchr("<>\"\\", *p) || (*p == ' ' && p[1] <= ' '))
            return false;
        words += *p == ' ';
    }
    return known && strlen(s) <= ICE_SERVER_MAX && (words == 1 || words == 3);
}

static int check_ice_servers(struct load *ld)
{
    const struct hr_config *c = &ld->out->config;

    if (c->media.ice_servers_count > ICE_SERVERS_MAX)
        return fail(ld, "media.ice_servers", "%u servers, at most %d are possible",
                    c->media.ice_servers_count, ICE_SERVERS_MAX);
    for (unsigned i = 0; i < c->media.ice_servers_count; i++)
        if (!is_ice_server(c->media.ice_servers[i]))
            return fail(ld, "media.ice_servers",
                        "'%s' is neither stun:HOST nor \"turn:HOST USERNAME CREDENTIAL\"",
                        c->media.ice_servers[i]);
    return 0;
}

/* What one row cannot say alone. */
static int check_whole(struct load *ld)
{
    const struct hr_config *c = &ld->out->config;

    if (c->dataplane.shards & (c->dataplane.shards - 1))
        return fail(ld, "dataplane.shards", "%u is not a power of two", c->dataplane.shards);
    if (!c->http.tls_certificate[0] != !c->http.tls_key[0])
        return fail(ld, c->http.tls_key[0] ? "http.tls_key" : "http.tls_certificate",
                    "TLS needs both http.tls_certificate and http.tls_key");
    if (c->media.video_codecs_count == 0)
        return fail(ld, "media.video_codecs", "at least one codec is needed");
    int err = check_ice_servers(ld);
    return err ? err : check_addresses(ld);
}

static bool is_blank(const char *path)
{
    char line[4096];
    bool blank = true;
    FILE *f = fopen(path, "r");

    while (f && blank && fgets(line, sizeof(line), f)) {
        const char *p = line + strspn(line, " \t\r\n");
        blank = *p == 0 || *p == '#' || !strncmp(p, "---", 3);
    }
    if (f)
        fclose(f);
    return blank;
}

static int load_file(struct load *ld)
{
    struct schema schema;
    struct raw_value *raw = NULL;
    const cyaml_config_t cfg = {.log_fn = take_log,
                                .log_ctx = ld,
                                .mem_fn = cyaml_mem,
                                .log_level = CYAML_LOG_ERROR,
                                .flags = CYAML_CFG_DEFAULT};

    make_schema(&schema);
    cyaml_err_t e = cyaml_load_file(ld->path, &cfg, &schema.root, (cyaml_data_t **)&raw, NULL);
    if (e == CYAML_OK) {
        memcpy(ld->out->raw, raw, sizeof(ld->out->raw));
        free(raw);
        return 0;
    }
    const char *why = ld->why[0] ? ld->why : cyaml_strerror(e);
    if (!strncmp(why, "Load: ", 6))
        why += 6;
    if (ld->line)
        snprintf(ld->err->text, sizeof(ld->err->text), "%s:%d: %s", ld->path, ld->line, why);
    else
        snprintf(ld->err->text, sizeof(ld->err->text), "%s: %s", ld->path, why);
    return -EINVAL;
}

int hr_config_load(const char *path, struct hr_config **out, struct hr_config_error *err)
{
    struct loaded *l = calloc(1, sizeof(*l));
    struct load ld = {.path = path ? path : DEFAULT_PATH, .out = l, .err = err};
    int e = 0;

    err->text[0] = 0;
    if (!l)
        return -ENOMEM;
    if (access(ld.path, R_OK)) {
        e = -errno;
        if (!path && e == -ENOENT) {
            e = 0;
            ld.path = NULL;
        } else {
            snprintf(err->text, sizeof(err->text), "%s: %s", ld.path, strerror(errno));
        }
    } else if (!is_blank(ld.path)) {
        e = load_file(&ld);
    }
    if (!e)
        e = set_rows(&ld);
    if (!e)
        e = check_whole(&ld);
    if (e) {
        if (!err->text[0])
            snprintf(err->text, sizeof(err->text), "configuration: %s", strerror(-e));
        hr_config_free(&l->config);
        return e;
    }
    *out = &l->config;
    return 0;
}

bool hr_config_is_set(const struct hr_config *c, unsigned row)
{
    const struct loaded *l = (const struct loaded *)c;

    return l->raw[row].scalar || l->raw[row].list;
}

static void free_list(const struct config_row *row, void *list, unsigned count)
{
    for (unsigned i = 0; list && i < count; i++) {
        if (row->type == CONFIG_LIST) {
            free(((char **)list)[i]);
            continue;
        }
        struct hr_config_port *p = &((struct hr_config_port *)list)[i];
        for (unsigned j = 0; j < p->addresses_count; j++)
            free(p->addresses[j]);
        free(p->addresses);
        free(p->device);
    }
    free(list);
}

void hr_config_free(struct hr_config *c)
{
    struct loaded *l = (struct loaded *)c;

    if (!l)
        return;
    for (unsigned i = 0; i < CONFIG_ROWS; i++) {
        const struct config_row *row = &config_rows[i];
        bool list = row->type == CONFIG_LIST || row->type == CONFIG_PORTS;
        bool pointer = list || row->type == CONFIG_STRING;
        void *at = pointer ? *(void **)((char *)c + row->offset) : NULL;

        free(l->raw[i].scalar);
        if (row->type == CONFIG_STRING)
            free(at);
        else if (list) {
            if (at)
                free_list(row, at, *(unsigned *)((char *)c + row->count_offset));
            if (l->raw[i].list && l->raw[i].list != at)
                free_list(row, l->raw[i].list, l->raw[i].count);
        }
    }
    free(l);
}
