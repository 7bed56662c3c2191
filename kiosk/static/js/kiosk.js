// What scripts add to the kiosk's pages: time-out, countdowns, focus, one submission per tap, paging of long texts, the writing pad.
// Everything listens on the document, so that a swapped #page needs no wiring of its own.
"use strict";
(() => {
  const body = document.body;
  const page = () => document.getElementById("page");

  // One submission per tap: a second one within a second is dropped.
  const sent = new WeakMap();
  document.addEventListener("submit", (event) => {
    const now = Date.now();
    if (now - (sent.get(event.target) ?? -Infinity) < 1000) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    sent.set(event.target, now);
    const back = event.target.querySelector("input[name=next]");
    if (back) back.value = location.pathname;
    storePads(event.target);
  }, true);

  // Time-out: idle seconds, then a dialog with its grace, then the leave form. An element with data-idle inside the page overrides.
  const dialog = document.getElementById("timeout");
  let active = Date.now();
  let deadline = 0;
  const idleLimit = () => Number((page().querySelector("[data-idle]") ?? page()).dataset.idle) * 1000;
  const touch = () => { if (!deadline) active = Date.now(); };
  for (const kind of ["pointerdown", "keydown", "input"]) document.addEventListener(kind, touch, true);

  function stay() {
    deadline = 0;
    active = Date.now();
    dialog.close();
  }
  function leave() {
    deadline = Infinity;
    const form = document.getElementById("leave");
    const reason = document.createElement("input");
    reason.type = "hidden";
    reason.name = "reason";
    reason.value = "timeout";
    form.append(reason);
    page().replaceChildren();
    form.submit();
  }
  function tickIdle(now) {
    const limit = idleLimit();
    if (!dialog || !limit || deadline === Infinity) return;
    if (page().dataset.rests === "yes") {  // nothing of anybody's is on the screen: it goes to rest without asking
      if (now - active >= limit) { active = now; location.assign(body.dataset.rest); }
      return;
    }
    if (!deadline && now - active >= limit) {
      deadline = now + Number(body.dataset.grace) * 1000;
      if (!dialog.open) dialog.showModal();
    }
    if (!deadline) return;
    const left = Math.max(0, Math.ceil((deadline - now) / 1000));
    dialog.querySelector("[data-count]").textContent = left;
    dialog.querySelector("progress").value = left;
    if (left === 0) leave();
  }
  dialog?.addEventListener("cancel", (event) => { event.preventDefault(); stay(); });
  document.addEventListener("click", (event) => {
    const choice = event.target.closest("[data-timeout]")?.dataset.timeout;
    if (choice === "stay") stay();
    if (choice === "leave") leave();
  });

  // Countdown of a QR code: counts from the moment the page arrived.
  const starts = new WeakMap();
  function tickCountdowns(now) {
    for (const box of document.querySelectorAll("[data-countdown]")) {
      if (!starts.has(box)) starts.set(box, now);
      const left = Math.max(0, Number(box.dataset.countdown) - Math.floor((now - starts.get(box)) / 1000));
      box.querySelector("[data-clock]").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      box.querySelector("progress").value = left;
      box.classList.toggle("late", left <= 30);
    }
  }
  setInterval(() => { const now = Date.now(); tickIdle(now); tickCountdowns(now); }, 1000);

  // A field that depends on a choice of the same page appears with it.
  function matchFields() {
    for (const box of document.querySelectorAll("[data-only-if]")) {
      const [name, value] = box.dataset.onlyIf.split("=");
      const choices = [...document.getElementsByName(name)];
      if (value === undefined || !choices.length) continue;
      box.hidden = !choices.some((choice) => choice.value === value && (choice.checked || choice.type === "hidden"));
    }
  }
  document.addEventListener("change", matchFields);

  // The first required field that is still open, if it is one to type into: then the keyboard is there at once.
  function unanswered() {
    for (const box of document.querySelectorAll("#step .field:not([hidden])")) {
      const entry = box.querySelector("[data-keyboard]:not([readonly])");
      if (entry && !entry.value && entry.getAttribute("aria-required") === "true") return entry;
      if (box.querySelector("input[type=radio]") && !box.querySelector(":checked")) return null;
    }
    return null;
  }

  // Focus: errors first, then what the page asks for; links of the error summary go to their field.
  function settle() {
    matchFields();
    const target = document.getElementById("error-summary") ?? unanswered() ?? document.getElementById("main");
    target?.focus({ preventScroll: true });
    for (const pad of document.querySelectorAll("[data-pad]")) openPad(pad);
    for (const box of document.querySelectorAll(".scroll-text")) markArrows(box);
    playPrompt();
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".error-summary a[href^='#']");
    if (!link) return;
    event.preventDefault();
    document.getElementById(link.hash.slice(1))?.focus();
  });

  // Long texts turn by large arrows, one box height less a line at a time.
  function markArrows(box) {
    const [up, down] = box.parentElement.querySelectorAll("[data-scroll]");
    box.parentElement.classList.toggle("whole", box.scrollHeight <= box.clientHeight + 2);
    up.disabled = box.scrollTop <= 0;
    down.disabled = box.scrollTop + box.clientHeight >= box.scrollHeight - 2;
  }
  document.addEventListener("click", (event) => {
    const arrow = event.target.closest("[data-scroll]");
    const box = arrow?.closest(".scroll-box").querySelector(".scroll-text");
    box?.scrollBy({ top: Number(arrow.dataset.scroll) * (box.clientHeight - 60), behavior: "instant" });
    if (box) markArrows(box);
  });
  document.addEventListener("scroll", (event) => { if (event.target.classList?.contains("scroll-text")) markArrows(event.target); }, true);

  // The writing pad: PNG and SVG go into hidden fields when the form is sent.
  const pads = new WeakMap();
  function openPad(box) {
    if (pads.has(box) || !box.isConnected) return;
    if (!window.SignaturePad) {
      const script = document.createElement("script");
      script.src = box.dataset.script;
      script.addEventListener("load", () => openPad(box));
      document.head.append(script);
      return;
    }
    const canvas = box.querySelector("canvas");
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
    const pad = new window.SignaturePad(canvas, { minWidth: 2, maxWidth: 6, penColor: "#15243a" });
    pads.set(box, pad);
    box.querySelector("[data-pad-clear]").addEventListener("click", () => pad.clear());
  }
  function storePads(form) {
    for (const box of form.querySelectorAll("[data-pad]")) {
      const pad = pads.get(box);
      if (!pad || pad.isEmpty()) continue;
      box.querySelector("input[name$='_png']").value = pad.toDataURL("image/png");
      box.querySelector("input[name$='_svg']").value = pad.toSVG();
    }
  }

  // Recorded prompts: with 语音 on, the caption is on the page; the sound only where the operator has loaded a recording.
  let sound = null;
  function playPrompt() {
    sound?.pause();
    const source = page().querySelector("[data-voice]")?.dataset.voice;
    if (!source) return;
    sound = new Audio(source);
    sound.play().catch(() => { sound = null; });
  }

  // No answer from the kiosk's own server: say so and come back by itself.
  const offline = document.getElementById("offline");
  let probing = 0;
  document.addEventListener("htmx:sendError", () => {
    if (!offline || probing) return;
    if (!offline.open) offline.showModal();
    probing = setInterval(() => fetch(location.href, { method: "HEAD", cache: "no-store" }).then(() => location.reload(), () => undefined), 3000);
  });

  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target?.id === "page" || event.detail.elt?.id === "page") settle(); });
  document.addEventListener("contextmenu", (event) => event.preventDefault());
  document.addEventListener("DOMContentLoaded", settle);
})();
