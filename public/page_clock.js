// The page's own clock: how long a question stood here until the first text of its answer did, or a click on "answer
// again". A question appears as it is sent, so this is the time that the user waited, the network to the app and drawing
// included. Not for an edited question, nor for an imported conversation.

const firstTexts = new Map(); // by message and version
const steps = document.getElementsByClassName("step"); // live
const TEXT = ".message-content .prose, .json-view .jv-row";
let question;
let askedAt;
let again;

/** Milliseconds to the first text of that version of the answer in the message `id`; undefined where not seen. */
window.pagodaFirstText = (id, version) => firstTexts.get(`${id} ${version}`);

/** Another version of an answer is asked for, by a click just now. */
window.pagodaAsked = (id, version) => (again = { id, version, at: performance.now(), emptied: false });

new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });

function look() {
  if (again) lookAgain();
  const last = steps[steps.length - 1];
  if (!last) return;
  const id = last.querySelector("[id^=step-]")?.id.slice("step-".length);
  if (last.dataset.stepType === "user_message") {
    if (id !== question) [question, askedAt] = [id, window.pagodaImporting ? undefined : performance.now()];
  } else if (askedAt !== undefined && last.querySelector(TEXT)) {
    firstTexts.set(`${id} 1`, Math.round(performance.now() - askedAt));
    askedAt = undefined;
  }
}

/** The message is emptied for the other version before its text comes. */
function lookAgain() {
  const message = document.getElementById(`step-${again.id}`);
  if (!message?.querySelector(TEXT)) again.emptied = true;
  else if (again.emptied) {
    firstTexts.set(`${again.id} ${again.version}`, Math.round(performance.now() - again.at));
    again = undefined;
  }
}
