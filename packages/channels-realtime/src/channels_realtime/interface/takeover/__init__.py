"""One interface server takes the place of another, without a connection being closed.

A server that was started with `--takeover PATH` listens on the unix socket PATH. A second one with
the same option connects to it:

1. The new server loads its code, compares versions, and connects to Redis. Up to here the old one
   serves as always, so code that does not start harms nobody.
2. The old server stops reading: clients, listening sockets and its list in Redis, where entries
   simply wait. It waits until Redis has answered everything that it was sent.
3. It sends its state, and with it the file descriptors of all sockets (SCM_RIGHTS, unix(7)). From
   here to the end of step 4 it does nothing else, so nothing that was copied can change.
4. The new server builds every connection from that and answers `taken`. This is the commit point:
   it serves from then on, and the old process ends without touching a socket again.

Whatever fails before `taken` (the new process dies, refuses or is too slow, Redis is away) leaves
the old server as it was: it reads on. A new process that is too slow is killed first, so two never
serve the same sockets. If the old process dies before `taken`, the new one starts as if there had
never been another.

The name of the process moves too. So reply channels and groups in Redis stay valid, and no key is
written for the takeover itself.

What is half-received travels as the bytes that the client has sent, rebuilt from the parser's
state: the beginning of a frame, a message or a request. The new server's parser reads them again.
So neither side depends on how the other one parses.

A connection that cannot be moved, which today is one with TLS in this process, is closed as
on SIGTERM (1012); all others move.

**Why two processes and a socket, and not exec.** An exec in place keeps the process id, but once it
has begun there is no way back: code that fails to import would drop every reader. Here the old
server keeps everything until the new one has said that it holds it.

**Why a keeper.** supervisord and systemd watch one process id. `channels_realtime.keeper` is that
process: it holds no socket and imports nothing but the standard library. On SIGHUP it starts its
command again beside the running one, and goes on with whichever process is left.
"""
