// Answers for the platform where there is no network: with the page as it was last seen, which finds its files itself.

const SHELL = "fedstyle-shell";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});

async function answer(request) {
  const shell = await caches.open(SHELL);
  if (new URL(request.url).pathname.startsWith("/assets/")) return (await shell.match(request)) ?? fetch(request);
  return fetch(request).catch(async () => (await shell.match(request)) ?? Response.error());
}
