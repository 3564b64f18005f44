// Enlarges pictures. What does it is loaded with the first one.

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a.enlarge");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  try {
    const { enlarge } = await import("./enlarge.js");
    enlarge(link);
  } catch {
    location.href = link.href; // without a connection, the browser may have the file
  }
});
