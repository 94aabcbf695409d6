// Small comforts on top of pages that work without them: menus, copy buttons, toasts, uploads, live forms.
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  document.addEventListener("click", (event) => {
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of all("details.menu[open]")) { menu.open = false; one("summary", menu).focus(); }
  });

  // Copy buttons name what they copy: data-copy="#id".
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = one(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    const label = one("[data-label]", button) ?? button;
    const before = label.textContent;
    label.textContent = "Copied";
    setTimeout(() => { label.textContent = before; }, 1600);
  });

  // Good news floats and leaves; errors stay in the page.
  const stack = document.createElement("div");
  stack.className = "toasts";
  stack.setAttribute("role", "status");
  document.body.append(stack);
  function floatMessages(root) {
    for (const message of all("[data-toast].good, [data-toast].info", root)) {
      message.className = "toast";
      stack.append(message);
      setTimeout(() => message.remove(), 7000);
    }
  }
  floatMessages(document);
  document.addEventListener("htmx:afterSwap", (event) => floatMessages(event.target));

  // Theme: remembered in a cookie by the server; shown at once here.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
    const body = new FormData(form);
    body.set("theme", theme);
    fetch(form.action, { method: "POST", body, redirect: "manual" });
    for (const button of all("button", form)) button.setAttribute("aria-pressed", String(button === event.submitter));
  });

  // A form that must not be sent twice, or that asks first: data-confirm="…".
  document.addEventListener("submit", (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  }, true);

  // Two inputs that show one number: data-mirrors="#id".
  document.addEventListener("input", (event) => {
    const partner = event.target.dataset.mirrors && one(event.target.dataset.mirrors);
    if (!partner || partner.value === event.target.value) return;
    partner.value = event.target.value;
    if (partner.hasAttribute("hx-trigger")) partner.dispatchEvent(new Event("change", { bubbles: true }));
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  // Keep a log scrolled to its newest line unless the reader has scrolled up.
  let logAtEnd = true;
  document.addEventListener("htmx:beforeSwap", () => {
    const log = one("[data-tail]");
    logAtEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  });
  const tail = () => { const log = one("[data-tail]"); if (log && logAtEnd) log.scrollTop = log.scrollHeight; };
  document.addEventListener("htmx:afterSwap", tail);
  tail();
})();
