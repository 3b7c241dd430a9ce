#!/usr/bin/env bash
# A short run of `headrace bench joins`: everybody gets in, calls beside it lose nothing, and who has left leaves
# nothing behind. The bench makes its own namespaces; figures are for a quiet machine and not looked at here.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${HEADRACE_BUILD:-$top/build}
work=$(mktemp -d "/tmp/headrace-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAIL: $*" >&2
    cat "$work/rows" "$work/errors" >&2 || true
    exit 1
}

# rows ARGUMENT...: a run, its rows in $work/rows. Exit code 1 may be a figure that a busy machine does not reach,
# but then there are rows.
rows() {
    local code=0
    "$build/controlplane/cli/headrace" bench joins --cores -1,-1 --json "$@" >"$work/rows" 2>"$work/errors" || code=$?
    [ $code -le 1 ] && [ -s "$work/rows" ] && [ ! -s "$work/errors" ] || fail "bench joins $*: exit code $code"
}

# holds PYTHON: the expression over row(NAME) is true.
holds() {
    python3 - "$work/rows" "$1" <<'PY' || fail "not so: $1"
import json, sys
values = {r["name"]: r["value"] for r in json.load(open(sys.argv[1]))["rows"]}
row = values.__getitem__
sys.exit(0 if eval(sys.argv[2]) else 1)
PY
    echo "ok: $1"
}

for by in ws whip; do
    rows --only rate --by $by --rate 50 --rate-seconds 4
    holds 'row("join_rate") > 35 and row("join_p50_ms") > 0'
done

rows --only media --media 4 --calls 4 --in-flight 4
holds 'row("joins_during_storm") > 2'
holds 'row("media_packets_during_storm") >= 600'
holds 'row("loss_before_storm") == 0 and row("loss_during_storm") == 0'

# The allocator's own caches come and go by half a megabyte; a participant is some 30 KiB, its endpoint alone 2.
rows --only memory --participants 1000 --in-flight 16 --settle 3
holds 'row("participants") == 1000'
if ldd "$build/controlplane/headrace-controlplane" | grep -q jemalloc; then # sanitizers have an allocator of their own
    holds '4000 < row("controlplane_heap_per_participant") < 49152'
    holds 'row("controlplane_heap_left_per_join") < 1000'
fi

# Wrong usage says what is wrong.
code=0
"$build/controlplane/cli/headrace" bench joins --rate fast >"$work/rows" 2>"$work/errors" || code=$?
[ $code = 2 ] && grep -q "'fast' is not a number" "$work/errors" || fail "--rate fast: exit code $code"
