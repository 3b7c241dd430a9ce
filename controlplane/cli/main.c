#include "controlplane/cli/command.h"

#include "proto/version.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct cli_command cli_commands[] = {
    {"status", NULL, "both daemons: are they up, what do they carry, what do they drop",
     cli_status_get, cli_status_text},
    {"rooms", NULL, "the rooms and how many are in them", cli_rooms_get, cli_rooms_text},
    {"room", "NAME", "who is in a room, what they publish and receive", cli_room_get,
     cli_room_text},
    {"cores set", "LIST",
     "a worker on each of these CPUs and no others, such as 2-5,8; calls go on", cli_cores_set_get,
     cli_cores_text},
    {"cores", NULL, "the dataplane's workers: where they run, what they carry, how busy they are",
     cli_cores_get, cli_cores_text},
    {"shards move", "SHARD WORKER", "gives a slice of all endpoints to a worker; calls go on",
     cli_shards_move_get, cli_shards_move_text},
    {"shards", NULL, "the slices of all endpoints: whose they are and what they carry",
     cli_shards_get, cli_shards_text},
    {"config check", "[FILE]",
     "whether a configuration is right; names line and key where it is not", cli_config_check_get,
     cli_config_check_text},
    {"config show", NULL, "every key with its value (--diff: only those that are set)",
     cli_config_show_get, cli_config_show_text},
    {"bench", "[matrix|joins]",
     "what this machine can do, beside what it is measured against; bench --help tells more", NULL,
     NULL, cli_bench_run},
    {"version", NULL, "versions of this command and of the daemons that run", cli_version_get,
     cli_version_text},
};
const unsigned cli_commands_count = sizeof(cli_commands) / sizeof(*cli_commands);

json_t *cli_fail(struct cli_context *c, enum cli_exit code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    c->exit = code;
    return NULL;
}

static void usage(FILE *to)
{
    fprintf(to, "Usage: headrace [--config FILE] [--run-dir DIR] [--json] COMMAND\n\n");
    for (unsigned i = 0; i < cli_commands_count; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", cli_commands[i].name,
                 cli_commands[i].argument ? cli_commands[i].argument : "");
        fprintf(to, "  %-22s %s\n", left, cli_commands[i].help);
    }
    fprintf(to, "\n  --config FILE   instead of /etc/headrace/headrace.yaml\n"
                "  --run-dir DIR   where the daemons' sockets are\n"
                "  --json          the same as JSON\n"
                "\nExit code: 0 fine, 1 not so, 2 wrong usage, 3 a daemon does not answer.\n");
}

/* The row whose words begin argv; *words says how many they are. */
static const struct cli_command *find(int argc, char **argv, int *words)
{
    for (unsigned i = 0; i < cli_commands_count; i++) {
        const char *name = cli_commands[i].name;
        const char *space = strchr(name, ' ');
        size_t first = space ? (size_t)(space - name) : strlen(name);
        if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], name, first))
            continue;
        if (space && (argc < 2 || strcmp(argv[1], space + 1)))
            continue;
        *words = space ? 2 : 1;
        return &cli_commands[i];
    }
    return NULL;
}

/* A row that takes its words as they are: --json before it is passed on. False: there is none. */
static bool run_row(int argc, char **argv, int *exit_code)
{
    bool json = false;
    int at = 1, words;

    while (at < argc && !strcmp(argv[at], "--json")) {
        json = true;
        at++;
    }
    const struct cli_command *row = find(argc - at, argv + at, &words);
    if (!row || !row->run)
        return false;
    *exit_code = row->run(argc - at - words, argv + at + words, json);
    return true;
}

static const struct cli_command *parse(int argc, char **argv, struct cli_context *c)
{
    enum { CONFIG = 1, RUN_DIR, JSON, DIFF, VERSION, HELP };
    static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                            {"run-dir", required_argument, NULL, RUN_DIR},
                                            {"json", no_argument, NULL, JSON},
                                            {"diff", no_argument, NULL, DIFF},
                                            {"version", no_argument, NULL, VERSION},
                                            {"help", no_argument, NULL, HELP},
                                            {NULL, 0, NULL, 0}};
    int o;

    c->exit = CLI_USAGE;
    while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (o) {
        case CONFIG:
            c->config_path = optarg;
            break;
        case RUN_DIR:
            c->run_dir = optarg;
            break;
        case JSON:
            c->json = true;
            break;
        case DIFF:
            c->diff = true;
            break;
        case VERSION:
            printf("headrace %s\n", hr_build());
            exit(CLI_OK);
        case HELP:
        case 'h':
            usage(stdout);
            exit(CLI_OK);
        default:
            return NULL;
        }
    }
    int words = 0;
    const struct cli_command *row = find(argc - optind, argv + optind, &words);
    if (!row) {
        if (optind < argc)
            fprintf(stderr, "headrace: no command '%s'; see headrace --help\n", argv[optind]);
        else
            usage(stderr);
        return NULL;
    }
    unsigned most = row->argument ? strchr(row->argument, ' ') ? 2 : 1 : 0;
    c->argument = argv[optind + words];
    c->second = c->argument && most == 2 ? argv[optind + words + 1] : NULL;
    if (row->argument && row->argument[0] != '[' && (!c->argument || (most == 2 && !c->second))) {
        fprintf(stderr, "headrace: %s needs %s\n", row->name, row->argument);
        return NULL;
    }
    if (argc > optind + words + (int)most) {
        fprintf(stderr, "headrace: %s: '%s' is one word too many\n", row->name,
                argv[optind + words + (int)most]);
        return NULL;
    }
    return row;
}

int main(int argc, char **argv)
{
    struct cli_context c = {0};
    int exit_code;

    if (run_row(argc, argv, &exit_code))
        return exit_code;
    const struct cli_command *row = parse(argc, argv, &c);
    if (!row)
        return c.exit;
    if (row->run) {
        fprintf(stderr, "headrace: only --json may stand before '%s'\n", row->name);
        return CLI_USAGE;
    }
    c.exit = CLI_OK;
    json_t *value = row->get(&c);
    if (!value) {
        fprintf(stderr, "headrace: %s\n", c.error);
        return c.exit;
    }
    if (c.json) {
        json_dumpf(value, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        row->text(value);
    }
    json_decref(value);
    return c.exit;
}
