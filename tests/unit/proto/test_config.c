#include "proto/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char path[64];

static int load(const char *yaml, struct hr_config **c, struct hr_config_error *err)
{
    snprintf(path, sizeof(path), "/tmp/headrace-config-%d.yaml", (int)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(yaml, f);
    fclose(f);
    int e = hr_config_load(path, c, err);
    unlink(path);
    return e;
}

static void defaults_without_a_file(void **state)
{
    struct hr_config *c;
    struct hr_config_error err;

    assert_int_equal(load("# nothing set\n", &c, &err), 0);
    assert_string_equal(c->run_dir, "/run/headrace");
    assert_int_equal(c->media.port, 10000);
    assert_int_equal(c->http.port, 8080);
    assert_int_equal(c->media.video_codecs_count, 4);
    assert_string_equal(c->media.video_codecs[0], "VP8");
    hr_config_free(c);
}

static void everything_set(void **state)
{
    struct hr_config *c;
    struct hr_config_error err;

    assert_int_equal(load("run_dir: /tmp/x\n"
                          "dataplane:\n"
                          "  polling: low-power\n"
                          "  hugepages: false\n"
                          "  eal: [\"--no-pci\"]\n"
                          "  ports:\n"
                          "    - device: net_af_packet0,iface=v1\n"
                          "      addresses: [198.18.0.2/24, \"2001:2::2/64\"]\n"
                          "media:\n"
                          "  video_codecs: [VP9]\n"
                          "  advertise: [203.0.113.9]\n"
                          "http: {port: 9090}\n",
                          &c, &err),
                     0);
    assert_int_equal(c->dataplane.ports_count, 1);
    assert_string_equal(c->dataplane.ports[0].addresses[1], "2001:2::2/64");
    assert_false(c->dataplane.hugepages);
    assert_int_equal(c->media.video_codecs_count, 1);
    assert_int_equal(c->http.port, 9090);

    char buf[256];
    bool is_default;
    assert_int_equal(hr_config_value(c, "dataplane.ports", buf, sizeof(buf), &is_default), 0);
    assert_string_equal(buf, "[{\"device\": \"net_af_packet0,iface=v1\", \"addresses\": "
                             "[\"198.18.0.2/24\", \"2001:2::2/64\"]}]");
    assert_false(is_default);
    assert_int_equal(hr_config_value(c, "media.port", buf, sizeof(buf), &is_default), 0);
    assert_string_equal(buf, "10000");
    assert_true(is_default);
    assert_int_equal(hr_config_value(c, "media.prt", buf, sizeof(buf), &is_default), -ENOENT);
    hr_config_free(c);
}

/* What an operator gets wrong, and the words that must help: file, line, key, value. */
static void mistakes_name_line_and_key(void **state)
{
    static const struct {
        const char *yaml, *says[3];
    } cases[] = {
        {"media:\n  prot: 10000\n", {":2:", "prot"}},
        {"media:\n  port: 70000\n", {":2:", "media.port", "70000 is outside 1..65535"}},
        {"media:\n  port: abc\n", {":2:", "'abc' is not a whole number"}},
        {"media:\n  port: -1\n", {":2:", "'-1' is not a whole number"}},
        {"dataplane:\n  mbufs: 65536\n  polling: bussy\n",
         {":3:", "dataplane.polling", "busy, low-power"}},
        {"dataplane:\n  shards: 63\n", {":2:", "not a power of two"}},
        {"dataplane:\n  hugepages: maybe\n", {":2:", "neither true nor false"}},
        {"dataplane:\n  ports:\n    - addresses: [198.18.0.2/24]\n", {":3:", "device"}},
        {"dataplane:\n  ports:\n    - device: x\n      addresses: [198.18.0.2]\n",
         {":2:", "198.18.0.2", "prefix"}},
        {"media:\n  video_codecs: [VP7]\n", {":2:", "VP7", "VP8"}},
        {"http:\n  tls_key: /x\n", {":2:", "http.tls_key", "both"}},
        {"http:\n  address: localhost\n", {":2:", "localhost", "IP address"}},
        {"media:\n  ice_servers: [\"http://x\"]\n", {":2:", "media.ice_servers", "http://x"}},
        {"media:\n  ice_servers: [\"turn:h user\"]\n", {":2:", "turn:h user"}},
        {"media:\n  ice_servers: ['stun:h\">']\n", {":2:", "neither stun:HOST nor"}},
        {"media:\n  ice_servers: ['stun:', stun:b]\n", {":2:", "neither stun:HOST nor"}},
        {"media:\n  ice_servers: [stun:a, stun:b, stun:c, stun:d, stun:e]\n", {"at most 4"}},
        {"media: [\n", {"yaml"}},
        {"log_level: loud\n", {":1:", "log_level", "loud"}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hr_config *c = NULL;
        struct hr_config_error err;
        if (load(cases[i].yaml, &c, &err) != -EINVAL)
            fail_msg("accepted: %s", cases[i].yaml);
        for (unsigned j = 0; j < 3 && cases[i].says[j]; j++)
            if (!strstr(err.text, cases[i].says[j]))
                fail_msg("'%s' does not say '%s' of: %s", err.text, cases[i].says[j],
                         cases[i].yaml);
    }
}

static void a_missing_file_is_named(void **state)
{
    struct hr_config *c = NULL;
    struct hr_config_error err;

    assert_int_equal(hr_config_load("/nonexistent/headrace.yaml", &c, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/headrace.yaml"));
}

static void every_key_has_value_and_help(void **state)
{
    size_t n;
    struct hr_config *c;
    struct hr_config_error err;
    char buf[256];
    bool is_default;
    const struct hr_config_key *keys = hr_config_keys(&n);

    assert_int_equal(load("", &c, &err), 0);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(keys[i].name);
        assert_true(strlen(keys[i].help) > 10);
        assert_int_equal(hr_config_value(c, keys[i].name, buf, sizeof(buf), &is_default), 0);
        assert_true(is_default);
    }
    hr_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_without_a_file),      cmocka_unit_test(everything_set),
        cmocka_unit_test(mistakes_name_line_and_key),   cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(every_key_has_value_and_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
