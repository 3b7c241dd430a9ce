#!/usr/bin/env bash
# A daemon that cannot start says what is wrong and where, and ends with a code that is not 0.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"
dataplane=$build/dataplane/headrace-dataplane controlplane=$build/controlplane/headrace-controlplane

# refuses WHAT PATTERN COMMAND...: ends within 20 s with an error that matches, and is not killed by a signal.
refuses() {
    local what=$1 pattern=$2 code=0
    shift 2
    timeout 20 "$@" >"$work/refused" 2>&1 || code=$?
    [ $code != 0 ] && [ $code != 124 ] && [ $code -lt 126 ] || fail "$what: exit code $code: $(cat "$work/refused")"
    ! grep -qE 'Sanitizer|runtime error:' "$work/refused" || fail "$what: $(cat "$work/refused")"
    grep -qiE "$pattern" "$work/refused" || fail "$what: the error does not match '$pattern': $(cat "$work/refused")"
    echo "ok: $what: exit code $code: $(grep -iE "$pattern" "$work/refused" | head -n 1)"
}

# with NAME SED-SCRIPT: a copy of the configuration, changed.
with() {
    sed "$2" "$config" >"$work/$1.yaml"
    ! cmp -s "$config" "$work/$1.yaml" || fail "$1: nothing was changed"
}

# bad_config WHAT PATTERN SED-SCRIPT: both daemons and `headrace config check` refuse it, naming the key.
bad_config() {
    with bad "$3"
    refuses "$1, dataplane" "$2" ip netns exec "$wire" "$dataplane" --config "$work/bad.yaml"
    refuses "$1, control plane" "$2" ip netns exec "$client" "$controlplane" --config "$work/bad.yaml"
    refuses "$1, config check" "$2" "$build/controlplane/cli/headrace" --config "$work/bad.yaml" config check
}

make_network
bad_config "an unknown key" 'bad.yaml.*polling_speed' 's/^  polling:.*/&\n  polling_speed: 3/'
bad_config "a value out of range" 'http.port.*70000|70000' 's/^  port: 8080/  port: 70000/'
bad_config "a word that is no choice" 'polling.*bussy' 's/low-power/bussy/'
bad_config "a number that is a word" 'mbufs' 's/mbufs: .*/mbufs: many/'
bad_config "an address that is none" '198.18.0.222222' 's,198.18.0.2/24,198.18.0.222222/24,'
bad_config "no YAML" 'bad.yaml' 's/^dataplane:/dataplane: [/'
refuses "no configuration file" 'nowhere.yaml' "$dataplane" --config /nowhere.yaml
refuses "no configuration file" 'nowhere.yaml' "$controlplane" --config /nowhere.yaml
refuses "an unknown option" 'frobnicate' "$dataplane" --frobnicate
refuses "an unknown option" 'frobnicate' "$controlplane" --frobnicate

with missing "s/iface=$inner/iface=nosuch0/"
refuses "a missing interface" nosuch0 ip netns exec "$wire" "$dataplane" --config "$work/missing.yaml"
with folder "s,^run_dir: .*,run_dir: /proc/nowhere,"
refuses "a run folder that cannot be" /proc/nowhere ip netns exec "$wire" "$dataplane" --config "$work/folder.yaml"
with web "s,web_root: .*,web_root: /nowhere,"
refuses "no web page" /nowhere ip netns exec "$client" "$controlplane" --config "$work/web.yaml"

chmod 755 "$work" "$run_dir"
mkdir -m 777 "$work/public"
with public "s,^run_dir: .*,run_dir: $work/public,"
refuses "no permission for the network" 'error:.*(permission|not permitted|CAP_NET_RAW)' ip netns exec "$wire" \
    setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$dataplane" --config "$work/public.yaml"
refuses "no permission for the run folder" "$run_dir.*denied" ip netns exec "$wire" \
    setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all "$dataplane" --config "$config"
mkdir -m 700 "$work/private"
# Nobody may be kept out of where the sources are, too, such as /root.
with private "s,^run_dir: .*,run_dir: $work/private,; s,web_root: .*,web_root: $work/public,"
refuses "no permission for the run folder" "$work/private" ip netns exec "$client" \
    setpriv --reuid=65534 --regid=65534 --clear-groups "$controlplane" --config "$work/private.yaml"

start_dataplane
start_controlplane
refuses "a second dataplane" 'dataplane.sock|running|in use|busy' ip netns exec "$wire" "$dataplane" --config "$config"
mkdir "$work/other"
with other "s,^run_dir: .*,run_dir: $work/other,"
refuses "an HTTP port already taken" '8080' ip netns exec "$client" "$controlplane" --config "$work/other.yaml"
connected || fail "the daemons that run were disturbed"
start_call after
call_goes_on
stop_call
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
