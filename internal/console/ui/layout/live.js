// What moves on a page: the server sends the part again whenever it has changed, and deadlines count down in between. Without this
// script a page shows what was true when it was loaded, and everything on it works.
"use strict";
(() => {
  const part = document.getElementById("live");
  const state = document.getElementById("live-state");
  const pause = document.getElementById("live-pause");
  if (!part || !state || !part.dataset.stream) return;

  let source = null, paused = false, last = 0;

  const say = (text, lost) => {
    if (state.textContent !== text) state.textContent = text;
    state.parentElement.classList.toggle("lost", !!lost);
  };

  // The old part is changed into the new one, node by node, and not replaced: what somebody has opened, marked, scrolled to or reached by
  // the keyboard stays as it is. Rows have a data-key, so that a row that goes does not shift the others' contents.
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName;
  const keyOf = (node) => node.dataset?.key;

  const become = (a, b) => {
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.nodeValue !== b.nodeValue) a.nodeValue = b.nodeValue;
      return;
    }
    const theirs = (name) => name === "open" && a.nodeName === "DETAILS"; // whoever looks on opens and closes it
    for (const {name, value} of b.attributes) if (a.getAttribute(name) !== value && !theirs(name)) a.setAttribute(name, value);
    for (const {name} of [...a.attributes]) if (!b.hasAttribute(name) && !theirs(name)) a.removeAttribute(name);
    morph(a, b);
  };

  const morph = (to, from) => {
    const wanted = new Set(), keyed = new Map();
    for (const b of from.children) if (keyOf(b)) wanted.add(keyOf(b));
    for (const a of to.children) if (keyOf(a)) keyed.set(keyOf(a), a);
    let at = to.firstChild;
    const next = () => {
      while (at && keyOf(at) && !wanted.has(keyOf(at))) { const gone = at; at = at.nextSibling; gone.remove(); }
    };
    for (const b of [...from.childNodes]) {
      next();
      const a = keyOf(b) ? keyed.get(keyOf(b)) : at && !keyOf(at) && alike(at, b) ? at : null;
      if (!a || !alike(a, b)) { to.insertBefore(b, at); continue; }
      if (a === at) at = at.nextSibling; else to.insertBefore(a, at);
      become(a, b);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  };

  const replace = (html) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    morph(part, fresh.content);
    last = performance.now();
    tick();
  };

  // data-in holds the milliseconds that were left when the part was made.
  const tick = () => {
    const gone = performance.now() - last;
    for (const e of part.querySelectorAll("[data-in]")) {
      const left = Math.max(0, e.dataset.in - gone) / 1000;
      const text = left < 100 ? left.toFixed(1) + " s" : left < 3600 ? Math.floor(left / 60) + " min " + Math.floor(left % 60) + " s"
        : Math.floor(left / 3600) + " h " + Math.floor(left % 3600 / 60) + " min";
      if (e.textContent !== text) e.textContent = text;
    }
  };

  const stop = () => { source?.close(); source = null; };
  const start = () => {
    if (source || paused || document.hidden) return;
    source = new EventSource(part.dataset.stream);
    source.onopen = () => say("Live.");
    source.addEventListener("part", (e) => { say("Live."); replace(JSON.parse(e.data)); });
    source.addEventListener("fault", () => say("lull cannot say at the moment: what is shown is old.", true));
    source.onerror = () => {
      say("lull does not answer: trying again. What is shown may be old.", true);
      if (source && source.readyState === EventSource.CLOSED) { stop(); setTimeout(again, 2000); }
    };
  };

  // A stream that was refused for good: the session has ended, or too many look on. A page of a new session comes by loading it.
  const again = async () => {
    try {
      const answer = await fetch(part.dataset.stream.replace("/live?", "/live-ready?"), {cache: "no-store"});
      if (answer.status === 401) { location.reload(); return; }
    } catch { /* it does not answer yet */ }
    start();
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) { stop(); say("Paused."); } else { start(); }
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else start(); });
  last = performance.now();
  setInterval(tick, 200);
  tick();
  start();
})();
