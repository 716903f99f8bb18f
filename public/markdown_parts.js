// A long answer in parts, each of which Chainlit's own component draws once it is complete, and only once: while an
// answer streams, what changes is the last part. Chainlit draws all of it anew with each piece that comes.

/** Parts are at least so long: a short answer is in one. */
const SHORTEST = 800;

/** A line at which Markdown can begin anew after an empty one, whatever was before it: not in a list, table or quote. */
const BEGINS = /^(?:#{1,6}\s|```|~~~|\*\*|[^\s\d#>|<[\]*+\-=_:`~\\&!])/u;
/** What reaches over parts: links and notes that are defined elsewhere, and Chainlit's boxes. */
const ACROSS = /^ {0,3}\[[^\]]+\]:|^:::/m;

/**
 * The parts of a text; joined, they are the text. Those of a text that goes on begin with the same ones.
 * @param {string} text
 * @returns {string[]}
 */
export function parts(text) {
  const found = [];
  let start = 0;
  let fence = "";
  let empty = false;
  for (let at = 0, end; at < text.length; at = end) {
    const newline = text.indexOf("\n", at);
    end = newline < 0 ? text.length : newline + 1;
    const line = text.slice(at, end);
    // A line that has not come to its end may still become something else.
    if (newline >= 0 && empty && !fence && at - start >= SHORTEST && BEGINS.test(line)) {
      found.push(text.slice(start, at));
      start = at;
    }
    const mark = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}|~{3,}|\${2,})(.*)/.exec(line);
    if (mark && !fence && !mark[2].includes(mark[1][0])) fence = mark[1];
    else if (mark && fence && mark[1].startsWith(fence) && !mark[2].trim()) fence = "";
    empty = !line.trim();
  }
  found.push(text.slice(start));
  return found;
}

let component;

/** Called by Chainlit's page (chat/ui/page_script.py) for the component that is to draw Markdown. */
window.pagodaMarkdown = (React, { jsx }, Markdown) => {
  if (component) return component;
  const Part = React.memo(Markdown, same);
  component = (props) => {
    const { children, allowHtml, renderMarkdown } = props;
    const whole = typeof children !== "string" || allowHtml || renderMarkdown === false;
    const all = whole || children.length < 2 * SHORTEST || ACROSS.test(children) ? [children] : parts(children);
    const className = [props.className, "markdown-part"].filter(Boolean).join(" ");
    const drawn = all.map((part, index) => jsx(Part, { ...props, className, children: part }, index));
    return jsx("div", { children: drawn });
  };
  return component;
};

function same(before, now) {
  const { refElements: some = [], ...rest } = before;
  const { refElements: others = [], ...newRest } = now;
  const names = new Set([...Object.keys(rest), ...Object.keys(newRest)]);
  return (
    [...names].every((name) => rest[name] === newRest[name]) &&
    some.length === others.length &&
    some.every((element, index) => element === others[index])
  );
}
