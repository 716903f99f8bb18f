// The tree of a JSON answer: one row per value, containers that fold. Rows are only ever appended.
import { countOf, fill, make, pointer, summary } from "./dom.js";
import { MAX_DEPTH } from "./parser.js";

const SUMMARY = 72;
const SHOWN_BUTTONS = "button.jv-fold:not([hidden] .jv-fold)";

export class Tree {
  #texts;
  #folds;
  #list = make("ul", "jv-tree");
  #parts = new Map(); // node -> its elements
  #nodes = new WeakMap(); // fold button -> its node
  #counts = new Set(); // folded nodes whose count is out of date
  #live; // the element with the caret

  /** `folds`: the pointers of folded nodes, kept by the caller. */
  constructor(container, texts, folds) {
    this.#texts = texts;
    this.#folds = folds;
    this.#list.addEventListener("click", (event) => this.#click(event));
    this.#list.addEventListener("keydown", (event) => this.#press(event));
    this.#list.addEventListener("focusin", (event) => this.#rove(event.target));
    container.append(this.#list);
  }

  build(root) {
    if (!root) return;
    this.added(root);
    for (const child of root.children ?? []) this.build(child);
    if (root.complete) this.closed(root);
  }

  added(node) {
    const row = make("li", node.children ? "jv-row" : "jv-row jv-leaf");
    const parts = { row };
    this.#parts.set(node, parts);
    if (node.children) this.#addContainer(node, parts);
    else this.#addScalar(node, parts);
    const above = this.#parts.get(node.parent);
    if (above) {
      above.button.classList.remove("jv-empty");
      if (above.children.hidden) this.#counts.add(node.parent);
    }
    (above?.children ?? this.#list).append(row);
  }

  grew(node, text) {
    this.#parts.get(node).text.appendData(text);
  }

  closed(node) {
    const { button } = this.#parts.get(node);
    if (!button || node.children.length) return;
    // Nothing to fold: the row stays, the button goes.
    const plain = make("span", "jv-fold jv-empty");
    plain.append(...button.childNodes);
    button.replaceWith(plain);
    this.#parts.get(node).button = plain;
  }

  /** After each piece: the caret's place, and counts on folded rows. */
  settle(last, streaming) {
    for (const node of this.#counts) this.#summarise(node);
    this.#counts.clear();
    const parts = streaming ? this.#parts.get(last) : undefined;
    const live = parts ? (parts.value ?? parts.mark) : streaming ? this.#list : undefined;
    if (live === this.#live) return;
    this.#live?.classList.remove("jv-live");
    live?.classList.add("jv-live");
    this.#live = live;
  }

  /** The pointer of the button that has the focus, and the way back to it. */
  get focus() {
    const node = this.#nodes.get(document.activeElement);
    return node && pointer(node);
  }

  set focus(path) {
    for (const [node, { button }] of this.#parts) {
      if (button && pointer(node) === path) button.focus({ preventScroll: true });
    }
  }

  #name(node) {
    if (!node.parent) return node.children && make("span", "jv-key jv-root", this.#texts.answer);
    return make("span", node.parent.type === "array" ? "jv-index" : "jv-key", node.key);
  }

  #addScalar(node, parts) {
    parts.value = make("span", "jv-value");
    parts.value.dataset.type = node.type;
    parts.text = parts.value.appendChild(document.createTextNode(node.text));
    const name = this.#name(node);
    if (name) parts.row.append(name);
    parts.row.append(parts.value);
  }

  #addContainer(node, parts) {
    parts.button = make("button", "jv-fold jv-empty");
    parts.button.type = "button";
    parts.button.tabIndex = node.parent ? -1 : 0;
    parts.mark = make("span", "jv-mark");
    parts.mark.dataset.type = node.type;
    parts.children = make("ul", node.depth > 8 ? "jv-children jv-narrow" : "jv-children");
    parts.button.append(this.#name(node), parts.mark);
    if (node.deep) parts.mark.textContent = fill(this.#texts.too_deep, { limit: MAX_DEPTH });
    parts.row.append(parts.button, parts.children);
    this.#nodes.set(parts.button, node);
    this.#fold(node, this.#folds.size > 0 && this.#folds.has(pointer(node)));
  }

  #fold(node, folded) {
    const { button, children } = this.#parts.get(node);
    button.setAttribute("aria-expanded", String(!folded));
    children.hidden = folded;
    this.#summarise(node);
  }

  #summarise(node) {
    const { mark, children } = this.#parts.get(node);
    if (node.deep) return;
    mark.replaceChildren();
    if (!children.hidden) return;
    mark.append(make("span", "jv-summary", summary(node, SUMMARY)));
    mark.append(make("span", "jv-count", countOf(node, this.#texts)));
  }

  #toggle(node, folded) {
    this.#fold(node, folded);
    if (folded) this.#folds.add(pointer(node));
    else this.#folds.delete(pointer(node));
  }

  #click(event) {
    const node = this.#nodes.get(event.target.closest("button"));
    if (node) this.#toggle(node, !this.#parts.get(node).children.hidden);
  }

  #press(event) {
    const node = this.#nodes.get(event.target);
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    const { children } = this.#parts.get(node);
    const buttons = [...this.#list.querySelectorAll(SHOWN_BUTTONS)];
    const move = (by) => buttons[buttons.indexOf(event.target) + by]?.focus();
    const keys = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      ArrowRight: () => (children.hidden ? this.#toggle(node, false) : move(1)),
      ArrowLeft: () => (children.hidden ? this.#parts.get(node.parent)?.button.focus() : this.#toggle(node, true)),
      Home: () => buttons[0].focus(),
      End: () => buttons.at(-1).focus(),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** One stop for the tab key: the button used last. */
  #rove(button) {
    if (!this.#nodes.has(button)) return;
    this.#list.querySelector('button[tabindex="0"]')?.setAttribute("tabindex", "-1");
    button.tabIndex = 0;
  }
}
