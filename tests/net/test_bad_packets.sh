#!/usr/bin/env bash
# Every packet that the relay must refuse ends in its own named counter, while a call beside goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

start_headrace
in_client ip address add 198.18.0.66/24 dev "$outer"
in_client ip address add 2001:2::66/64 dev "$outer" nodad
mac=$("${headrace[@]}" status --json | "$python" -c 'import json,sys; print(json.load(sys.stdin)["dataplane"]["ports"][0]["mac"])')
send() { in_client timeout 60 "$python" "$top/tests/net/bad_packets.py" "$outer" "$mac" "$@"; }

start_call bad
username=$(call_field username)

# Frames from an address that takes no part.
for name in not_ip ip_malformed ip_options ip_fragment not_for_us not_udp udp_malformed udp_port oversize first_byte \
    flow_unknown host_malformed; do
    rises "bad frames" 10 drops $name -- send $name
done
# net_af_packet has the kernel put IPv4 fragments together; so this one arrives whole.
large='import socket, sys; socket.socket(int(sys.argv[1]), socket.SOCK_DGRAM).sendto(bytes(4000), (sys.argv[2], 10000))'
rises "4 kB of UDP over IPv4" 1 drops oversize -- in_client "$python" -c "$large" 2 198.18.0.2
rises "4 kB of UDP over IPv6" 3 drops ip_fragment -- in_client "$python" -c "$large" 10 2001:2::2
send random || fail "random frames"
call_goes_on

# STUN and DTLS from an address that takes no part.
for name in stun_unknown_user stun_bad_integrity stun_bad_request stun_bad_method stun_bad_fingerprint; do
    rises "bad STUN" 1 metric $name -- send $name "$username"
done
rises "broken STUN" 4 metric stun_not_stun -- send stun_not_stun
rises "DTLS without a check before it" 1 metric dtls_unchecked_source -- send dtls_unchecked_source
rises "a flood of checks" 500 drops punt_source_rate -- send flood
call_goes_on

# As if the call's own client had sent it.
rises "replayed SRTP" 10 drops srtp_replay -- send srtp_replay
rises "altered SRTP" 25 drops srtp_auth -- send srtp_auth
rises "replayed SRTCP" 10 drops rtcp_auth -- send rtcp_replay
rises "altered SRTCP" 15 drops rtcp_auth -- send rtcp_auth
rises "a foreign SSRC" 10 drops ssrc_unknown -- send ssrc_unknown
rises "RTP cut off" 20 drops rtp_malformed -- send rtp_malformed
rises "SRTCP cut off" 20 drops rtcp_auth -- send rtcp_short
rises "a check with wrong integrity" 10 metric stun_unknown_user -- send stun
send dtls || fail "forged DTLS"
send mutations || fail "mutations"
call_goes_on 15
for name in nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done

stop_call
"${headrace[@]}" status
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
