// The view of one JSON answer that is still arriving: as a tree, as a table, or as the text itself.
// It works without a framework, once a frame, and in proportion to the new text. This is also the module that
// the page loads: what the JsonCanvas element needs from its siblings is passed on from here.
import { fill, make } from "./dom.js";
import { JsonParser } from "./parser.js";
import { Raw } from "./raw.js";
import { startsTable, Table } from "./table.js";
import { Tree } from "./tree.js";

export { beside, copyable, followPane, keepPlace, recall } from "./panes.js";
export { ask, copyText, saveFile } from "./take_away.js";

const NEAR_END_PX = 24;

/**
 * A view in `container`.
 * texts: the sentences by key. state: an object that keeps folds, mode and scroll for the next view of the same
 * answer. changed({ mode, modes }): called when the mode or the list of modes has changed.
 */
export function createView(container, { texts, state, changed = () => {} }) {
  return new View(container, texts, state, changed);
}

class View {
  #container;
  #texts;
  #state;
  #changed;
  #scroller = make("div", "jv-scroll");
  #body = make("div", "jv-body");
  #notice = make("p", "jv-notice");
  #follow = make("button", "jv-follow");
  #text = "";
  #waiting = ""; // arrived, not shown yet
  #frame = 0;
  #streaming = true;
  #parser;
  #array; // shown as the table
  #renderer;
  #told = ""; // mode and modes as last told

  constructor(container, texts, state, changed) {
    this.#texts = texts;
    this.#state = state;
    this.#changed = changed;
    state.folds ??= new Set();
    state.following ??= true;
    this.#scroller.tabIndex = 0;
    this.#scroller.addEventListener("scroll", () => this.#scrolled());
    this.#follow.type = "button";
    this.#follow.textContent = texts.follow;
    this.#follow.addEventListener("click", () => this.#toEnd());
    this.#scroller.append(this.#body);
    this.#container = container;
    container.append(this.#scroller, this.#follow, this.#notice);
    this.#reset("");
    this.#show();
  }

  /** More of the text has come; it is shown with the next frame. */
  feed(text) {
    this.#streaming = true;
    this.#waiting += text;
    this.#frame ||= requestAnimationFrame(() => this.#show());
  }

  /** Another text altogether, shown at once. */
  replace(text) {
    this.#reset(text);
    this.#show();
    if (!(this.#streaming && this.#state.following)) this.#scroller.scrollTop = this.#state.top ?? 0;
    if (this.#state.focus !== undefined) this.#renderer.focus = this.#state.focus;
    this.#state.focus = undefined;
  }

  /** The text is all there, until more is fed. */
  end() {
    const { following } = this.#state;
    const streamed = this.#streaming;
    this.#streaming = false;
    this.#show();
    if (streamed && following && this.#text) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** The modes that make sense for this text, and the one shown. */
  modes() {
    const { error, root } = this.#parser;
    const tree = !error || root?.children ? ["tree"] : [];
    return [...tree, ...(this.#array ? ["table"] : []), "raw"];
  }

  get mode() {
    const modes = this.modes();
    return modes.includes(this.#state.mode) ? this.#state.mode : modes[0];
  }

  setMode(mode) {
    if (mode === this.#state.mode) return;
    this.#state.mode = mode;
    this.#scroller.scrollTop = 0;
    this.#show();
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    this.#state.focus = this.#renderer.focus;
    this.#state.top = this.#scroller.scrollTop;
    this.#container.replaceChildren();
  }

  #reset(text) {
    this.#text = "";
    this.#waiting = text;
    this.#array = undefined;
    this.#parser = new JsonParser({
      added: (node) => this.#added(node),
      grew: (node, fresh) => this.#renderer.grew?.(node, fresh),
      closed: (node) => this.#renderer.closed?.(node),
    });
    this.#renderer = {}; // parse first, then draw in the mode that suits the text
  }

  #added(node) {
    if (!this.#array && startsTable(node)) this.#array = node.parent;
    this.#renderer.added?.(node);
  }

  #show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const piece = this.#waiting;
    this.#waiting = "";
    this.#text += piece;
    this.#parser.feed(piece);
    if (this.mode !== this.#renderer.mode) this.#render();
    else this.#renderer.append?.(piece, this.#parser.error?.unit);
    this.#renderer.settle(this.#parser.last, this.#streaming);
    this.#say();
    if (this.#streaming && this.#state.following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scroller.ariaBusy = String(this.#streaming);
    this.#follow.hidden = !this.#streaming || this.#state.following;
    this.#tell();
  }

  /** Draw all of it anew, in the mode that is due. */
  #render() {
    const { mode } = this;
    this.#body.replaceChildren();
    this.#body.dataset.mode = mode;
    if (mode === "tree") {
      this.#renderer = new Tree(this.#body, this.#texts, this.#state.folds);
      this.#renderer.build(this.#parser.root);
    } else if (mode === "table") {
      this.#renderer = new Table(this.#body, this.#texts, this.#array);
      this.#renderer.build();
    } else {
      this.#renderer = new Raw(this.#body);
      this.#renderer.append(this.#text, this.#parser.error?.unit);
    }
    this.#renderer.mode = mode;
  }

  #say() {
    const { complete, error } = this.#parser;
    let notice = "";
    if (error) {
      notice = fill(this.#texts.not_json, { offset: error.offset + 1 });
      if (this.mode !== "raw") notice += ` ${this.#texts.see_raw}`;
    } else if (!this.#streaming && this.#text && !complete) {
      notice = this.#texts.unfinished;
    }
    this.#notice.textContent = notice;
    this.#notice.hidden = !notice;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#state.top = scrollTop;
    this.#state.following = scrollHeight - clientHeight - scrollTop < NEAR_END_PX;
    this.#follow.hidden = !this.#streaming || this.#state.following;
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#scroller.focus({ preventScroll: true });
  }

  #tell() {
    const now = { mode: this.mode, modes: this.modes() };
    if (this.#told === String(Object.values(now))) return;
    this.#told = String(Object.values(now));
    this.#changed(now);
  }
}
