/* Embeds a live blog in place of its <script> tag: a frame as high as its content, and a plain link
 * until the frame has loaded, or if it is refused. Attributes of the tag:
 *
 *     data-max-height="600"   pixels; higher content scrolls inside the frame
 *     data-lang="en"          or zh-hans; default: the language of the page
 *     data-theme="light"      or dark; default: the setting of the reader's system
 *
 * Not a module, and in old syntax, because it runs in unknown pages. Styles are set individually,
 * which a Content-Security-Policy without inline styles allows. Frame and page exchange messages
 * and check their origins. */
(function () {
  "use strict";
  // ms after the frame has loaded. It sends hello while it loads; a refused frame never does.
  var HELLO_WITHIN = 3000;
  var EMPTY = 480; // px reserved until the height is known, to limit the layout shift

  var script = document.currentScript;
  if (!script || !script.parentNode || !window.URL) return;
  var page = new URL(".", script.src).href;
  var origin = new URL(page).origin;
  var most = parseInt(script.getAttribute("data-max-height"), 10) || 0;
  var answered = false;

  function make(name, style, parent) {
    var element = document.createElement(name);
    for (var key in style) element.style[key] = style[key];
    parent.appendChild(element);
    return element;
  }

  function address() {
    var found = new URL("embed/", page);
    var asked = script.getAttribute("data-lang") || document.documentElement.lang || "";
    var theme = script.getAttribute("data-theme");
    if (/^zh\b/i.test(asked)) found.searchParams.set("lang", "zh-hans");
    else if (/^en\b/i.test(asked)) found.searchParams.set("lang", "en");
    if (theme) found.searchParams.set("theme", theme);
    return found.href;
  }

  var box = document.createElement("div");
  box.style.position = "relative";
  box.style.minHeight = (most ? Math.min(most, EMPTY) : EMPTY) + "px";
  script.parentNode.insertBefore(box, script.nextSibling);

  var link = make("a", { display: "inline-block", padding: "12px 0" }, box);
  link.href = page;
  link.textContent = "{{ blog.title|escapejs }}";

  // Sticks to the top of the window while the frame is visible; its height is 0.
  var bar = make(
    "div",
    { position: "sticky", top: "10px", height: "0", zIndex: "1", textAlign: "center" },
    box
  );
  var waiting = make(
    "button",
    {
      minHeight: "40px",
      padding: "6px 16px",
      border: "0",
      borderRadius: "20px",
      background: "#14507a",
      color: "#fff",
      boxShadow: "0 1px 6px rgba(0, 0, 0, 0.35)",
      font: "600 14px/1.3 system-ui, sans-serif",
      cursor: "pointer"
    },
    bar
  );
  waiting.type = "button";
  waiting.style.display = "none";

  var frame = document.createElement("iframe");
  var style = { display: "block", width: "100%", height: "0", border: "0" };
  for (var key in style) frame.style[key] = style[key];
  frame.title = link.textContent;
  frame.loading = "lazy";
  frame.allow = "fullscreen"; // of videos
  frame.src = address();

  function send(type) {
    frame.contentWindow.postMessage({ type: type, auto: !most }, origin);
  }

  function resize(height, moved) {
    var before = frame.getBoundingClientRect();
    box.style.minHeight = "";
    frame.style.height = (most ? Math.min(most, height) : height) + "px";
    // Above the viewport: most browsers keep the position.
    if (before.bottom < 0 && !(window.CSS && CSS.supports("overflow-anchor", "auto"))) {
      scroll(frame.getBoundingClientRect().height - before.height);
    }
    // Within the frame: scroll the first visible update back to its position.
    for (var i = 0; before.top < 0 && before.bottom > 0 && i < moved.length; i += 1) {
      if (before.top + moved[i][0] > 0) return scroll(Number(moved[i][1]) || 0);
    }
  }

  function scroll(by) {
    window.scrollBy({ top: by, behavior: "instant" });
  }

  var on = {
    "liveblog-hello": function (data) {
      answered = true;
      link.style.display = "none";
      frame.style.display = "block";
      frame.title = String(data.title);
      send("liveblog-welcome");
    },
    "liveblog-height": function (data) {
      if (data.height > 0) resize(Math.ceil(data.height), data.moved || []);
    },
    "liveblog-waiting": function (data) {
      waiting.textContent = data.text;
      waiting.style.display = data.text ? "" : "none";
    },
    "liveblog-go": function (data) {
      window.scrollBy(0, frame.getBoundingClientRect().top + Number(data.top) - 60 || 0);
    }
  };

  window.addEventListener("message", function (event) {
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    var type = event.data && event.data.type;
    if (Object.prototype.hasOwnProperty.call(on, type)) on[type](event.data);
  });

  waiting.onclick = function () {
    send("liveblog-reveal");
    box.scrollIntoView();
  };

  frame.onload = function () {
    setTimeout(function () {
      if (answered) return;
      box.style.minHeight = "";
      frame.style.display = "none";
      link.style.display = "inline-block";
    }, HELLO_WITHIN);
  };

  box.appendChild(frame);
})();
