/* An authentic packet of an RTX stream: what is in it stays within its bytes, and passes once. */
#include <stdlib.h>
#include <string.h>

#include "dataplane/unwrap.h"

static struct dp_keys keys = {.profile = HR_SRTP_AEAD_AES_128_GCM};
static struct dp_endpoint publisher = {.keys = &keys};
static struct dp_source source = {.endpoint = &publisher};
static struct dp_stream media = {.source = &source, .ssrc = 8};
static struct dp_stream rtx = {.source = &source, .ssrc = 9, .rtx = true};

static void begin(void)
{
    static const uint8_t master[28] = "a key and its salt, 28 bytes";
    dp_srtp_key_init(&keys.ingress, HR_SRTP_AEAD_AES_128_GCM, master, master + 16);
    source.streams[0] = &media;
    source.streams[HR_RIDS_MAX] = &rtx;
    source.conf.payloads[96] = (struct dp_payload){.clock_rate = 90000};
    source.conf.payloads[97] = (struct dp_payload){
        .clock_rate = 90000, .codec = HEADRACE__PAYLOAD__CODEC__RTX, .rtx_for = 96};
    memset(&media.rx, 0, sizeof(media.rx));
    dp_srtp_rx_commit(&media.rx, 1000);
    media.begun = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dp_packet p = {.stream = &rtx, .index = 5};
    begin();
    if (dp_rtp_parse(data, size, &p.rtp) || p.rtp.payload_len < 16) /* a tag has been checked */
        return 0;
    p.cipher = (struct dp_cipher){.index = p.index, .ssrc = p.rtp.ssrc};
    struct dp_packet again = p;
    if (dp_unwrap(&p, data) != DP_DROPS)
        return 0;
    if (p.stream != &media || p.rtp.pt != 96 || p.cipher.skip != DP_OSN_LEN ||
        p.rtp.hdr_len + (size_t)p.rtp.payload_len != size ||
        dp_packet_media_len(&p, keys.profile) == 0 ||
        dp_unwrap(&again, data) != DP_DROP_RTX_DUPLICATE)
        abort();
    return 0;
}
