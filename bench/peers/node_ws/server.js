// A live blog's broadcast on Node: one Redis subscription, one send to each open socket.
// Usage: node server.js HOST PORT BACKLOG REDIS_URL
"use strict";

const http = require("node:http");
const { createClient } = require("redis");
const { WebSocket, WebSocketServer } = require("ws");

const [host, port, backlog, redisUrl] = process.argv.slice(2);

async function main() {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });

  const subscriber = createClient({ url: redisUrl });
  await subscriber.connect();
  await subscriber.subscribe("liveblog-demo", (text) => {
    for (const client of sockets.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(text);
    }
  });

  server.listen({ host, port: Number(port), backlog: Number(backlog) });
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
