#include "dataplane/srtp/srtcp.h"

#include "dataplane/srtp/srtp_internal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#define HEADER     8 /* bytes that stay in the clear, with the sender's SSRC */
#define WORD       4 /* E bit and index */
#define ENCRYPTED  0x80000000u
#define INDEX_LAST 0x7fffffffu
#define WINDOW     32

/* Labels of RFC 3711 4.3.2. */
enum { LABEL_ENCRYPTION = 3, LABEL_AUTHENTICATION = 4, LABEL_SALT = 5 };

int dp_srtcp_keys_init(struct dp_srtcp_keys *k, enum hr_srtp_profile profile,
                       const uint8_t *master_key, const uint8_t *master_salt)
{
    size_t salt = hr_srtp_salt_len(profile);

    memset(k, 0, sizeof(*k));
    if (!hr_srtp_profile_ok(profile))
        return -EINVAL;
    dp_srtp_derive(master_key, master_salt, salt, LABEL_ENCRYPTION, k->encryption,
                   sizeof(k->encryption));
    dp_srtp_derive(master_key, master_salt, salt, LABEL_AUTHENTICATION, k->authentication,
                   sizeof(k->authentication));
    dp_srtp_derive(master_key, master_salt, salt, LABEL_SALT, k->salt, sizeof(k->salt));
    k->profile = (uint16_t)profile;
    return 0;
}

static bool is_gcm(const struct dp_srtcp_keys *k)
{
    return k->profile == HR_SRTP_AEAD_AES_128_GCM;
}

/* The same counter as SRTP's, with the index of SRTCP in place of a packet's (RFC 3711 4.1.1,
 * RFC 7714 9.1). */
static void apply_keystream(const struct dp_srtp_key *key, uint32_t index, uint8_t *packet,
                            size_t len)
{
    uint8_t ctr[SRTP_BLOCK], ks[DP_SRTCP_PACKET_MAX];

    dp_srtp_counter(key, srtp_get32(packet + 4), index, ctr);
    if (key->profile == HR_SRTP_AEAD_AES_128_GCM)
        ctr[15] = 2;
    dp_srtp_ops()->keystream(key, ctr, ks, len - HEADER);
    for (size_t i = HEADER; i < len; i++)
        packet[i] ^= ks[i - HEADER];
    OPENSSL_cleanse(ks, len - HEADER);
}

/* Over ciphertext of len bytes with its header, and the word that goes with it. */
static void make_tag(const struct dp_srtp_key *key, const uint8_t *packet, size_t len,
                     const uint8_t *word, uint8_t tag[SRTP_SHA1_LEN])
{
    uint8_t joined[DP_SRTCP_PACKET_MAX + WORD], j0[SRTP_BLOCK];

    if (key->profile != HR_SRTP_AEAD_AES_128_GCM) {
        dp_srtp_hmac(key, packet, len, word, WORD, tag);
        return;
    }
    memcpy(joined, packet, HEADER);
    memcpy(joined + HEADER, word, WORD);
    memcpy(joined + HEADER + WORD, packet + HEADER, len - HEADER);
    dp_srtp_counter(key, srtp_get32(packet + 4), srtp_get32(word) & ~ENCRYPTED, j0);
    j0[15] = 1;
    dp_srtp_ops()->gcm_tag(key, j0, joined, HEADER + WORD, len - HEADER, tag);
}

static void expand(const struct dp_srtcp_keys *k, struct dp_srtp_key *key)
{
    dp_srtp_key_init_session(key, (enum hr_srtp_profile)k->profile, k->encryption, k->salt,
                             k->authentication);
}

size_t dp_srtcp_protect(struct dp_srtcp_out *out, uint8_t *packet, size_t len)
{
    size_t tag_len = hr_srtp_tag_len(out->keys.profile);
    uint8_t word[WORD], tag[SRTP_SHA1_LEN];
    alignas(64) struct dp_srtp_key key;

    if (tag_len == 0 || len < HEADER || len > DP_SRTCP_PACKET_MAX || out->index == INDEX_LAST)
        return 0;
    expand(&out->keys, &key);
    srtp_put32(word, ENCRYPTED | ++out->index);
    apply_keystream(&key, out->index, packet, len);
    make_tag(&key, packet, len, word, tag);
    /* The tag comes before the word with GCM, behind it with HMAC. */
    bool gcm = is_gcm(&out->keys);
    memcpy(packet + len, gcm ? tag : word, gcm ? tag_len : WORD);
    memcpy(packet + len + (gcm ? tag_len : WORD), gcm ? word : tag, gcm ? WORD : tag_len);
    dp_srtp_key_clear(&key);
    return len + WORD + tag_len;
}

/* ---- receiving */

static struct dp_srtcp_sender *find(struct dp_srtcp_in *in, uint32_t ssrc)
{
    for (unsigned i = 0; i < in->n; i++)
        if (in->senders[i].ssrc == ssrc)
            return &in->senders[i];
    return NULL;
}

static bool has_been(const struct dp_srtcp_sender *s, uint32_t index)
{
    if (!s || index > s->highest)
        return false;
    uint32_t back = s->highest - index;
    return back >= WINDOW || (s->window >> back & 1) != 0;
}

static void remember(struct dp_srtcp_in *in, struct dp_srtcp_sender *s, uint32_t ssrc,
                     uint32_t index)
{
    if (!s) {
        in->senders[in->n++] =
            (struct dp_srtcp_sender){.ssrc = ssrc, .highest = index, .window = 1};
    } else if (index > s->highest) {
        uint32_t ahead = index - s->highest;
        s->window = (ahead < WINDOW ? s->window << ahead : 0) | 1;
        s->highest = index;
    } else {
        s->window |= 1u << (s->highest - index);
    }
}

enum dp_srtcp_verdict dp_srtcp_unprotect(struct dp_srtcp_in *in, uint8_t *packet, size_t *len)
{
    size_t tag_len = hr_srtp_tag_len(in->keys.profile);
    uint8_t expected[SRTP_SHA1_LEN];
    alignas(64) struct dp_srtp_key key;

    if (*len < HEADER)
        return DP_SRTCP_MALFORMED;
    uint32_t ssrc = srtp_get32(packet + 4);
    struct dp_srtcp_sender *sender = find(in, ssrc);
    if (!sender && in->n == DP_SRTCP_SENDERS_MAX)
        return DP_SRTCP_SENDERS;
    if (tag_len == 0 || *len < HEADER + WORD + tag_len || *len > DP_SRTCP_PACKET_MAX)
        return DP_SRTCP_AUTH;
    size_t rtcp = *len - WORD - tag_len;
    bool gcm = is_gcm(&in->keys);
    const uint8_t *word = packet + rtcp + (gcm ? tag_len : 0),
                  *tag = packet + rtcp + (gcm ? 0 : WORD);
    uint32_t index = srtp_get32(word) & ~ENCRYPTED;
    if (!(srtp_get32(word) & ENCRYPTED) || has_been(sender, index))
        return DP_SRTCP_AUTH;
    expand(&in->keys, &key);
    make_tag(&key, packet, rtcp, word, expected);
    bool good = CRYPTO_memcmp(expected, tag, tag_len) == 0;
    if (good) {
        apply_keystream(&key, index, packet, rtcp);
        remember(in, sender, ssrc, index);
        *len = rtcp;
    }
    dp_srtp_key_clear(&key);
    return good ? DP_SRTCP_OK : DP_SRTCP_AUTH;
}
