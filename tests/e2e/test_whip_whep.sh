#!/usr/bin/env bash
# WHIP and WHEP as RFC 9725 and the WHEP draft have them: browsers for what works, curl for what is refused.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/call.sh"

# status WANTED WHAT CURL-ARGUMENT...: the HTTP status; a refusal has a problem+json body with a text.
status() {
    local wanted=$1 what=$2 got
    shift 2
    got=$(in_client curl -s -o "$work/body" -D "$work/head" -w '%{http_code}' "$@")
    [ "$got" = "$wanted" ] || fail "$what: $got, not $wanted: $(head -c 300 "$work/body")"
    if [ "$wanted" -ge 400 ] && [ "$wanted" != 405 ]; then
        grep -qi '^content-type: application/problem+json' "$work/head" || fail "$what: no problem+json: $(cat "$work/head")"
        "$python" -c 'import json,sys; p=json.load(open(sys.argv[1])); assert p["status"] == int(sys.argv[2]) and (p.get("detail") or p.get("title"))' \
            "$work/body" "$wanted" || fail "$what: the problem does not say what is wrong: $(cat "$work/body")"
    fi
    echo "ok: $what: $got $(tr -d '\n' <"$work/body" | head -c 160)"
}
header() { grep -qi "^$1: *$2" "$work/head" || fail "$1 is not $2: $(cat "$work/head")"; }

start_headrace
in_client node "$top/tests/e2e/whip_whep.mjs" "$http" || fail "the browsers did not get through"

start_call taken # publishes as "source"
whip=$http/whip/taken/other sdp=(-H 'Content-Type: application/sdp') session=$(call_field location)
"$python" "$top/tests/net/offers.py" "$work"

status 415 "text instead of SDP" -H 'Content-Type: text/plain' --data-binary "@$work/good.sdp" "$whip"
status 415 "no content type" -H 'Content-Type:' --data-binary "@$work/good.sdp" "$whip"
status 400 "garbage instead of SDP" "${sdp[@]}" --data-binary 'not an SDP at all' "$whip"
status 400 "an empty body" "${sdp[@]}" --data-binary '' "$whip"
status 400 "a line cut off" "${sdp[@]}" --data-binary "@$work/cut.sdp" "$whip"
status 406 "no codec in common" "${sdp[@]}" --data-binary "@$work/codec.sdp" "$whip"
status 400 "no fingerprint" "${sdp[@]}" --data-binary "@$work/fingerprint.sdp" "$whip"
status 422 "ICE lite on both sides" "${sdp[@]}" --data-binary "@$work/lite.sdp" "$whip"
status 413 "200 kB of body" "${sdp[@]}" --data-binary "@$work/large.sdp" "$whip"
status 409 "a name that publishes already" "${sdp[@]}" --data-binary "@$work/good.sdp" "$http/whip/taken/source"
status 404 "WHEP of nobody" "${sdp[@]}" --data-binary "@$work/view.sdp" "$http/whep/taken/nobody"
status 404 "a session that is not there" -X DELETE "${session%/*}/0123456789abcdef"
fragment=(-X PATCH -H 'Content-Type: application/trickle-ice-sdpfrag' --data-binary "@$work/fragment")
status 428 "PATCH without If-Match" "${fragment[@]}" "$session"
status 412 "PATCH with a wrong ETag" "${fragment[@]}" -H 'If-Match: "wrong"' "$session"
status 415 "PATCH with SDP" -X PATCH "${sdp[@]}" -H 'If-Match: "*"' --data-binary "@$work/good.sdp" "$session"
status 400 "PATCH with garbage" -X PATCH -H 'Content-Type: application/trickle-ice-sdpfrag' -H 'If-Match: "*"' --data-binary 'garbage' "$session"
for method in GET PUT; do
    status 405 "$method on a session" -X $method "$session"
    header allow '.*DELETE'
done
status 405 "GET on the endpoint" "$whip"
for url in "$whip" "$session"; do
    status 200 "OPTIONS on $url" -X OPTIONS -H 'Origin: https://example.org' -H 'Access-Control-Request-Method: POST' "$url"
    header accept-post 'application/sdp'
    header access-control-allow-methods '.*POST'
done
call_goes_on
stop_call
status 404 "the session after DELETE" -X DELETE "$session"

stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
