// Signing in: asks this device for a passkey, and sends what it says. The
// secret of a link stands behind the # of the address; it is taken from there
// at once, so that it stays in no history.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const trouble = (say) => {
    $("trouble-text").textContent = say;
    $("trouble").hidden = false;
    $("trouble").focus();
  };

  // badName says beside the field what is wrong with what was typed.
  const badName = (say) => {
    $("name-error-text").textContent = say;
    $("name-error").hidden = false;
    $("name").setAttribute("aria-invalid", "true");
    $("name").focus();
  };

  const post = async (path, body) => {
    let r;
    try {
      r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    } catch {
      throw new Error("Chaperone does not answer. Look at your connection, then try again.");
    }
    const said = await r.json().catch(() => ({}));
    if (!r.ok) {
      const e = new Error(said.error || "Chaperone did not answer as expected. Load the page again.");
      e.name = r.status === 422 || r.status === 409 ? "name" : "refused"; // about what was typed, or not
      throw e;
    }
    return said;
  };

  const credentials = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  const refused = (e) => {
    if (e.name === "NotAllowedError" || e.name === "AbortError") return new Error("No passkey was used: it was called off, or took too long. Try again.");
    if (e.name === "InvalidStateError") return new Error("This device has a passkey for you already. Sign in with it.");
    if (e.name === "SecurityError" || e.name === "NotSupportedError") return new Error("This browser cannot use a passkey here. Try another browser or device.");
    return e;
  };

  const create = async (options) => {
    if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys. Try another browser or device.");
    const k = options.publicKey;
    k.challenge = bytes(k.challenge);
    k.user.id = bytes(k.user.id);
    k.excludeCredentials = credentials(k.excludeCredentials);
    const c = await navigator.credentials.create({ publicKey: k }).catch((e) => { throw refused(e); });
    return {
      id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment,
      clientExtensionResults: c.getClientExtensionResults(),
      response: {
        clientDataJSON: text(c.response.clientDataJSON), attestationObject: text(c.response.attestationObject),
        transports: c.response.getTransports ? c.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys. Try another browser or device.");
    const k = options.publicKey;
    k.challenge = bytes(k.challenge);
    k.allowCredentials = credentials(k.allowCredentials);
    const c = await navigator.credentials.get({ publicKey: k }).catch((e) => { throw refused(e); });
    return {
      id: c.id, rawId: text(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment,
      clientExtensionResults: c.getClientExtensionResults(),
      response: {
        clientDataJSON: text(c.response.clientDataJSON), authenticatorData: text(c.response.authenticatorData),
        signature: text(c.response.signature), userHandle: c.response.userHandle ? text(c.response.userHandle) : undefined,
      },
    };
  };

  // doing runs one attempt; its button rests meanwhile, so that none is doubled.
  const doing = async (button, attempt) => {
    $("trouble").hidden = true;
    if ($("name")) {
      $("name-error").hidden = true;
      $("name").removeAttribute("aria-invalid");
    }
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) return;
    button.dataset.busy = "1";
    try {
      location.assign((await attempt()).to);
    } catch (e) {
      if (e.name === "name" && $("name") && !$("name-field").hidden) badName(e.message);
      else trouble(e.message);
    } finally {
      delete button.dataset.busy;
      button.removeAttribute("aria-busy");
    }
  };

  const enter = $("signin-passkey");
  if (enter) enter.addEventListener("click", () => doing(enter, async () =>
    post("/signin/passkey/finish", { credential: await get(await post("/signin/passkey/begin", {})), next: enter.dataset.next })));

  const add = $("add-passkey");
  if (add) add.addEventListener("click", () => doing(add, async () =>
    post("/account/passkeys/finish", { credential: await create(await post("/account/passkeys/begin", {})) })));

  const form = $("signin-link");
  if (!form) return;
  let secret = "";
  const arrive = async () => {
    secret = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    if (!secret) return trouble("The address of this page is not whole. Open the link again as it was given to you.");
    try {
      const link = await post("/signin/link/look", { secret });
      $("link-role").textContent = link.role;
      $("link-name").textContent = link.name || "you";
      $("name-field").hidden = Boolean(link.name);
      form.hidden = false;
    } catch (e) {
      trouble(e.message);
    }
  };
  addEventListener("hashchange", () => { if (location.hash) arrive(); });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const name = $("name").value;
    doing(form.querySelector("button"), async () =>
      post("/signin/link/finish", { secret, name, credential: await create(await post("/signin/link/begin", { secret, name })) }));
  });
  arrive();
})();
