// The first array of objects in a JSON answer as a table, which gains columns and rows while the text arrives.
// Limit: MAX_COLUMNS columns; fields beyond them are in the tree.
import { fill, make, path, summary } from "./dom.js";

export const MAX_COLUMNS = 50;
const SECTION_ROWS = 50; // a section is laid out as one
const FROZEN_FROM = 25; // rows; from here on columns keep their widths while the text arrives
const NEW_COLUMN = "10rem";
const SUMMARY = 60;

/** Whether `node` makes its parent the array that is shown as a table. */
export function startsTable(node) {
  return node.type === "object" && node.parent?.type === "array";
}

export class Table {
  #array;
  #texts;
  #caption = make("caption", "jv-caption");
  #head = make("tr");
  #section;
  #table = make("table", "jv-table");
  #widths = make("colgroup");
  #columns = new Map(); // key -> its place
  #rows = new Map(); // node -> its row
  #cells = new Map(); // node -> its cell
  #stale = new Set(); // cells' nodes whose summary is out of date
  #live;

  constructor(container, texts, array) {
    this.#array = array;
    this.#texts = texts;
    const head = make("thead");
    const corner = make("th", "jv-index");
    corner.scope = "col";
    corner.append(make("span", "jv-hidden", texts.row));
    this.#head.append(corner);
    head.append(this.#head);
    this.#table.append(this.#caption, this.#widths, head);
    container.append(this.#table);
  }

  build() {
    for (const row of this.#array.children) {
      this.added(row);
      for (const cell of row.children ?? []) this.added(cell);
    }
  }

  added(node) {
    if (node.parent === this.#array) this.#addRow(node);
    else if (this.#rows.has(node.parent)) this.#addCell(node);
    else this.#touch(node);
  }

  grew(node, text) {
    const cell = this.#cells.get(node);
    if (cell && !node.children) cell.firstChild.appendData(text);
    else this.#touch(node);
  }

  closed(node) {
    this.#touch(node);
  }

  settle(last, streaming) {
    for (const node of this.#stale) this.#cells.get(node).firstChild.data = summary(node, SUMMARY);
    this.#stale.clear();
    if (streaming && this.#rows.size > FROZEN_FROM) this.#freeze();
    else if (this.#frozen) this.#thaw();
    const live = streaming ? this.#place(last) : undefined;
    if (live === this.#live) return;
    this.#live?.classList.remove("jv-live");
    live?.classList.add("jv-live");
    this.#live = live;
  }

  get #frozen() {
    return this.#widths.childElementCount > 0;
  }

  /** Keep the columns as they are: else each new word would have all cells measured again. */
  #freeze() {
    const headings = [...this.#head.cells];
    const known = this.#widths.childElementCount;
    if (known === headings.length) return;
    const widths = known
      ? headings.slice(known).map(() => NEW_COLUMN)
      : headings.map((heading) => `${heading.getBoundingClientRect().width}px`);
    for (const width of widths) this.#widths.appendChild(make("col")).style.width = width;
    this.#table.style.width = `calc(${[...this.#widths.children].map((column) => column.style.width).join(" + ")})`;
    this.#table.classList.add("jv-frozen");
  }

  #thaw() {
    this.#widths.replaceChildren();
    this.#table.style.width = "";
    this.#table.classList.remove("jv-frozen");
  }

  /** The cell that a node is shown in. */
  #place(node) {
    for (let at = node; at; at = at.parent) {
      if (this.#cells.has(at)) return this.#cells.get(at);
    }
    return undefined;
  }

  #touch(node) {
    for (let at = node; at; at = at.parent) {
      if (!this.#cells.has(at)) continue;
      if (at.children) this.#stale.add(at);
      return;
    }
  }

  #addRow(node) {
    const row = make("tr");
    const index = make("th", "jv-index", node.key + 1);
    index.scope = "row";
    row.append(index);
    this.#rows.set(node, row);
    // An item that is no object stands in the first column.
    if (node.type !== "object") this.#cell(node, row, 0);
    if (node.key % SECTION_ROWS === 0) this.#section = this.#table.appendChild(make("tbody"));
    this.#section.append(row);
    this.#entitle();
  }

  #addCell(node) {
    if (node.parent.type !== "object") return this.#touch(node);
    if (!this.#columns.has(node.key)) {
      if (this.#columns.size === MAX_COLUMNS) return;
      this.#columns.set(node.key, this.#columns.size);
      const heading = make("th", "", node.key);
      heading.scope = "col";
      heading.dataset.type = node.type;
      this.#head.append(heading);
    }
    this.#cell(node, this.#rows.get(node.parent), this.#columns.get(node.key));
  }

  #cell(node, row, column) {
    while (row.cells.length <= column + 1) row.append(make("td"));
    const cell = row.cells[column + 1];
    cell.dataset.type = node.type;
    cell.replaceChildren(document.createTextNode(node.text ?? ""));
    this.#cells.set(node, cell);
    if (node.children) this.#stale.add(node);
  }

  #entitle() {
    const place = path(this.#array).join(" › ");
    const count = this.#array.children.length;
    const rows = fill(count === 1 ? this.#texts.rows_one : this.#texts.rows, { count });
    this.#caption.textContent = place ? `${place} · ${rows}` : rows;
  }
}
