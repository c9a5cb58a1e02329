// A session that ends: a warning two minutes before, signing in again beside the page, and all windows signing out
// together. Nothing typed into the page is lost.
const WARN_MINUTES = 2;
const LOOK_EVERY_MS = 10_000;
const windows = new BroadcastChannel("beamcat");
const QUIETLY = { headers: { "X-Beamcat-Poll": "1", Accept: "application/json" } };

let ends = Infinity;
const minutesLeft = () => (ends - Date.now()) / 60_000;
const setLeft = (minutes) => (ends = Date.now() + minutes * 60_000);

if (document.querySelector("[data-signed-out]")) windows.postMessage("signed out");

if (document.body.dataset.minutesLeft) {
  setLeft(Number(document.body.dataset.minutesLeft));
  windows.addEventListener("message", (event) => {
    if (event.data === "signed out") location.reload();
    if (event.data === "signed in") refresh();
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  document.addEventListener("visibilitychange", () => document.hidden || look());
  setInterval(look, LOOK_EVERY_MS);
}

const dialog = () => document.getElementById("session-dialog");

async function refresh() {
  const told = await (await fetch("/session", QUIETLY)).json();
  setLeft(told.minutes ?? 0);
  if (told.minutes > WARN_MINUTES) dialog().close();
}

async function look() {
  if (minutesLeft() > WARN_MINUTES) return;
  try {
    await refresh(); // another window may have prolonged it
  } catch {
    return; // the server is away; it will be asked again
  }
  if (minutesLeft() > WARN_MINUTES) return;
  if (minutesLeft() > 0) show("soon");
  else await askToSignIn();
}

function show(part) {
  for (const section of dialog().querySelectorAll("[data-part]")) section.hidden = section.dataset.part !== part;
  const minutes = dialog().querySelector("[data-minutes]");
  minutes.textContent = minutes.dataset.minutes.replace("#", Math.max(1, Math.round(minutesLeft())));
  if (!dialog().open) dialog().showModal();
}

async function askToSignIn() {
  const place = dialog().querySelector("[data-forms]");
  if (dialog().open && place.childElementCount) return;
  const to = encodeURIComponent(location.pathname + location.search);
  const answer = await fetch(`/sign-in?again=1&to=${to}`, { headers: { "HX-Request": "true" } });
  place.innerHTML = await answer.text();
  show("ended");
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest("[data-stay]")) return;
  event.preventDefault();
  await fetch("/session", { method: "POST", headers: { Accept: "application/json" } });
  windows.postMessage("signed in");
  await refresh();
  dialog().close();
});

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-beside]");
  if (!form) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  const answer = await fetch("/sign-in", { method: "POST", body, headers: { "HX-Request": "true" } });
  const place = dialog().querySelector("[data-forms]");
  if (answer.status === 204) {
    place.replaceChildren();
    windows.postMessage("signed in");
    await refresh();
    dialog().close();
  } else {
    place.innerHTML = await answer.text();
  }
});
