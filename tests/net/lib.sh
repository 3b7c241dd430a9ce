# Sourced by every test in tests/net: two namespaces of its own, a pair of daemons, and checks.
# A test sets nothing up but calls `start_headrace`; everything is gone when it ends.
#
#   $client ns (control plane, clients) 198.18.0.1 ---- veth ---- dataplane 198.18.0.2 ns $wire
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${HEADRACE_BUILD:-$top/build}
. "$top/deploy/network.sh"

tag=hr$$
client=$tag-client wire=$tag-wire outer=${tag}o inner=${tag}i
work=$(mktemp -d "/tmp/headrace-test.XXXXXX")
run_dir=$work/run
config=$run_dir/headrace.yaml
headrace=("$build/controlplane/cli/headrace" --config "$config")
http=http://127.0.0.1:8080
dataplane_pid= controlplane_pid=
beside=() # further processes that end with the test
mkdir -p "$run_dir"

fail() {
    echo "FAIL: $*" >&2
    for log in "$work"/*.log; do
        [ -s "$log" ] && echo "--- $(basename "$log")" >&2 && tail -n 40 "$log" >&2
    done
    exit 1
}

in_client() { ip netns exec "$client" "$@"; }

cleanup() { # [STATUS]
    local status=${1:-$?}
    trap - EXIT
    for pid in "${beside[@]}" $controlplane_pid $dataplane_pid; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    ip netns delete "$wire" 2>/dev/null || true
    ip netns delete "$client" 2>/dev/null || true
    rm -rf "$work"
    exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM

make_network() {
    ip netns add "$client"
    ip -n "$client" link set lo up
    make_link "$wire" "$outer" "$inner" "$client"
    # Firefox gathers candidates of the default route alone when a page has no real camera.
    ip -n "$client" route add default dev "$outer"
    ip -n "$client" -6 route add default dev "$outer"
    write_config "$config" "$run_dir" "$inner" "$top/controlplane/web" 8080
    sed -i 's/^dataplane:/dataplane:\n  check_nonces: true/' "$config"
}

start_dataplane() {
    ip netns exec "$wire" "$build/dataplane/headrace-dataplane" --config "$config" \
        >>"$work/dataplane.log" 2>&1 &
    dataplane_pid=$!
    wait_for 30 test -S "$run_dir/dataplane.sock" || fail "the dataplane did not start"
}

start_controlplane() {
    ip netns exec "$client" "$build/controlplane/headrace-controlplane" --config "$config" \
        >>"$work/controlplane.log" 2>&1 &
    controlplane_pid=$!
    wait_for 30 in_client curl -fs "$http/healthz" || fail "the control plane did not start"
    wait_for 15 connected || fail "the control plane did not connect to the dataplane"
}

connected() { [[ "$(in_client curl -fs "$http/healthz")" =~ '"status":'\ *'"ok"' ]]; }

start_headrace() {
    make_network
    start_dataplane
    start_controlplane
}

# stop_daemon PID NAME: SIGTERM must end it within 10 s with exit code 0.
stop_daemon() {
    kill -TERM "$1"
    local code=0
    wait "$1" || code=$?
    [ $code = 0 ] || fail "$2 ended with $code"
}

# drops NAME: the dataplane's counter of that name, over all workers.
drops() {
    "${headrace[@]}" status --json |
        python3 -c 'import json,sys; s=json.load(sys.stdin); print(sum(w["drops"].get(sys.argv[1], 0) for w in s["dataplane"]["workers"]))' "$1"
}

# few_replays: a packet that comes later than its retransmission is dropped as one; there are not many.
few_replays() {
    [ "$(drops srtp_replay)" -lt 20 ] || fail "$(drops srtp_replay) packets dropped as srtp_replay"
}

# sanitizers_are_silent: no report in any log.
sanitizers_are_silent() {
    ! grep -lE 'AddressSanitizer|runtime error:|LeakSanitizer' "$work"/*.log 2>/dev/null ||
        fail "a sanitizer found something"
}

# says CODE PATTERN ARGUMENT...: exit code of the headrace command, and a word of what it prints.
says() {
    local wanted=$1 pattern=$2 code=0
    shift 2
    "${headrace[@]}" "$@" >"$work/said" 2>&1 || code=$?
    [ $code = "$wanted" ] || fail "headrace $*: exit code $code, not $wanted: $(cat "$work/said")"
    grep -qE -- "$pattern" "$work/said" || fail "headrace $*: no '$pattern' in: $(cat "$work/said")"
    echo "ok: headrace $*: $code"
}
