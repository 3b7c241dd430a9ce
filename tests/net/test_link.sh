#!/usr/bin/env bash
# The links of other tests are themselves what they say: delay, rate, queue and loss as asked for, changed while
# in use; what one client's link does is nothing to another's; and HTTP goes past them.
. "$(dirname "$0")/lib.sh"
. "$top/tests/net/link.sh"

# probe FROM TO_ADDRESS TO COUNT BYTES GAP_MS
probe() {
    python3 "$top/tests/net/link_probe.py" "$tag-$1" "$2" "$tag-$3" "$4" "$5" "$6" >"$work/probe" || fail "no probe"
}

# holds PYTHON: true of the last probe's figures.
holds() {
    python3 -c 'import json,sys; sys.exit(0 if eval(sys.argv[2], json.load(open(sys.argv[1]))) else 1)' "$work/probe" "$1" ||
        fail "not so: $1: $(cat "$work/probe")"
    echo "ok: $1: $(cat "$work/probe")"
}

make_shaped_network a b c

probe a 198.18.0.12 b 200 200 2
holds 'received == 200 and median < 2'

link_set a up delay 20
link_set b down delay 30
probe a 198.18.0.12 b 200 200 2
holds 'received == 200 and least > 49.9 and median < 52'
probe b 198.18.0.11 a 100 200 2
holds 'received == 100 and median < 2'

# Twice what fits: half of it arrives, as late as the queue is long.
link_set a up delay 0
link_set b down delay 0 rate 1000000 queue 100
probe a 198.18.0.12 b 500 1000 4
holds '0.97e6 < bps < 1.03e6 and 98 < p95 < 120 and 240 <= received <= 280'
probe a 198.18.0.13 c 100 1000 4
holds 'received == 100 and median < 2'
link_stats | python3 -c '
import json, sys
s = next(x for x in json.load(sys.stdin) if x["port"] == "b" and x["way"] == "down")
assert s["dropped"] > 200 and s["lost"] == 0 and 90 < s["queue_ms_peak"] <= 100, s' || fail "counters of b: $(link_stats)"

link_set b down rate 0 loss 20
probe a 198.18.0.12 b 1500 100 1
holds '1140 <= received <= 1260'
link_set b down loss 0
link_set a up loss 10 burst 5
probe a 198.18.0.12 b 1500 100 1
holds '1200 <= received <= 1460'

said=$("$build/tests/net/link" --say "$link_socket" set b down speed 3) && fail "took a wrong key: $said"
said=$("$build/tests/net/link" --say "$link_socket" set b down loss 101) && fail "took a wrong value: $said"
said=$("$build/tests/net/link" --say "$link_socket" set d down loss 1) && fail "took a wrong name: $said"

link_set a both loss 100
start_dataplane
start_controlplane
in_shaped a curl -fs "$http/healthz" >"$work/health" || fail "no HTTP past the link"
link_set a both loss 0
grep -q '^[0-9.]*,b,down,' "$link_csv" || fail "no rows: $(cat "$link_csv")"
sanitizers_are_silent
