// A WebSocket client on node:net (RFC 6455), just enough for a reader: text messages, ping, close.
// Unlike the browser's it can be told to stop reading, as a machine that sleeps does.

import { randomBytes } from "node:crypto";
import { connect } from "node:net";

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const CLOSE_WITHIN = 1000; // ms for the other side's close frame
const EMPTY = Buffer.alloc(0);

export class Socket {
  /**
   * `on` has open(), message(text) and close(code, refusal); `refusal` says why it never opened:
   * the status of the answer, an error's code, "given up" or "closed"; null where it was open.
   */
  constructor(port, path, on) {
    this.on = on;
    this.buffer = EMPTY;
    this.code = 1006;
    this.isOpen = false;
    this.ended = false;
    this.tcp = connect({ host: "127.0.0.1", port, noDelay: true });
    this.tcp.on("connect", () => {
      const key = randomBytes(16).toString("base64");
      this.tcp.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
          `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
    this.tcp.on("data", (data) => this.receive(data));
    this.tcp.on("error", ({ code }) => {
      this.refusal ??= code;
      this.end();
    });
    this.tcp.on("close", () => this.end());
  }

  send(text) {
    if (this.isOpen) this.write(TEXT, Buffer.from(text));
  }

  close() {
    if (!this.isOpen) {
      this.refusal ??= "given up";
      this.tcp.destroy();
      return;
    }
    this.write(CLOSE, Buffer.from([0x03, 0xe8])); // 1000
    this.isOpen = false;
    setTimeout(() => this.tcp.destroy(), CLOSE_WITHIN).unref();
  }

  pause() {
    this.tcp.pause();
  }

  resume() {
    this.tcp.resume();
  }

  /** A frame of the client's, masked with zeros: the mask is against proxies, not for secrecy. */
  write(opcode, payload) {
    const long = payload.length > 125;
    const header = Buffer.alloc(long ? 8 : 6);
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | (long ? 126 : payload.length);
    if (long) header.writeUInt16BE(payload.length, 2);
    if (!this.tcp.destroyed) this.tcp.write(Buffer.concat([header, payload]));
  }

  receive(data) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
    if (!this.isOpen && !this.upgraded && !this.upgrade()) return;
    for (let frame = this.frame(); frame; frame = this.frame()) this.handle(frame);
  }

  /** Read the answer to the handshake; true once it is there and says yes. */
  upgrade() {
    const end = this.buffer.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = this.buffer.subarray(0, end).toString("latin1");
    if (!head.startsWith("HTTP/1.1 101")) {
      this.refusal = head.slice("HTTP/1.1 ".length, "HTTP/1.1 ".length + 3);
      this.tcp.destroy();
      return false;
    }
    this.buffer = this.buffer.subarray(end + 4);
    this.isOpen = this.upgraded = true;
    this.on.open();
    return true;
  }

  frame() {
    const { buffer } = this;
    if (buffer.length < 2) return null;
    let length = buffer[1] & 0x7f;
    let start = 2;
    if (length === 126) {
      if (buffer.length < 4) return null;
      length = buffer.readUInt16BE(2);
      start = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return null;
      length = Number(buffer.readBigUInt64BE(2));
      start = 10;
    }
    if (buffer.length < start + length) return null;
    this.buffer = buffer.subarray(start + length);
    return { opcode: buffer[0] & 0x0f, payload: buffer.subarray(start, start + length) };
  }

  handle({ opcode, payload }) {
    if (opcode === TEXT) {
      this.on.message(payload.toString());
    } else if (opcode === PING) {
      this.write(PONG, payload);
    } else if (opcode === CLOSE) {
      this.code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.write(CLOSE, payload.subarray(0, 2));
      this.isOpen = false;
      this.tcp.end();
    }
  }

  end() {
    if (this.ended) return;
    this.ended = true;
    this.isOpen = false;
    this.on.close(this.code, this.upgraded ? null : (this.refusal ?? "closed"));
  }
}
