"use strict";
/* Keeps the regions of a page current. A region names its stream in data-live; the stream sends
   "parts" (HTML that htmx swaps in by id), "tick" (all that is shown is current as of this) and
   "trouble" (why it is not). Without a tick for a while the region says so and dims what it shows.
   The SSE extension of the htmx wheel is written for htmx 1 and cannot swap with htmx 2. */
(() => {
  const SILENT_MS = 4000;
  const RECONNECT_MS = 2000;
  const STUCK_MS = 15000;
  const CHECK_MS = 250;

  function follow(region) {
    const banner = region.querySelector("[data-stale]");
    let source = null;
    let connectedAt = 0;
    let tickedAt = performance.now();
    let asOf = "";
    let trouble = "";

    function say(text) {
      region.classList.toggle("is-stale", text !== "");
      if (banner.textContent !== text) banner.textContent = text;
    }

    function connect() {
      if (source) source.close();
      connectedAt = performance.now();
      source = new EventSource(region.dataset.live);
      source.addEventListener("parts", (event) => htmx.swap(region, event.data, { swapStyle: "none" }));
      source.addEventListener("tick", (event) => {
        tickedAt = performance.now();
        asOf = event.data;
        trouble = "";
        say("");
      });
      source.addEventListener("trouble", (event) => {
        trouble = event.data;
        say(since(trouble));
      });
    }

    function since(text) {
      return asOf ? `${text} What you see is of ${asOf}.` : text;
    }

    function check() {
      const now = performance.now();
      if (now - tickedAt < SILENT_MS) return;
      if (!banner.textContent || !trouble) say(since(`No news from ${region.dataset.name}, trying again.`));
      const patience = source.readyState === EventSource.CLOSED ? RECONNECT_MS : STUCK_MS;
      const quiet = trouble ? 0 : now - Math.max(tickedAt, connectedAt);
      if (quiet > patience) connect();
    }

    connect();
    setInterval(check, CHECK_MS);
  }

  document.querySelectorAll("[data-live]").forEach(follow);
})();
