"""WebSockets: the handshake (RFC 6455, section 4), admission control, frames, limits."""
