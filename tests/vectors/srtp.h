/* Published test vectors of SRTP's parts, in hexadecimal. */
#ifndef TEST_VECTORS_SRTP_H
#define TEST_VECTORS_SRTP_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a hexadecimal string, blanks allowed; returns how many. */
static inline size_t unhex(const char *text, uint8_t *out)
{
    size_t n = 0;
    unsigned int byte;

    for (;; text += 2, n++) {
        while (*text == ' ')
            text++;
        if (sscanf(text, "%2x", &byte) != 1)
            return n;
        out[n] = (uint8_t)byte;
    }
}

/* RFC 3711 B.2: SSRC 0, index 0, keystream blocks by their number. */
#define RFC3711_B2_KEY  "2B7E151628AED2A6ABF7158809CF4F3C"
#define RFC3711_B2_SALT "F0F1F2F3F4F5F6F7F8F9FAFBFCFD"
static const struct {
    size_t number;
    const char *block;
} rfc3711_b2[] = {
    {0x0000, "E03EAD0935C95E80E166B16DD92B4EB4"}, {0x0001, "D23513162B02D0F72A43A2FE4A5F97AB"},
    {0x0002, "41E95B3BB0A2E8DD477901E4FCA894C0"}, {0xfeff, "EC8CDF7398607CB0F2D21675EA9EA1E4"},
    {0xff00, "362B7C3C6773516318A077D7FC5073AE"}, {0xff01, "6A2CC3787889374FBEB4C81B17BA6C44"},
};

/* RFC 3711 B.3. */
#define RFC3711_B3_MASTER_KEY  "E1F97A0D3E018BE0D64FA32C06DE4139"
#define RFC3711_B3_MASTER_SALT "0EC675AD498AFEEBB6960B3AABE6"
static const struct {
    uint8_t label;
    const char *out;
} rfc3711_b3[] = {
    {0, "C61E7A93744F39EE10734AFE3FF7A087"},
    {2, "30CBBC08863D8C85D49DB34A9AE1"},
    {1, "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE"
        "E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25"
        "6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2"},
};

/* RFC 7714 16.1.1, AEAD_AES_128_GCM; ROC 0. Session key and salt. */
#define RFC7714_KEY    "000102030405060708090a0b0c0d0e0f"
#define RFC7714_SALT   "517569642070726f2071756f"
#define RFC7714_HEADER "8040f17b8041f8d35501a0b2"
#define RFC7714_PLAIN \
    "47616c6c696120657374206f6d6e69732064697669736120696e20706172746573207472 6573"
#define RFC7714_CIPHER \
    "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf 8833"
#define RFC7714_TAG "899d7f27beb16a9152cf765ee4390cce"

/* RFC 2202, section 3. repeat > 0: the key or data is one byte, so many times. */
static const struct {
    const char *key;
    size_t key_repeat;
    const char *data;
    size_t data_repeat;
    const char *digest;
} rfc2202[] = {
    {"0b", 20, "4869205468657265", 0, "b617318655057264e28bc0b6fb378c8ef146be00"},
    {"4a656665", 0, "7768617420646f2079612077616e7420666f72206e6f7468696e673f", 0,
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {"aa", 20, "dd", 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819", 0, "cd", 50,
     "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
    {"0c", 20, "546573742057697468205472756e636174696f6e", 0,
     "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
    {"aa", 80,
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b"
     "6579204669727374",
     0, "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    {"aa", 80,
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920616e64204c617267"
     "6572205468616e204f6e6520426c6f636b2d53697a652044617461",
     0, "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
};

#endif
