#!/usr/bin/env bash
# headrace bench says what it must say, with and without what it needs; how fast is no test's business.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
headrace=$build/controlplane/cli/headrace

"$headrace" bench --quick --no-huge --json >"$work/rows.json" 2>"$work/bench.log" || fail "bench --quick"
python3 - "$work/rows.json" <<'PY' || fail "the rows are not as documented"
import json, sys
names = ["opaque_copy", "rekey_gcm_1200", "rekey_gcm_160", "rekey_sha1_1200", "endpoints_100k", "two_workers",
         "residence_p999_us", "endpoint_bytes", "subscription_bytes"]
rows = json.load(open(sys.argv[1]))["rows"]
assert [r["name"] for r in rows] == names, rows
for r in rows:
    assert isinstance(r["ok"], bool) and r["unit"] and r["against"] and r["limit"] > 0, r
    if "skipped" in r:
        assert r["skipped"] and r["value"] is None and not r["ok"], r
        # What may be missing where tests run: testpmd's hugepages, a second CPU, a calm moment; and jemalloc, where
        # sanitizers bring an allocator of their own.
        assert r["name"] in ("opaque_copy", "two_workers", "residence_p999_us") or "jemalloc" in r["skipped"], r
        continue
    assert r["value"] > 0 and r["against_value"] > 0, r
    assert abs(r["ratio"] - r["value"] / r["against_value"]) < 0.01 * r["ratio"], r
    assert r["lowest"] <= r["value"] <= r["highest"], r
    held = r["ratio"] if r["against"] != "limit" else r["value"]
    assert r["ok"] == (held >= r["limit"] if r["must_be"] == "at least" else held <= r["limit"]), r
opaque = rows[0]
assert "hugepages" in opaque["skipped"], opaque
PY

# --check fails where a row does not hold: a skipped one never does.
code=0
"$headrace" bench --quick --no-huge --only opaque_copy --check >"$work/check.txt" 2>>"$work/bench.log" || code=$?
[ $code = 1 ] || fail "--check with a skipped row: exit code $code"
grep -q 'opaque_copy.*skipped: .*hugepages' "$work/check.txt" || fail "a skipped row does not say why"

# Before "bench" stands nothing but --json.
"$headrace" --json bench matrix --part crypto --no-huge >"$work/matrix.json" 2>>"$work/bench.log" || fail "bench matrix"
python3 - "$work/matrix.json" <<'PY' || fail "the matrix' rows are not as documented"
import json, sys
rows = json.load(open(sys.argv[1]))["rows"]
assert [(r["transform"], r["size"]) for r in rows] == [("gcm", 160), ("gcm", 1200), ("sha1", 160), ("sha1", 1200)], rows
PY

for words in "nothing" "--only nothing" "--runs 0" "--seconds x" "matrix --part" "matrix x"; do
    code=0
    "$headrace" bench $words >/dev/null 2>"$work/usage.txt" || code=$?
    [ $code = 2 ] && [ -s "$work/usage.txt" ] || fail "bench $words: exit code $code"
done

# Where it is not installed.
cp "$headrace" "$work/headrace"
code=0
"$work/headrace" bench >/dev/null 2>"$work/missing.txt" || code=$?
[ $code = 1 ] && grep -q 'headrace-bench is neither' "$work/missing.txt" || fail "a bench that is not there: $code"
