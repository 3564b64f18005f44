// Alerts on a blog's page: shows the panel of their own page in a dialog. Loaded on demand.

import { manage } from "./alerts.js";

let dialog = null;

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-alerts]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.closest("[popover]")?.hidePopover();
  try {
    dialog ??= await load(link.href);
    dialog.showModal();
    manage(dialog.querySelector("[data-alerts-panel]"));
  } catch {
    location.href = link.href;
  }
});

async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const sheets = page.querySelectorAll("link[rel=stylesheet]:not([media])");
  const app = page.querySelector("link[rel=manifest]"); // for the Home Screen of an iPhone
  const missing = [...sheets].filter((sheet) => !has(sheet));
  const loaded = missing.map((sheet) => new Promise((done) => (sheet.onload = done)));
  document.head.append(app, ...missing);
  await Promise.all(loaded);
  const made = document.createElement("dialog");
  made.className = "alerts-dialog";
  made.setAttribute("aria-labelledby", "alerts-title");
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button alerts-close";
  close.textContent = page.querySelector("[data-close-text]").dataset.closeText;
  close.addEventListener("click", () => made.close());
  made.append(page.querySelector("[data-alerts-panel]"), close);
  document.body.append(made);
  return made;
}

const has = (sheet) =>
  document.querySelector(`link[href="${CSS.escape(sheet.getAttribute("href"))}"]`);
