// The buyer's page: takes pictures, hands them to a worker of its own, shows who was found. It sends nothing (PAG-1).

const SHELL = "fedstyle-shell";
const byId = (id) => document.getElementById(id);
const facts = JSON.parse(document.querySelector("main").dataset.facts ?? "null");

if (facts) start(facts);

function start({ files, size, kept, most, words }) {
  const worker = new Worker(new URL("./finder-worker.js", import.meta.url), { type: "module" });
  const cards = [...document.querySelectorAll("#artists [data-artist]")];
  let pictures = [], question = 0, isReady = false;

  worker.onmessage = ({ data }) => {
    if (data.total) showProgress(data);
    else if (data.ready) becomeReady();
    else if (data.problem && (!data.number || data.number === question)) complain(data.problem);
    else if (data.number === question) showAnswer(data);
  };
  worker.onerror = () => complain("this browser cannot run the encoder: use a newer one, or the command line below");
  // Memory that threads share is there only where nobody else's page can look into it.
  const threads = crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1;
  worker.postMessage({ files, size, threads });
  say("Loading the encoder, once");

  function becomeReady() {
    isReady = true;
    byId("progress").hidden = true;
    say("Ready. Nothing more is asked of the network.");
    document.body.dataset.ready = "";
    keepShell(kept);
    if (question) say("Looking");
  }

  function showProgress({ loaded, total }) {
    byId("progress").hidden = false;
    byId("progress").value = loaded / total;
    say(loaded < total ? `Loading the encoder, once: ${Math.floor((100 * loaded) / total)} %` : "Starting the encoder");
  }

  function add(files_) {
    const images = [...files_].filter(({ type }) => type.startsWith("image/"));
    const problem = images.length < files_.length ? "only pictures can be asked with" : null;
    pictures = [...pictures, ...images].slice(0, most);
    ask();
    if (problem) complain(problem);
    else if (pictures.length === most && images.length > most) complain(`at most ${most} pictures are asked with together`);
  }

  function ask() {
    showChosen();
    byId("problem").hidden = true;
    byId("answer").hidden = true;
    mark([]);
    question++;
    if (!pictures.length) return;
    if (isReady) say("Looking");
    worker.postMessage({ number: question, pictures });
  }

  function askAlike(artist) {
    question++;
    byId("found-title").textContent = `Who paints like ${nameOf(artist)}`;
    worker.postMessage({ number: question, like: artist });
  }

  function showChosen() {
    const items = pictures.map((picture) => {
      const image = new Image();
      image.alt = picture.name;
      image.className = "art";
      image.onload = () => URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(picture);
      const away = element("button", "quiet", "Remove");
      away.append(element("span", "aside", ` ${picture.name}`));
      away.onclick = () => {
        pictures = pictures.filter((each) => each !== picture);
        byId("found-title").textContent = "";
        ask();
        byId("pictures").focus();
      };
      const item = document.createElement("li");
      item.append(image, away);
      return item;
    });
    byId("chosen").replaceChildren(...items);
    if (pictures.length) byId("found-title").textContent = "Nearest in style";
  }

  function showAnswer({ ranking, word }) {
    const nearest = ranking.slice(0, 10);
    byId("found").replaceChildren(...nearest.map((artist) => {
      const card = cards[artist].cloneNode(true);
      card.removeAttribute("id");
      return card;
    }));
    byId("nearness").textContent = words[word] ?? "";
    byId("nearness").hidden = !word;
    byId("answer").hidden = false;
    mark(nearest.slice(0, 3));
    say(nearest.length ? `Found. Nearest is ${nameOf(nearest[0])}.` : "Nobody else is here yet.");
  }

  const nameOf = (artist) => cards[artist].querySelector(".name").textContent;

  function mark(artists) {
    const places = new Set(artists.map((artist) => `#artist-${artist}`));
    for (const place of document.querySelectorAll("figure a")) place.classList.toggle("found", places.has(place.getAttribute("href")));
  }

  byId("pictures").onchange = ({ target }) => {
    add(target.files);
    target.value = "";
  };
  document.addEventListener("paste", ({ clipboardData }) => clipboardData.files.length && add(clipboardData.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  });
  for (const end of ["dragleave", "drop"]) document.addEventListener(end, () => byId("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) add(event.dataTransfer.files);
  });
  document.addEventListener("click", ({ target }) => {
    const card = target.closest("button")?.closest("[data-artist]");
    if (card) {
      askAlike(Number(card.dataset.artist));
      byId("found-title").scrollIntoView({ block: "start" });
    }
  });
}

function say(sentence) {
  byId("status").textContent = sentence;
}

function complain(sentence) {
  byId("problem").textContent = sentence[0].toUpperCase() + sentence.slice(1);
  byId("problem").hidden = false;
  byId("progress").hidden = true;
  say("");
}

function element(name, kind, text) {
  const made = document.createElement(name);
  made.className = kind;
  made.textContent = text;
  return made;
}

/** Keep the page itself, so that it is there without a network; what an older one was made of goes. */
async function keepShell(paths) {
  try {
    await navigator.serviceWorker.register("/offline.js");
    const shell = await caches.open(SHELL);
    const named = new Set(paths.map((path) => new URL(path, location.href).href));
    for (const request of await shell.keys()) if (!named.has(request.url)) await shell.delete(request);
    await shell.addAll(paths);
    document.body.dataset.kept = "";
  } catch {
    // Where a browser keeps nothing for pages, this one needs its network again next time.
  }
}
