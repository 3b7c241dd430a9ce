#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    *out = strtoul(text, &end, 10);
    return *end || *out > max ? -EINVAL : 0;
}

static int parse_ip(const char *text, struct hr_address *out)
{
    if (inet_pton(AF_INET, text, out->ip) == 1)
        out->family = 4;
    else if (inet_pton(AF_INET6, text, out->ip) == 1)
        out->family = 6;
    else
        return -EINVAL;
    return 0;
}

int hr_address_parse(const char *text, struct hr_address *out)
{
    char buf[HR_ADDRESS_TEXT];
    const char *port = NULL, *prefix = NULL;
    char *ip = buf;
    unsigned long n;

    memset(out, 0, sizeof(*out));
    if (strlen(text) >= sizeof(buf))
        return -EINVAL;
    strcpy(buf, text);
    char *slash = strchr(buf, '/');
    char *colon = strchr(buf, ':');
    if (slash) {
        *slash = 0;
        prefix = slash + 1;
    } else if (buf[0] == '[') {
        char *end = strchr(buf, ']');
        if (!end || (end[1] && end[1] != ':'))
            return -EINVAL;
        *end = 0;
        ip = buf + 1;
        port = end[1] ? end + 2 : NULL;
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = 0;
        port = colon + 1;
    }
    if (parse_ip(ip, out))
        return -EINVAL;
    if (port) {
        if (parse_number(port, 65535, &n))
            return -EINVAL;
        out->port = (uint16_t)n;
    }
    if (prefix) {
        if (parse_number(prefix, out->family == 4 ? 32 : 128, &n))
            return -EINVAL;
        out->prefix = (uint8_t)n;
    }
    return 0;
}

const char *hr_address_format(const struct hr_address *a, char buf[HR_ADDRESS_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "?";

    inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof(ip));
    if (!a->port)
        snprintf(buf, HR_ADDRESS_TEXT, "%s", ip);
    else
        snprintf(buf, HR_ADDRESS_TEXT, a->family == 6 ? "[%s]:%u" : "%s:%u", ip, a->port);
    return buf;
}
