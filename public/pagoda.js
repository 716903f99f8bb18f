// What the page does beside Chainlit: the theme, the modules that its elements use, and the schemas of JSON answers:
// the line of questions above the message box, what is picked there, and the user's own, which this browser keeps.
// A plain script, loaded once and before Chainlit.

// Chainlit starts dark for everyone; here the page follows the browser until the user picks a theme.
localStorage.getItem("vite-ui-theme") ?? localStorage.setItem("vite-ui-theme", "system");

import("/public/json/view.js").then(
  (module) => {
    window.pagodaJson = module;
    window.dispatchEvent(new Event("pagoda-json"));
  },
  () => {}, // without it, the element shows an answer as text
);
window.pagodaCode = import("/public/schema_code.js");

// In a frame, Chainlit's messages go to the page around it, which has other plans for them.
if (window.parent === window) talkOfSchemas();

function talkOfSchemas() {
  const STORE = "pagoda-schemas";
  const MOST = 20;
  const LONGEST = 64 * 1024;
  const MOST_AT_ONCE = 250_000; // characters; Chainlit drops a connection over a message of 1,000,000 bytes
  const line = document.createElement("section");
  line.className = "schema-line";

  const heard = new Map([
    ["schema_bar", showLine],
    ["restore", restore],
    ["own_schemas_saved", ({ schemas, gone }) => keep(schemas, gone)],
  ]);
  window.addEventListener(
    "message",
    (event) => {
      const answer = event.source === window && heard.get(event.data?.pagoda);
      if (!answer) return;
      event.stopImmediatePropagation(); // Chainlit would send the server's own words back to it
      answer(event.data);
    },
    true,
  );
  // The message box is another one after the first question.
  new MutationObserver(placeLine).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("click", picked, true);
  document.addEventListener("keydown", picked, true);

  function say(pagoda, more) {
    window.postMessage({ pagoda, ...more }, location.origin);
  }

  /** Chainlit tells nobody of a pick. What the server itself sets is none: only the user's hand counts. */
  function picked(event) {
    const list = document.getElementById("mode-picker-popover-schema");
    const byClick = event.type === "click" && list?.contains(event.target) && event.target.closest("[cmdk-item]");
    const byKey = event.key === "Enter" && list?.closest(".mode-picker-wrapper")?.contains(event.target);
    if (!byClick && !byKey) return;
    // Once it has been drawn, the button bears the name.
    requestAnimationFrame(() =>
      setTimeout(() => {
        const name = document.querySelector("#mode-picker-trigger-schema span")?.textContent;
        if (name) say("schema_chosen", { name });
      }),
    );
  }

  function showLine({ id, name, questions, view }) {
    window.dispatchEvent(new CustomEvent("pagoda-schema", { detail: id ?? "any" }));
    line.remove();
    line.replaceChildren();
    if (!id) return;
    line.setAttribute("aria-label", name);
    const chips = document.createElement("div");
    chips.className = "schema-questions";
    chips.append(...questions.map((question) => button("schema-question", question, () => fill(question))));
    line.append(chips, button("schema-view", view, () => say("schema_open")));
    placeLine();
  }

  function placeLine() {
    const composer = document.getElementById("message-composer");
    if (line.firstChild && composer && composer.previousSibling !== line) composer.before(line);
  }

  function button(className, text, act) {
    const element = document.createElement("button");
    element.type = "button";
    element.className = className;
    element.title = text;
    element.textContent = text;
    element.addEventListener("click", act);
    return element;
  }

  /** Put a question into the message box, not sent. React notices only a value set behind its back. */
  function fill(question) {
    const input = document.getElementById("chat-input");
    if (!input) return;
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(input, question);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.focus();
  }

  /** A chat begins: nothing is chosen in it yet, and the server does not know the user's own schemas. */
  function restore() {
    showLine({ id: null });
    const schemas = kept();
    const atOnce = JSON.stringify(schemas).length <= MOST_AT_ONCE;
    for (const some of atOnce ? [schemas] : schemas.map((schema) => [schema])) say("own_schemas", { schemas: some });
  }

  function kept() {
    try {
      return wellFormed(JSON.parse(localStorage.getItem(STORE)));
    } catch {
      return []; // not ours
    }
  }

  /** Beside those of other tabs, which this chat does not know; `gone` are the names it has deleted or changed. */
  function keep(schemas, gone) {
    const names = new Set([...schemas.map(({ name }) => name), ...gone]);
    const others = kept().filter(({ name }) => !names.has(name));
    try {
      localStorage.setItem(STORE, JSON.stringify(wellFormed([...others, ...schemas])));
    } catch {
      // Storage is full or shut: they last as long as the chat.
    }
  }

  function wellFormed(schemas) {
    if (!Array.isArray(schemas)) return [];
    return schemas
      .filter((schema) => typeof schema?.name === "string" && typeof schema.text === "string")
      .filter(({ text }) => text.length <= LONGEST)
      .slice(-MOST)
      .map(({ name, text }) => ({ name, text }));
  }
}
