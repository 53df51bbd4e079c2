// The practice chat's page, kept up to date. One stream tells that something
// has changed; the page is fetched again and only what differs is exchanged, so
// that nobody loses their place, their focus or what they are typing. Without
// this script the page works too: every form posts and comes back.
(() => {
  "use strict";
  const page = document.getElementById("practice");
  if (!page) return;
  const asScript = { "Practice-Script": "1" };
  const pause = 150; // milliseconds between two looks at most
  const known = new WeakMap(); // what an element was, as the server wrote it
  const source = (el) => known.get(el) ?? el.outerHTML;
  page.querySelectorAll("[data-key]").forEach((el) => known.set(el, el.outerHTML));

  // exchange puts a new element in the place of an old one, and carries over
  // what the reader did to the old one.
  function exchange(old, fresh) {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const typed = new Map(), open = new Set();
    old.querySelectorAll("textarea, input:not([type=hidden])").forEach((f) => {
      if (f.id && f.value !== f.defaultValue) typed.set(f.id, [f.value, f.selectionStart, f.selectionEnd]);
    });
    old.querySelectorAll("details[open] > summary[id]").forEach((s) => open.add(s.id));
    old.replaceWith(fresh);
    fresh.querySelectorAll("details > summary[id]").forEach((s) => { s.parentElement.open ||= open.has(s.id); });
    for (const [id, [value, from, to]] of typed) {
      const f = document.getElementById(id);
      if (f && fresh.contains(f)) { f.value = value; f.setSelectionRange?.(from, to); }
    }
    if (!active) return;
    const again = active.id && document.getElementById(active.id);
    const heading = fresh.querySelector("[tabindex='-1']");
    if (again && fresh.contains(again)) {
      again.focus({ preventScroll: true });
      if (active.selectionStart != null && again.setSelectionRange) again.setSelectionRange(active.selectionStart, active.selectionEnd);
    } else (heading ?? document.getElementById("say") ?? page).focus({ preventScroll: true });
  }

  // reconcile makes a list's children those of the fresh one, in its order.
  function reconcile(list, fresh) {
    const have = new Map([...list.children].map((el) => [el.dataset.key, el]));
    let before = list.firstElementChild;
    for (const el of [...fresh.children]) {
      const text = el.outerHTML, old = have.get(el.dataset.key);
      have.delete(el.dataset.key);
      if (old && source(old) === text) {
        if (old === before) before = old.nextElementSibling; else list.insertBefore(old, before);
        continue;
      }
      known.set(el, text);
      if (old) {
        if (old === before) before = old.nextElementSibling; else list.insertBefore(old, before);
        exchange(old, el);
      } else list.insertBefore(el, before);
    }
    have.forEach((el) => {
      const lost = el.contains(document.activeElement);
      el.remove();
      if (lost) document.getElementById("title").focus({ preventScroll: true });
    });
  }

  function seen(el) {
    const r = el?.getBoundingClientRect();
    return !!r && r.bottom > 0 && r.top < innerHeight;
  }

  let looking = false, again = false;
  async function look() {
    if (looking) { again = true; return; }
    looking = true;
    try {
      const answer = await fetch(location.href, { headers: asScript });
      if (!answer.ok) return;
      const text = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("practice");
      if (!text) return;
      if (epoch(text.dataset.mark) !== epoch(page.dataset.mark)) { reload(); return; }
      const list = document.getElementById("messages"), last = list.lastElementChild, near = seen(last);
      const fresh = [...text.querySelectorAll("[data-list]")];
      page.querySelectorAll("[data-list]").forEach((l, i) => reconcile(l, fresh[i]));
      const head = page.querySelector("[data-key=head]"), newHead = text.querySelector("[data-key=head]");
      const headText = newHead.outerHTML;
      if (source(head) !== headText) { known.set(newHead, headText); exchange(head, newHead); }
      page.dataset.mark = text.dataset.mark;
      if (near && list.lastElementChild !== last) list.lastElementChild.scrollIntoView({ block: "nearest" });
    } catch { /* the server is away: the stream says when it is back */
    } finally {
      looking = false;
      if (again) { again = false; setTimeout(look, pause); }
    }
  }

  const epoch = (mark) => mark.split(".")[0];
  const draft = "practice:" + location.pathname + location.search;
  const say = document.getElementById("say");
  function reload() {
    if (say?.value) sessionStorage.setItem(draft, say.value);
    location.reload();
  }
  if (say && sessionStorage.getItem(draft)) {
    say.value ||= sessionStorage.getItem(draft);
    sessionStorage.removeItem(draft);
  }

  let stream = null;
  function listen() {
    if (stream || document.hidden || !page.dataset.stream) return;
    stream = new EventSource(page.dataset.stream);
    stream.onmessage = (e) => {
      if (epoch(e.data) !== epoch(page.dataset.mark)) reload();
      else if (e.data !== page.dataset.mark) look();
    };
    stream.onerror = () => { // a refused stream is not tried again by the browser
      if (stream?.readyState === EventSource.CLOSED) { hush(); setTimeout(listen, 2000); }
    };
  }
  function hush() { stream?.close(); stream = null; }
  document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
  addEventListener("pagehide", hush);
  addEventListener("pageshow", listen);

  function fail(text) {
    const box = document.getElementById("failure");
    box.textContent = text;
    box.hidden = !text;
    if (text) box.focus();
  }

  document.addEventListener("submit", async (e) => {
    const form = e.target;
    if (form.method !== "post" || !page.contains(form)) return;
    e.preventDefault();
    if (form.dataset.busy) return;
    form.dataset.busy = "1";
    const status = form.querySelector("[data-status]"), words = status?.textContent;
    const waits = status && setTimeout(() => { status.textContent = "Moving the clock and doing what falls due…"; }, 1000);
    try {
      const to = e.submitter?.getAttribute("formaction") || form.action;
      const answer = await fetch(to, { method: "POST", headers: asScript, body: new URLSearchParams(new FormData(form, e.submitter)) });
      if (!answer.ok) {
        fail((await answer.json().catch(() => null))?.error ?? "This was not done: the server answered " + answer.status + ".");
        return;
      }
      fail("");
      if (form.hasAttribute("data-say")) { form.reset(); say.value = ""; say.focus(); }
      if (form.hasAttribute("data-private")) form.reset();
      form.closest("details.acts")?.removeAttribute("open");
      await look();
      if (form.hasAttribute("data-say")) document.getElementById("messages").lastElementChild?.scrollIntoView({ block: "nearest" });
    } catch {
      fail("Chaperone cannot be reached. Nothing was sent; what you wrote is still here.");
    } finally {
      delete form.dataset.busy;
      if (status) { clearTimeout(waits); status.textContent = words; }
    }
  });

  // A long room opens at its end.
  const how = performance.getEntriesByType("navigation")[0]?.type;
  if (document.querySelector("#talk.long") && !location.hash && how === "navigate") {
    document.getElementById("messages").lastElementChild?.scrollIntoView({ block: "end" });
  }

  // Enter sends; Shift and Enter begins a new line. Both events of the key are
  // stopped: a press that comes late would put a line break into the empty box.
  const sends = (e) => e.key === "Enter" && !e.shiftKey && !e.isComposing;
  say?.addEventListener("keydown", (e) => {
    if (!sends(e)) return;
    e.preventDefault();
    say.form.requestSubmit();
  });
  say?.addEventListener("keypress", (e) => { if (sends(e)) e.preventDefault(); });

  // The clock goes on between two looks.
  const drift = new WeakMap();
  setInterval(() => {
    const clock = document.getElementById("clock");
    if (!drift.has(clock)) drift.set(clock, Number(clock.dataset.now) - Date.now());
    const now = new Date(Date.now() + drift.get(clock)), zone = clock.dataset.zone;
    clock.textContent = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
  }, 5000);

  listen();
})();
