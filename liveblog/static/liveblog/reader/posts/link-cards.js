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
  frame.title = `${card.dataset.site}: ${link.querySelector("b").textContent}`;
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

if (!document.querySelector(`link[href="${words.style}"]`)) {
  const sheet = document.createElement("link");
  Object.assign(sheet, { rel: "stylesheet", href: words.style });
  document.head.append(sheet);
}
new MutationObserver(explain).observe(document.body, { childList: true, subtree: true });
explain();
