a=ice-ufrag:NewU
a=ice-pwd:ABCDEFGHIJKLMNOPQRSTUVWX
