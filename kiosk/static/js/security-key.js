// A form with data-security-key="get" or "create": its button asks the browser for a security key, puts the answer into the
// hidden field and sends the form. Without scripts, or in a browser without keys, the button stays hidden.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  function opened(options) {
    const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));
    const asked = { ...options, challenge: bytes(options.challenge) };
    if (options.user) asked.user = { ...options.user, id: bytes(options.user.id) };
    if (options.excludeCredentials) asked.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) asked.allowCredentials = known(options.allowCredentials);
    return asked;
  }

  function told(found) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (found.response[name]) response[name] = text(found.response[name]);
    }
    return JSON.stringify({ id: found.id, rawId: text(found.rawId), type: found.type, response });
  }

  for (const form of document.querySelectorAll("form[data-security-key]")) {
    const button = form.querySelector("[data-key-button]");
    const failed = form.querySelector("[data-key-failed]");
    if (!window.PublicKeyCredential || !button) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const open = [...form.querySelectorAll("input[required]")].find((input) => input.name !== "code" && !input.reportValidity());
      if (open) return;
      failed.hidden = true;
      button.disabled = true;
      try {
        const publicKey = opened(JSON.parse(form.dataset.options));
        const found = form.dataset.securityKey === "create" ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
        form.querySelector("[name=credential]").value = told(found);
        form.submit();
      } catch {
        failed.hidden = false;
        button.disabled = false;
      }
    });
  }
})();
