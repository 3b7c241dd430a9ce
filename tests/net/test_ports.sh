#!/usr/bin/env bash
# The software ports beside net_af_packet: a neighbour that answers, and a call, over net_af_xdp and over net_tap.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"

# holds_a_call PORT: over IPv4 and IPv6; then both daemons end.
holds_a_call() {
    local family address
    for address in 198.18.0.2 2001:2::2; do
        in_client "$python" "$top/tests/net/ping.py" "$address" || fail "$1: no echo from $address"
    done
    for family in 4 6; do
        start_call "$1-$family" --family $family
        call_goes_on
        stop_call
    done
    for name in srtp_auth nonce_reuse no_mbuf; do
        [ "$(drops $name)" = 0 ] || fail "$1: $(drops $name) packets dropped as $name"
    done
    stop_daemon "$controlplane_pid" headrace-controlplane
    stop_daemon "$dataplane_pid" headrace-dataplane
    controlplane_pid= dataplane_pid=
    echo "ok: $1"
}

# libxdp 1.3 does not free one of its structs.
echo "leak:xsk_umem__create" >"$work/leaks"
export LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0
make_network
sed -i 's/net_af_packet0/net_af_xdp0/' "$config"
start_dataplane
start_controlplane
"${headrace[@]}" status >"$work/status"
grep -q 'net_af_xdp0' "$work/status" || fail "not on net_af_xdp: $(cat "$work/status")"
holds_a_call xdp

# The driver makes the interface, and the kernel's side of it is the client's.
sed -i "s/net_af_xdp0,iface=$inner/net_tap0,iface=tap0/" "$config"
ip netns delete "$wire"
wire=$client
has_tap() { in_client ip link show tap0; }
start_dataplane
wait_for 30 has_tap || fail "the driver made no interface"
in_client ip address add 198.18.0.1/24 dev tap0
in_client ip address add 2001:2::1/64 dev tap0 nodad
in_client ip link set tap0 up
start_controlplane
"${headrace[@]}" status >"$work/status"
grep -q 'net_tap0' "$work/status" || fail "not on net_tap: $(cat "$work/status")"
holds_a_call tap
sanitizers_are_silent
