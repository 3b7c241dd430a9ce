a=ice-ufrag:NewU
