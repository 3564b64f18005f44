"""The load client: processes of its own on uvloop, raw protocols, no WebSocket library."""
