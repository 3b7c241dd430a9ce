# Sourced after lib.sh: an aiortc call that runs beside a test, and whether it goes on.
python=/usr/bin/python3 # Debian's, which has aiortc
call_pid= call_state=$work/call.json
export PYTHONDONTWRITEBYTECODE=1

# start_call ROOM [OPTION...]: returns when the viewer has decoded frames and heard something.
start_call() {
    local room=$1
    rm -f "$call_state"
    shift
    ip netns exec "$client" "$python" "$top/tests/net/call.py" --http "$http" --room "$room" \
        --state "$call_state" "$@" >>"$work/call.log" 2>&1 &
    call_pid=$!
    beside+=("$call_pid")
    wait_for 30 call_has_frames 10 || fail "the call in room $room does not get going: $(cat "$call_state"; "${headrace[@]}" status; "${headrace[@]}" room "$room")"
    echo "call in room $room: runs"
}

call_field() { "$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$call_state" "$1"; }
call_has_frames() { [ "$(call_field frames)" -ge "$1" ]; }

# call_goes_on [SECONDS]: 15 more frames are decoded within that time.
call_goes_on() {
    local frames
    kill -0 "$call_pid" || fail "the call's process ended"
    frames=$(call_field frames)
    wait_for "${1:-10}" call_has_frames $((frames + 15)) ||
        fail "the call stands still at frame $(call_field frames): $(cat "$call_state")"
}

# stop_call: both its sessions must end with 200.
stop_call() {
    kill -TERM "$call_pid"
    wait "$call_pid" || fail "the call did not end cleanly"
    call_pid=
}

# metric NAME: a counter of the control plane, headrace_NAME_total in /metrics.
metric() {
    in_client curl -fs "$http/metrics" |
        awk -v n="headrace_$1_total" '$1 == n {print $2; found = 1} END {exit !found}' || fail "no metric headrace_$1_total"
}

# rises WHAT COUNT COUNTER... -- COMMAND...: the command makes the counter grow by at least COUNT.
# COUNTER is a command that prints a number: `drops first_byte`, `metric stun_not_stun`.
rises() {
    local what=$1 count=$2 counter=() before
    shift 2
    while [ "$1" != -- ]; do counter+=("$1") && shift; done
    shift
    before=$("${counter[@]}")
    "$@" >>"$work/rises.log" 2>&1 || fail "$what: the command failed: $*"
    wait_for 10 risen "$((before + count))" "${counter[@]}" ||
        fail "$what: ${counter[*]} went from $before to $("${counter[@]}"), not up by $count"
    echo "$what: ${counter[*]} +$(($("${counter[@]}") - before))"
}
risen() {
    local least=$1
    shift
    [ "$("$@")" -ge "$least" ]
}
