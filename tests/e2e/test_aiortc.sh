#!/usr/bin/env bash
# Clients that are no browsers, and speak AES_CM_128_HMAC_SHA1_80 only: aiortc by WHIP and WHEP, in one room with a Chromium
# in the meeting page, which speaks AEAD_AES_128_GCM. So the relay changes the transform both ways.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/call.sh"
here=$top/tests/e2e

srtp_of() {
    "${headrace[@]}" room mixed --json | "$python" -c '
import json, sys
print(*(p.get("srtp") for p in json.load(sys.stdin)["participants"] if p["name"] == sys.argv[1]))' "$1"
}

start_headrace
ip netns exec "$client" "$python" "$here/aiortc_whip.py" "$http" mixed Cam >"$work/whip.log" 2>&1 &
publisher=$!
beside+=($publisher)
wait_for 30 grep -q publishes "$work/whip.log" || fail "aiortc does not publish"

in_client "$python" "$here/aiortc_whep.py" "$http" mixed Cam 100 || fail "aiortc does not receive aiortc"

ip netns exec "$client" node "$here/meeting_sees.mjs" "$http" mixed Ann 1 >"$work/chromium.log" 2>&1 &
chromium=$!
beside+=($chromium)
wait_for 90 grep -q ^seen "$work/chromium.log" || fail "Chromium does not see aiortc"
cat "$work/chromium.log"

in_client "$python" "$here/aiortc_whep.py" "$http" mixed Ann 100 || fail "aiortc does not receive Chromium"

"${headrace[@]}" room mixed
[ "$(srtp_of Cam)" = AES_CM_128_HMAC_SHA1_80 ] || fail "aiortc has SRTP $(srtp_of Cam)"
[ "$(srtp_of Ann)" = AEAD_AES_128_GCM ] || fail "Chromium has SRTP $(srtp_of Ann)"

kill -USR2 "$chromium" && wait "$chromium" || fail "Chromium did not end well: $(cat "$work/chromium.log")"
kill "$publisher" && wait "$publisher" || fail "aiortc's WHIP session did not end with 200"
for name in srtp_auth srtp_replay rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
