// Buttons that put something into the basket say when it is there, and take it out again; toasts leave by themselves.
const SHOWN_MS = 8000;

const mark = () => {
  const basket = document.getElementById("basket-button");
  if (!basket) return;
  const items = new Set((basket.dataset.items || "").split(",").filter(Boolean));
  for (const form of document.querySelectorAll('form[action="/basket"]:has(> input[name="add"], > input[data-added])')) {
    const field = form.querySelector('input[name="add"], input[data-added]');
    const button = form.querySelector("button");
    if (!button || form.closest(".toast")) continue;
    const wanted = field.value.split(",");
    const within = (form.dataset.within || "").split(",").filter((each) => items.has(each));
    const isIn = wanted.every((each) => items.has(each));
    if (isIn && !field.hasAttribute("data-added")) {
      field.dataset.added = "";
      field.name = "remove";
      button.dataset.was = button.innerHTML;
      button.setAttribute("aria-pressed", "true");
      say(button, basket.dataset.in);
    } else if (!isIn && field.hasAttribute("data-added")) {
      delete field.dataset.added;
      field.name = "add";
      button.innerHTML = button.dataset.was;
      button.removeAttribute("aria-pressed");
    }
    button.disabled = within.length > 0;
    button.title = within.length > 0 ? basket.dataset.within : "";
  }
};

// The last text of the button becomes another one; one with an icon alone keeps it.
const say = (button, text) => {
  const words = [...button.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (words.length) words.at(-1).textContent = ` ${text}`;
};

const leave = (toast) => {
  const go = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? go() : toast.remove()), SHOWN_MS);
  go();
};

document.addEventListener("DOMContentLoaded", mark);
document.addEventListener("htmx:afterSettle", mark);
document.addEventListener("htmx:oobAfterSwap", () => {
  mark();
  for (const toast of document.querySelectorAll(".toast:not([data-leaving])")) {
    toast.dataset.leaving = "";
    leave(toast);
  }
});
document.addEventListener("htmx:afterRequest", (event) => event.target.closest(".toast")?.remove());
