// Cards with a frame: each says what a click loads and from whom, and nothing is loaded before.
// Loaded with the first card. A click with a modifier key opens the link, as always.

const SANDBOX =
  "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox allow-presentation";
const ALLOW = "autoplay; encrypted-media; fullscreen; picture-in-picture";

const { dataset: words } = document.querySelector("[data-link-cards]");
let explained = 0;

function explain() {
  for (const card of document.querySelectorAll(".link-card[data-frame]:not(.is-explained)")) {
    // page.js compares it with the next content, so that a player stays if the text is the same.
    const content = card.closest("[data-part=content]");
    if (content) content.sent ??= content.innerHTML;
    card.classList.add("is-explained");
    const sentence = document.createElement("p");
    sentence.className = "link-card-says";
    sentence.id = `link-card-${(explained += 1)}`;
    sentence.textContent = words.says.replaceAll("{site}", card.dataset.site);
    card.append(sentence);
    card.querySelector("a").setAttribute("aria-describedby", sentence.id);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(".link-card.is-explained[data-frame] > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  load(link.parentElement, link);
});

/** Put the frame in place of the picture. The link then leads to the other site. */
function load(card, link) {
  const frame = document.createElement("iframe");
  frame.title = titleOf(card, link);
  frame.setAttribute("sandbox", SANDBOX);
  frame.allow = ALLOW;
  frame.referrerPolicy = card.dataset.referrer ?? "no-referrer";
  frame.src = card.dataset.frame;
  link.removeAttribute("aria-describedby");
  card.querySelector(".link-card-picture")?.remove();
  card.querySelector(".link-card-says").textContent = "";
  card.classList.add("is-loaded");
  delete card.dataset.frame;
  card.prepend(frame);
  frame.focus();
}

// A new text of an update, or the details of a card: what surrounds a loaded frame is replaced, as a
// frame that is moved or replaced starts anew.

document.querySelector("[data-stream]")?.addEventListener("draw", ({ detail: rows }) => {
  const changed = new Map(rows.map((row) => [`update-${row.id}`, row]));
  for (const frame of document.querySelectorAll(".link-card.is-loaded > iframe")) {
    const content = frame.closest("[data-part=content]");
    const row = changed.get(content?.closest("article").id);
    if (row?.content && content.sent !== row.content) renew(content, row.content);
  }
});

/** Set the content as page.js does, unless no frame of it can stay. */
function renew(content, html) {
  const cards = ({ children }, kind) => [...children].filter((child) => child.matches(kind));
  const loaded = cards(content, ".link-card.is-loaded");
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const stays = new Map(); // new card -> the loaded one
  for (const card of cards(fresh.content, ".link-card[data-frame]")) {
    const shows = ({ firstChild }) => firstChild.getAttribute("src") === card.dataset.frame;
    const at = loaded.findIndex(shows);
    // Those before it in the old text cannot come after it without a move.
    if (at !== -1) stays.set(card, loaded.splice(0, at + 1).at(-1));
  }
  if (!stays.size) return;
  content.sent = html;
  const kept = new Set(stays.values());
  for (const node of [...content.childNodes]) if (!kept.has(node)) node.remove();
  let next = content.firstChild;
  for (const node of [...fresh.content.childNodes]) {
    const card = stays.get(node);
    if (card) {
      describe(card, node.querySelector("a"));
      next = card.nextSibling;
    } else {
      content.insertBefore(node, next);
    }
  }
}

/** Put the new details below the frame. */
function describe(card, link) {
  link.querySelector(".link-card-picture")?.remove();
  card.querySelector("a").replaceWith(link);
  card.firstChild.title = titleOf(card, link);
}

const titleOf = ({ dataset: { site } }, link) => `${site}: ${link.querySelector("b").textContent}`;

if (!document.querySelector(`link[href="${words.style}"]`)) {
  const sheet = document.createElement("link");
  Object.assign(sheet, { rel: "stylesheet", href: words.style });
  document.head.append(sheet);
}
new MutationObserver(explain).observe(document.body, { childList: true, subtree: true });
explain();
