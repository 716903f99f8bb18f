// Following an answer while it grows, as long as the user stays at the end of the page, and never against the user.
// Chainlit's own following is off (.chainlit/config.toml): it takes a page that was moved by less than 10 px for one at
// its end, and pulls it back with each piece that comes, so that a slow wheel or a touchpad never gets away.

const NEAR = 10; // px from the end that count as the end, on the way down
const BELOW = 24; // px between the newest line and the lower edge
const FAR = 160; // px from the end at which the button that leads there is shown: by then it covers no line of facts

let scroller, content;
let last = { top: 0, height: 0 };
let following = true;
let held = false; // a finger or the mouse on the scroll bar
let movedUntil = 0; // Chainlit moves the page itself, when it brings a question to the top

const { scrollTo } = Element.prototype;
Element.prototype.scrollTo = function (...where) {
  movedUntil = performance.now() + 1000;
  return scrollTo.apply(this, where);
};

const watcher = new ResizeObserver(follow);

/** The box that scrolls is another one after a new chat, and on the way back from another page. */
function look() {
  document.documentElement.classList.toggle("in-conversation", !document.getElementById("welcome-screen"));
  if (scroller?.isConnected && scroller.firstElementChild === content) return;
  const message = document.querySelector("[data-step-type]");
  const found = message && scrollerOf(message);
  if (!found) return;
  scroller = found;
  content = found.firstElementChild;
  following = true;
  watcher.disconnect();
  for (const child of scroller.children) watcher.observe(child);
  watcher.observe(scroller);
  follow();
}

function scrollerOf(element) {
  for (let box = element.parentElement; box; box = box.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(box).overflowY)) return box;
  }
  return null;
}

const fromEnd = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;

function follow() {
  if (!scroller?.isConnected) return;
  // Below a short answer Chainlit leaves room, so that its question is at the top: that room is not to be followed.
  const steps = [...content.querySelectorAll("[data-step-type]")];
  const view = scroller.getBoundingClientRect();
  const hiddenNow = () => (steps.at(-1)?.getBoundingClientRect().bottom ?? 0) - view.bottom;
  const hidden = hiddenNow();
  if (following && !held && hidden > 0) {
    // Where question and answer just fit, the header does not cut into the question for the sake of the gap below.
    const question = steps.findLast((step) => step.dataset.stepType === "user_message");
    const room = question ? question.getBoundingClientRect().top - view.top : 0;
    scroller.scrollTop += room >= hidden ? Math.min(hidden + BELOW, room) : hidden + BELOW;
  }
  last = { top: scroller.scrollTop, height: scroller.scrollHeight };
  document.documentElement.classList.toggle("far-from-end", fromEnd() > FAR && hiddenNow() > 0);
}

function scrolled(event) {
  if (event.target !== scroller) return;
  const byPage = performance.now() < movedUntil || scroller.scrollHeight < last.height;
  if (scroller.scrollTop < last.top && (held || !byPage)) following = false;
  // The end as it was when it was scrolled to: the page may have grown since.
  const wasEnd = Math.min(last.height, scroller.scrollHeight) - scroller.clientHeight;
  if (scroller.scrollTop > last.top && scroller.scrollTop >= wasEnd - NEAR) following = true;
  follow();
}

function leave() {
  following = false;
}

document.addEventListener("scroll", scrolled, { capture: true, passive: true });
document.addEventListener("wheel", (event) => event.deltaY < 0 && leave(), { capture: true, passive: true });
document.addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("textarea, input, [contenteditable]");
  if (!writing && ["PageUp", "ArrowUp", "Home"].includes(event.key)) leave();
});
document.addEventListener("touchstart", () => (held = true), { passive: true });
document.addEventListener("pointerdown", (event) => (held = event.target === scroller));
for (const end of ["touchend", "touchcancel", "pointerup"]) document.addEventListener(end, () => (held = false));
document.addEventListener("click", (event) => {
  if (event.target.closest(".bottom-4.left-0.right-0 button")) following = true;
});
document.addEventListener("keydown", (event) => {
  // A question is sent: what comes of it is to be seen.
  if (event.key === "Enter" && !event.shiftKey && event.target.id === "chat-input") following = true;
});
document.addEventListener("click", (event) => {
  // What is unfolded grows where it is.
  if (event.target.closest("[data-step-type] [aria-expanded]")) leave();
  if (event.target.closest("#chat-submit")) following = true;
});
new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
