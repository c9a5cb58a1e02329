// Short cuts of single letters (WCAG 2.1.4: they can be switched off): / search, g d my data, g b basket, ? their list.
const GO = { d: "/my-data", b: "/basket", o: "/browse", s: "/search", h: "/" };
let pending = false;

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) return;
  if (pending) {
    pending = false;
    if (GO[event.key]) location.assign(GO[event.key]);
  } else if (event.key === "g") {
    pending = true;
    setTimeout(() => (pending = false), 1500);
  } else if (event.key === "/") {
    const box = document.querySelector("form[role=search] input[type=search]");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  }
});
