#!/usr/bin/env bash
# Somebody leaves a meeting and comes back, five times; each time every picture moves again. HEIGHT=360: without simulcast.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"

start_headrace
in_client node "$top/tests/e2e/rejoin.mjs" "$http" "${ROUNDS:-5}" "${HEIGHT:-480}" || fail "a picture stands still"
few_replays
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
