// A picture as large as the window, with its caption; arrow keys, buttons and swipes lead through the
// others of the same text. Closing returns the focus to the link.

const SWIPE = 40; // px, below which a touch is a tap

const { dataset: words } = document.querySelector("[data-enlarge]");
const dialog = document.createElement("dialog");
dialog.className = "enlarged";
dialog.ariaLabel = words.image;
dialog.innerHTML = `<div class="enlarged-bar">
  <button class="button button-quiet" type="button" data-step="-1">←</button>
  <button class="button button-quiet" type="button" data-step="1">→</button>
  <span></span>
  <button class="button" type="button" data-close></button>
</div>
<figure><img><figcaption dir="auto" aria-live="polite"></figcaption></figure>`;
dialog.querySelector("[data-close]").textContent = words.close;
const picture = dialog.querySelector("img");
const caption = dialog.querySelector("figcaption");
const place = dialog.querySelector("span");
const steps = dialog.querySelectorAll("[data-step]");
[steps[0].ariaLabel, steps[1].ariaLabel] = [words.previous, words.next];
const forwards = getComputedStyle(document.documentElement).direction === "rtl" ? -1 : 1;

let links = []; // of the text, in its order
let at = 0;

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.enlarge");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  links = [...(link.closest(".prose") ?? link.parentElement).querySelectorAll("a.enlarge")];
  show(links.indexOf(link));
  dialog.showModal();
});

function show(index) {
  if (!links[index]) return;
  at = index;
  const { href, firstElementChild: small } = links[at];
  picture.src = href;
  picture.alt = small.alt;
  for (const name of ["width", "height"]) {
    if (small.hasAttribute(name)) picture.setAttribute(name, small.getAttribute(name));
    else picture.removeAttribute(name);
  }
  const text = links[at].parentElement.querySelector("figcaption");
  caption.replaceChildren(...(text?.cloneNode(true).childNodes ?? []));
  place.textContent = links.length > 1 ? `${at + 1} / ${links.length}` : "";
  for (const button of steps) {
    button.hidden = links.length < 2;
    button.setAttribute("aria-disabled", !links[at + Number(button.dataset.step)]);
  }
}

dialog.addEventListener("click", ({ target }) => {
  const step = target.closest("[data-step]")?.dataset.step;
  if (step) show(at + Number(step));
  else if (target === dialog || target.closest("[data-close]")) dialog.close();
});

dialog.addEventListener("keydown", (event) => {
  event.stopPropagation(); // the page has shortcuts, too
  const step = { ArrowLeft: -forwards, ArrowRight: forwards }[event.key];
  if (step) show(at + step);
});

let begun = null; // where a touch began, in px

dialog.addEventListener("touchstart", ({ touches }) => {
  begun = touches.length === 1 && !(window.visualViewport?.scale > 1) ? touches[0].clientX : null;
});
dialog.addEventListener("touchend", ({ changedTouches }) => {
  if (begun === null) return;
  const moved = changedTouches[0].clientX - begun;
  begun = null;
  if (Math.abs(moved) > SWIPE) show(at - Math.sign(moved) * forwards);
});

const sheet = document.createElement("link");
Object.assign(sheet, { rel: "stylesheet", href: words.style });
document.head.append(sheet);
document.body.append(dialog);
