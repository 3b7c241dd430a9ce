# Sourced after lib.sh: clients in namespaces of their own, each behind a link of its own that can be slow, late and
# lossy (tests/net/link.c). Call make_shaped_network NAME... instead of make_network.
#
#   ns $tag-NAME 198.18.0.11, .12 ... --- link NAME --+
#   ns $client (control plane)  198.18.0.1 -----------+ switch, ns $middle --- dataplane 198.18.0.2, ns $wire
#
# In every namespace http://127.0.0.1:8080 is the control plane, so that the page is a secure context; all else
# goes through the link. "up" is from the client, "down" to it.
middle=$tag-middle
link_socket=$work/link.sock
link_csv=${LINK_CSV:-$work/link.csv} # a row for each link and direction a second
shaped=()

# in_shaped NAME COMMAND...
in_shaped() {
    local name=$1
    shift
    ip netns exec "$tag-$name" "$@"
}

# link_set NAME up|down|both KEY VALUE...: rate (bit/s), queue, delay, jitter (ms), loss (%), burst (frames)
link_set() {
    "$build/tests/net/link" --say "$link_socket" set "$@" >"$work/link.said" || fail "link set $*: $(cat "$work/link.said")"
}

link_stats() { "$build/tests/net/link" --say "$link_socket" stats; }

no_offloads() { # NAMESPACE INTERFACE
    ip netns exec "$1" ethtool -K "$2" tx off sg off tso off gso off gro off >/dev/null 2>&1 || true
}

# plug NAMESPACE NUMBER ADDRESS: a veth pair from the namespace (eth0) to the switch.
plug() {
    local at=$1 theirs=${tag}l$2
    ip link add "${tag}t" netns "$at" type veth peer name "$theirs" netns "$middle"
    ip -n "$at" link set "${tag}t" name eth0
    no_offloads "$at" eth0
    no_offloads "$middle" "$theirs"
    ip netns exec "$at" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
    ip netns exec "$middle" sysctl -qw "net.ipv6.conf.$theirs.disable_ipv6=1"
    ip -n "$middle" link set "$theirs" up
    ip -n "$at" link set lo up
    ip -n "$at" address add "$3/24" dev eth0
    ip -n "$at" link set eth0 up
    ip -n "$at" route add default dev eth0
}

unplug_all() {
    local name
    for name in "${shaped[@]}"; do ip netns delete "$tag-$name" 2>/dev/null || true; done
    ip netns delete "$middle" 2>/dev/null || true
}

make_shaped_network() {
    local name number=10 ports=("core=${tag}l0" "wire=$outer")
    trap 'status=$?; unplug_all; cleanup $status' EXIT
    ip netns add "$middle"
    make_link "$wire" "$outer" "$inner" "$middle"
    ip -n "$middle" address flush dev "$outer"
    ip netns exec "$middle" sysctl -qw "net.ipv6.conf.$outer.disable_ipv6=1"
    ip netns add "$client"
    plug "$client" 0 198.18.0.1
    for name in "$@"; do
        number=$((number + 1))
        shaped+=("$name")
        ip netns add "$tag-$name"
        plug "$tag-$name" $number 198.18.0.$number
        ports+=("$name=${tag}l$number")
    done
    ip netns exec "$middle" "$build/tests/net/link" --control "$link_socket" --csv "$link_csv" "${ports[@]}" \
        >"$work/link.log" 2>&1 &
    beside+=($!)
    python3 "$top/tests/net/forward.py" "$client" 8080 "${shaped[@]/#/$tag-}" >"$work/forward.log" 2>&1 &
    beside+=($!)
    wait_for 10 test -S "$link_socket" || fail "the links did not start"
    wait_for 10 grep -q ready "$work/forward.log" || fail "HTTP is not forwarded"
    write_config "$config" "$run_dir" "$inner" "$top/controlplane/web" 8080
    sed -i 's/^dataplane:/dataplane:\n  check_nonces: true/' "$config"
}
