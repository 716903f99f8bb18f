// The banner over the message box: why questions are not answered at the moment, and since when.
// chat/ui/banner.py says so by window message when it changes; the seconds are counted here. Styled in public/banner.css.
// Read out is the sentence, once: neither the seconds nor a number that changes.

const BACK_MS = 6000;
const ICONS = {
  wait: '<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>',
  warning: '<path d="M12 4 2.5 20h19Z"/><path d="M12 10v4.5M12 17.3v.2"/>',
  back: '<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>',
};
const LOOKS = { absent: "warning", failing: "warning", refused_key: "warning", model_unknown: "warning" };

const banner = document.createElement("div");
banner.className = "pagoda-banner";
banner.dataset.testid = "banner";
banner.setAttribute("role", "status");
const icon = part("bn-icon", true);
const sentence = part("bn-sentence", false);
const more = part("bn-more", true);

let shown = null; // what the server said last, if that is a banner
let since = 0;
let timer = 0;

// In a frame, Chainlit's messages go to the page around it.
if (window.parent === window) start();

function start() {
  window.addEventListener(
    "message",
    (event) => {
      if (event.source !== window || event.data?.pagoda !== "banner") return;
      event.stopImmediatePropagation(); // Chainlit would send the server's own words back to it
      hear(event.data);
    },
    true,
  );
  // The message box is another one after the first question.
  new MutationObserver(place).observe(document.documentElement, { childList: true, subtree: true });
  place();
}

function part(className, silent) {
  const element = document.createElement("span");
  element.className = className;
  if (silent) element.setAttribute("aria-hidden", "true");
  banner.append(element);
  return element;
}

/** It stands there empty, too: only what changes in a place that is known is read out. */
function place() {
  const composer = document.getElementById("message-composer");
  if (!composer) return;
  const line = composer.previousElementSibling;
  const below = line?.classList.contains("schema-line") ? line : composer;
  if (below.previousElementSibling !== banner) below.before(banner);
}

function hear(said) {
  clearInterval(timer);
  if (said.text) {
    since = performance.now() - said.for_s * 1000;
    draw(said.reason, LOOKS[said.reason] ?? "wait", said.text);
    shown = said;
    count();
    timer = setInterval(count, 1000);
  } else if (shown) {
    shown = null;
    draw("ready", "back", said.back);
    more.textContent = "";
    timer = setInterval(clear, BACK_MS);
  }
}

function draw(reason, look, text) {
  if (banner.dataset.reason === reason && sentence.textContent === text) return;
  banner.dataset.reason = reason;
  banner.dataset.look = look;
  icon.innerHTML = `<svg viewBox="0 0 24 24">${ICONS[look]}</svg>`;
  sentence.textContent = text;
}

function count() {
  const seconds = Math.max(0, Math.floor((performance.now() - since) / 1000));
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  more.textContent = [shown.counted.replace("{time}", time), shown.note].filter(Boolean).join(" · ");
}

function clear() {
  clearInterval(timer);
  for (const element of [icon, sentence, more]) element.replaceChildren();
  delete banner.dataset.reason;
  delete banner.dataset.look;
}
