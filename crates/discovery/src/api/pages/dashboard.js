// Fetches the data with the credentials that were typed, or with the key after `#key=`, and renews it.
// Credentials stay in this page's memory: the part of an address after # is never sent.
"use strict";
const form = document.getElementById("login");
const said = document.getElementById("said");
const data = document.getElementById("data");
let authorization = null;
let timer = null;

async function renew() {
  clearTimeout(timer);
  if (!authorization) return;
  try {
    const answer = await fetch("/dashboard/data/", { headers: { authorization }, cache: "no-store" });
    if (answer.status === 403 || answer.status === 429) {
      authorization = null;
      form.hidden = false;
      data.replaceChildren();
      said.textContent = (await answer.json()).detail;
      return;
    }
    if (!answer.ok) throw new Error(answer.status);
    // Made by this program, with all foreign text escaped; its policy allows no inline script.
    data.innerHTML = await answer.text();
    form.hidden = true;
    said.textContent = "Renewed every ten seconds.";
  } catch (error) {
    said.textContent = "No answer; trying again.";
  }
  timer = setTimeout(renew, 10000);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const user = document.getElementById("user").value;
  const password = document.getElementById("password").value;
  const bytes = new TextEncoder().encode(user + ":" + password);
  authorization = user ? "Basic " + btoa(String.fromCharCode(...bytes)) : "Bearer " + password;
  renew();
});

if (location.hash.startsWith("#key=")) {
  authorization = "Bearer " + decodeURIComponent(location.hash.slice(5));
  history.replaceState(null, "", location.pathname);
  renew();
}
