// What Chainlit's page lacks for those who use it by keyboard or listen to it: names of controls, states, keys.
// React changes only attributes that it has set itself, so what is added here stays. The names come with the page
// (chat/ui/page_template.py), in the user's language.

const names = window.pagodaNames;
const PAUSE_MS = 100;

/** Controls by selector, and how each is named. What has a title has no tooltip of Chainlit's. */
const CONTROLS = [
  ["#new-chat-button", names.new_chat],
  ["#theme-toggle", names.theme, "title"],
  ["#chat-settings-open-modal", names.settings],
  ["#chat-submit", names.send],
  ["#stop-button", names.stop],
  ["#chat-input", names.message],
  ["#edit-chat-input", names.question],
  [".edit-message", names.edit, "title"],
  ["#side-view-title button", names.close, "title"],
  ['[role="dialog"] > button', names.close, "title"],
  ["button:has(> .lucide-arrow-down)", names.down, "title"],
  ["button:has(> .lucide-copy)", names.copy],
  ["[data-panel-resize-handle-id]", names.resize],
  ["ol[tabindex='-1'], [data-sonner-toaster]", names.notices],
];
const UNNAMED = "button, textarea, ol, [role='slider'], [data-panel-resize-handle-id]";
/** Words of Chainlit's that say less than they could, or only in English. */
const WORDS = [
  ["#theme-toggle .sr-only", names.theme],
  [".confirm-edit", names.send],
  ["#chat-settings #confirm", names.save],
  ["#new-chat-dialog #confirm", names.start],
];
/** Boxes that may scroll sideways: without a place in the tab order, their end is out of the keyboard's reach. */
const SCROLLING = ".message-content :is(pre, .overflow-x-auto, .overflow-auto, code.block)";

function mend() {
  for (const element of document.querySelectorAll(UNNAMED)) {
    if (!element.hasAttribute("aria-label")) nameOf(element);
  }
  // One button to React, which is to send or to stop: the name it had stays on it.
  for (const id of ["chat-submit", "stop-button"]) {
    const element = document.getElementById(id);
    if (element) nameOf(element);
  }
  for (const image of document.querySelectorAll("#welcome-screen img:not([alt])")) image.alt = "";
  for (const image of document.querySelectorAll(".ai-message img[alt^='Avatar for']")) image.alt = names.answer;
  for (const toggle of document.querySelectorAll(".command-button:not([aria-pressed])")) follow(toggle);
  for (const list of document.querySelectorAll("[cmdk-list]:not([tabindex])")) {
    list.tabIndex = 0; // it scrolls
    list.setAttribute("aria-label", names.choices);
  }
  for (const handle of document.querySelectorAll("[data-panel-resize-handle-id][aria-controls]")) {
    if (!document.getElementById(handle.getAttribute("aria-controls"))) handle.removeAttribute("aria-controls");
  }
  for (const box of document.querySelectorAll(SCROLLING)) {
    if (box.scrollWidth > box.clientWidth && box.tabIndex < 0) box.tabIndex = 0;
  }
  for (const label of document.querySelectorAll(".message-content span.text-sm.text-muted-foreground")) {
    // Chainlit's own word for a block of no known language; React still owns the text's node.
    if (label.firstChild?.nodeValue === "Raw code") label.firstChild.nodeValue = names.code;
  }
  // Where Chainlit has struck out an address, it leaves a link that opens this page once more.
  for (const link of document.querySelectorAll('.message-content a[href=""]')) link.removeAttribute("href");
  for (const [selector, word] of WORDS) {
    const text = document.createTreeWalker(document.querySelector(selector) ?? new Text(), NodeFilter.SHOW_TEXT).nextNode();
    if (text && text.nodeValue !== word) text.nodeValue = word;
  }
  const conversation = document.querySelector("[data-step-type]")?.closest(".overflow-y-auto");
  if (conversation && conversation.tabIndex < 0) {
    conversation.tabIndex = 0; // to be scrolled by the arrow keys
    conversation.setAttribute("role", "region");
    conversation.setAttribute("aria-label", names.conversation);
  }
  returnFocus();
  document.getElementById("message-composer")?.closest("[data-panel]")?.setAttribute("role", "main");
  document.getElementById("header")?.setAttribute("role", "banner");
}

function nameOf(element) {
  if (element.role === "slider") {
    const label = document.querySelector(`label[for="${element.closest("[id]")?.id}"]`);
    if (label) element.setAttribute("aria-label", label.firstChild.textContent);
    return;
  }
  const [, name, title] = CONTROLS.find(([selector]) => element.matches(selector)) ?? [];
  if (!name || element.ariaLabel === name) return;
  element.setAttribute("aria-label", name);
  if (title) element.title = name;
}

/** A toggle says whether it is on, now and whenever it changes. */
function follow(toggle) {
  const tell = () => toggle.setAttribute("aria-pressed", toggle.classList.contains("text-command"));
  new MutationObserver(tell).observe(toggle, { attributeFilter: ["class"] });
  tell();
}

/** Chainlit's question before a new chat takes every key for itself: no Tab, and Enter on "Cancel" confirms. */
function inNewChatDialog(event) {
  const dialog = event.target.closest?.("#new-chat-dialog");
  if (!dialog || !["Tab", "Enter", " "].includes(event.key)) return;
  event.stopImmediatePropagation();
  if (event.key !== "Tab") return; // the button does what it says
  const buttons = [...dialog.querySelectorAll("button")];
  const step = event.shiftKey ? -1 : 1;
  buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  event.preventDefault();
}

/** An open menu holds the focus and hides the rest from those who listen: then the rest takes no focus, either. */
function hideBehindMenu() {
  const open = document.querySelector('[role="menu"][data-state="open"]') !== null;
  for (const hidden of document.querySelectorAll("[data-aria-hidden], [inert]")) {
    hidden.inert = open && hidden.hasAttribute("data-aria-hidden");
  }
}

let dialogIsOpen = false;
let lastFocused = null;

/** A closed dialog gives the focus back to where it was; Chainlit's, which have no trigger, drop it. */
function returnFocus() {
  const open = document.querySelector('[role="dialog"]') !== null;
  if (dialogIsOpen && !open && document.activeElement === document.body) lastFocused?.focus();
  dialogIsOpen = open;
}

function rememberFocus(event) {
  if (!event.target.closest('[role="dialog"]')) lastFocused = event.target;
}

/** Escape leaves a question as it was. */
function inEditedQuestion(event) {
  if (event.key !== "Escape" || event.target.id !== "edit-chat-input") return;
  event.target.closest(".bg-accent").querySelector("button").click();
  document.getElementById("chat-input")?.focus();
}

function skip(event) {
  event.preventDefault();
  document.getElementById("chat-input")?.focus();
}

/** Those who asked for less motion are taken to a place, not driven there. */
function scrollAtOnce() {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  for (const method of ["scrollTo", "scrollIntoView", "scrollBy"]) {
    const original = Element.prototype[method];
    Element.prototype[method] = function (first, ...more) {
      const smooth = still.matches && first?.behavior === "smooth";
      return original.call(this, smooth ? { ...first, behavior: "instant" } : first, ...more);
    };
  }
}

function begin() {
  const skipLink = document.querySelector(".skip-link");
  skipLink.textContent = names.skip;
  skipLink.addEventListener("click", skip);
  window.addEventListener("keydown", inNewChatDialog, true);
  window.addEventListener("keydown", inEditedQuestion);
  window.addEventListener("focusin", rememberFocus);
  scrollAtOnce();
  let resting = false;
  let missed = false;
  const changed = () => {
    missed = resting;
    if (resting) return;
    mend();
    resting = true;
    setTimeout(() => {
      resting = false;
      if (missed) changed();
    }, PAUSE_MS);
  };
  new MutationObserver(changed).observe(document.body, { childList: true, subtree: true });
  new MutationObserver(hideBehindMenu).observe(document.body, { attributeFilter: ["data-aria-hidden"], subtree: true });
  changed();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
