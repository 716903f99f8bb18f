// A long question is folded: pasted pages would stand between the user and every answer. Styled in public/pagoda.css.
// React knows nothing of the button and the attributes; what it draws anew is folded anew.

const LONG = { characters: 3000, lines: 30 };
const PAUSE_MS = 100;
const names = window.pagodaNames;

function isLong(text) {
  return text.length > LONG.characters || text.split("\n", LONG.lines + 1).length > LONG.lines;
}

function mend() {
  for (const question of document.querySelectorAll('[data-step-type="user_message"]')) {
    const body = question.querySelector(".message-content");
    const button = question.querySelector(".question-fold");
    const long = body !== null && isLong(body.textContent);
    if (!long) {
      button?.remove(); // it is being edited, or has been made shorter
      body?.removeAttribute("data-fold");
    } else if (!button || button.previousElementSibling !== body) {
      button?.remove();
      fold(body);
    }
  }
}

function fold(body) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "question-fold";
  const show = (open) => {
    body.dataset.fold = open ? "open" : "shut";
    button.setAttribute("aria-expanded", open);
    button.textContent = open ? names.show_less : names.show_all;
  };
  button.addEventListener("click", () => {
    show(body.dataset.fold === "shut");
    // Folded from far below its beginning, it would be out of sight.
    if (body.dataset.fold === "shut") body.scrollIntoView({ block: "nearest" });
  });
  show(false);
  body.after(button);
}

let resting = false;
let missed = false;

function changed() {
  missed = resting;
  if (resting) return;
  mend();
  resting = true;
  setTimeout(() => {
    resting = false;
    if (missed) changed();
  }, PAUSE_MS);
}

new MutationObserver(changed).observe(document.documentElement, { childList: true, characterData: true, subtree: true });
changed();
