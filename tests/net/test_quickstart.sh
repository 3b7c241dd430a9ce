#!/usr/bin/env bash
# deploy/quickstart: the page answers, a second one says that it runs, Ctrl-C leaves nothing behind.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/net/call.sh"
port=18080

# A Headrace that somebody uses on this machine is not to be disturbed. What a failed build left is no Headrace.
if ip netns list | grep -qE '^headrace( |$)' || { [ -e /run/headrace/quickstart.lock ] && ! flock -n /run/headrace/quickstart.lock true; }; then
    echo "SKIPPED: a Headrace runs on this machine already (the namespace headrace, or /run/headrace/quickstart.lock)"
    exit 0
fi
rm -rf /run/headrace
snapshot() { (ip -o link show | sed 's/^[0-9]*: //; s/ .*//' && ip netns list | grep -E '^headrace( |$)' && ls -A /run) | sort; }
before=$(snapshot || true)
log=$work/quickstart.log

# As from a terminal: a process group of its own, for Ctrl-C goes to all of it, and SIGINT is not ignored.
"$python" -c 'import os, signal, sys
os.setsid(); signal.signal(signal.SIGINT, signal.default_int_handler); os.execvp(sys.argv[1], sys.argv[1:])' \
    "$top/deploy/quickstart" --no-install --http-port $port --build-dir "$build" >"$log" 2>&1 &
pid=$!
beside+=($pid)
wait_for 120 grep -q 'Headrace is up' "$log" || fail "it does not come up"
url=$(grep -oE 'http://[^ ]+/my-first-meeting' "$log")
curl -fs -o "$work/page" "$url" && grep -qi '<!doctype html' "$work/page" || fail "no page at $url"
curl -fs "http://127.0.0.1:$port/healthz" | grep -q '"status": *"ok"' || fail "not healthy"
echo "ok: $url answers"

code=0
"$top/deploy/quickstart" --no-install --http-port $port --build-dir "$build" >"$work/second" 2>&1 || code=$?
[ $code = 1 ] && grep -q "running already.*$port" "$work/second" || fail "a second run: $code: $(cat "$work/second")"
echo "ok: a second run says: $(cat "$work/second")"
curl -fs "http://127.0.0.1:$port/healthz" >/dev/null || fail "the second run disturbed the first"

kill -INT -- -$pid
code=0
wait $pid || code=$?
[ $code = 0 ] || fail "after Ctrl-C it ended with $code"
diff <(echo "$before") <(snapshot || true) || fail "it left something behind"
! pgrep -s $pid >/dev/null || fail "processes are left: $(pgrep -as $pid)"
echo "ok: nothing is left"
sanitizers_are_silent
