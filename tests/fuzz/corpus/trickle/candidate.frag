a=ice-ufrag:Tst0
a=ice-pwd:abcdefghijklmnopqrstuvwx
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host generation 0 ufrag Tst0
a=end-of-candidates
