"use strict";
/* What is dangerous is held, not tapped: a button with data-hold sends "held" after HOLD_MS of pressing, by pointer or
   by keyboard. Every button with data-busy says at once what it has begun. Listens on the document, because the
   buttons are swapped. */
(() => {
  const HOLD_MS = 600;
  let held = null;
  let timer = 0;

  function busy(button) {
    button.firstElementChild.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    document.getElementById("hold-says").textContent = button.dataset.busy;
  }

  function press(button) {
    if (held || button.getAttribute("aria-disabled")) return;
    held = button;
    button.classList.add("is-held");
    timer = setTimeout(() => {
      const done = held;
      release(true);
      htmx.trigger(done, "held");
      busy(done);
    }, HOLD_MS);
  }

  function release(done) {
    if (!held) return;
    clearTimeout(timer);
    held.classList.remove("is-held");
    if (done !== true) document.getElementById("hold-says").textContent = "Keep it pressed for a moment.";
    held = null;
  }

  const holdable = (event) => event.target.closest && event.target.closest("[data-hold]");
  const isPress = (event) => event.key === " " || event.key === "Enter";

  document.addEventListener("pointerdown", (event) => {
    const button = event.button === 0 && holdable(event);
    if (button) press(button);
  });
  ["pointerup", "pointercancel", "blur"].forEach((name) => window.addEventListener(name, release));
  document.addEventListener("keydown", (event) => {
    const button = isPress(event) && holdable(event);
    if (!button) return;
    event.preventDefault();
    if (!event.repeat) press(button);
  });
  document.addEventListener("keyup", (event) => {
    if (isPress(event)) release();
  });
  document.addEventListener("contextmenu", (event) => {
    if (holdable(event)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-busy]:not([data-hold])");
    if (button) setTimeout(() => busy(button), 0);
  });
})();
