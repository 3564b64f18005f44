// Shows the blog's own fields when they change, and how many people read it.

import { counted, fillText } from "./page.js";

export function showBlog({ title, description, state, starts_at: starts, chat, summary }) {
  for (const element of document.querySelectorAll("[data-blog]")) {
    const { blog } = element.dataset;
    if (blog === "title") {
      document.title = document.title.replace(element.textContent, () => title);
      element.textContent = title;
    } else if (blog === "description") {
      fillText(element, description);
    } else if (blog === "state") {
      element.dataset.state = state;
      element.textContent = element.dataset[state];
    } else if (blog === "starts_at") {
      element.hidden = !starts || state !== "upcoming";
      element.querySelector("time").dateTime = starts ?? "";
    } else if (blog === "chat") {
      element.hidden = !chat;
    } else if (blog === "summary" && summary !== undefined) {
      // A replay contains it only if it has changed. It is HTML that the server has sanitised.
      element.querySelector(".prose").innerHTML = summary;
      element.querySelector("details").hidden = summary.length < 180; // it may fit whole
      element.hidden = !summary;
    } else if (blog === "ended" || blog === "upcoming") {
      element.hidden = state !== blog;
    }
  }
}

function showReaders(element, number) {
  element.hidden = number === null;
  element.textContent = number === null ? "" : counted(element, number);
}

const stream = document.querySelector("[data-stream]");
const readers = document.querySelector("[data-readers]");
stream.addEventListener("about", ({ detail }) => showBlog(detail));
stream.addEventListener("readers", ({ detail }) => showReaders(readers, detail));
