// How the scripts of the editor's page ask the server: its CSRF token, and the page itself anew.

export const desk = document.querySelector("[data-desk]");

const tokens = () => document.getElementsByName("csrfmiddlewaretoken");
export const token = () => tokens()[0].value;

export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** This page as the server renders it now, or null where it asks for a login first. */
export async function freshPage() {
  const answer = await fetch(desk.dataset.home, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (answer.status >= 500) throw new Error(`status ${answer.status}`);
  return page.querySelector("[data-desk]") && page;
}

/** Take a new CSRF token; logging in changes it. False where a login is needed first. */
export async function refreshToken() {
  const page = await freshPage();
  if (!page) return false;
  const { value } = page.querySelector("[name=csrfmiddlewaretoken]");
  for (const field of tokens()) field.value = value;
  return true;
}

/**
 * What `send(token)` resolves to, {status, body}; sent again where the token was out of date.
 * Status 0: there was no answer.
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
