/*
 * The headrace command: one row per subcommand. A row's get() makes a JSON value, and --json prints
 * just that; text() prints the same value for people. So neither can know more than the other.
 */
#ifndef CP_CLI_COMMAND_H
#define CP_CLI_COMMAND_H

#include <jansson.h>
#include <stdbool.h>

struct Headrace__Command;
struct Headrace__Reply;

/* Exit codes, for scripts. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* what was asked for is not so: a bad configuration, no such room */
    CLI_USAGE = 2,       /* the command line is wrong */
    CLI_UNREACHABLE = 3, /* a daemon that must answer does not */
};

struct cli_context {
    const char *config_path; /* NULL: the default */
    const char *run_dir;     /* NULL: the configuration's */
    bool json;
    const char *argument; /* the row's, or NULL */
    const char *second;   /* likewise, of a row that has two */
    bool diff;            /* config show --diff */
    char error[768];      /* filled by get() when it fails */
    enum cli_exit exit;
};

struct cli_command {
    const char *name;     /* "config show" */
    const char *argument; /* "NAME", or NULL */
    const char *help;
    json_t *(*get)(struct cli_context *c); /* NULL: failed, c->error and c->exit say why */
    void (*text)(const json_t *value);
    /* Instead of both: takes the words behind its name as they are. Returns the exit code. */
    int (*run)(int argc, char **argv, bool json);
};

extern const struct cli_command cli_commands[];
extern const unsigned cli_commands_count;

json_t *cli_status_get(struct cli_context *c);
void cli_status_text(const json_t *v);
json_t *cli_rooms_get(struct cli_context *c);
void cli_rooms_text(const json_t *v);
json_t *cli_room_get(struct cli_context *c);
void cli_room_text(const json_t *v);
json_t *cli_cores_get(struct cli_context *c);
json_t *cli_cores_set_get(struct cli_context *c);
void cli_cores_text(const json_t *v);
json_t *cli_shards_get(struct cli_context *c);
void cli_shards_text(const json_t *v);
json_t *cli_shards_move_get(struct cli_context *c);
void cli_shards_move_text(const json_t *v);
json_t *cli_config_check_get(struct cli_context *c);
void cli_config_check_text(const json_t *v);
json_t *cli_config_show_get(struct cli_context *c);
void cli_config_show_text(const json_t *v);
json_t *cli_version_get(struct cli_context *c);
void cli_version_text(const json_t *v);
int cli_bench_run(int argc, char **argv, bool json);

/* The directory of the sockets: --run-dir, else the configuration's; NULL with c->error filled.
 * Caller frees. */
char *cli_run_dir(struct cli_context *c);

__attribute__((format(printf, 3, 4))) json_t *cli_fail(struct cli_context *c, enum cli_exit code,
                                                       const char *format, ...);

/* The control plane's admin answer to GET path; the HTTP status in *status, 0 when it does not
 * answer. */
json_t *cli_controlplane_get(struct cli_context *c, const char *path, long *status);
/* A command to the dataplane, and its reply without an error, the caller's to free (pb-c); NULL:
 * c->error says why. */
struct Headrace__Reply *cli_dataplane_ask(struct cli_context *c, struct Headrace__Command *command);
/* The dataplane's Status as JSON; NULL when it does not answer, c->error says why. */
json_t *cli_dataplane_status(struct cli_context *c);

/* Helpers for text: a field or its fallback, and sizes and times as people read them. */
const char *cli_string(const json_t *object, const char *key, const char *fallback);
json_int_t cli_integer(const json_t *object, const char *key);
const char *cli_duration(json_int_t seconds, char buf[32]);

#endif
