"""GStreamer's webrtcbin by WHIP or WHEP. gst_webrtc.py publish|receive HTTP ROOM NAME [FRAMES]

publish goes on until SIGTERM; receive ends when so many frames and as many audio buffers are decoded.
"""
import signal
import sys
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

LIMIT_S = 60
PUBLISH = """
webrtcbin name=rtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=15/1 ! vp8enc deadline=1
  target-bitrate=600000 keyframe-max-dist=3000 ! rtpvp8pay picture-id-mode=15-bit
  ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! rtc.
audiotestsrc is-live=true ! audioconvert ! opusenc ! rtpopuspay
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! rtc."""
RECEIVE = "pipeline. ( webrtcbin name=rtc bundle-policy=max-bundle )"
CAPS = {
    "video": "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2",
}
DECODE = {
    "video": "rtpvp8depay ! vp8dec ! fakesink name=video sync=false signal-handoffs=true",
    "audio": "rtpopusdepay ! opusdec ! fakesink name=audio sync=false signal-handoffs=true",
}


class Client:
    def __init__(self, publish, endpoint, frames):
        self.endpoint, self.frames, self.location, self.code = endpoint, frames, None, 1
        self.count = {"video": 0, "audio": 0}
        self.loop = GLib.MainLoop()
        self.pipe = Gst.parse_launch(PUBLISH if publish else RECEIVE)
        self.rtc = self.pipe.get_by_name("rtc")
        self.rtc.connect("on-negotiation-needed", self.offer)
        self.rtc.connect("notify::ice-gathering-state", self.gathered)
        self.rtc.connect("notify::connection-state", self.state)
        self.rtc.connect("pad-added", self.pad)
        bus = self.pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", lambda _, m: self.end(1, m.parse_error()[0].message))
        if not publish:
            for caps in CAPS.values():
                self.rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY,
                              Gst.Caps.from_string(caps))
            GLib.timeout_add_seconds(LIMIT_S, self.end, 1, "time is over")

    def offer(self, rtc):
        rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise):
        promise.wait()
        reply = promise.get_reply()
        self.rtc.emit("set-local-description", reply.get_value("offer"), None)

    def gathered(self, rtc, _):
        if rtc.props.ice_gathering_state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.post)

    def post(self):
        offer = self.rtc.props.local_description.sdp.as_text()
        request = urllib.request.Request(self.endpoint, data=offer.encode(),
                                         headers={"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                self.location = urljoin(self.endpoint, response.headers["Location"])
                answer = response.read()
        except urllib.error.HTTPError as error:
            return self.end(1, f"{error.code} {error.read().decode()}")
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer, message)
        self.rtc.emit("set-remote-description", GstWebRTC.WebRTCSessionDescription.new(
            GstWebRTC.WebRTCSDPType.ANSWER, message), None)
        return False

    def state(self, rtc, _):
        state = rtc.props.connection_state.value_nick
        print(state, flush=True)
        if state == "failed":
            GLib.idle_add(self.end, 1, state)

    def pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps() or pad.query_caps(None)
        kind = caps.get_structure(0).get_string("media")
        branch = Gst.parse_bin_from_description(DECODE[kind], True)
        branch.get_by_name(kind).connect("handoff", self.decoded, kind)
        self.pipe.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def decoded(self, _sink, _buffer, _pad, kind):
        self.count[kind] += 1
        if min(self.count.values()) >= self.frames:
            GLib.idle_add(self.end, 0, "complete")

    def end(self, code, why):
        if self.loop.is_running():
            self.code = code
            print(f"{why}: {self.count}", flush=True)
            self.loop.quit()
        return False

    def run(self):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, self.end, 0, "stopped")
        self.pipe.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.location:
            request = urllib.request.Request(self.location, method="DELETE")
            with urllib.request.urlopen(request, timeout=10) as response:
                self.code = self.code if response.status == 200 else 1
        self.pipe.set_state(Gst.State.NULL)
        return self.code


Gst.init(None)
WAY, HTTP, ROOM, NAME = sys.argv[1:5]
PATH = "whip" if WAY == "publish" else "whep"
sys.exit(Client(WAY == "publish", f"{HTTP}/{PATH}/{ROOM}/{NAME}",
                int(sys.argv[5]) if len(sys.argv) > 5 else 100).run())
