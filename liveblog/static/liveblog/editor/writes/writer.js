// Performs the effects of editor-state.js: requests, timers and messages.

import { step } from "./editor-state.js";
import { desk, parsed, refreshToken, token, words } from "./server.js";

/** Returns {dispatch(event), state()}. `show(effect, state)` performs the other effects. */
export function writer(state, fieldsNow, show) {
  const timers = new Map();

  function dispatch(event) {
    const turn = step(state, event);
    state = turn.state;
    for (const effect of turn.effects) perform(effect);
  }

  function perform(effect) {
    if ("send" in effect) send(effect);
    else if ("schedule" in effect) {
      clearTimeout(timers.get(effect.schedule));
      const event = { type: "timer", timer: effect.schedule };
      timers.set(effect.schedule, setTimeout(dispatch, effect.ms, event));
    } else if ("cancel" in effect) clearTimeout(timers.get(effect.cancel));
    else show(effect, state);
  }

  async function send({ send: request, write, refresh }) {
    const answer = await post(write, refresh).catch(() => ({ status: 0, body: null }));
    dispatch({ type: "answer", key: write.key, request, ...answer, fields: fieldsNow() });
  }

  addEventListener("online", () => state.phase === "waiting" && dispatch({ type: "now" }));
  return { dispatch, state: () => state };
}

async function post({ key, update, version, fields }, refresh) {
  if (refresh && !(await refreshToken())) return { status: 401, body: null };
  const data = new URLSearchParams({ csrfmiddlewaretoken: token(), key, version });
  for (const [name, value] of Object.entries(fields)) if (value) data.set(name, value);
  const headers = { Accept: "application/json" };
  const query = update === null ? "" : `?update=${update}`;
  const answer = await fetch(desk.dataset.home + query, { method: "POST", body: data, headers });
  return { status: answer.status, body: parsed(await answer.text()) };
}

export const freshKey = () =>
  // randomUUID requires HTTPS or localhost.
  crypto.randomUUID?.() ??
  [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");

/** The sentence for a state: the server's, or the one of the page's data attributes. */
export function sentenceOf(name, message, purpose = "say") {
  const suffix = name[0].toUpperCase() + name.slice(1);
  return message || words[purpose + suffix] || words[`say${suffix}`] || "";
}

export function say(element, name, message) {
  element.dataset.said = name;
  element.textContent = sentenceOf(name, message);
}
