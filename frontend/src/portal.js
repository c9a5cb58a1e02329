// What the pages do beyond links and forms. Each part is small, and every page reads without them.
import "./basket.js";
import "./copying.js";
import "./keys.js";
import "./lists.js";
import "./polling.js";
import "./session.js";
import "./searching.js";
import "./settling.js";
import "./suggesting.js";

document.documentElement.classList.add("has-script");
