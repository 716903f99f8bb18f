// An incremental JSON parser for text that is still arriving. Feed it any pieces; it tells its listener what
// changed, so that a view does work for the new text only. Cost is linear in the text, however it is cut.
//
// Strict, as RFC 8259 is, and never ahead of the text: an incomplete escape, half a surrogate pair, "tru" or "-"
// show nothing yet. At the first character that cannot be JSON it stops and says where; what it has built stays.
// Limit: containers nested deeper than MAX_DEPTH are read, but not built (`deep`).
//
// listener: { added(node), grew(node, text), closed(node) }, each optional. `grew` comes for strings and numbers.
import { isNumber, nextInNumber } from "./number.js";
import { codePoints, plainValue } from "./values.js";

export const MAX_DEPTH = 200;

const SPACE = /[ \t\n\r]+/y;
const PLAIN = /[^"\\\u0000-\u001f]+/y;
const ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const LITERALS = { t: ["true", "boolean"], f: ["false", "boolean"], n: ["null", "null"] };

export class JsonParser {
  /** The first value's node: { type, parent, key, depth, complete, text | children, deep }. */
  root = undefined;
  /** The node that changed last: where the end of the text is. */
  last = undefined;
  /** Where the text stops being JSON: { offset } in code points and { unit } in UTF-16 units. */
  error = undefined;

  #listener;
  #expect = "value";
  #frames = [];
  #key = undefined;
  #read = 0; // UTF-16 units of earlier pieces
  #points = 0; // their code points
  #tail = ""; // their last unit, where it is a high surrogate
  // Of the token under way:
  #node; // its node; undefined in a key, in what is nested too deep, and in a number that shows nothing yet
  #fresh = ""; // text the listener has not been told of
  #held = ""; // half a pair, or a number's characters that only count with the next one
  #escape = ""; // an escape so far, without its backslash
  #name = ""; // a key so far
  #state; // of a number, or the rest of a literal

  constructor(listener = {}) {
    this.#listener = listener;
  }

  /** All of the value has arrived. */
  get complete() {
    if (this.#expect === "number") return !this.#frames.length && isNumber(this.#state);
    return this.#expect === "nothing";
  }

  feed(text) {
    let at = 0;
    while (at < text.length && !this.error) {
      at = this[READERS[this.#expect]](text, at);
      if (at < 0) return this.#fail(text, -1 - at);
    }
    this.#flush();
    this.#read += text.length;
    this.#points += codePoints(text) - (this.#splitPair(text) ? 1 : 0);
    if (text) this.#tail = /[\ud800-\udbff]$/.test(text) ? text.at(-1) : "";
  }

  /** The tree so far as plain values, as JSON.parse would give them; undefined while there is none. */
  value() {
    return this.root && plainValue(this.root);
  }

  #splitPair(text) {
    return this.#tail !== "" && /^[\udc00-\udfff]/.test(text);
  }

  #fail(text, at) {
    this.#flush();
    const before = text.slice(0, at);
    const offset = this.#points + codePoints(before) - (this.#splitPair(before) ? 1 : 0);
    this.error = { offset, unit: this.#read + at };
  }

  // Readers take the piece and a place in it, and return the next place, or -1 - place for an error.

  readBetween(text, at) {
    SPACE.lastIndex = at;
    if (SPACE.test(text)) return SPACE.lastIndex;
    const character = text[at];
    const frame = this.#frames.at(-1);
    const closing = frame && (frame.object ? "}" : "]");
    switch (this.#expect) {
      case "first":
      case "next":
        if (character === closing) return this.#close(at);
        if (this.#expect === "next") {
          if (character !== ",") return -1 - at;
          this.#expect = frame.object ? "key" : "value";
          return at + 1;
        }
        return frame.object ? this.#startKey(character, at) : this.#startValue(character, at);
      case "key":
        return this.#startKey(character, at);
      case "colon":
        if (character !== ":") return -1 - at;
        this.#expect = "value";
        return at + 1;
      case "value":
        return this.#startValue(character, at);
      default: // "nothing"
        return -1 - at;
    }
  }

  #startKey(character, at) {
    if (character !== '"') return -1 - at;
    this.#name = "";
    this.#expect = "name";
    return at + 1;
  }

  #startValue(character, at) {
    if (character === "{" || character === "[") {
      this.#open(character === "{");
    } else if (character === '"') {
      this.#node = this.#add("string", { text: "" });
      this.#expect = "string";
    } else if (LITERALS[character]) {
      this.#state = LITERALS[character][0].slice(1);
      this.#held = character;
      this.#expect = "literal";
    } else if (nextInNumber("start", character)) {
      this.#node = undefined;
      this.#held = "";
      this.#state = "start";
      this.#expect = "number";
      return this.readNumber(character, 0) + at;
    } else {
      return -1 - at;
    }
    return at + 1;
  }

  #add(type, content) {
    const frame = this.#frames.at(-1);
    if (frame?.hidden) return undefined;
    const parent = frame?.node;
    const key = parent && (frame.object ? this.#key : parent.children.length);
    const node = { type, parent, key, depth: this.#frames.length + 1, complete: false, ...content };
    if (parent) parent.children.push(node);
    else this.root = node;
    this.last = node;
    this.#listener.added?.(node);
    return node;
  }

  #open(object) {
    const deep = this.#frames.length >= MAX_DEPTH;
    const node = this.#add(object ? "object" : "array", { children: [], deep });
    this.#frames.push({ node, object, hidden: deep });
    this.#expect = "first";
  }

  #close(at) {
    this.#done(this.#frames.pop().node);
    return at + 1;
  }

  #done(node) {
    this.#expect = this.#frames.length ? "next" : "nothing";
    if (!node) return;
    node.complete = true;
    this.#listener.closed?.(node);
  }

  readString(text, at) {
    if (this.#escape) return this.#readEscape(text, at);
    PLAIN.lastIndex = at;
    if (PLAIN.test(text)) {
      this.#append(text.slice(at, PLAIN.lastIndex));
      return PLAIN.lastIndex;
    }
    if (text[at] === "\\") {
      this.#escape = "\\";
      return at + 1;
    }
    return text[at] === '"' ? this.#endString(at) : -1 - at;
  }

  #readEscape(text, at) {
    const character = text[at];
    if (this.#escape === "\\") {
      if (character !== "u" && !(character in ESCAPES)) return -1 - at;
      if (character === "u") {
        this.#escape = "u";
      } else {
        this.#escape = "";
        this.#append(ESCAPES[character]);
      }
      return at + 1;
    }
    if (!/[0-9a-fA-F]/.test(character)) return -1 - at;
    this.#escape += character;
    if (this.#escape.length === 5) {
      const unit = String.fromCharCode(parseInt(this.#escape.slice(1), 16));
      this.#escape = "";
      this.#append(unit);
    }
    return at + 1;
  }

  /** Take decoded text; half a pair waits for its other half, and is U+FFFD once something else comes. */
  #append(decoded) {
    const text = this.#held + decoded;
    this.#held = /[\ud800-\udbff]$/.test(text) ? text.at(-1) : "";
    const whole = (this.#held ? text.slice(0, -1) : text).replace(/\p{Surrogate}/gu, "\ufffd");
    if (this.#expect === "name") this.#name += whole;
    else this.#fresh += whole;
  }

  #endString(at) {
    if (this.#held) {
      this.#held = "";
      this.#append("\ufffd");
    }
    if (this.#expect === "name") {
      this.#key = this.#name;
      this.#expect = "colon";
    } else {
      this.#flush();
      this.#done(this.#node);
    }
    return at + 1;
  }

  readNumber(text, at) {
    for (; at < text.length; at += 1) {
      const next = nextInNumber(this.#state, text[at]);
      if (!next) {
        if (!isNumber(this.#state)) return -1 - at;
        this.#flush();
        this.#done(this.#node);
        return at;
      }
      this.#state = next;
      this.#held += text[at];
      if (!isNumber(next)) continue;
      this.#node ??= this.#add("number", { text: "" });
      this.#fresh += this.#held;
      this.#held = "";
    }
    return at;
  }

  readLiteral(text, at) {
    if (text[at] !== this.#state[0]) return -1 - at;
    this.#state = this.#state.slice(1);
    if (!this.#state) {
      const [word, type] = LITERALS[this.#held];
      this.#held = "";
      this.#done(this.#add(type, { text: word }));
    }
    return at + 1;
  }

  #flush() {
    const fresh = this.#fresh;
    this.#fresh = "";
    if (!fresh || !this.#node) return;
    this.#node.text += fresh;
    this.last = this.#node;
    this.#listener.grew?.(this.#node, fresh);
  }
}

const READERS = {
  first: "readBetween",
  next: "readBetween",
  key: "readBetween",
  colon: "readBetween",
  value: "readBetween",
  nothing: "readBetween",
  name: "readString",
  string: "readString",
  number: "readNumber",
  literal: "readLiteral",
};
