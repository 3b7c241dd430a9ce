#!/usr/bin/env bash
# Both clients of a call are behind a NAT that takes another outer port, then another address: the call goes on.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

# The addresses that the relay sees, one a line.
seen() { "${headrace[@]}" room moving --json | "$python" -c 'import json,sys
for p in json.load(sys.stdin)["participants"]: print(p["address"])' | sort; }
all_moved() { [ -z "$(comm -12 <(echo "$1") <(seen))" ]; }
all_from() { ! seen | grep -vq "^$1:"; }

start_headrace
in_client ip address add 198.18.0.77/24 dev "$outer"
start_call moving --addresses 198.18.0.1,198.18.0.1,198.18.0.77
call_goes_on
for move in port address; do
    before=$(seen)
    [ "$(echo "$before" | wc -l)" = 2 ] || fail "not two participants: $before"
    kill -USR1 "$call_pid"
    wait_for 30 all_moved "$before" || fail "new $move: the relay still sends to $(seen | tr '\n' ' ')"
    call_goes_on 20
    echo "new $move: $(echo $before) -> $(seen | tr '\n' ' ')"
done
all_from 198.18.0.77 || fail "not everybody has moved: $(seen)"
call_goes_on
for name in srtp_auth srtp_replay nonce_reuse no_keys; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
stop_call
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
