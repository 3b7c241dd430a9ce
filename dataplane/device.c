/*
 * Drivers that stand on a kernel interface are rows of a table: which argument names the interface
 * and what the process needs. For net_af_packet the ring's geometry is worked out from the MTU,
 * unless given: frames a power of two that holds the largest packet, 4096 of them (a worker may be
 * off its CPU for milliseconds on a shared machine), in blocks of at least a page.
 */
#include "dataplane/device.h"

#include "proto/log.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AF_PACKET_FRAMES   4096
#define AF_PACKET_OVERHEAD 128 /* bytes of a frame before the packet, at most */
#define PAGE               4096

struct driver {
    const char *prefix;
    const char *iface_key; /* NULL: stands on no interface */
    int (*may)(void);      /* 0 or -errno; NULL: anybody */
    const char *needs;     /* when it may not */
};

static int may_packet(void)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int may_tap(void)
{
    return access("/dev/net/tun", R_OK | W_OK) ? -errno : 0;
}

static const struct driver drivers[] = {
    {"net_af_packet", "iface", may_packet,
     "CAP_NET_RAW: start as root, or give the service AmbientCapabilities=CAP_NET_RAW"},
    {"net_af_xdp", "iface", may_packet,
     "CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: start as root, or give the service "
     "AmbientCapabilities="},
    {"net_tap", NULL, may_tap, "CAP_NET_ADMIN and access to /dev/net/tun"},
    {"net_virtio_user", NULL, NULL, NULL},
    {"net_null", NULL, NULL, NULL},
    {"net_ring", NULL, NULL, NULL},
    {"net_pcap", NULL, NULL, NULL},
    {"net_memif", NULL, NULL, NULL},
};

static const struct driver *driver_of(const char *name)
{
    for (unsigned i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strncmp(name, drivers[i].prefix, strlen(drivers[i].prefix)) == 0)
            return &drivers[i];
    return NULL;
}

/* "0000:01:00.0" or "01:00.0" */
static bool is_pci(const char *name)
{
    unsigned domain, bus, device, function;
    int end = -1;

    if (sscanf(name, "%x:%x:%x.%x%n", &domain, &bus, &device, &function, &end) == 4 && end > 0)
        return name[end] == 0;
    return sscanf(name, "%x:%x.%x%n", &bus, &device, &function, &end) == 3 && name[end] == 0;
}

/* The value of key=value among the arguments behind the name; false when it is not there. */
static bool argument(const char *args, const char *key, char *value, size_t size)
{
    size_t len = strlen(key);

    for (const char *p = strchr(args, ','); p; p = strchr(p, ',')) {
        p++;
        if (strncmp(p, key, len) != 0 || p[len] != '=')
            continue;
        p += len + 1;
        snprintf(value, size, "%.*s", (int)strcspn(p, ","), p);
        return true;
    }
    return false;
}

static int ask_iface(const char *iface, unsigned long what, struct ifreq *r)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *r = (struct ifreq){0};
    snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", iface);
    int err = ioctl(fd, what, r) ? -errno : 0;
    close(fd);
    return err;
}

bool dp_device_iface_up(const char *iface)
{
    struct ifreq r;

    if (ask_iface(iface, SIOCGIFFLAGS, &r))
        return false;
    return (r.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

/* An address here would make the kernel answer for packets that are the dataplane's. */
static void warn_of_addresses(const char *iface)
{
    struct ifaddrs *all, *a;

    if (getifaddrs(&all))
        return;
    for (a = all; a; a = a->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        if (!a->ifa_addr || strcmp(a->ifa_name, iface) != 0)
            continue;
        if (a->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *sin = (const struct sockaddr_in *)a->ifa_addr;
            inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
        } else if (a->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)a->ifa_addr;
            if (IN6_IS_ADDR_LINKLOCAL(&sin6->sin6_addr))
                continue;
            inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
        } else {
            continue;
        }
        hr_warning(
            "interface '%s' has the address %s in the kernel, which answers beside the dataplane: "
            "ip address flush dev %s",
            iface, text, iface);
    }
    freeifaddrs(all);
}

static int look_at_iface(struct dp_device *d, const char *where)
{
    struct ifreq r;

    int err = ask_iface(d->iface, SIOCGIFMTU, &r);
    if (err == -ENODEV) {
        hr_error(
            "%s.device: no interface '%s' in this network namespace: ip link shows those there are",
            where, d->iface);
        return err;
    }
    if (err) {
        hr_error("%s.device: interface '%s': %s", where, d->iface, strerror(-err));
        return err;
    }
    d->mtu = (uint16_t)RTE_MIN(r.ifr_mtu, UINT16_MAX - PAGE);
    if (!ask_iface(d->iface, SIOCGIFFLAGS, &r) && !(r.ifr_flags & IFF_UP))
        hr_warning("interface '%s' is down: ip link set %s up", d->iface, d->iface);
    warn_of_addresses(d->iface);
    return 0;
}

static void append(struct dp_device *d, const char *key, unsigned value)
{
    char had[16];
    size_t at = strlen(d->args);

    if (!argument(d->args, key, had, sizeof(had)))
        snprintf(d->args + at, sizeof(d->args) - at, ",%s=%u", key, value);
}

static void size_af_packet(struct dp_device *d)
{
    char text[16];
    unsigned frame = 2048;

    while (frame < (unsigned)d->mtu + RTE_ETHER_HDR_LEN + AF_PACKET_OVERHEAD)
        frame *= 2;
    if (argument(d->args, "framesz", text, sizeof(text)))
        frame = (unsigned)atoi(text);
    d->frame = (uint16_t)RTE_MIN(frame, UINT16_MAX);
    append(d, "framesz", frame);
    append(d, "blocksz", RTE_MAX(frame, PAGE));
    append(d, "framecnt", AF_PACKET_FRAMES);
    append(d, "qdisc_bypass", 1);
}

static int open_virtual(struct dp_device *d, const struct driver *driver, const char *where)
{
    int err = driver->may ? driver->may() : 0;

    if (err == -EPERM || err == -EACCES) {
        hr_error("%s.device: no permission for %s, which needs %s", where, driver->prefix,
                 driver->needs);
        return err;
    }
    if (err) {
        hr_error("%s.device: %s: %s", where, driver->prefix, strerror(-err));
        return err;
    }
    if (!driver->iface_key)
        return 0;
    if (!argument(d->args, driver->iface_key, d->iface, sizeof(d->iface))) {
        hr_error("%s.device: '%s' does not say on which interface: %s,%s=NAME", where, d->args,
                 d->name, driver->iface_key);
        return -EINVAL;
    }
    err = look_at_iface(d, where);
    if (!err && strcmp(driver->prefix, "net_af_packet") == 0)
        size_af_packet(d);
    return err;
}

void dp_device_queues(struct dp_device *d, unsigned workers)
{
    if (workers > 1 && strncmp(d->name, "net_af_packet", strlen("net_af_packet")) == 0)
        append(d, "qpairs", workers);
}

int dp_device_open(const char *text, const char *where, struct dp_device *out)
{
    *out = (struct dp_device){0};
    if (strlen(text) > sizeof(out->args) - 80 || strcspn(text, ",") >= sizeof(out->name)) {
        hr_error("%s.device: '%s' is too long", where, text);
        return -EINVAL;
    }
    snprintf(out->name, sizeof(out->name), "%.*s", (int)strcspn(text, ","), text);
    snprintf(out->args, sizeof(out->args), "%s", text);
    out->pci = is_pci(out->name);
    if (out->pci)
        return 0;
    const struct driver *driver = driver_of(out->name);
    if (!driver) {
        hr_error("%s.device: '%s' is neither a PCI address nor a device such as "
                 "net_af_packet0,iface=eth1",
                 where, text);
        return -EINVAL;
    }
    return open_virtual(out, driver, where);
}
