// Copying an answer: its Markdown, and for programs that take it, how it looks; nothing else that stands in the message.
// Chainlit's own button would copy the line of facts along. Imported by public/pagoda.js for AnswerStatus.
import { copyText } from "/public/json/take_away.js";

/**
 * Whether the answer is on the clipboard now. The text may come later: a browser lets a page copy only at a click.
 * @param {Element} message the message that the answer is in
 * @param {Promise<string>} text
 */
export async function copyAnswer(message, text) {
  try {
    const parts = { "text/plain": text.then((plain) => new Blob([plain], { type: "text/plain" })) };
    parts["text/html"] = new Blob([looks(message)], { type: "text/html" });
    await navigator.clipboard.write([new ClipboardItem(parts)]);
    return true;
  } catch {
    return copyText(await text); // without https there is no clipboard to write to
  }
}

function looks(message) {
  const drawn = [...message.querySelectorAll(".prose")];
  const outermost = drawn.filter((part) => !part.parentElement.closest(".prose") && !part.closest(".inline-custom"));
  const copy = document.createElement("div");
  copy.append(...outermost.flatMap((part) => [...part.cloneNode(true).childNodes]));
  for (const control of copy.querySelectorAll("button, svg")) control.remove();
  return copy.innerHTML;
}
