// "What we know" above the stream: follows the blog. On a phone it shows a few lines, and a button
// for the rest where there is any.

const section = document.querySelector("[data-known]");
const text = section.querySelector("[data-known-text]");
const more = section.querySelector("details");

/** Show the button only where the text is longer than what is shown of it. */
function measure() {
  if (more.open) return;
  more.hidden = false; // the text is cut only beside the button
  more.hidden = text.scrollHeight <= text.clientHeight;
}

document.querySelector("[data-stream]").addEventListener("about", ({ detail: { summary } }) => {
  // A replay contains it only if it has changed. It is HTML that the server has sanitised.
  if (summary === undefined || summary === text.innerHTML) return;
  text.innerHTML = summary;
  section.hidden = !summary;
  measure();
});

addEventListener("resize", measure);
measure();
