// The viewer of HDF5 files: h5web, asking this server. Loaded by the pages of such files only.
import { App, H5GroveProvider, createBasicFetcher } from "@h5web/app";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import "@h5web/app/styles.css";
import "./viewer.css";

const place = document.getElementById("h5web");
if (place) {
  const url = new URL(place.dataset.url, location.origin).href;
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  place.replaceChildren();
  const app = createElement(App, {
    initialPath: place.dataset.path,
    sidebarOpen: innerWidth > 700,
    disableDarkMode: !dark,
  });
  const provider = { url, filepath: place.dataset.name, fetcher: createBasicFetcher() };
  createRoot(place).render(createElement(H5GroveProvider, provider, app));
  new MutationObserver(follow).observe(place, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
}

// The address tells what is looked at, and the links to the files beside this one lead to the same place in them.
let shown = "";
function follow() {
  const path = place.querySelector('[role="treeitem"][aria-selected="true"]')?.dataset.path;
  if (!path || path === shown) return;
  shown = path;
  for (const link of document.querySelectorAll("a[rel=prev], a[rel=next], [data-view-link], [data-plain-view]")) {
    const url = new URL(link.href);
    url.searchParams.set("h5", path);
    if (!link.matches("[data-plain-view]")) url.searchParams.set("view", "h5web");
    link.href = url;
  }
  const here = new URL(location);
  here.searchParams.set("h5", path);
  history.replaceState(history.state, "", here);
}
