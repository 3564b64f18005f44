// Starts, ends and reopens coverage without a reload. The forms work without this script.

import { showBlog } from "../shared/about.js";
import { parsed } from "./server.js";

const coverage = document.querySelector("[data-coverage]");
const stream = document.querySelector("[data-stream]");

if (coverage) {
  const said = coverage.querySelector("[data-said-of-coverage]");
  const say = (name, text = coverage.dataset[name]) => {
    said.dataset.said = name;
    said.textContent = text;
  };

  /** Follow the state, which reader.js updates when somebody else changes it. */
  const follow = () => {
    for (const place of coverage.querySelectorAll("[data-move]")) {
      place.hidden = place.dataset.move !== stream.dataset.state;
      if (place.hidden) place.open = false;
    }
  };
  new MutationObserver(follow).observe(stream, { attributeFilter: ["data-state"] });

  coverage.addEventListener("submit", async (event) => {
    const { target, submitter } = event;
    if (submitter?.name !== "move") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(target));
    body.set(submitter.name, submitter.value);
    say("saySending");
    try {
      const headers = { Accept: "application/json" };
      const answer = await fetch(target.getAttribute("action"), { method: "POST", body, headers });
      const frame = parsed(await answer.text());
      if (answer.status === 401 || frame?.code === "csrf") say("sayLogin");
      else if (answer.status >= 500 && !frame) say("sayFailed");
      else if (frame?.type === "blog") say("sayDone", "");
      else say("sayRefused", frame?.message);
      const blog = frame?.current ?? frame;
      if (blog?.type !== "blog") return;
      stream.dataset.state = blog.state;
      showBlog(blog);
    } catch {
      say("sayFailed");
    }
  });
}
