// The line under the message box: the context meter, and the menu to export the conversation and to import one.
// chat/ui/conversation_bar.py is the other side; both talk by window messages, as scripts here have no socket.
// Sentences and counts come from there. Imported by public/pagoda.js, styled in public/conversation.css.
import { saveFile } from "/public/json/take_away.js";

const TYPING_MS = 350;
const LONGEST_DRAFT = 200_000; // characters
const MOST_BYTES = 950_000; // Chainlit drops a connection over a message of 1,000,000
const LONGEST_TEXT = 1_000_000; // characters, of 3 bytes at most: what is larger than 4,000,000 bytes ends the connection

/** An element with properties and children. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function icon(paths) {
  const holder = document.createElement("span");
  holder.className = "cb-icon";
  holder.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${paths}</svg>`;
  return holder;
}

const DOTS = '<circle cx="5" cy="12" r="1.6"/><circle cx="12" cy="12" r="1.6"/><circle cx="19" cy="12" r="1.6"/>';
const WARNING = '<path d="M12 4 2.5 20h19Z"/><path d="M12 10v4.5M12 17.3v.2"/>';
const CROSS = '<path d="M6 6l12 12M18 6 6 18"/>';

let texts = null;
let sent = null; // the draft that the server was told last
let drafts = 0;
let timer = 0;

const fill = make("span", { className: "cb-fill" });
const room = make("span", { className: "cb-room" });
const track = make("span", { className: "cb-track" }, fill, room);
track.setAttribute("role", "meter");
track.setAttribute("aria-valuemin", "0");
const count = make("span", { className: "cb-count" });
const meter = make("div", { className: "cb-meter" }, track, count);
const names = make("ul", {});
const summary = make("summary", {});
const leftOut = make("details", { className: "cb-left-out", hidden: true }, summary, names);
const told = make("p", { className: "cb-told" });
told.setAttribute("role", "status");
const opener = make("button", { type: "button", className: "cb-open", id: "conversation-menu-button" }, icon(DOTS));
opener.setAttribute("aria-haspopup", "menu");
const menu = make("div", { className: "cb-menu", id: "conversation-menu", hidden: true });
menu.setAttribute("role", "menu");
menu.setAttribute("aria-labelledby", opener.id);
opener.setAttribute("aria-controls", menu.id);
const picker = make("input", { type: "file", accept: ".json,application/json", hidden: true });
const line = make("div", { className: "cb-line" }, meter, leftOut, make("div", { className: "cb-tools" }, opener, menu));
const notice = make("div", { className: "cb-notice", hidden: true });
notice.setAttribute("role", "alert");
const bar = make("section", { className: "conversation-bar" }, line, told, notice, picker);
bar.dataset.testid = "conversation-bar";
const dialog = make("dialog", { className: "cb-dialog" });

const heard = new Map([
  ["conversation_bar", begin],
  ["meter", (reading) => reading.number === sent?.number && showMeter(reading)],
  ["conversation_file", saveFile],
  ["conversation_said", ({ text }) => say(text)],
  ["conversation_question", ask],
]);

// In a frame, Chainlit's messages go to the page around it.
if (window.parent === window) start();

function start() {
  window.addEventListener(
    "message",
    (event) => {
      const act = event.source === window && heard.get(event.data?.pagoda);
      if (!act) return;
      event.stopImmediatePropagation(); // Chainlit would send the server's own words back to it
      act(event.data);
    },
    true,
  );
  // The message box is another one after the first question.
  new MutationObserver(place).observe(document.documentElement, { childList: true, subtree: true });
  for (const kind of ["input", "keyup", "click"]) document.addEventListener(kind, look, true);
  document.addEventListener("keydown", lookAtOnce, true);
  document.addEventListener("beforeinput", refuseTooLong, true);
  document.addEventListener("pointerdown", ({ target }) => menu.contains(target) || opener.contains(target) || close());
  opener.addEventListener("click", () => (menu.hidden ? open() : close()));
  menu.addEventListener("keydown", walk);
  menu.addEventListener("focusout", ({ relatedTarget }) => relatedTarget && !menu.contains(relatedTarget) && close());
  picker.addEventListener("change", pick);
  leftOut.addEventListener("keydown", ({ key }) => key === "Escape" && (leftOut.open = false));
  tell("bar_ready");
}

function tell(pagoda, more) {
  window.postMessage({ pagoda, ...more }, location.origin);
}

/** A chat begins, or this script is late for one. */
function begin(message) {
  texts = message.texts;
  sent = null;
  bar.setAttribute("aria-label", texts.region);
  track.setAttribute("aria-label", texts.meter);
  opener.title = texts.menu;
  opener.setAttribute("aria-label", texts.menu);
  names.setAttribute("aria-label", texts.left_out);
  menu.replaceChildren(
    item(texts.markdown, () => exportAs("markdown")),
    item(texts.json, () => exportAs("json")),
    item(texts.import, () => picker.click()),
  );
  say("");
  dialog.close();
  place();
  tellDraft();
}

function place() {
  const composer = document.getElementById("message-composer");
  if (texts && composer && composer.nextSibling !== bar) composer.after(bar);
}

// ---- the draft -------------------------------------------------------------------------------------------------

function look({ type }) {
  if (type === "click") window.pagodaImporting = false;
  clearTimeout(timer);
  timer = setTimeout(tellDraft, TYPING_MS);
}

/** Enter sends the question: what is typed from then on belongs to the next one. */
function lookAtOnce({ key, target }) {
  window.pagodaImporting = false;
  if (key === "Enter" && target.id === "chat-input") setTimeout(tellDraft);
}

/** Nothing gets so long, wherever it is typed or pasted, that the connection could not carry it. */
function refuseTooLong(event) {
  const { value = "", selectionStart = 0, selectionEnd = 0 } = event.target;
  const length = value.length - (selectionEnd - selectionStart) + (event.data?.length ?? 0);
  if (!texts || !event.data || length <= LONGEST_TEXT) return;
  event.preventDefault();
  const values = { length, limit: LONGEST_TEXT };
  say(texts.text_too_long.replace(/\{(\w+)\}/g, (_, name) => values[name].toLocaleString()));
}

function tellDraft() {
  clearTimeout(timer);
  const text = document.getElementById("chat-input")?.value ?? "";
  const json_mode = document.querySelector(".command-button.text-command") !== null;
  if (!texts || (sent && sent.text === text && sent.json_mode === json_mode)) return;
  sent = { text, json_mode, number: ++drafts };
  if (text.length > LONGEST_DRAFT) showMeter({ state: "unknown", count: texts.draft_too_long });
  else tell("meter_draft", sent);
}

// ---- the meter -------------------------------------------------------------------------------------------------

function showMeter({ state, tokens, limit, context, count: words, help, note = "", names: questions = [] }) {
  bar.dataset.state = state;
  const known = state !== "unknown";
  track.hidden = !known;
  count.textContent = words;
  meter.title = help ?? "";
  if (known) {
    fill.style.width = `${Math.min(100, (100 * tokens) / context)}%`;
    room.style.width = `${(100 * (context - limit)) / context}%`;
    track.setAttribute("aria-valuemax", context);
    track.setAttribute("aria-valuenow", Math.min(tokens, context));
    track.setAttribute("aria-valuetext", words);
  }
  const leavesOut = state === "leaves_out";
  leftOut.hidden = !leavesOut;
  if (!leavesOut) leftOut.open = false;
  summary.replaceChildren(icon(WARNING), make("span", { textContent: note }));
  names.replaceChildren(...questions.map((question) => make("li", { textContent: question })));
  const sentence = state === "too_long" ? note : "";
  if (told.textContent !== sentence) told.replaceChildren(...(sentence ? [icon(WARNING), sentence] : []));
}

// ---- the menu --------------------------------------------------------------------------------------------------

function item(text, act) {
  const element = make("button", { type: "button", textContent: text, tabIndex: -1 });
  element.setAttribute("role", "menuitem");
  element.addEventListener("click", () => {
    close();
    say("");
    act();
  });
  return element;
}

function open() {
  menu.hidden = false;
  opener.setAttribute("aria-expanded", "true");
  menu.firstElementChild.focus();
}

function close() {
  if (menu.hidden) return;
  const inside = menu.contains(document.activeElement);
  menu.hidden = true;
  opener.setAttribute("aria-expanded", "false");
  if (inside) opener.focus();
}

function walk(event) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  }[event.key];
  if (to !== undefined) items[to].focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else return;
  if (event.key !== "Tab") event.preventDefault();
}

function exportAs(format) {
  tell("conversation_export", { format, now: localTime(new Date()) });
}

/** As ISO 8601 with the user's own time zone. */
function localTime(now) {
  const minutes = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  const two = (number) => String(Math.trunc(number)).padStart(2, "0");
  return `${local}${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

// ---- import ----------------------------------------------------------------------------------------------------

async function pick() {
  const [file] = picker.files;
  if (!file) return;
  let message;
  try {
    message = { name: file.name, text: file.size > MOST_BYTES ? "" : await file.text() };
  } catch {
    return say(texts.file_unreadable);
  } finally {
    picker.value = ""; // the same file can be picked again
  }
  const bytes = new TextEncoder().encode(JSON.stringify(message)).length;
  if (file.size > MOST_BYTES || bytes > MOST_BYTES) return say(texts.file_too_large);
  bring("conversation_import", message);
}

/** What comes now was not asked here: public/page_clock.js is not to measure it. Until the user does something. */
function bring(what, message) {
  window.pagodaImporting = true;
  tell(what, message);
}

function ask({ text }) {
  const yes = make("button", { type: "button", className: "cb-yes", textContent: texts.replace });
  const no = make("button", { type: "button", textContent: texts.cancel, autofocus: true });
  yes.addEventListener("click", () => {
    dialog.close();
    bring("conversation_replace");
  });
  no.addEventListener("click", () => dialog.close());
  const title = make("h2", { id: "conversation-question", textContent: texts.question });
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.replaceChildren(title, make("p", { textContent: text }), make("div", {}, no, yes));
  if (!dialog.isConnected) document.body.append(dialog);
  dialog.showModal();
}

/** A sentence that stays until it is closed or another action begins. */
function say(sentence) {
  notice.hidden = !sentence;
  if (!sentence) return notice.replaceChildren();
  const away = make("button", { type: "button", title: texts.dismiss }, icon(CROSS));
  away.setAttribute("aria-label", texts.dismiss);
  away.addEventListener("click", () => say(""));
  notice.replaceChildren(icon(WARNING), make("p", { textContent: sentence }), away);
}
