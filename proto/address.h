/* An IP address with UDP port, IPv4 or IPv6, in one comparable form (no padding: memcmp works). */
#ifndef HR_ADDRESS_H
#define HR_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

struct hr_address {
    uint8_t ip[16]; /* network order; IPv4 in the first 4 bytes, the rest zero */
    uint16_t port;  /* host order */
    uint8_t family; /* 4 or 6 */
    uint8_t prefix; /* bits, for interface addresses; else 0 */
};

#define HR_ADDRESS_TEXT 64
/* "198.18.0.2", "198.18.0.2/24", "198.18.0.2:10000", "[2001:2::2]:10000", "2001:2::2/64"; 0 or
 * -EINVAL */
int hr_address_parse(const char *text, struct hr_address *out);
/* "198.18.0.2:10000", without the port when it is 0; returns buf */
const char *hr_address_format(const struct hr_address *a, char buf[HR_ADDRESS_TEXT]);

#endif
