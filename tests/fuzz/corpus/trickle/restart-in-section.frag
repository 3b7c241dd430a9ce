m=audio 9 UDP/TLS/RTP/SAVPF 0
a=mid:0
a=ice-ufrag:NewU
a=ice-pwd:ABCDEFGHIJKLMNOPQRSTUVWX
