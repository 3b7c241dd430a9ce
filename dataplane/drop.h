/* Every way a packet ends here: one row = counter, metric label and the word in a trace. */
#ifndef DP_DROP_H
#define DP_DROP_H

#define DP_DROP_MAP(X)                                                                             \
    /* classify */                                                                                 \
    X(NOT_IP, "not_ip", "neither IPv4, IPv6 nor ARP")                                              \
    X(IP_MALFORMED, "ip_malformed", "IP header or length is wrong")                                \
    X(IP_FRAGMENT, "ip_fragment", "fragment of an IP packet")                                      \
    X(IP_OPTIONS, "ip_options", "IPv4 options or IPv6 extension headers")                          \
    X(NOT_FOR_US, "not_for_us", "destination address is not the port's")                           \
    X(NOT_UDP, "not_udp", "neither UDP nor ICMP")                                                  \
    X(UDP_MALFORMED, "udp_malformed", "UDP length is wrong")                                       \
    X(UDP_PORT, "udp_port", "not the media port")                                                  \
    X(OVERSIZE, "oversize", "larger than the MTU: a super-packet or a jumbo frame")                \
    X(FIRST_BYTE, "first_byte", "neither STUN, DTLS, RTP nor RTCP (RFC 7983)")                     \
    X(FLOW_UNKNOWN, "flow_unknown", "media from an address that no STUN check came from")          \
    /* latch */                                                                                    \
    X(LATCHED, "latched", "the first packet of an endpoint without ICE: its address is known now") \
    X(LATCH_AUTH, "latch_auth", "from an unknown address, under no key that is waited for")        \
    X(LATCH_BUSY, "latch_busy", "from an unknown address, while another is being looked at")       \
    /* handoff */                                                                                  \
    X(HANDOFF_FULL, "handoff_full", "ring to the worker of the endpoint or of receivers is full")  \
    /* host */                                                                                     \
    X(HOST_IGNORED, "host_ignored", "ARP, ND or ICMP that needs no answer")                        \
    X(HOST_MALFORMED, "host_malformed", "ARP, ND or ICMP that does not parse")                     \
    /* punt, inject */                                                                             \
    X(PUNT_FULL, "punt_full", "punt ring full")                                                    \
    X(PUNT_RATE, "punt_rate", "punts above the rate in all")                                       \
    X(PUNT_SOURCE_RATE, "punt_source_rate", "punts above the rate of one source address")          \
    X(PUNT_NO_CONTROLPLANE, "punt_no_controlplane", "no control plane is connected")               \
    X(PUNT_OVERSIZE, "punt_oversize", "punt larger than a ring slot")                              \
    X(INJECT_MALFORMED, "inject_malformed", "inject that does not parse or has a bad path")        \
    /* ingress */                                                                                  \
    X(NO_KEYS, "no_keys", "media before DTLS was done")                                            \
    X(RTP_MALFORMED, "rtp_malformed", "RTP header or extension is wrong")                          \
    X(SSRC_UNKNOWN, "ssrc_unknown", "SSRC that is not signalled and has no known MID")             \
    X(STREAM_LIMIT, "stream_limit", "source has as many streams as it may have")                   \
    X(SRTP_REPLAY, "srtp_replay", "packet index seen before")                                      \
    X(SRTP_OLD, "srtp_old", "packet index before the replay window")                               \
    X(SRTP_AUTH, "srtp_auth", "authentication tag is wrong")                                       \
    X(PAYLOAD_TYPE, "payload_type", "payload type that was not negotiated")                        \
    X(HELLO, "hello", "authentic RTP of an endpoint that publishes nothing: it is there")          \
    X(PADDING, "padding", "padding only: counted for feedback, not forwarded")                     \
    X(RTX_UNUSED, "rtx_unused", "retransmission of a packet that is not of a stream's last ones")  \
    X(RTX_PADDING, "rtx_padding", "retransmission without a packet in it: a probe")                \
    X(RTX_DUPLICATE, "rtx_duplicate", "retransmission of a packet that has come")                  \
    X(NO_SUBSCRIBER, "no_subscriber", "nobody receives this stream")                               \
    X(NOT_LOUDEST, "not_loudest", "audio while others of the room are forwarded instead")          \
    /* pass */                                                                                     \
    X(PEER_UNREACHABLE, "peer_unreachable", "the other end of a two-party call has no path")       \
    /* egress */                                                                                   \
    X(SUBSCRIBER_NOT_READY, "subscriber_not_ready", "receiver has no keys or path yet")            \
    X(SUBSCRIPTION_PAUSED, "subscription_paused", "paused by the receiver")                        \
    X(LAYER, "layer", "another layer of the source is forwarded")                                  \
    X(KEYFRAME, "keyframe", "receiver waits for a key frame to begin with")                        \
    X(PAYLOAD_MAP, "payload_map", "receiver did not negotiate this codec")                         \
    X(SEQUENCE_LATE, "sequence_late", "too late for its place in the outgoing sequence")           \
    X(EGRESS_OVERSIZE, "egress_oversize", "larger than the MTU after rewriting")                   \
    X(NO_MBUF, "no_mbuf", "packet pool exhausted")                                                 \
    /* rtcp */                                                                                     \
    X(RTCP_MALFORMED, "rtcp_malformed", "RTCP does not parse")                                     \
    X(RTCP_AUTH, "rtcp_auth", "SRTCP replayed or its tag is wrong")                                \
    X(HISTORY_MISS, "history_miss", "NACK for a packet that is no longer kept")                    \
    X(RESEND_NUMBERED, "resend_numbered", "NACK without RTX for a numbered packet")                \
    X(RESEND_LIMIT, "resend_limit", "asked for again too soon, or too many at once")               \
    X(RESEND_BYTES, "resend_bytes", "a receiver has had its share of retransmissions")             \
    X(PACE_FULL, "pace_full", "too much waits for this receiver's link")                           \
    X(PACE_GONE, "pace_gone", "waited for a receiver that is there no more")                       \
    /* tx */                                                                                       \
    X(TX_FULL, "tx_full", "port took no more packets")                                             \
    X(NONCE_REUSE, "nonce_reuse", "would have repeated a key, SSRC and index: never sent")

enum dp_drop {
#define X(name, word, help) DP_DROP_##name,
    DP_DROP_MAP(X)
#undef X
        DP_DROPS
};

extern const char *const dp_drop_names[DP_DROPS];
extern const char *const dp_drop_help[DP_DROPS];

#endif
