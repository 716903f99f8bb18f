// The text of an answer as it is, appended; where it stops being JSON it says so.
import { make } from "./dom.js";

const NODE_LENGTH = 1000; // a text node is measured anew, as a whole, when it grows
const PIECES = new RegExp(`[^]{1,${NODE_LENGTH}}`, "gu");

export class Raw {
  #text = make("pre", "jv-text");
  #place = this.#text;
  #read = 0;

  constructor(container) {
    container.append(this.#text);
  }

  /** Append a piece. `error`: where the whole text stops being JSON, if it does, in UTF-16 units. */
  append(piece, error) {
    const cut = error === undefined || this.#place !== this.#text ? piece.length : Math.max(error - this.#read, 0);
    this.#write(piece.slice(0, cut));
    if (cut < piece.length) {
      this.#place = this.#text.appendChild(make("span", "jv-after"));
      this.#write(piece.slice(cut));
    }
    this.#read += piece.length;
  }

  settle(_last, streaming) {
    this.#text.classList.toggle("jv-live", streaming);
  }

  #write(text) {
    const last = this.#place.lastChild;
    if (last?.nodeType === Node.TEXT_NODE && last.length < NODE_LENGTH) {
      last.appendData(text);
      return;
    }
    // Cut between code points: half a pair has no glyph.
    for (const piece of text.match(PIECES) ?? []) this.#place.append(piece);
  }
}
