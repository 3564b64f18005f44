// The order that the reader chose, on pages that name none. No module: it runs before anything is
// shown. An address that names an order, a page or a post is what somebody wants to see.

(() => {
  const KEY = "liveblog-order";
  const { search, hash } = location;
  try {
    if (!search && !hash && localStorage.getItem(KEY) === "oldest") {
      location.replace("?order=oldest");
    }
  } catch {
    // Storage is forbidden: nothing is remembered, the links work.
  }
  const remember = ({ target }) => {
    const link = target.closest?.("[data-order-choice]");
    try {
      if (link) localStorage.setItem(KEY, link.dataset.orderChoice);
    } catch {
      // The same.
    }
  };
  addEventListener("click", remember);
  addEventListener("auxclick", remember); // the middle button: a new tab
})();
