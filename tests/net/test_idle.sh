#!/usr/bin/env bash
# A dataplane with nothing to do sleeps, and still answers at once; its naps bound what a packet waits.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# CPU time of the dataplane so far, in ticks.
ticks() { awk '{sub(/^.*\) /, ""); print $12 + $13}' "/proc/$dataplane_pid/stat"; }

make_network
sed -i 's/^dataplane:/dataplane:\n  workers_max: 2/' "$config"
start_dataplane
grep -q 'polling: low-power' "$config" || fail "not what this test is about: $(cat "$config")"
for cores in "" 0,1; do
    [ -z "$cores" ] || "${headrace[@]}" cores set "$cores" >/dev/null || echo "one CPU: no second worker"
    sleep 0.5
    before=$(ticks)
    sleep 3
    percent=$((($(ticks) - before) * 100 / (3 * $(getconf CLK_TCK))))
    echo "idle, workers on '${cores:-any}': $percent % of a core"
    # Busy polling would be 100 % a worker; a machine that is busy itself must not fail this.
    [ "$percent" -lt 50 ] || fail "an idle dataplane takes $percent % of a core"
done
in_client python3 "$top/tests/net/ping.py" 198.18.0.2 56 100 || fail "no answers"
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
