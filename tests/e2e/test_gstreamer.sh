#!/usr/bin/env bash
# GStreamer's webrtcbin publishes by WHIP and receives by WHEP, itself and an aiortc client.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/call.sh"
here=$top/tests/e2e

start_headrace
ip netns exec "$client" "$python" "$here/gst_webrtc.py" publish "$http" studio Gst >"$work/gst.log" 2>&1 &
publisher=$!
beside+=($publisher)
wait_for 30 grep -q '^connected' "$work/gst.log" || fail "GStreamer does not publish"

in_client "$python" "$here/gst_webrtc.py" receive "$http" studio Gst 100 || fail "GStreamer does not receive itself"
in_client "$python" "$here/aiortc_whep.py" "$http" studio Gst 100 || fail "aiortc does not receive GStreamer"

start_call aiortc
in_client "$python" "$here/gst_webrtc.py" receive "$http" aiortc source 100 || fail "GStreamer does not receive aiortc"
stop_call

# GStreamer checks its path no more once it is connected; its media must do for consent.
still_there() { [ $SECONDS -ge 45 ] && [[ "$("${headrace[@]}" room studio --json)" == *'"Gst"'* ]]; }
wait_for 60 still_there || fail "GStreamer is not in its room any more after 45 s"
in_client "$python" "$here/aiortc_whep.py" "$http" studio Gst 30 || fail "GStreamer's media has ended"

kill "$publisher" && wait "$publisher" || fail "GStreamer's WHIP session did not end with 200"
for name in srtp_auth srtp_replay rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
