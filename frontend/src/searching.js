// The page of what was found: an order applies at once, panels stay as they were left, and the first further hit gets the
// focus.
document.addEventListener("change", (event) => {
  if (event.target.matches("select[form=narrowing]")) event.target.form.requestSubmit();
});

let left = { open: new Map(), top: 0 };

document.addEventListener("htmx:beforeSwap", (event) => {
  const facets = document.getElementById("facets");
  if (!facets || event.detail.target?.id !== "results") return;
  left = {
    open: new Map([...facets.querySelectorAll("details[id]")].map((one) => [one.id, one.open])),
    top: facets.scrollTop,
  };
});

document.addEventListener("htmx:afterSettle", (event) => {
  const facets = document.getElementById("facets");
  if (facets && event.detail.target?.id === "results") {
    for (const one of facets.querySelectorAll("details[id]")) {
      if (left.open.has(one.id)) one.open = left.open.get(one.id);
    }
    facets.scrollTop = left.top;
  }
  const first = document.querySelector(".result[data-first]");
  if (first) {
    delete first.dataset.first;
    first.querySelector("h3 a")?.focus();
  }
});
