// The tag that embeds the live blog: a click selects it, the button copies it.

const tag = document.querySelector("[data-embed-tag]");
const copy = document.querySelector("[data-embed-copy]");
const said = document.querySelector("[data-embed-said]");

tag.addEventListener("focus", () => tag.select());

// Browsers have no clipboard for pages under http.
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(tag.value);
    said.textContent = copy.dataset.done;
  } catch {
    tag.focus(); // it was refused: the text is selected instead
  }
});
