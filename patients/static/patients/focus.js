// The theme hides a page until its own scripts are ready, and a browser focuses nothing that is hidden: so the field
// that asks for the focus gets it then, unless the person is somewhere else already.
(() => {
    "use strict";
    const focus = () => {
        const asks = document.querySelector("#content [autofocus]");
        if (asks && (document.activeElement === null || document.activeElement === document.body)) asks.focus();
    };
    // What hides the page is taken away just after that event.
    document.addEventListener("alpine:initialized", () => window.setTimeout(focus, 0));
})();
