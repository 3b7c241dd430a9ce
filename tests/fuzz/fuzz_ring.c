/* Every message that a ring or a socket may hold, unpacked as the daemons do it. The first byte
 * picks the type. */
#include "proto/arena.h"
#include "proto/headrace.pb-c.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &headrace__command__descriptor, &headrace__event__descriptor,
        &headrace__punt__descriptor,    &headrace__inject__descriptor,
        &headrace__hello__descriptor,   &headrace__hello_reply__descriptor,
        &headrace__reply__descriptor};
    static struct hr_arena arena;
    uint8_t *packed;

    if (size == 0 || (!arena.base && hr_arena_init(&arena, 1 << 20)))
        return 0;
    hr_arena_reset(&arena);
    ProtobufCMessage *m = protobuf_c_message_unpack(
        types[data[0] % (sizeof(types) / sizeof(*types))], &arena.allocator, size - 1, data + 1);
    if (!m)
        return 0;
    size_t length = protobuf_c_message_get_packed_size(m);
    packed = malloc(length ? length : 1);
    if (packed && protobuf_c_message_pack(m, packed) != length)
        abort();
    free(packed);
    return 0;
}
