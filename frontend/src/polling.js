// Parts with data-poll look for news by themselves: not while the page is hidden, and at once when it is shown again.
// What is opened and where the focus is stays as it is when a part is replaced.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.hasAttribute("data-poll")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-poll]")) {
    htmx.ajax("GET", part.getAttribute("hx-get"), {
      source: part,
      target: part,
      swap: part.getAttribute("hx-swap"),
      headers: JSON.parse(part.getAttribute("hx-headers") || "{}"),
    });
  }
});

let opened = [];
let focused = null;
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const old = event.detail.target;
  opened = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  focused = old.contains(document.activeElement) ? [old.id, place(document.activeElement, old)] : null;
});
document.addEventListener("htmx:oobAfterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) focusable(document.getElementById(focused[0]))[focused[1]]?.focus();
  opened = [];
  focused = null;
});

const focusable = (part) => (part ? [...part.querySelectorAll("a, button, summary, input, [tabindex]")] : []);
const place = (element, part) => focusable(part).indexOf(element);
