// Single letters as shortcuts. They disturb speech input, so readers and editors can turn them off
// (WCAG 2.1, success criterion 2.1.4); the choice is the same for all pages.

const KEY = "liveblog-keys";

/** What letters are typed into. */
export const FIELDS = "input:not([type=checkbox]), textarea, select, [contenteditable]";

/** Has the checkbox show the choice, and keep it. */
export function remember(on) {
  try {
    on.checked = localStorage.getItem(KEY) !== "off";
  } catch {
    // Without storage the choice lasts for this page only.
  }
  on.addEventListener("change", () => {
    try {
      localStorage.setItem(KEY, on.checked ? "on" : "off");
    } catch {
      // As above.
    }
  });
}
