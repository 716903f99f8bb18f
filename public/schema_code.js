// A JSON Schema as code, to look at and to write: what the SchemaPanel element does without React.
export { ask } from "./json/take_away.js";

const TOKENS = /("(?:\\.|[^"\\\n])*"?)(\s*:)?|(-?\d[\d.eE+-]*)|\b(?:true|false|null)\b/g;
const SHORT = 56;
const MOST_COLOURED = 20_000; // beyond, typing would lag
const ICONS = {
  error: "M12 8v5m0 3v.01M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Z",
  warning: "M12 9v4m0 3.5v.01M10.3 3.9 2.2 18a2 2 0 0 0 1.7 3h16.2a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z",
};

/** Show `text` in `element`, JSON in colours, also while it is still wrong. */
export function paint(element, text) {
  const parts = [];
  let end = 0;
  for (const match of text.length > MOST_COLOURED ? [] : text.matchAll(TOKENS)) {
    const [token, string, colon, number] = match;
    const kind = colon ? "key" : string ? "string" : number ? "number" : "literal";
    parts.push(text.slice(end, match.index), make("span", `sp-${kind}`, string ?? token), colon ?? "");
    end = match.index + token.length;
  }
  element.replaceChildren(...parts, text.slice(end), "\n");
}

/** Indented JSON with its short innermost lists and objects on a line of their own. Only white space changes. */
export function tidy(text) {
  return text.replace(/([[{])\n([^[\]{}]*)([\]}])/g, (group, open, inside, close) => {
    const flat = open + inside.trim().replace(/\n\s*/g, " ") + close;
    return flat.length <= SHORT ? flat : group;
  });
}

/** A text area over its own text in colours, beside the lines' numbers and marks; all of it scrolls as one. */
export class CodeArea {
  #host;
  #area = make("textarea");
  #marks = make("div", "sp-marks");
  #numbers = make("pre", "sp-numbers");
  #shown = make("pre", "sp-shown");
  #lines = 0;
  #frame = 0;

  /** changed(text): called when the user has changed the text. */
  constructor(host, { id, describedBy, changed }) {
    this.#host = host;
    const under = make("div", "sp-under");
    under.setAttribute("aria-hidden", "true");
    under.append(this.#marks, this.#numbers, this.#shown);
    Object.assign(this.#area, { id, wrap: "off", spellcheck: false, autocapitalize: "off" });
    this.#area.setAttribute("aria-describedby", describedBy);
    this.#area.addEventListener("input", () => {
      // A pasted text may bring an event for each of its lines.
      cancelAnimationFrame(this.#frame);
      this.#frame = requestAnimationFrame(() => {
        this.#draw();
        changed(this.#area.value);
      });
    });
    this.#area.addEventListener("scroll", () => {
      host.style.setProperty("--sp-top", `${-this.#area.scrollTop}px`);
      host.style.setProperty("--sp-left", `${-this.#area.scrollLeft}px`);
    });
    host.replaceChildren(under, this.#area);
  }

  /** Show `text`; `changed` is not called. */
  show(text) {
    this.#area.value = text;
    this.#draw();
  }

  /** Put `text` in place of all of it, as if it had been typed. */
  replace(text) {
    this.#area.focus();
    this.#area.select();
    // Old-fashioned, but the one way to change a text so that Undo takes it back.
    if (!document.execCommand("insertText", false, text)) {
      this.#area.value = text;
      this.#area.dispatchEvent(new Event("input"));
    }
    this.goTo({ line: 1, column: 1 });
  }

  /** Mark the lines of `problems`, the worst of each line; errors come first. */
  mark(problems) {
    const worst = new Map(problems.map(({ line, severity }) => [line, severity]).reverse());
    this.#area.setAttribute("aria-invalid", [...worst.values()].includes("error"));
    this.#marks.replaceChildren(
      ...[...worst].map(([line, severity]) => {
        const mark = make("div", "sp-mark");
        Object.assign(mark.dataset, { line, severity });
        mark.style.setProperty("--sp-line", line);
        mark.append(icon(ICONS[severity]));
        return mark;
      }),
    );
  }

  /** Move the caret; the server counts columns in code points, the text area in UTF-16 units. */
  goTo({ line, column }) {
    const lines = this.#area.value.split("\n");
    const before = lines.slice(0, line - 1).reduce((length, text) => length + text.length + 1, 0);
    const place = before + [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
    this.#area.focus();
    this.#area.setSelectionRange(place, place);
    this.#area.scrollTop = (line / lines.length) * this.#area.scrollHeight - this.#area.clientHeight / 2;
    this.#area.scrollLeft = 0;
  }

  #draw() {
    const text = this.#area.value;
    paint(this.#shown, text);
    const lines = text.split("\n").length;
    if (lines === this.#lines) return;
    this.#lines = lines;
    this.#numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    this.#host.style.setProperty("--sp-lines", lines);
    this.#host.style.setProperty("--sp-digits", String(lines).length);
  }
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
