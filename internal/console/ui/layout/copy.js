// Commands are there to be copied: a button beside each does it. Without this script there is no button, and they can be marked.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  document.addEventListener("click", async (e) => {
    const button = e.target.closest("button[data-copy]");
    const code = button?.closest("section").querySelector("code");
    if (!code) return;
    const say = (text) => { button.textContent = text; setTimeout(() => { button.textContent = "Copy"; }, 2000); };
    try {
      await navigator.clipboard.writeText(code.textContent); // only where the page came over TLS, or from this machine
      say("Copied");
    } catch {
      getSelection().selectAllChildren(code);
      say(document.execCommand("copy") ? "Copied" : "Marked: copy it now");
    }
  });
})();
