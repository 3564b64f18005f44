// Applies the reader's last choice of order, unless the address specifies an order, a page or an
// update. Not a module, so that it runs before anything is rendered.

(() => {
  const KEY = "liveblog-order";
  const { search, hash } = location;
  try {
    if (!search && !hash && localStorage.getItem(KEY) === "oldest") {
      location.replace("?order=oldest");
    }
  } catch {
    // Without storage the choice is not remembered.
  }
  const remember = ({ target }) => {
    const link = target.closest?.("[data-order-choice]");
    try {
      if (link) localStorage.setItem(KEY, link.dataset.orderChoice);
    } catch {
      // As above.
    }
  };
  addEventListener("click", remember);
  addEventListener("auxclick", remember); // middle click
})();
