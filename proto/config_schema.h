/* The table of configuration keys: what config.c makes the YAML schema, defaults, checks and help
 * from. */
#ifndef HR_CONFIG_SCHEMA_H
#define HR_CONFIG_SCHEMA_H

#include "proto/config.h"

enum config_type {
    CONFIG_STRING,
    CONFIG_BOOL,
    CONFIG_U16,
    CONFIG_U32,
    CONFIG_LIST,  /* of strings: char ** and a count */
    CONFIG_PORTS, /* struct hr_config_port * and a count */
};

struct config_row {
    const char *name; /* "section.key", or "key" at the top */
    enum config_type type;
    size_t offset;       /* in struct hr_config */
    size_t count_offset; /* of lists */
    const char
        *fallback; /* the default as text; list entries with commas between; "" for an empty list */
    uint64_t min, max;   /* of numbers */
    const char *choices; /* "busy, low-power", or NULL */
    const char *help;
};

#define CONFIG_ROWS     48
#define CONFIG_LIST_MAX 32  /* entries of a list; more are refused */
#define ICE_SERVERS_MAX 4   /* of media.ice_servers; more are refused */
#define ICE_SERVER_MAX  512 /* bytes of one */

extern const struct config_row config_rows[CONFIG_ROWS];
extern const char *const config_sections[]; /* NULL-terminated */

/* Whether the file has the row's key. */
bool hr_config_is_set(const struct hr_config *c, unsigned row);

#endif
