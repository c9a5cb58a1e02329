// Buttons with data-copy copy the text beside them, or what data-copy names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = button.dataset.copy
    ? document.getElementById(button.dataset.copy)
    : button.closest(".code, [data-copied]")?.querySelector("pre, [data-text]");
  if (!source) return;
  await navigator.clipboard.writeText("value" in source ? source.value : source.textContent);
  button.dataset.done = "";
  setTimeout(() => delete button.dataset.done, 2000);
});
