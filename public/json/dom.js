// What the views of a JSON answer share: elements made without markup, and one-line summaries of nodes.
// The text is a model's and not trusted: it only ever becomes text nodes.

/** A new element with a class and, where given, a text. */
export function make(tag, className = "", text = undefined) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The sentence with its {values} filled in. */
export function fill(sentence, values) {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, value), sentence);
}

/** "3 items", "1 field": how many children a container has. */
export function countOf(node, texts) {
  const count = node.children.length;
  const key = node.type === "array" ? "items" : "fields";
  return fill(count === 1 ? texts[`${key}_one`] : texts[key], { count });
}

function clip(text, budget) {
  return text.length > budget ? `${text.slice(0, budget)}…` : text;
}

function scalar(node, budget) {
  return node.type === "string" ? `"${clip(node.text, budget)}"` : clip(node.text, budget);
}

/** A node in one line of about `budget` characters. Looks at no more than it shows. */
export function summary(node, budget) {
  if (!node.children) return scalar(node, budget);
  const object = node.type === "object";
  let line = "";
  for (const child of node.children) {
    if (line) line += ", ";
    if (line.length >= budget) {
      line += "…";
      break;
    }
    if (object) line += `${clip(child.key, budget)}: `;
    if (child.children) line += child.type === "object" ? "{…}" : "[…]";
    else line += scalar(child, Math.max(budget - line.length, 12));
  }
  if (node.deep) line = "…";
  return object ? `{${line}}` : `[${line}]`;
}

/** The keys that lead to a node: ["books", 0, "title"]. */
export function path(node) {
  const keys = [];
  for (let at = node; at.parent; at = at.parent) keys.unshift(at.key);
  return keys;
}

/** The same as a JSON Pointer: "/books/0/title". */
export function pointer(node) {
  return path(node)
    .map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
