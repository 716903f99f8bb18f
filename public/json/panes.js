// What is known of each answer, and how it keeps up with the server.
// Chainlit throws an element's component away whenever its props change, and at times in between; what must
// outlive that is here, by the answer's id. A pane is one text: "answer", or "plain" beside it after Compare.
import { codePoints } from "./values.js";

const KEPT = 100; // answers; an older one loses its folds and scroll, not its text
const answers = new Map();

/** A pane's text, the number of its code points, its result once it has ended, its view's state, the ends known. */
function newPane() {
  return { text: "", have: 0, result: null, view: {}, ends: new Set() };
}

/** Note an end of the text; whether it is news. The props of a continued answer may still tell of its first end. */
function noteEnd(pane, text, { verdict, facts, measures }) {
  const end = JSON.stringify([text.length, verdict, facts, measures]);
  return !pane.ends.has(end) && Boolean(pane.ends.add(end));
}

/** Take what the props know, unless it is old news. */
function adopt(pane, text, result) {
  if (result && noteEnd(pane, text, result)) Object.assign(pane, { text, result, have: codePoints(text) });
}

/** All that is kept of the answer whose props these are: { answer, plain: pane or null, mode, comparing, focus }. */
export function recall(props) {
  const kept = answers.get(props.id) ?? { answer: newPane(), plain: null, comparing: true };
  adopt(kept.answer, props.text, props.result);
  if (props.plain) {
    kept.plain ??= newPane();
    adopt(kept.plain, props.plain.text, props.plain.result);
  }
  answers.delete(props.id);
  answers.set(props.id, kept);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  return kept;
}

/** What to copy: in the raw view the text to the letter, else its JSON, indented where it is whole. */
export function copyable(pane, mode) {
  return mode === "raw" || !pane.result ? pane.text : (pane.result.partial ?? pane.result.shown);
}

/**
 * A re-mount, as whenever an answer begins or ends anywhere on the page, takes the focus away from a button, and for a
 * moment the height, on which the page jumps: give both back. Returns what notes them when the element goes.
 */
export function keepPlace(root, kept) {
  const frame = root.parentElement; // Chainlit's, and stays
  requestAnimationFrame(() => requestAnimationFrame(() => (frame.style.minHeight = "")));
  if (kept.focus) root.querySelector(`[data-keep="${kept.focus}"]`)?.focus({ preventScroll: true });
  return () => {
    frame.style.minHeight = `${frame.offsetHeight}px`;
    const focused = document.activeElement;
    kept.focus = root.contains(focused) ? focused.dataset.keep : undefined;
  };
}

/** The pane beside the answer: there from Compare on. */
export function beside(kept) {
  kept.plain ??= newPane();
  return kept.plain;
}

/**
 * Keep a pane up to date from the socket. sink: { feed(text), replace(text), begun(), ended() }.
 * Returns the function that ends it.
 */
export function followPane(socket, id, name, pane, sink) {
  let asked = -1;
  const ready = () => {
    asked = pane.have;
    socket.emit("json_ready", { id, pane: name, have: pane.have });
  };
  const take = (text) => {
    if (!text) return;
    pane.text += text;
    pane.have += codePoints(text);
    sink.feed(text);
  };
  const start = (text) => {
    pane.text = text;
    pane.have = codePoints(text);
    sink.replace(text);
  };
  const events = {
    json_delta({ at, text }) {
      if (pane.result) return;
      if (at <= pane.have) take([...text].slice(pane.have - at).join(""));
      else if (asked !== pane.have) ready();
    },
    json_state() {
      pane.result = null;
      // Continue goes on with the text; Compare starts one.
      if (name === "plain") start("");
      sink.begun();
    },
    json_end({ text, result }) {
      if (text.startsWith(pane.text)) take(text.slice(pane.text.length));
      else start(text);
      pane.result = result;
      noteEnd(pane, text, result);
      sink.ended();
    },
    connect() {
      if (!pane.result) ready();
    },
  };
  const mine = (message) => message.id === id && message.pane === name;
  const listeners = Object.entries(events).map(([event, act]) => {
    return [event, (message) => (event === "connect" || mine(message)) && act(message)];
  });
  for (const [event, listener] of listeners) socket.on(event, listener);
  if (!pane.result) ready();
  return () => listeners.forEach(([event, listener]) => socket.off(event, listener));
}
