#!/usr/bin/env bash
# Frames that are encrypted end to end, whole: the relay chooses simulcast layers all the same, and looks into nothing.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"

make_network
printf 'media:\n  direct: false\n  peek: false\n' >>"$config"
start_dataplane
start_controlplane
in_client env HEADRACE="${headrace[*]}" node "$top/tests/e2e/encrypted_frames.mjs" "$http" ${SCREENSHOT:+"$SCREENSHOT"} ||
    fail "not every layer of encrypted frames could be seen"
few_replays
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
in_client curl -fs "$http/metrics" | python3 "$top/tests/net/metrics.py" leg_estimate_bytes_per_second_count=1 \
    leg_queue_seconds_count=1 dataplane_total/stream_switches=4 dataplane_total/keyframes_asked=4 || fail "metrics"
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
