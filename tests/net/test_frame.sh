#!/usr/bin/env bash
# The dataplane alone on its wire: a neighbour that answers ARP, neighbour solicitations and echo over IPv4 and
# IPv6, at any size up to the MTU; no control plane, no hugepages. A second one on the same socket and an
# interface that is not there are refused by name. SIGTERM ends it cleanly.
. "$(dirname "$0")/lib.sh"

ping() { in_client python3 "$top/tests/net/ping.py" "$@" || fail "ping $*"; }

# refused WHAT COMMAND...: it must end with 1, and say so.
refused() {
    local what=$1 code=0
    shift
    "$@" >"$work/refused.log" 2>&1 || code=$?
    [ $code = 1 ] || fail "ended with $code instead of refusing: $what"
    grep -q "$what" "$work/refused.log" || fail "did not say: $what"
}

make_network
start_dataplane

ping 198.18.0.2
ping 2001:2::2
for size in 0 1 1472; do ping 198.18.0.2 $size 1; done
ping 2001:2::2 1452 1
in_client ip neigh show 198.18.0.2 | grep -q lladdr || fail "no ARP entry"
in_client ip neigh show 2001:2::2 | grep -q lladdr || fail "no neighbour entry"
echo "ARP, ND and echo: answered"

refused "already running: it answers on $run_dir/dataplane.sock" \
    ip netns exec "$wire" "$build/dataplane/headrace-dataplane" --config "$config"
ping 198.18.0.2 56 1

sed "s/iface=$inner/iface=nowhere0/" "$config" >"$work/nowhere.yaml"
refused "dataplane.ports\[0\].device: no interface 'nowhere0'" \
    ip netns exec "$wire" "$build/dataplane/headrace-dataplane" --config "$work/nowhere.yaml" \
    --run-dir "$work/run2"
sed "s/^dataplane:/dataplane:\n  worker_cores: \"0,4095\"/" "$config" >"$work/cores.yaml"
refused "CPU 4095 does not exist" "$build/dataplane/headrace-dataplane" --config "$work/cores.yaml" \
    --run-dir "$work/run2"
sed "s/hugepages: false/hugepages: true/" "$config" >"$work/huge.yaml"
if ! grep -q '[1-9]' /sys/kernel/mm/hugepages/*/free_hugepages 2>/dev/null; then
    refused "no free hugepages" ip netns exec "$wire" "$build/dataplane/headrace-dataplane" \
        --config "$work/huge.yaml" --run-dir "$work/run2"
fi
refused "CAP_NET_RAW" ip netns exec "$wire" setpriv --bounding-set=-net_raw --inh-caps=-net_raw \
    "$build/dataplane/headrace-dataplane" --config "$config" --run-dir "$work/run2"
echo "second daemon, missing interface, cores, hugepages, permission: refused by name"

stop_daemon $dataplane_pid headrace-dataplane
dataplane_pid=
[ -z "$(ls "$run_dir" | grep -v headrace.yaml)" ] || fail "left behind: $(ls "$run_dir")"
sanitizers_are_silent
echo "SIGTERM: ended cleanly"
