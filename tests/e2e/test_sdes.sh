#!/usr/bin/env bash
# SDES: the commands of docs/sdes.md as they stand there, between real daemons; and what has to be refused.
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
. "$top/tests/net/call.sh"
doc=$top/docs/sdes.md
started=0

# block NAME: a fenced block of docs/sdes.md.
block() {
    local text
    text=$(awk -v n='```sh '"$1" '$0 == n {on = 1; next} /^```/ {on = 0} on' "$doc")
    [ -n "$text" ] || fail "docs/sdes.md has no block $1"
    printf '%s\n' "$text"
}

# script NAME ROOM/NAME KEY [SED]: that block as a script of its own, behind the setup with this test's values.
script() {
    local file=$work/$((++started)).sh
    {
        echo "set -eo pipefail; mkdir -p $work/$started && cd $work/$started"
        block setup | sed -e "s#^URL=[^ ]*#URL=$http/sdes/$2#" -e 's#^RELAY=[^ ]*#RELAY=198.18.0.2#' \
            -e 's#^HERE=[^ ]*#HERE=198.18.0.1#' -e "s#^KEY=.*#KEY=$3#"
        block "$1" | sed -e "${4:-}"
    } >"$file"
    script=$file
}

# begin NAME ROOM/NAME KEY [SED]: runs it beside the test; its process group is $group.
begin() {
    script "$@"
    setsid ip netns exec "$client" bash "$script" >"$script.log" 2>&1 &
    group=$!
    groups+=("$group")
}
groups=()
end() { kill -TERM -- "-$1" 2>/dev/null && wait "$1" 2>/dev/null || true; }
end_all() { for g in "${groups[@]}"; do end "$g"; done; }
trap 'status=$?; set +e; end_all; (exit $status); cleanup' EXIT

# participant ROOM NAME FIELD
participant() {
    "${headrace[@]}" room "$1" --json | python3 -c 'import json,sys
for p in json.load(sys.stdin)["participants"]:
    if p["name"] == sys.argv[1] and (p["sources"] or sys.argv[2] != "address"): print(p[sys.argv[2]])' "$2" "$3"
}
publishes() { [[ "$(participant "$1" "$2" address)" == 198.18.0.1:* ]]; }
must_publish() { wait_for 20 publishes "$1" "$2" || fail "$2 does not publish: $(cat "$script.log"; "${headrace[@]}" room "$1")"; }
pictures() { find "$1" -name 'p*.jpg' 2>/dev/null | wc -l; }
has_pictures() { [ "$(pictures "$1")" -ge "$2" ]; }
new_key() { openssl rand -base64 "${1:-30}"; }

# One JPEG per decoded picture.
save() { echo "videoconvert ! jpegenc ! multifilesink location=$1/p%05d.jpg"; }

# receive ROOM/NAME KEY COUNT [BLOCK]: GStreamer decodes so many pictures; then it is ended.
receive() {
    local to=$work/pictures$started
    mkdir -p "$to"
    SINK=$(save "$to") begin "${4:-receive-gstreamer}" "$1" "$2"
    wait_for 30 has_pictures "$to" "$3" || fail "$1: $(pictures "$to") pictures of $3: $(cat "$script.log"; "${headrace[@]}" status)"
    echo "ok: $1: $(pictures "$to") pictures decoded"
    end "$group"
}

start_headrace
sed -i 's/^http:/limits:\n  sdes_wait_s: 6\n  sdes_silence_s: 15\nhttp:/' "$config"
stop_daemon "$controlplane_pid" headrace-controlplane
start_controlplane

# ---- bit for bit
key=$(new_key)
begin publish-gstreamer studio/cam "$key"
publisher=$group
must_publish studio cam
ip netns exec "$client" tcpdump -i "$outer" -s 0 -U -w "$work/wire.pcap" udp port 10000 2>"$work/tcpdump.log" &
capture=$!
beside+=("$capture")
wait_for 10 test -s "$work/wire.pcap" || fail "tcpdump does not start: $(cat "$work/tcpdump.log")"
receive studio/cam "$key" 60
kill "$capture" && wait "$capture" || true
python3 "$top/tests/e2e/sdes_same.py" "$work/wire.pcap" 198.18.0.2 5004 1001 || fail "what was received is not what was sent"

# ---- a browser in the room, while FFmpeg receives bit for bit
export PLAY='ffmpeg -nostdin -loglevel error' PLAY_TO="-frames:v 200 -y -f framecrc $work/frames"
begin receive-ffmpeg studio/cam "$key"
player=$group
in_client node "$top/tests/e2e/sdes_watch.mjs" "$http" studio cam 0 || fail "the browser does not see an SDES publisher"
ffmpeg_has() { [ "$(grep -c '^0,' "$work/frames")" -ge "$1" ]; }
wait_for 30 ffmpeg_has 100 || fail "FFmpeg decoded $(grep -c '^0,' "$work/frames") frames: $(cat "$script.log")"
echo "ok: FFmpeg decoded $(grep -c '^0,' "$work/frames") frames"
end "$player"

# ---- sessions end by themselves when nobody speaks any more
end "$publisher"
gone() { ! in_client curl -fs "$http/metrics" | grep -q '^headrace_participants{kind="sdes"} [1-9]'; }
wait_for 25 gone || fail "a silent session stays: $("${headrace[@]}" room studio)"
echo "ok: silent sessions are gone"

# ---- FFmpeg publishes: GStreamer receives it, a browser both picture and sound
key=$(new_key)
begin publish-ffmpeg cinema/film "$key"
publisher=$group
must_publish cinema film
receive cinema/film "$key" 60
end "$publisher"
begin publish-ffmpeg-both cinema/talkie "$(new_key)"
publisher=$group
must_publish cinema talkie
in_client node "$top/tests/e2e/sdes_watch.mjs" "$http" cinema talkie 1 || fail "the browser does not see and hear FFmpeg"
end "$publisher"

# ---- picture and sound in one bundle, under GCM
gcm="s/srtpenc key/srtpenc rtp-cipher=aes-128-gcm rtcp-cipher=aes-128-gcm rtp-auth=null rtcp-auth=null key/; s/AES_CM_128_HMAC_SHA1_80/AEAD_AES_128_GCM/"
key=$(new_key 28)
begin publish-gstreamer-both concert/band "$key" "$gcm"
publisher=$group
must_publish concert band
in_client node "$top/tests/e2e/sdes_watch.mjs" "$http" concert band 1 || fail "the browser does not see and hear the band"
[ "$(participant concert band srtp)" = AEAD_AES_128_GCM ] || fail "the band's suite is $(participant concert band srtp)"

# ---- another key than the publisher's: rewritten, under the key and SSRC of the answer
other=$(new_key)
receive concert/band "$other" 60 receive-gstreamer-own-key
end "$publisher"

# ---- a browser publishes, GStreamer receives
start_call lobby # publishes as "source"
receive lobby/source "$other" 30 receive-gstreamer-own-key
stop_call

# ---- a key that nobody else has: not one packet passes, and it is counted
begin publish-gstreamer dark/cam "$(new_key)" "s/srtpenc key=\$HEX/srtpenc key=$(openssl rand -hex 30)/"
publisher=$group
wait_for 10 grep -q kind <(in_client curl -fs "$http/metrics") || fail "no metrics"
refused() { [ "$(drops latch_auth)" -ge 20 ]; }
wait_for 10 refused || fail "packets under a wrong key are not counted: $("${headrace[@]}" status)"
[ "$(participant dark cam connected)" = False ] || fail "a wrong key latched: $("${headrace[@]}" room dark)"
unlatched() { [ "$(metric gone_unlatched)" -ge 1 ]; }
wait_for 15 unlatched || fail "a session that never latched stays"
echo "ok: a wrong key: nothing latched, $(drops latch_auth) packets dropped"
end "$publisher"

# ---- keys come in the clear from this machine alone
printf 'v=0\n' >"$work/offer"
sed -i 's/^http:/http:\n  address: 0.0.0.0/' "$config"
stop_daemon "$controlplane_pid" headrace-controlplane
start_controlplane
code() { in_client curl -s -o "$work/body" -w '%{http_code}' -H 'Content-Type: application/sdp' --data-binary "@$work/offer" "$1/sdes/room/name"; }
[ "$(code "http://198.18.0.1:8080")" = 403 ] || fail "cleartext from another address: $(cat "$work/body")"
[ "$(code "$http")" = 400 ] || fail "cleartext from loopback: $(cat "$work/body")"
grep -rlF "$key" "$work"/*.log && fail "a key is in a log"

for name in srtp_auth srtp_replay rtp_malformed nonce_reuse no_mbuf; do
    [ "$(drops $name)" = 0 ] || fail "$(drops $name) packets dropped as $name"
done
end_all
stop_daemon "$controlplane_pid" headrace-controlplane
stop_daemon "$dataplane_pid" headrace-dataplane
sanitizers_are_silent
