// Sets the theme before the first paint. The rules are those of src/theme/theme.svelte.ts: the URL, else the kept choice, else the system.
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
})();
