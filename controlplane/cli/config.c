/* config check, config show, version. */
#include "controlplane/cli/command.h"

#include "proto/config.h"
#include "proto/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_config_check_get(struct cli_context *c)
{
    struct hr_config *config;
    struct hr_config_error err;
    const char *path = c->argument ? c->argument : c->config_path;

    if (hr_config_load(path, &config, &err) == 0) {
        hr_config_free(config);
        return json_pack("{s:b}", "ok", 1);
    }
    c->exit = CLI_FAILED;
    return json_pack("{s:b, s:s}", "ok", 0, "error", err.text);
}

void cli_config_check_text(const json_t *v)
{
    if (json_is_true(json_object_get(v, "ok")))
        puts("The configuration is right.");
    else
        puts(cli_string(v, "error", ""));
}

json_t *cli_config_show_get(struct cli_context *c)
{
    struct hr_config *config;
    struct hr_config_error err;
    char value[8192];
    bool is_default;
    size_t n;

    if (hr_config_load(c->config_path, &config, &err))
        return cli_fail(c, CLI_FAILED, "%s", err.text);
    json_t *list = json_array();
    const struct hr_config_key *keys = hr_config_keys(&n);
    for (size_t i = 0; i < n; i++) {
        hr_config_value(config, keys[i].name, value, sizeof(value), &is_default);
        if (c->diff && is_default)
            continue;
        /* A value is printed as JSON too, which YAML contains. */
        json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
        json_array_append_new(list, json_pack("{s:s, s:o, s:b, s:s, s:s}", "key", keys[i].name,
                                              "value", parsed ? parsed : json_string(value),
                                              "default", (int)is_default, "type", keys[i].type,
                                              "help", keys[i].help));
    }
    hr_config_free(config);
    return list;
}

/* As YAML that can be put into a file as it stands: the defaults are commented out. */
void cli_config_show_text(const json_t *v)
{
    const char *section = "";
    size_t length = 0, i;
    json_t *row;

    json_array_foreach (v, i, row) {
        const char *key = cli_string(row, "key", "");
        const char *dot = strchr(key, '.');
        char *value = json_dumps(json_object_get(row, "value"), JSON_ENCODE_ANY);
        if (dot && ((size_t)(dot - key) != length || strncmp(section, key, length))) {
            section = key;
            length = (size_t)(dot - key);
            printf("%.*s:\n", (int)length, section);
        }
        printf("%s%s%s: %s\n", dot ? "  " : "",
               json_is_true(json_object_get(row, "default")) ? "# " : "", dot ? dot + 1 : key,
               value ? value : "");
        free(value);
    }
}

json_t *cli_version_get(struct cli_context *c)
{
    long http;
    json_t *v = json_pack("{s:s, s:n, s:n}", "headrace", hr_build(), "dataplane", "controlplane");
    json_t *dataplane = cli_dataplane_status(c);
    json_t *controlplane = cli_controlplane_get(c, "/admin/version", &http);

    if (dataplane)
        json_object_set(v, "dataplane", json_object_get(dataplane, "version"));
    if (controlplane)
        json_object_set(v, "controlplane", json_object_get(controlplane, "version"));
    json_decref(dataplane);
    json_decref(controlplane);
    c->exit = CLI_OK; /* a daemon that is down has no version to show, which is no error here */
    return v;
}

void cli_version_text(const json_t *v)
{
    printf("headrace               %s\n", cli_string(v, "headrace", ""));
    printf("headrace-dataplane     %s\n", cli_string(v, "dataplane", "not running"));
    printf("headrace-controlplane  %s\n", cli_string(v, "controlplane", "not running"));
}
