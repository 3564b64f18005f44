// The menu of an update's Share button: copies its link, or passes it to the system's own sharing.

const menu = document.querySelector("[data-share-menu]");
const copy = menu.querySelector("[data-share-copy]");
const send = menu.querySelector("[data-share-send]");
const said = menu.querySelector("[data-share-said]");
const WIDTH = 184; // px, as in the style sheet
const CLOSE_AFTER = 1200; // ms; long enough to read that the link was copied

const label = copy.textContent;
let article = null; // whose button was pressed

copy.hidden = !navigator.clipboard;
send.hidden = !navigator.share;

// Before the browser opens the menu.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-share]");
  if (!button) return;
  article = button.closest("article");
  const { left, right, bottom } = button.getBoundingClientRect();
  const isRight = left + right > innerWidth;
  menu.style.left = `${scrollX + (isRight ? right - WIDTH - 10 : left)}px`;
  menu.style.top = `${scrollY + bottom}px`;
});

menu.addEventListener("beforetoggle", () => {
  copy.textContent = label;
  said.textContent = "";
});

const address = () => article.querySelector(".permalink").href;

copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(address());
    copy.textContent = said.textContent = copy.dataset.done;
    setTimeout(() => menu.hidePopover(), CLOSE_AFTER);
  } catch {
    location.href = address(); // permission denied: the address bar has the link then
  }
});

send.addEventListener("click", () => {
  const title = article.querySelector(".headline")?.textContent || document.title;
  menu.hidePopover();
  navigator.share({ title, url: address() }).catch(() => {}); // the reader may cancel it
});
