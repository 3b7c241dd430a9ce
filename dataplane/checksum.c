#include "dataplane/checksum.h"

#include <rte_ip.h>

uint32_t dp_checksum_add(uint32_t sum, const void *data, size_t len)
{
    return sum + rte_raw_cksum(data, len);
}
