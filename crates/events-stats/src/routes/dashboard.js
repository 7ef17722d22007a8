// Puts a newer copy of the page's content in its place whenever the stream says that something is new.
"use strict";
(() => {
  const content = document.getElementById("content");
  const live = document.getElementById("live");
  const entry = document.getElementById("entry");
  let key = entry ? sessionStorage.getItem("api-key") : null;
  let last = null;
  let due = null;

  const ask = (path, more) =>
    fetch(path, { headers: { ...(key ? { "X-API-Key": key } : {}), ...more } });

  const renew = async () => {
    due = null;
    const answer = await ask("/dashboard");
    if (answer.ok) content.innerHTML = await answer.text();
    return answer;
  };

  const say = (on) => {
    live.className = on ? "on" : "off";
    live.textContent = on ? "live" : "not live";
  };

  // EventSource cannot send a key: the stream is read by hand.
  const read = async () => {
    const answer = await ask("/api/stream", last ? { "Last-Event-ID": last } : {});
    if (!answer.ok) throw new Error(String(answer.status));
    say(true);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (line.startsWith("id: ")) last = line.slice(4);
        // Several messages come at once: one new copy is enough for them.
        if (line.startsWith("data: ") && due === null) due = setTimeout(renew, 500);
      }
    }
  };

  const follow = async () => {
    for (;;) {
      try { await read(); } catch { /* It comes back, or the next attempt says so too. */ }
      say(false);
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
  };

  const enter = async () => {
    const answer = await renew();
    if (answer.status === 401) {
      sessionStorage.removeItem("api-key");
      entry.hidden = false;
      return answer;
    }
    if (entry) { entry.hidden = true; sessionStorage.setItem("api-key", key); }
    // Times and the next polls go on while nothing happens.
    setInterval(renew, 30000);
    follow();
    return answer;
  };

  if (!entry) { enter(); return; }
  entry.addEventListener("submit", async (event) => {
    event.preventDefault();
    key = document.getElementById("key").value;
    const answer = await enter();
    document.getElementById("refused").hidden = answer.status !== 401;
  });
  if (key) { entry.hidden = true; enter(); }
})();
