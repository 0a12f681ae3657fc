"use strict";
// Nothing here is needed: it only makes easier what works without it.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const area of document.querySelectorAll("textarea[data-most]")) {
  const most = Number(area.dataset.most);
  const count = document.createElement("p");
  count.className = "hint";
  const show = () => {
    const left = most - [...area.value.normalize("NFC").trim()].length;
    count.textContent = area.dataset[left < 0 ? "over" : "left"].replace("#", Math.abs(left).toLocaleString(document.documentElement.lang));
    count.classList.toggle("fault", left < 0);
  };
  area.addEventListener("input", show);
  area.after(count);
  show();
}

for (const button of document.querySelectorAll("[data-locate]")) {
  if (!navigator.geolocation) continue;
  button.hidden = false;
  const status = document.getElementById("place-status");
  const fields = ["latitude", "longitude"].map((name) => document.querySelector(`input[name=${name}]`));
  if (fields[0].value) status.textContent = button.dataset.done;
  button.addEventListener("click", () => {
    status.textContent = button.dataset.wait;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        fields[0].value = coords.latitude.toFixed(5);
        fields[1].value = coords.longitude.toFixed(5);
        status.textContent = button.dataset.done;
      },
      () => { status.textContent = button.dataset.failed; },
      { enableHighAccuracy: true, timeout: 15000 },
    );
  });
}

for (const box of document.querySelectorAll("[data-similar]")) {
  const form = box.closest("form");
  const told = ["token", "issued", "category", "title", "province", "commune", "latitude", "longitude"];
  let left = 12, asked = "", waits, running;
  const ask = async () => {
    const typed = new FormData(form);
    const body = new URLSearchParams(told.map((name) => [name, typed.get(name) ?? ""]));
    const words = typed.get("title").trim().split(/\s+/).length;
    if (left < 1 || words < 3 || !typed.get("category") || asked === body.toString()) return;
    left -= 1;
    asked = body.toString();
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(box.dataset.similar, { method: "POST", body, signal: running.signal });
      box.innerHTML = answer.ok ? await answer.text() : "";
      box.hidden = !box.firstElementChild;
    } catch { /* It is shown again at review. */ }
  };
  form.addEventListener("input", ({ target }) => {
    if (!told.includes(target.name)) return;
    clearTimeout(waits);
    waits = setTimeout(ask, 700);
  });
  box.addEventListener("click", ({ target }) => {
    if (!target.closest("[data-different]")) return;
    left = 0;
    running?.abort();
    box.hidden = true;
  });
}

document.getElementById("faults")?.focus();
