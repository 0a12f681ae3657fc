"use strict";
// Nothing here is needed: it only makes easier what works without it.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
document.getElementById("faults")?.focus();
