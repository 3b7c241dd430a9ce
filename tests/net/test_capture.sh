#!/usr/bin/env bash
# What is on the wire: STUN, DTLS and SRTP with right checksums, over IPv4 and IPv6, and no plaintext.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

captured() { [ "$(stat -c %s "$work/$1.pcap" 2>/dev/null || echo 0)" -ge "$2" ]; }

start_headrace
for family in 4 6; do
    ip netns exec "$client" tcpdump -i "$outer" -U -n -s 0 -w "$work/$family.pcap" udp port 10000 2>"$work/tcpdump.log" &
    tcpdump=$!
    beside+=($tcpdump)
    wait_for 10 captured $family 24 || fail "tcpdump does not start"
    start_call "ipv$family" --family $family
    wait_for 40 call_has_frames 200 || fail "the call over IPv$family stands still"
    stop_call
    kill -INT $tcpdump && wait $tcpdump || true
    "$python" "$top/tests/net/capture.py" "$work/$family.pcap" $family || fail "the capture over IPv$family is not as it must be"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
