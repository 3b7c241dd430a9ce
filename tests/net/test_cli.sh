#!/usr/bin/env bash
# The headrace command: text, JSON and exit codes, with both daemons, with one, with none; and each restarted.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

# json PYTHON ARGUMENT...: the expression over v, the JSON that the command prints, is true.
json() {
    local expression=$1
    shift
    "${headrace[@]}" "$@" --json >"$work/json" || true
    "$python" -c 'import json,sys; v=json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' \
        "$work/json" "$expression" || fail "headrace $* --json: not $expression: $(head -c 1500 "$work/json")"
    echo "ok: headrace $* --json: $expression"
}
healthz() { in_client curl -s -o "$work/healthz" -w '%{http_code}' "$http/healthz"; }
healthz_is() { [ "$(healthz)" = "$1" ] && grep -q "\"status\": *\"$2\"" "$work/healthz"; }
# No `| grep -q`: it leaves at the first match, and the command dies of SIGPIPE before it has printed the rest.
status_is() { [[ "$("${headrace[@]}" status --json)" == *"\"status\": \"$1\""* ]]; }
# metrics_are_right NAME=LEAST...: /metrics is as Prometheus wants it, and has moved so far.
metrics_are_right() {
    in_client curl -fs "$http/metrics" >"$work/metrics" &&
        "$python" "$top/tests/net/metrics.py" "$@" <"$work/metrics" >"$work/metrics.log" 2>&1
}

make_network
says 3 'dataplane +DOWN' status
says 3 'not answer' rooms
says 0 'not running' version
start_dataplane
start_controlplane

says 0 'headrace-dataplane +[0-9]' version
says 0 'The configuration is right' config check
says 0 'polling: "?low-power' config show
says 2 'no command' frobnicate
says 2 'unrecognized option' --help-me
says 2 'needs NAME' room
says 0 'No rooms' rooms
says 1 "no room 'nowhere'" room nowhere
says 0 'control plane +up' status
json 'v["status"] == "ok" and v["dataplane"]["up"] and v["controlplane"]["up"]' status
json 'v == []' rooms
json 'any(k["key"] == "media.port" and k["value"] == 10000 and k["default"] for k in v)' config show

start_call talk
says 0 '^talk ' rooms
says 0 'publishes +s[0-9]+ +camera +VP8 ' room talk
says 0 'receives +s[0-9]+ +camera +VP8 ' room talk
cat "$work/said"
says 0 'ingress' status
json 'v[0]["name"] == "talk" and v[0]["sources"] == 2' rooms
json 'any(s["packets"] > 0 for p in v["participants"] for s in p["sources"])' room talk
json 'all(s["state"] == "forwarded" and s["packets"] > 0 for p in v["participants"] for s in p["subscriptions"])' room talk
json 'any(s.get("layers") and s["layers"][0]["bitrate"] > 0 for p in v["participants"] for s in p["sources"])' room talk
json 'v["dataplane"]["workers"][0]["endpoints"] == 2 and v["controlplane"]["rooms"] == 1' status
wait_for 20 metrics_are_right leg_loss_ratio_count/{in,e}gress=1 leg_jitter_seconds_count/{in,e}gress=1 \
    leg_round_trip_seconds_count/egress=1 \
    dataplane_total/reports_sent=1 dataplane_total/reports_received=1 dataplane_total/keyframes_asked=1 ||
    fail "metrics: $(cat "$work/metrics.log" "$work/metrics")"
cat "$work/metrics.log"
if command -v promtool >/dev/null; then
    promtool check metrics <"$work/metrics" || fail "promtool finds something"
fi
healthz_is 200 ok || fail "healthz: $(cat "$work/healthz")"
"$python" - "$work/json" "$work/healthz" <<'PY' || fail "status and healthz do not agree: $(cat "$work/healthz")"
import json, sys
status, health = (json.load(open(path)) for path in sys.argv[1:])
assert status["status"] == health["status"]
for daemon in ("dataplane", "controlplane"):
    for field in set(status[daemon]) & set(health[daemon]) - {"uptime_s"}:
        assert status[daemon][field] == health[daemon][field], (daemon, field)
assert health["dataplane"]["version"] and health["dataplane"]["connected"] and health["controlplane"]["rooms"] == 1
PY

# Without its control plane the dataplane is still shown, and connects again.
kill -KILL "$controlplane_pid" && wait "$controlplane_pid" 2>/dev/null || true
says 3 'control plane +DOWN' status
grep -qE '^dataplane +up' "$work/said" || fail "the dataplane is not shown: $(cat "$work/said")"
json 'v["status"] == "degraded" and v["dataplane"]["up"] and not v["controlplane"]["up"]' status
kill -KILL "$call_pid" && wait "$call_pid" 2>/dev/null || true
start_controlplane
says 0 'control plane +up' status
start_call after-controlplane
call_goes_on
stop_call

# Without its dataplane the control plane is degraded, and recovers.
kill -KILL "$dataplane_pid" && wait "$dataplane_pid" 2>/dev/null || true
wait_for 10 healthz_is 200 degraded || fail "healthz without a dataplane: $(healthz) $(cat "$work/healthz")"
says 3 'dataplane +DOWN' status
in_client "$python" "$top/tests/net/offers.py" "$work"
[ "$(in_client curl -s -o "$work/refused" -D "$work/head" -w '%{http_code}' -H 'Content-Type: application/sdp' --data-binary "@$work/good.sdp" "$http/whip/a/b")" = 503 ] &&
    grep -qi '^retry-after:' "$work/head" || fail "WHIP without a dataplane: $(cat "$work/head" "$work/refused")"
start_dataplane
wait_for 20 status_is ok || fail "the control plane does not find the dataplane again"
start_call after-dataplane
call_goes_on
stop_call

stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
[ -z "$(ls "$run_dir" | grep -v headrace.yaml)" ] || fail "left behind: $(ls "$run_dir")"
sanitizers_are_silent
