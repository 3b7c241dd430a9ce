#!/usr/bin/env bash
# Links that lose 5 and 15 % of all packets at random, both ways, with 50 ms of round trip: pictures go on and voices are understood.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/link.sh"

make_shaped_network camera viewer
printf 'media:\n  direct: false\n' >>"$config" # two alone would be no relay's business
start_dataplane
start_controlplane
node "$top/tests/e2e/loss.mjs" "$http" "$tag" "$build/tests/net/link" "$link_socket" ||
    fail "lossy links are not made up for"
"${headrace[@]}" status
for name in nonce_reuse no_mbuf rtp_malformed srtp_auth; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
