// Lists: how much is ticked, ticking all that is shown, ticks that survive going away and coming back, and where the
// focus goes after further rows.
const PICKS = 'input[name^="pick-"]';
const size = new Intl.NumberFormat(document.documentElement.lang, { maximumSignificantDigits: 3 });
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

function told(bytes) {
  let unit = 0;
  while (bytes >= 999.5 && unit < UNITS.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${size.format(bytes)} ${UNITS[unit]}`;
}

function memory(list) {
  return `picked:${location.pathname}:${list.dataset.list}`;
}

function say(list) {
  const form = list.querySelector(".selection");
  if (!form) return;
  const picks = [...list.querySelectorAll(PICKS)];
  const picked = picks.filter((pick) => pick.checked);
  const bytes = picked.reduce((sum, pick) => sum + Number(pick.dataset.size || 0), 0);
  const text = picked.length === 1 ? form.dataset.one : form.dataset.other;
  form.querySelector("[data-selected]").textContent = text.replace("{n}", picked.length);
  form.querySelector("[data-selected-size]").textContent = bytes ? `· ${told(bytes)}` : "";
  const all = list.querySelector("[data-pick-all]");
  if (all) {
    all.checked = picks.length > 0 && picked.length === picks.length;
    all.indeterminate = picked.length > 0 && picked.length < picks.length;
  }
  sessionStorage.setItem(memory(list), JSON.stringify(picked.map((pick) => pick.name)));
}

function restore(list) {
  const names = new Set(JSON.parse(sessionStorage.getItem(memory(list)) || "[]"));
  for (const pick of list.querySelectorAll(PICKS)) if (names.has(pick.name)) pick.checked = true;
  say(list);
}

function lists(root) {
  return root.querySelectorAll(".list[data-list]");
}

document.addEventListener("change", (event) => {
  const list = event.target.closest(".list[data-list]");
  if (!list) return;
  if (event.target.matches("[data-pick-all]")) {
    for (const pick of list.querySelectorAll(PICKS)) pick.checked = event.target.checked;
  }
  if (event.target.matches(`${PICKS}, [data-pick-all]`)) say(list);
});

document.addEventListener("click", (event) => {
  const list = event.target.closest("[data-clear]")?.closest(".list[data-list]");
  if (!list) return;
  for (const pick of list.querySelectorAll(PICKS)) pick.checked = false;
  say(list);
  list.querySelector(PICKS)?.focus();
});

let firstNew = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  firstNew = event.detail.requestConfig?.elt?.matches("[data-more]") ? event.detail.target.children.length : null;
});
document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.detail.target.closest?.(".list[data-list]");
  if (firstNew !== null) event.detail.target.children[firstNew]?.querySelector("a")?.focus();
  firstNew = null;
  if (list) restore(list);
});
document.addEventListener("htmx:load", (event) => lists(event.target.parentElement ?? document).forEach(restore));

// Rows: j and k go up and down, x ticks (WCAG 2.1.4: single letters can be switched off).
document.addEventListener("keydown", (event) => {
  if (document.body.dataset.keys === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!"jkx".includes(event.key) || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const names = [...document.querySelectorAll(".list[data-list] tbody th a")];
  if (!names.length) return;
  const row = document.activeElement?.closest("tr");
  const at = names.findIndex((name) => row?.contains(name));
  if (event.key === "x") {
    row?.querySelector(PICKS)?.click();
  } else {
    names[event.key === "j" ? Math.min(at + 1, names.length - 1) : Math.max(at - 1, 0)].focus();
  }
});

for (const list of lists(document)) restore(list);
