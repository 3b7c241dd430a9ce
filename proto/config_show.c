/* The configuration as an operator reads it: keys with their help, values as YAML on one line. */
#include "proto/config.h"
#include "proto/config_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *buf;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(t->buf + t->used, t->size - t->used, format, args);
    va_end(args);
    t->used += (size_t)n < t->size - t->used ? (size_t)n : t->size - t->used - 1;
}

/* Quoted as JSON is, which every YAML reader takes. */
static void put_string(struct text *t, const char *s)
{
    put(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            put(t, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            put(t, "\\u%04x", (unsigned char)*s);
        else
            put(t, "%c", *s);
    }
    put(t, "\"");
}

static void put_list(struct text *t, char *const *list, unsigned count)
{
    put(t, "[");
    for (unsigned i = 0; i < count; i++) {
        if (i)
            put(t, ", ");
        put_string(t, list[i]);
    }
    put(t, "]");
}

static void put_ports(struct text *t, const struct hr_config_port *ports, unsigned count)
{
    put(t, "[");
    for (unsigned i = 0; i < count; i++) {
        put(t, "%s{\"device\": ", i ? ", " : "");
        put_string(t, ports[i].device);
        put(t, ", \"addresses\": ");
        put_list(t, ports[i].addresses, ports[i].addresses_count);
        put(t, "}");
    }
    put(t, "]");
}

static void put_value(struct text *t, const struct hr_config *c, const struct config_row *row)
{
    const void *at = (const char *)c + row->offset;
    const unsigned *count = (const void *)((const char *)c + row->count_offset);

    switch (row->type) {
    case CONFIG_STRING:
        put_string(t, *(char *const *)at);
        break;
    case CONFIG_BOOL:
        put(t, "%s", *(const bool *)at ? "true" : "false");
        break;
    case CONFIG_U16:
        put(t, "%u", *(const uint16_t *)at);
        break;
    case CONFIG_U32:
        put(t, "%" PRIu32, *(const uint32_t *)at);
        break;
    case CONFIG_LIST:
        put_list(t, *(char **const *)at, *count);
        break;
    case CONFIG_PORTS:
        put_ports(t, *(struct hr_config_port *const *)at, *count);
        break;
    }
}

int hr_config_value(const struct hr_config *c, const char *name, char *buf, size_t size,
                    bool *is_default)
{
    struct text t = {buf, size, 0};

    for (unsigned i = 0; i < CONFIG_ROWS; i++) {
        if (strcmp(config_rows[i].name, name))
            continue;
        put_value(&t, c, &config_rows[i]);
        *is_default = !hr_config_is_set(c, i);
        return 0;
    }
    return -ENOENT;
}

static void type_text(const struct config_row *row, char *buf, size_t size)
{
    static const char *const names[] = {[CONFIG_STRING] = "text",
                                        [CONFIG_BOOL] = "true or false",
                                        [CONFIG_LIST] = "list of text",
                                        [CONFIG_PORTS] = "list of {device, addresses}"};

    if (row->type == CONFIG_U16 || row->type == CONFIG_U32)
        snprintf(buf, size, "%" PRIu64 "..%" PRIu64, row->min, row->max);
    else if (row->choices)
        snprintf(buf, size, "%s %s", row->type == CONFIG_LIST ? "list of" : "one of", row->choices);
    else
        snprintf(buf, size, "%s", names[row->type]);
}

const struct hr_config_key *hr_config_keys(size_t *count)
{
    static struct hr_config_key keys[CONFIG_ROWS];
    static char types[CONFIG_ROWS][64];

    for (unsigned i = 0; i < CONFIG_ROWS; i++) {
        type_text(&config_rows[i], types[i], sizeof(types[i]));
        keys[i] = (struct hr_config_key){config_rows[i].name, types[i], config_rows[i].help};
    }
    *count = CONFIG_ROWS;
    return keys;
}
