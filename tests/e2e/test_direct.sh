#!/usr/bin/env bash
# Two browsers speak end to end through the relay, which passes their packets on bit for bit; a third joins, and the call goes on.
# PAIRS="chromium:firefox": who the second and the third are, one round each.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"

make_network
# Browsers that wait for a CPU read late, like ones behind a full link; here nothing is full, and what is asked is forwarding.
printf 'media:\n  bitrate_start: 4000\n  bitrate_min: 4000\n' >>"$config"
start_dataplane
start_controlplane

round() { # OTHER THIRD
    ip netns exec "$client" python3 "$top/tests/e2e/direct_capture.py" "$outer" 10000 >"$work/capture.txt" 2>&1 &
    local capture_pid=$!
    beside+=("$capture_pid")
    wait_for 10 grep -q recording "$work/capture.txt" || fail "no capture: $(cat "$work/capture.txt")"
    local well= line
    while IFS= read -r line; do
        echo "$line"
        case $line in
        'two: direct after'*)
            "${headrace[@]}" room two | grep -q 'end to end: passed on without a key' || fail "headrace room does not say so"
            ;;
        'all is well') well=1 ;;
        esac
    done < <(in_client node "$top/tests/e2e/direct.mjs" "$http" "$1" "$2" ${SCREENSHOT:+"$SCREENSHOT"} && echo 'all is well')
    [ "$well" ] || fail "the call of two is not as it should be: $1, $2"
    kill -TERM "$capture_pid"
    wait "$capture_pid" || fail "what was passed on is not what was sent: $(cat "$work/capture.txt")"
    cat "$work/capture.txt"
}

for pair in ${PAIRS:-chromium:firefox firefox:chromium}; do
    echo "Chromium and ${pair%:*}, then ${pair#*:}"
    round "${pair%:*}" "${pair#*:}"
done
few_replays
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
echo "peer_unreachable: $(drops peer_unreachable)"
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
