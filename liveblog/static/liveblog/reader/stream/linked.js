// Leads to the update that the address names, "#update-<id>", if it is on another page by now.

const { order } = document.querySelector("[data-stream]").dataset;

async function lead() {
  const { hash } = location;
  const id = /^#update-(\d+)$/.exec(hash)?.[1];
  if (!id || document.getElementById(hash.slice(1))) return;
  const { ok, url, page } = await find(id).catch(() => ({ ok: false }));
  // A deleted update is on no page.
  if (ok && page.includes(`id="update-${id}"`) && location.hash === hash) {
    location.replace(url + hash);
  }
}

/** The server redirects to the page that contains the update. */
async function find(id) {
  const answer = await fetch(`?order=${order}&at=${id}`, { cache: "no-cache" });
  return { ok: answer.ok, url: answer.url, page: await answer.text() };
}

addEventListener("hashchange", lead);
lead();
