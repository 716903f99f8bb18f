// What the parser hands out besides its tree: plain values, and counts as the server counts.

/** The number of code points in `text`; half a pair counts as one. */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** A node as JSON.parse would give it. */
export function plainValue(node) {
  switch (node.type) {
    case "array":
      return node.children.map(plainValue);
    case "object": {
      const value = {};
      // Not by assignment: "__proto__" is a key like any other.
      for (const child of node.children) {
        Object.defineProperty(value, child.key, {
          value: plainValue(child),
          configurable: true,
          enumerable: true,
          writable: true,
        });
      }
      return value;
    }
    case "number":
      return Number(node.text);
    case "boolean":
      return node.text === "true";
    case "null":
      return null;
    default:
      return node.text;
  }
}
