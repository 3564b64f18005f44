// Requests of the editor's scripts: the CSRF token and a fresh copy of the page.

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

/** The page as the server renders it now, or null if a login is required. */
export async function freshPage(address = desk.dataset.home) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (answer.status >= 500) throw new Error(`status ${answer.status}`);
  return page.querySelector("[data-desk]") && page;
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
