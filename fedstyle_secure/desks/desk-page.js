// What makes a local page live: its parts are fetched with the token of its address, its forms ask before they do.

const KEY = "token";
const PATIENCE = 3; // failures in a row before the page says that nobody answers
const status = document.getElementById("status");
const problem = document.getElementById("problem");
const silence = document.getElementById("silence");
const dialog = document.getElementById("question");
let failures = 0;

const given = window.location.hash.slice(1);
if (given) {
  window.sessionStorage.setItem(KEY, given); // of this tab alone, and gone with it
  window.history.replaceState(null, "", window.location.pathname); // out of the history, and of pictures of the screen
}

class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  const token = window.sessionStorage.getItem(KEY) ?? "";
  const answer = await fetch(path, { ...options, headers: { Authorization: `Bearer ${token}`, ...options.headers } });
  if (!answer.ok) throw new Refused(answer.status, (await answer.json()).error);
  return answer;
}

function tell(place, sentence) {
  place.textContent = sentence;
  place.hidden = !sentence;
}

function heard() {
  failures = 0;
  tell(silence, "");
}

function unheard() {
  failures += 1;
  if (failures >= PATIENCE) tell(silence, document.getElementById("page").dataset.silent);
}

function put(place, markup) {
  place.removeAttribute("aria-busy");
  if (place.shown === markup) return;
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.innerHTML = markup; // made by our own server, which escapes all that is not its own
  place.shown = markup;
  if (focused) document.getElementById(focused)?.focus();
}

async function show(place) {
  try {
    const answer = await ask(`/parts/${place.dataset.part}`);
    put(place, await answer.text());
    heard();
  } catch (error) {
    if (!(error instanceof Refused)) return unheard();
    const told = document.createElement("p");
    told.className = error.status === 401 ? "note" : "problem";
    told.textContent = error.status === 401 ? "Not shown." : error.message;
    put(place, told.outerHTML);
    failures = 0;
    tell(silence, error.status === 401 ? error.message : "");
  }
}

async function keep(place) {
  await show(place);
  const every = Number(place.dataset.every ?? 0);
  if (every) {
    window.setTimeout(function again() {
      if (document.hidden) window.setTimeout(again, 1000 * every);
      else keep(place);
    }, 1000 * every);
  }
}

const places = () => [...document.querySelectorAll("[data-part]")];

function agree(asked) {
  dialog.querySelector("h2").textContent = asked.question;
  dialog.querySelector("div").innerHTML = asked.body; // as above
  dialog.querySelector("[value=yes]").textContent = asked.yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function save([name, content]) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content]));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function press(act, fields) {
  const body = JSON.stringify(fields);
  const answer = await ask(`/acts/${act}`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  return answer.json();
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(form));
  const button = form.querySelector("button");
  status.textContent = "";
  tell(problem, "");
  button.setAttribute("aria-busy", "true");
  try {
    let answer = await press(form.dataset.act, fields);
    while (answer.question) {
      if (!(await agree(answer))) return;
      answer = await press(form.dataset.act, { ...fields, answer: answer.answer });
    }
    status.textContent = answer.done;
    if (answer.file) save(answer.file);
    form.reset();
    await Promise.all(places().map(show));
  } catch (error) {
    tell(problem, error instanceof Refused ? error.message : document.getElementById("page").dataset.silent);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

places().forEach(keep);
