// What a search box suggests while somebody types: a combobox with a list box (ARIA 1.2). The server makes the options;
// it is asked when typing pauses, and an older question is given up for a newer one.
const PAUSE_MS = 180;
let boxes = 0;

function attach(input) {
  const form = input.form;
  const number = ++boxes;
  const list = document.createElement("div");
  const said = document.createElement("div");
  list.className = "suggestions";
  list.id = `suggestions-${number}`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.querySelector("label")?.textContent.trim() ?? "");
  list.hidden = true;
  said.className = "vh";
  said.setAttribute("role", "status");
  form.append(list, said);
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);

  let timer, asking, at = -1, typed = input.value;
  const options = () => [...list.querySelectorAll("[role=option]")];

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(next) {
    const all = options();
    if (!all.length) return;
    clearTimeout(timer); // what somebody chooses from stays
    asking?.abort();
    at = (next + all.length + 1) % (all.length + 1);
    all.forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
    if (at === all.length) {
      input.removeAttribute("aria-activedescendant");
      at = -1;
      return;
    }
    input.setAttribute("aria-activedescendant", all[at].id);
    all[at].scrollIntoView({ block: "nearest" });
  }

  function take(option) {
    close();
    if (option.dataset.address) {
      location.assign(option.dataset.address);
      return;
    }
    input.value = typed = option.dataset.text;
    input.focus();
    if ("goesOn" in option.dataset) ask();
    else form.requestSubmit();
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const question = new URLSearchParams({ q: input.value });
    try {
      const answer = await fetch(`/search/suggest?${question}`, {
        headers: { "HX-Request": "true" },
        signal: asking.signal,
      });
      if (!answer.ok || document.activeElement !== input) return close();
      const made = new DOMParser().parseFromString(await answer.text(), "text/html");
      list.replaceChildren(...made.querySelectorAll("[role=option]"));
      options().forEach((option, place) => (option.id = `${list.id}-${place}`));
      at = -1;
      input.removeAttribute("aria-activedescendant");
      list.hidden = options().length === 0;
      input.setAttribute("aria-expanded", String(!list.hidden));
      said.textContent = list.hidden ? "" : (made.querySelector("[data-said]")?.textContent ?? "");
    } catch (problem) {
      if (problem.name !== "AbortError") close(); // the box works without
    }
  }

  function soon() {
    clearTimeout(timer);
    asking?.abort();
    timer = setTimeout(ask, PAUSE_MS);
  }

  input.addEventListener("input", () => {
    typed = input.value;
    soon();
  });
  input.addEventListener("focus", () => {
    if (!input.value && document.body.dataset.minutesLeft) soon();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) ask();
      else choose(event.key === "ArrowDown" ? at + 1 : at < 0 ? options().length - 1 : at - 1);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault(); // a second one empties the box
      close();
    } else if (event.key === "Enter") {
      if (!list.hidden && at >= 0) {
        event.preventDefault();
        take(options()[at]);
      } else close();
    } else if (event.key === "Tab") close();
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  input.addEventListener("blur", close);
  form.addEventListener("submit", close);
}

document.querySelectorAll("form[role=search] input[type=search]").forEach(attach);
