// Requests of the editor's scripts: the CSRF token, an update, and fresh parts of the page.

export const desk = document.querySelector("[data-desk]");
export const words = document.querySelector("[data-words]").dataset;

const tokens = () => document.getElementsByName("csrfmiddlewaretoken");
export const token = () => tokens()[0].value;

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The page as the server renders it now, or null if a login is required. */
export async function freshPage(address = desk.dataset.home) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (answer.status >= 500) throw new Error(`status ${answer.status}`);
  return page.querySelector("[data-desk]") && page;
}

/** The update as the server has it, a tombstone too; null if the page itself has to be loaded. */
export async function freshUpdate(id) {
  const headers = { Accept: "application/json" };
  const answer = await fetch(`${desk.dataset.home}?update=${id}`, { headers });
  if (answer.status >= 500) throw new Error(`status ${answer.status}`);
  const frame = parsed(await answer.text());
  return frame?.type === "update" ? frame : null;
}

/** A part of the page, with the query of its address, as a document; null after a logout. */
export async function freshPart(query, signal) {
  const headers = { Accept: "text/html" };
  const answer = await fetch(desk.dataset.home + query, { headers, signal, redirect: "manual" });
  if (answer.type === "opaqueredirect") return null;
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Renew the CSRF token, which a login changes. False if a login is required. */
export async function refreshToken() {
  const page = await freshPage();
  if (!page) return false;
  const { value } = page.querySelector("[name=csrfmiddlewaretoken]");
  for (const field of tokens()) field.value = value;
  return true;
}

/**
 * The result of `send(token)`, {status, body}; sent again if the token was outdated. Status 0: no
 * response.
 */
export async function withToken(send) {
  try {
    const answer = await send(token());
    const outdated = answer.status === 403 && (!answer.body || answer.body.code === "csrf");
    if (!outdated) return answer;
    return (await refreshToken()) ? await send(token()) : { status: 401, body: null };
  } catch {
    return { status: 0, body: null };
  }
}
