// What the page does beside Chainlit: the theme, the modules that its elements use, the line of questions above the
// message box and the starters below it on the empty page, what is picked beside it, and what is kept for the user:
// own schemas and presets in this browser, the choices of a chat until the page is reloaded.
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
import("/public/page_clock.js"); // how long an answer lets the user wait, as this page sees it
import("/public/conversation_bar.js"); // context meter, export and import
import("/public/banner.js"); // whether questions are answered at the moment
import("/public/scroll.js"); // follows an answer, and never fights the user
import("/public/markdown_parts.js"); // long answers, drawn part by part
window.pagodaCopy = import("/public/copy.js");
import("/public/foreign.js"); // images that are not loaded
import("/public/questions.js"); // folds long questions
import("/public/a11y.js"); // names, states and keys that Chainlit's controls lack

// In a frame, Chainlit's messages go to the page around it, which has other plans for them.
if (window.parent === window) talk();

function talk() {
  const MOST_AT_ONCE = 250_000; // characters; Chainlit drops a connection over a message of 1,000,000 bytes
  const line = section("schema-line");
  const starters = section("starters");
  const ownSchemas = shelf("pagoda-schemas");
  const ownPresets = shelf("pagoda-presets");
  let choices = null;
  let chat = null; // the server's name for the conversation on the page

  const heard = new Map([
    ["schema_bar", (message) => (showLine(message), say("schema_shown"))],
    ["starters", showStarters],
    ["restore", restore],
    ["own_schemas_saved", ({ schemas, gone }) => ownSchemas.keep(schemas, gone)],
    ["own_presets_saved", ({ presets, gone }) => ownPresets.keep(presets, gone)],
    ["keep_choices", (message) => (choices = message.choices)],
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
  new MutationObserver(place).observe(document.documentElement, { childList: true, subtree: true });
  document.addEventListener("click", picked, true);
  document.addEventListener("click", begun, true);
  document.addEventListener("keydown", picked, true);
  document.addEventListener("click", heldBack, true);
  document.addEventListener("keydown", heldBack, true);
  document.addEventListener("input", noteBlank);

  function say(pagoda, more) {
    window.postMessage({ pagoda, ...more }, location.origin);
  }

  /** Chainlit tells nobody of a pick. What the server itself sets is none: only the user's hand counts. */
  function picked(event) {
    for (const mode of ["schema", "model"]) {
      const list = document.getElementById(`mode-picker-popover-${mode}`);
      const byClick = event.type === "click" && list?.contains(event.target) && event.target.closest("[cmdk-item]");
      const byKey = event.key === "Enter" && list?.closest(".mode-picker-wrapper")?.contains(event.target);
      if (byClick || byKey) sayName(mode);
    }
  }

  /** Once it has been drawn, the button bears the name. */
  function sayName(mode) {
    requestAnimationFrame(() =>
      setTimeout(() => {
        const name = document.querySelector(`#mode-picker-trigger-${mode} span`)?.textContent;
        if (name) say(`${mode}_chosen`, { name });
      }),
    );
  }

  /** Whether a box holds nothing to send. Chainlit would send even that while JSON is on. */
  function isBlank(box) {
    return box?.id === "chat-input" && !box.value.trim();
  }

  function heldBack(event) {
    const byClick = event.type === "click" && event.target.closest?.("#chat-submit");
    const byKey = event.key === "Enter" && !event.shiftKey && event.target.id === "chat-input";
    if ((byClick || byKey) && isBlank(document.getElementById("chat-input"))) {
      event.stopImmediatePropagation();
      event.preventDefault();
    }
  }

  /** For the look of the send button: an attribute that React knows nothing of, on the box around it. */
  function noteBlank() {
    const box = document.getElementById("chat-input");
    box?.closest("#message-composer")?.toggleAttribute("data-blank", isBlank(box));
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
    place();
  }

  /** The empty page: which preset answers, and its questions. */
  function showStarters(message) {
    starters.setAttribute("aria-label", message.label);
    const choice = document.createElement("label");
    choice.className = "starters-preset";
    const select = document.createElement("select");
    select.append(...message.presets.map(({ id, name }) => new Option(name, id, false, id === message.chosen)));
    select.addEventListener("change", () => say("preset_chosen", { name: select.value }));
    choice.append(message.preset_label, select);
    const questions = message.starters.map((starter, number) => {
      const ask = () => {
        starters.remove(); // one question, not two by a double click
        say("starter", { preset: message.chosen, number });
      };
      const element = button("starter", starter.label, ask);
      if (starter.json) element.append(mark("JSON"));
      return element;
    });
    const row = document.createElement("div");
    row.className = "starters-questions";
    row.append(...questions);
    const hadFocus = starters.contains(document.activeElement) && document.activeElement.tagName === "SELECT";
    starters.replaceChildren(row, choice);
    if (hadFocus) select.focus();
    place();
  }

  function place() {
    const composer = document.getElementById("message-composer");
    if (line.firstChild && composer && composer.previousSibling !== line) composer.before(line);
    const welcome = document.getElementById("welcome-screen");
    if (starters.firstChild && welcome && starters.parentNode !== welcome) welcome.append(starters);
    noteBlank();
  }

  function section(className) {
    const element = document.createElement("section");
    element.className = className;
    return element;
  }

  function mark(text) {
    const element = document.createElement("span");
    element.className = "starter-mark";
    element.textContent = text;
    return element;
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

  /** The user begins another chat, so the one before is not lost, be a question asked before the server names the new one. */
  function begun(event) {
    if (event.target.closest?.("#new-chat-dialog #confirm")) chat = null;
  }

  /** A chat begins, and the server knows nothing of this user. The choices come last: they may name what is own. */
  function restore(message) {
    // Messages of another chat: the app was restarted, or has forgotten this page.
    if (chat && chat !== message.chat && document.querySelector("[data-step-type]")) {
      say("chat_lost");
      // What was under way has no end any more, and waits for nothing, however often it is drawn anew.
      for (const kept of window.pagodaAnswers?.values() ?? []) kept.lost = true;
    }
    chat = message.chat;
    showLine({ id: null });
    for (const schemas of inParts(ownSchemas.all())) say("own_schemas", { schemas });
    for (const presets of inParts(ownPresets.all())) say("own_presets", { presets });
    if (choices) say("choices", choices);
    say("restored");
  }

  function inParts(entries) {
    if (!entries.length) return [];
    return JSON.stringify(entries).length <= MOST_AT_ONCE ? [entries] : entries.map((entry) => [entry]);
  }
}

/** Named texts that this browser keeps. */
function shelf(key) {
  const MOST = 20;
  const LONGEST = 64 * 1024;

  function all() {
    try {
      return wellFormed(JSON.parse(localStorage.getItem(key)));
    } catch {
      return []; // not ours
    }
  }

  /** Beside those of other tabs, which this chat does not know; `gone` are the names it has deleted or changed. */
  function keep(entries, gone) {
    const names = new Set([...entries.map(({ name }) => name), ...gone]);
    const others = all().filter(({ name }) => !names.has(name));
    try {
      localStorage.setItem(key, JSON.stringify(wellFormed([...others, ...entries])));
    } catch {
      // Storage is full or shut: they last as long as the chat.
    }
  }

  function wellFormed(entries) {
    if (!Array.isArray(entries)) return [];
    return entries
      .filter((entry) => typeof entry?.name === "string" && typeof entry.text === "string")
      .filter(({ text }) => text.length <= LONGEST)
      .slice(-MOST)
      .map(({ name, text }) => ({ name, text }));
  }

  return { all, keep };
}
