# Sourced by deploy/quickstart and tests/net: a veth pair whose far end is the dataplane's, in a network
# namespace of its own. The far end's kernel side has no address and answers nothing: the wire is the dataplane's.

# make_link NAMESPACE OUTER INNER [CLIENT_NAMESPACE]: OUTER stays here (or goes into CLIENT_NAMESPACE) with
# 198.18.0.1/24 and 2001:2::1/64; INNER goes into NAMESPACE.
make_link() {
    local namespace=$1 outer=$2 inner=$3 client=${4:-}
    local at=()

    ip netns add "$namespace"
    ip link add "$outer" type veth peer name "$inner"
    ip link set "$inner" netns "$namespace"
    if [ -n "$client" ]; then
        ip link set "$outer" netns "$client"
        at=(ip netns exec "$client")
    fi
    # Super-packets and checksums left to a NIC that is not there must not reach the dataplane.
    "${at[@]}" ethtool -K "$outer" tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
    ip netns exec "$namespace" ethtool -K "$inner" tx off sg off tso off gso off gro off \
        >/dev/null 2>&1 || true
    ip netns exec "$namespace" sysctl -qw "net.ipv6.conf.$inner.disable_ipv6=1"
    ip -n "$namespace" link set lo up
    ip -n "$namespace" link set "$inner" up
    "${at[@]}" sysctl -qw "net.ipv6.conf.$outer.accept_dad=0"
    "${at[@]}" ip address add 198.18.0.1/24 dev "$outer"
    "${at[@]}" ip address add 2001:2::1/64 dev "$outer" nodad
    "${at[@]}" ip link set "$outer" up
}

# write_config FILE RUN_DIR INNER WEB_ROOT HTTP_PORT: the embedded default, without NIC and hugepages.
write_config() {
    cat >"$1" <<YAML
run_dir: $2
dataplane:
  hugepages: false
  memory_mb: 512
  mbufs: 32768
  polling: low-power
  ports:
    - device: net_af_packet0,iface=$3
      addresses: [198.18.0.2/24, "2001:2::2/64"]
http:
  port: $5
  web_root: $4
YAML
}

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is over.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}
