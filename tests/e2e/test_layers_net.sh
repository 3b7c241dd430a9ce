#!/usr/bin/env bash
# Three links of 3 Mbit/s, 800 and 250 kbit/s: each receiver gets the layer of a simulcast camera that fits, and follows its link.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/link.sh"

make_shaped_network camera fast medium slow
start_dataplane
start_controlplane
node "$top/tests/e2e/layers_net.mjs" "$http" "$tag" "$build/tests/net/link" "$link_socket" ${SCREENSHOT:-} ||
    fail "not every receiver got what its link carries"
for name in nonce_reuse no_mbuf rtp_malformed srtp_auth; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
"${headrace[@]}" status
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
