#!/usr/bin/env bash
# Requests, messages, SDP and names that the control plane must refuse by name; a call beside goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

start_headrace
start_call good
rises "a wrong fingerprint among the bad requests" 1 metric dtls_end_wrong_fingerprint -- \
    in_client timeout 200 "$python" "$top/tests/net/bad_requests.py" "$http"
cat "$work/rises.log"
call_goes_on
in_client curl -fs "$http/healthz" >/dev/null || fail "the control plane does not answer any more"
"${headrace[@]}" rooms
only_good() { [ "$("${headrace[@]}" rooms --json | "$python" -c 'import json,sys; print(*(r["name"] for r in json.load(sys.stdin)))')" = good ]; }
wait_for 40 only_good || fail "refused clients left rooms behind: $("${headrace[@]}" rooms; "${headrace[@]}" room odd)"
stop_call
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
