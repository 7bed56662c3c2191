// The on-screen keyboard. Keys are server-made markup (kiosk/templates/ime); this file moves characters into the field.
"use strict";
(() => {
  const slot = document.getElementById("keyboard");
  if (!slot) return;
  const base = slot.dataset.source.replace(/zh$/, "");
  const layouts = new Map();
  let field = null;
  let letters = "";
  let asking = null;

  const token = () => document.querySelector("#leave input[name=csrf_token]")?.value ?? "";

  const START = { address: "place" };

  async function layout(name) {
    if (name === "pin" || !layouts.has(name)) {
      const answer = await fetch(base + name, { cache: "no-store" });
      if (!answer.ok) return null;
      layouts.set(name, await answer.text());
    }
    return layouts.get(name);
  }

  function first(target) {
    const name = target.dataset.keyboard;
    if (!(name in START)) return name;
    return target.value ? "zh" : START[name];
  }

  async function open(target, name = first(target)) {
    const markup = await layout(name);
    if (!markup || !target.isConnected) return;
    field = target;
    letters = "";
    slot.innerHTML = markup;
    slot.dataset.field = target.dataset.keyboard;
    slot.dataset.for = target.id;
    slot.hidden = false;
    document.body.classList.add("typing");
    if (name === "pin") wipePin(); else plainPin();
    slot.toggleAttribute("data-last", !following());
    spotlight();
  }

  // One field at a time: where keys and all fields together do not fit, only the field being typed stays.
  function spotlight() {
    const main = document.getElementById("main");
    document.body.classList.remove("spotlight");
    for (const box of main.querySelectorAll(".typed")) box.classList.remove("typed");
    if (!field) return;
    field.closest(".field").classList.add("typed");
    document.body.classList.toggle("spotlight", main.scrollHeight > main.clientHeight + 1);
  }
  function following() {
    const fields = [...document.querySelectorAll("#page [data-keyboard]:not([readonly])")].filter((one) => !one.closest("[hidden]"));
    return fields[fields.indexOf(field) + 1];
  }

  function close() {
    slot.hidden = true;
    slot.replaceChildren();
    document.body.classList.remove("typing");
    field = null;
    letters = "";
    spotlight();
  }

  // Typing into the field, at the caret, within its length.
  function changed() { field.dispatchEvent(new Event("input", { bubbles: true })); }
  function insert(text) {
    const room = field.maxLength > 0 ? field.maxLength - field.value.length + (field.selectionEnd - field.selectionStart) : Infinity;
    field.setRangeText([...text].slice(0, Math.max(0, room)).join(""), field.selectionStart, field.selectionEnd, "end");
    field.scrollLeft = field.scrollWidth;
    changed();
  }
  function erase() {
    if (letters) { ask(letters.slice(0, -1)); return; }
    if (pin()) { erasePin(); return; }
    const end = field.selectionEnd;
    let start = field.selectionStart;
    if (start === end) start -= [...field.value.slice(0, end)].at(-1)?.length ?? 0;
    if (start < 0) return;
    field.setRangeText("", start, end, "end");
    changed();
  }

  // Pinyin: letters wait above the keys until a candidate is chosen.
  async function ask(text, page = 0) {
    letters = text;
    const bar = slot.querySelector("[data-candidates]");
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(bar.dataset.candidates, {
        method: "POST", body: new URLSearchParams({ py: text, page: String(page) }), headers: { "X-CSRFToken": token() }, signal: asking.signal,
      });
      if (answer.ok) bar.innerHTML = await answer.text();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }
  function choose(button) {
    insert(button.textContent);
    ask(button.dataset.rest);
  }
  function settle() {
    const first = slot.querySelector("[data-choice]");
    if (!letters) return;
    insert(first ? first.textContent : letters);
    ask("");
  }

  // The shuffled pad: places go into a hidden field that takes the visible one's name; the visible one shows dots.
  const pin = () => slot.querySelector("[data-pad-id]");
  const twin = () => field.parentElement.querySelector("input[data-twin]");
  function wipePin() {
    const name = field.name || field.dataset.name;
    field.dataset.name = name;
    field.removeAttribute("name");
    field.value = "";
    let hidden = twin();
    if (!hidden) {
      hidden = document.createElement("input");
      hidden.type = "hidden";
      hidden.dataset.twin = "";
      field.after(hidden);
    }
    hidden.name = name;
    hidden.value = "";
  }
  function plainPin() {
    if (!field.dataset.name) return;
    field.name = field.dataset.name;
    twin()?.remove();
    delete field.dataset.name;
    field.value = "";
  }
  function place(index) {
    if (field.maxLength > 0 && field.value.length >= field.maxLength) return;
    const hidden = twin();
    hidden.value = (hidden.value || `pad:${pin().dataset.padId}:`) + index;
    field.value += "•";
    changed();
  }
  function erasePin() {
    if (!field.value) return;
    const hidden = twin();
    field.value = field.value.slice(0, -1);
    hidden.value = field.value ? hidden.value.slice(0, -1) : "";
    changed();
  }

  // A place: down to what lies in it, or into the field.
  function region(button) {
    if (button.dataset.more !== undefined) { open(field, `place?in=${button.dataset.region}`); return; }
    insert(button.dataset.name);
    open(field, "zh");
  }

  const acts = {
    erase,
    close: () => { settle(); field.blur(); close(); },
    next: () => {
      settle();
      const target = following();
      document.body.classList.remove("spotlight");
      target?.focus();
    },
    clear: () => { field.value = ""; if (twin()) twin().value = ""; changed(); },
    space: () => { if (letters) settle(); else insert(" "); },
    shift: (key) => {
      const upper = key.getAttribute("aria-pressed") !== "true";
      key.setAttribute("aria-pressed", String(upper));
      for (const letter of slot.querySelectorAll(".key")) {
        if (/^[a-z]$/i.test(letter.dataset.key)) letter.dataset.key = letter.textContent = upper ? letter.dataset.key.toUpperCase() : letter.dataset.key.toLowerCase();
      }
    },
  };
  function press(key) {
    const name = key.dataset.key;
    if (acts[name]) acts[name](key);
    else if (name.startsWith("layout:")) { settle(); open(field, name.slice(7)); }
    else if (slot.querySelector("[data-candidates]") && /^[a-z']$/.test(name)) ask(letters + name);
    else { settle(); insert(name); }
  }

  slot.addEventListener("pointerdown", (event) => event.preventDefault());
  slot.addEventListener("mousedown", (event) => event.preventDefault());
  slot.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || !field) return;
    if (button.dataset.place !== undefined) place(button.dataset.place);
    else if (button.dataset.region) region(button);
    else if (button.dataset.choice !== undefined) choose(button);
    else if (button.dataset.page !== undefined) ask(letters, Number(button.dataset.page));
    else if (button.dataset.key) press(button);
  });

  document.addEventListener("focusin", (event) => {
    const target = event.target;
    if (target.matches?.("[data-keyboard]") && !target.readOnly) { if (target !== field) open(target); }
    else if (target.matches?.("input, select, textarea")) close();
  });
  document.addEventListener("submit", () => { if (field) settle(); }, true);
  document.addEventListener("htmx:afterSwap", () => { if (field && !field.isConnected) close(); });
})();
