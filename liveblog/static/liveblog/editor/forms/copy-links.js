// A link in a field: a click selects it, the button copies it.

for (const row of document.querySelectorAll("[data-copy-row]")) {
  const link = row.querySelector("[data-link]");
  const copy = row.querySelector("[data-copy]");
  const said = row.parentElement.querySelector("[data-said]");
  link.addEventListener("focus", () => link.select());
  // Browsers offer the clipboard only over HTTPS.
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(link.value);
      said.textContent = copy.dataset.done;
    } catch {
      link.focus(); // permission denied: select it instead
    }
  });
}
