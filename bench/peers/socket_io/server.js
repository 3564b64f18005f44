// A live blog's broadcast on Socket.IO, with connection state recovery.
// Usage: node server.js HOST PORT BACKLOG REDIS_URL
"use strict";

const http = require("node:http");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const [host, port, backlog, redisUrl] = process.argv.slice(2);

async function main() {
  const server = http.createServer();
  const sockets = new Server(server, {
    transports: ["websocket"],
    serveClient: false,
    // The documentation's own example: two minutes, middlewares skipped.
    connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
  });

  const subscriber = createClient({ url: redisUrl });
  await subscriber.connect();
  await subscriber.subscribe("liveblog-demo", (text) => sockets.emit("post", text));

  server.listen({ host, port: Number(port), backlog: Number(backlog) });
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
