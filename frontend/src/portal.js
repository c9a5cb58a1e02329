// What the pages do beyond links and forms. Each part is small, and every page reads without them.
import "./copying.js";
import "./keys.js";
import "./settling.js";

document.documentElement.classList.add("has-script");
