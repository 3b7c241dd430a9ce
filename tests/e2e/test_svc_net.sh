#!/usr/bin/env bash
# Layers within a stream (VP9, AV1): the receiver whose link becomes slow gets fewer, without a key frame.
# MODES="AV1:L1T3 VP9:L3T3_KEY ..." tries others.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/link.sh"

make_shaped_network camera fast slow
start_dataplane
start_controlplane
for what in ${MODES:-VP9:L2T3_KEY}; do
    node "$top/tests/e2e/svc_net.mjs" "$http" "$tag" "$build/tests/net/link" "$link_socket" "${what%:*}" "${what#*:}" ||
        fail "$what: not what the links carry"
done
for name in nonce_reuse no_mbuf rtp_malformed srtp_auth sequence_late; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
[ "$(drops layer)" -gt 0 ] || fail "nothing was left out"
"${headrace[@]}" status
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
