// Renews the page's <main> from the server, which renders it: nothing is computed twice.
"use strict";
(() => {
  const every = 2000;
  const live = document.getElementById("live");
  let failures = 0;

  async function renew() {
    if (document.hidden) return;
    try {
      const answer = await fetch("/_mirror/", { cache: "no-store", credentials: "same-origin" });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("status");
      const old = document.getElementById("status");
      if (!fresh) throw new Error("no status in the answer");
      // Do not take a text away from under somebody who is selecting it.
      if (getSelection().isCollapsed) {
        const scrolled = [...old.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
        old.replaceWith(fresh);
        fresh.querySelectorAll(".scroll").forEach((box, at) => { box.scrollLeft = scrolled[at] ?? 0; });
      }
      failures = 0;
      live.textContent = "live";
      live.className = "live on";
    } catch (problem) {
      failures += 1;
      live.textContent = `not reachable (${problem.message})`;
      live.className = "live off";
    }
  }

  async function run() {
    await renew();
    setTimeout(run, every * Math.min(1 + failures, 15));
  }

  document.addEventListener("visibilitychange", renew);
  run();
})();
