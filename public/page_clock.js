// The page's own clock: how long a question stood here until the first text of its answer did.
// A question appears as it is sent, so this is the time that the user waited, the network to the app and drawing
// included. Not for an edited question or another version of an answer, nor for an imported conversation.

const firstTexts = new Map();
const steps = document.getElementsByClassName("step"); // live
const TEXT = ".message-content .prose, .json-view .jv-row";
let question;
let askedAt;

/** Milliseconds to the first text of the answer in the message `id`; undefined where they were not seen. */
window.pagodaFirstText = (id) => firstTexts.get(id);

new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });

function look() {
  const last = steps[steps.length - 1];
  if (!last) return;
  const id = last.querySelector("[id^=step-]")?.id.slice("step-".length);
  if (last.dataset.stepType === "user_message") {
    if (id !== question) [question, askedAt] = [id, window.pagodaImporting ? undefined : performance.now()];
  } else if (askedAt !== undefined && last.querySelector(TEXT)) {
    firstTexts.set(id, Math.round(performance.now() - askedAt));
    askedAt = undefined;
  }
}
