#!/usr/bin/env bash
# The meeting page as people use it: from the start page to leaving it, chat, mute, screen, hand, a lost connection.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"

make_network
sed -i 's/^http:/http:\n  address: 0.0.0.0/' "$config" # one of the browsers comes to 127.0.0.2
start_dataplane
start_controlplane
well=
while IFS= read -r line; do
    echo "$line"
    case $line in
    'restart the control plane')
        stop_daemon "$controlplane_pid" headrace-controlplane
        start_controlplane
        ;;
    'all is well') well=1 ;;
    esac
done < <(in_client node "$top/tests/e2e/page.mjs" "$http" ${SCREENSHOTS:+"$SCREENSHOTS"} && echo 'all is well')
[ "$well" ] || fail "the page does not do what it should"
few_replays
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
