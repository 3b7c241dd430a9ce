#!/usr/bin/env bash
# Four stock browsers hold a meeting for a minute; the relay drops nothing, and all see and hear each other.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
seconds=${SECONDS_OF_CALL:-60}

make_network
# Browsers that wait for a CPU read late, like ones behind a full link; here nothing is full, and what is asked is forwarding.
printf 'media:\n  bitrate_start: 4000\n  bitrate_min: 4000\n' >>"$config"
start_dataplane
start_controlplane
in_client node "$top/tests/e2e/four_browsers.mjs" "$http" "$seconds" "${SCREENSHOT:-$work/four.png}" ||
    fail "the browsers did not all see and hear each other"
few_replays
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf tx_full; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
# Media may come a moment before the dataplane has heard of the source.
[ "$(drops ssrc_unknown)" -lt 100 ] || fail "$(drops ssrc_unknown) packets of unknown streams"
"${headrace[@]}" status
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
