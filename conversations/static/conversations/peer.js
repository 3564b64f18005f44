// A WebRTC connection to another member. The member that was in the room first makes the offers,
// also after a change of the network, and the newer one answers. So two offers never collide.

/**
 * `calls`: this member makes the offers. `send(kind, value)` sends a signal to the other member;
 * `onState(state)` receives the connection state; `audio` is the element that plays the stream.
 */
export class Peer {
  constructor({ calls, iceServers, stream, audio, send, onState }) {
    Object.assign(this, { calls, send, early: [] });
    const connection = new RTCPeerConnection({ iceServers });
    this.connection = connection;
    for (const track of stream.getTracks()) connection.addTrack(track, stream);
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) send("candidate", candidate.toJSON());
    };
    connection.ontrack = ({ streams }) => {
      audio.srcObject = streams[0];
      audio.play().catch(() => {}); // allowed because joining was a click
    };
    connection.onconnectionstatechange = () => {
      onState(connection.connectionState);
      if (connection.connectionState === "failed") this.call({ iceRestart: true });
    };
    if (calls) this.call();
  }

  async call(options) {
    if (!this.calls || this.connection.signalingState === "closed") return;
    await this.connection.setLocalDescription(await this.connection.createOffer(options));
    this.send("offer", this.connection.localDescription.toJSON());
  }

  /** Handle a signal from the other member. Signals are handled one after the other. */
  take(kind, value) {
    this.work = (this.work ?? Promise.resolve())
      .then(() => this.handle(kind, value))
      .catch((error) => console.warn(`A signal could not be used: ${error}`));
  }

  async handle(kind, value) {
    const { connection } = this;
    if (kind === "candidate") {
      if (connection.remoteDescription) await connection.addIceCandidate(value);
      else this.early.push(value);
      return;
    }
    await connection.setRemoteDescription(value);
    for (const candidate of this.early.splice(0)) await connection.addIceCandidate(candidate);
    if (kind === "offer") {
      await connection.setLocalDescription();
      this.send("answer", connection.localDescription.toJSON());
    }
  }

  /** After a change of the network. */
  restart() {
    this.call({ iceRestart: true });
  }

  close() {
    this.connection.onconnectionstatechange = null;
    this.connection.close();
  }
}
