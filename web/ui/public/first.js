// What cannot wait for the bundle. The theme stands before the first paint; its rules are those of
// src/theme/theme.svelte.ts: the URL, else the kept choice, else the system. The socket opens while the code is still on
// its way (src/live/socket.ts takes it over), and so do the files of the page that this address shows (vite.config.ts).
(() => {
  let kept = null;
  try {
    kept = localStorage.getItem("fleetglass.theme");
  } catch {
    // Storage may be closed to us (private windows); the system's choice will do.
  }
  const forced = new URLSearchParams(location.search).get("theme");
  const wish = forced === "light" || forced === "dark" ? forced : kept;
  const light = wish === "light" || (wish !== "dark" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";

  const base = new URL(".", document.baseURI);
  try {
    const url = new URL("api/v1/live", base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url, ["fleetglass.v1"]);
    // The first words of every page (src/fleet/hosts.svelte.ts).
    const early = { socket, said: '{"op":"subscribe","id":1,"hosts":"*","series":[]}', heard: [] };
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(early.said);
    socket.onmessage = ({ data }) => early.heard.push({ data, at: performance.now() });
    window.fleetglassEarly = early;
  } catch {
    // Where there is no WebSocket the page finds another way.
  }

  const files = JSON.parse(document.currentScript.dataset.files ?? "{}");
  const page = location.pathname
    .slice(base.pathname.length)
    .split("/")[0]
    .replace(/\.html$/, "");
  for (const file of files[page] ?? files.fleet ?? []) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = new URL(file, base).href;
    document.head.append(link);
  }
})();
