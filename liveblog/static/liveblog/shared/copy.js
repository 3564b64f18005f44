// The embed code: a click selects it, the button copies it.

const tag = document.querySelector("[data-embed-tag]");
const copy = document.querySelector("[data-embed-copy]");
const said = document.querySelector("[data-embed-said]");

tag.addEventListener("focus", () => tag.select());

// Browsers offer the clipboard only over HTTPS.
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(tag.value);
    said.textContent = copy.dataset.done;
  } catch {
    tag.focus(); // permission denied: select the text instead
  }
});
