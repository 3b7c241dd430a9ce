#!/usr/bin/env bash
# Workers begin, end and change CPUs, and shards move, while a call goes on: it loses no packet.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

# ask EXPRESSION ARGUMENT...: of v, the JSON that the command prints.
ask() {
    local expression=$1
    shift
    "${headrace[@]}" "$@" --json | "$python" -c 'import json,sys; v=json.load(sys.stdin); print(eval(sys.argv[1]))' "$expression"
}

lost() { ask 'sum(s["lost"] for p in v["participants"] for s in p["sources"])' room cores; }
queued() { ask 'v["dataplane"]["counters"].get("port0_rx_missed", 0)' status; }

mapfile -t cpus < <(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' | awk -F- '{for (i = $1; i <= ($2 == "" ? $1 : $2); i++) print i}')
first=${cpus[0]} second=${cpus[1]:-}
[ -n "$second" ] || { echo "SKIP: one CPU" && exit 77; }

make_network
sed -i "s/^dataplane:/dataplane:\n  workers_max: 2\n  worker_cores: \"$first\"/" "$config"
start_dataplane
start_controlplane
start_call cores
call_goes_on
[ "$(ask '[(w["cpu"], w["shards"]) for w in v]' cores)" = "[($first, 64)]" ] || fail "one worker: $("${headrace[@]}" cores)"

says 1 'is not a list of CPUs' cores set 'x'
says 1 'more than 2 workers: raise dataplane.workers_max' cores set '0-4'
says 1 'CPU 4000 does not exist' cores set '4000'
says 2 'needs LIST' cores set
says 2 'needs SHARD WORKER' shards move 3
says 1 'there is no worker 1' shards move 3 1
says 1 'shard 4000: there are 64' shards move 4000 0
says 2 "is not a shard's" shards move x 0

for list in "$first,$second" "$first" "$second" "$second,$first" "$first,$second" "$first"; do
    says 0 CYCLES cores set "$list"
    [ "$(ask 'sorted(w["cpu"] for w in v)' cores)" = "[$(echo "$list" | tr , '\n' | sort -n | paste -sd, | sed 's/,/, /g')]" ] ||
        fail "cores set $list: $("${headrace[@]}" cores)"
    [ "$(ask 'sum(w["shards"] for w in v)' cores)" = 64 ] || fail "shards of $list: $("${headrace[@]}" cores)"
    call_goes_on
done
says 0 CYCLES cores set "$first,$second"
for shard in $(ask '" ".join(str(s["id"]) for s in v if s["endpoints"])' shards); do
    for worker in 0 1 0; do
        says 0 "Shard $shard is worker $worker" shards move "$shard" "$worker"
        [ "$(ask "v[$shard]['worker']" shards)" = "$worker" ] || fail "$("${headrace[@]}" shards)"
        call_goes_on
    done
done
says 0 'shards have no endpoints' shards
[ "$(ask 'sum(s["endpoints"] for s in v)' shards)" = 2 ] || fail "$("${headrace[@]}" shards)"

[ "$(lost)" = 0 ] || fail "$(lost) packets lost on the way here, $(queued) missed by the port"
for name in handoff_full srtp_auth srtp_replay nonce_reuse no_keys tx_full no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
[ "$(call_field lost)" = 0 ] || fail "the viewer has lost packets: $(cat "$call_state")"
pauses=$(ask 'v["dataplane"]["counters"]["pauses"]' status)
[ "$pauses" -gt 10 ] || fail "$pauses pauses"
ask '"%d pauses, %d us each, the longest %d us" % (c["pauses"], c["pauses_us"] / c["pauses"], c["pause_longest_us"]) if (c := v["dataplane"]["counters"]) else ""' status
stop_call
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
