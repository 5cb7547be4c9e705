// Asks how far an upload or a run is until it has ended, then loads the page that shows what came of it.
(() => {
    "use strict";
    const start = () => {
        const shown = document.querySelector("[data-progress]");
        if (!shown) return;
        const write = (name, text) => {
            const place = shown.querySelector(`[data-${name}]`);
            if (place) place.textContent = text;
        };
        let wait = 700;
        const ask = async () => {
            try {
                const answer = await fetch(shown.dataset.progress, { credentials: "same-origin" });
                if (answer.ok && !answer.redirected) {
                    const now = await answer.json();
                    if (now.ended) {
                        window.location.reload();
                        return;
                    }
                    write("text", now.text.charAt(0).toUpperCase() + now.text.slice(1));
                    write("done", now.done.toLocaleString("en-GB"));
                    write("total", now.total.toLocaleString("en-GB"));
                    write("pace", now.pace || "");
                    const bar = shown.querySelector("[data-bar]");
                    if (bar && now.total) bar.style.width = `${(100 * now.done) / now.total}%`;
                    wait = Math.min(wait * 1.15, 4000);
                } else if (answer.redirected) {
                    // Logged off: the page itself shows the way back in.
                    window.location.reload();
                    return;
                }
            } catch {
                wait = Math.min(wait * 2, 15000);
            }
            window.setTimeout(ask, wait);
        };
        window.setTimeout(ask, wait);
    };
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
})();
