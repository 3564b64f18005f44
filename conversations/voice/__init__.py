"""Voice rooms: WebRTC between browsers."""
