#include "controlplane/dataplane.h"

#include <errno.h>
#include <string.h>

static int unpack_address(const ProtobufCBinaryData *in, uint32_t port, struct hr_address *out)
{
    if ((in->len != 4 && in->len != 16) || port == 0 || port > UINT16_MAX)
        return -EINVAL;
    *out = (struct hr_address){.port = (uint16_t)port, .family = in->len == 4 ? 4 : 6};
    memcpy(out->ip, in->data, in->len);
    return 0;
}

int cp_path_unpack(const Headrace__Path *in, struct cp_path *out)
{
    memset(out, 0, sizeof(*out));
    if (in->local_mac.len != sizeof(out->local_mac) ||
        in->remote_mac.len != sizeof(out->remote_mac) ||
        in->local_address.len != in->remote_address.len || in->port >= HR_PORTS_MAX)
        return -EINVAL;
    out->port = in->port;
    memcpy(out->local_mac, in->local_mac.data, sizeof(out->local_mac));
    memcpy(out->remote_mac, in->remote_mac.data, sizeof(out->remote_mac));
    int err = unpack_address(&in->local_address, in->local_port, &out->local);
    return err ? err : unpack_address(&in->remote_address, in->remote_port, &out->remote);
}

static ProtobufCBinaryData bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.data = (uint8_t *)data, .len = len};
}

void cp_path_pack(const struct cp_path *in, Headrace__Path *out)
{
    headrace__path__init(out);
    out->port = in->port;
    out->local_mac = bytes(in->local_mac, sizeof(in->local_mac));
    out->remote_mac = bytes(in->remote_mac, sizeof(in->remote_mac));
    out->local_address = bytes(in->local.ip, in->local.family == 4 ? 4 : 16);
    out->remote_address = bytes(in->remote.ip, in->remote.family == 4 ? 4 : 16);
    out->local_port = in->local.port;
    out->remote_port = in->remote.port;
}

bool cp_path_same_tuple(const struct cp_path *a, const struct cp_path *b)
{
    return a->port == b->port && memcmp(&a->local, &b->local, sizeof(a->local)) == 0 &&
           memcmp(&a->remote, &b->remote, sizeof(a->remote)) == 0;
}

bool cp_path_equal(const struct cp_path *a, const struct cp_path *b)
{
    return cp_path_same_tuple(a, b) &&
           memcmp(a->local_mac, b->local_mac, sizeof(a->local_mac)) == 0 &&
           memcmp(a->remote_mac, b->remote_mac, sizeof(a->remote_mac)) == 0;
}
