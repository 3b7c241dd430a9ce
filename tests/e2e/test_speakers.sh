#!/usr/bin/env bash
# Twenty who take turns: who speaks is told to every page within a second, marked there, and of many voices few are sent.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
here=$top/tests/e2e
export PYTHONDONTWRITEBYTECODE=1

start_headrace
/usr/bin/python3 "$here/speakers.py" --wav "$work/voice.wav" || fail "no voice could be made"
in_client node "$here/speakers.mjs" "$http" "$work/voice.wav" ${SCREENSHOT:+"$SCREENSHOT"} || fail "who speaks is not told as it should be"
for name in srtp_auth rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
