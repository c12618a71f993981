// Looks at pictures and finds artists, away from the page. It asks its own server for public files before any picture
// is given to it, each held against the digest by which the signed catalogue names it, and for nothing afterwards.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { see } from "./pixels.js";
import { Catalogue, Model, Nearness } from "./vectors.js";

const KEPT = "fedstyle-files";
const ready = new Promise((resolve) => { addEventListener("message", ({ data }) => resolve(prepare(data)), { once: true }); });

ready.then(
  () => postMessage({ ready: true }),
  (error) => postMessage({ problem: error.message }),
);

addEventListener("message", async ({ data }) => {
  if (!data.number) return;
  try {
    postMessage({ number: data.number, ...(await answer(await ready, data)) });
  } catch (error) {
    postMessage({ number: data.number, problem: error.message });
  }
});

async function answer({ size, session, model, catalogue, nearness }, { pictures, like }) {
  if (like !== undefined) return { ranking: catalogue.nearest(catalogue.vectors[like]).filter((each) => each !== like) };
  const embeddings = [];
  for (const picture of pictures) {
    const images = new ort.Tensor("float32", await see(picture, size), [1, 3, size, size]);
    const { statistics, pooled } = await session.run({ images });
    embeddings.push(model.embed(Float32Array.of(...statistics.data, ...pooled.data)));
  }
  const point = catalogue.place(embeddings), ranking = catalogue.nearest(point);
  return { ranking, word: nearness?.word(catalogue.score(ranking[0], point), pictures.length), embeddings };
}

/** Everything that an answer needs. `files` names {path, size, sha256} of each, of what is near only if that is known. */
async function prepare({ files, size, threads }) {
  const read = await readAll(files);
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmBinary = read.runtime.buffer;
  const session = await ort.InferenceSession.create(read.network, { executionProviders: ["wasm"] });
  const catalogue = new Catalogue(read.space, read.signatures), nearness = read.nearness && new Nearness(read.nearness);
  const found = { size, session, model: new Model(read.model), catalogue, nearness };
  await forgetOthers(files);
  return found;
}

async function readAll(files) {
  const total = Object.values(files).reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const tell = (bytes) => postMessage({ loaded: (done += bytes), total });
  const entries = Object.entries(files).map(async ([name, file]) => [name, await readFile(file, tell)]);
  return Object.fromEntries(await Promise.all(entries));
}

/** A file out of the cache or from the server, if it is what its digest says. */
async function readFile({ path, sha256 }, tell) {
  const cache = await caches.open(KEPT).catch(() => null); // where pages may keep nothing, it is loaded each time
  const kept = await cache?.match(path);
  const answer = kept ?? (await fetch(path).catch(() => Response.error()));
  if (!answer.ok) throw new Error("the platform does not give all files of this page: load it again");
  const copy = kept ? null : answer.clone();
  const bytes = await readBytes(answer, tell);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (sha256 !== Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")) {
    await cache?.delete(path);
    throw new Error(`${path} is another file than the catalogue names: load this page again`);
  }
  if (copy) await cache?.put(path, copy);
  return bytes;
}

async function readBytes(answer, tell) {
  const parts = [];
  let size = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    tell(value.length);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** What the catalogue names no longer is kept no longer: who withdrew is gone from here too. */
async function forgetOthers(files) {
  const cache = await caches.open(KEPT).catch(() => null);
  const named = new Set(Object.values(files).map(({ path }) => new URL(path, location.href).href));
  for (const request of (await cache?.keys()) ?? []) if (!named.has(request.url)) await cache.delete(request);
}
