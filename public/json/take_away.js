// Asking the server over the socket, and handing text to the user: clipboard and files.

const PATIENCE_MS = 15_000;

/** The server's reply to an event; { error: noReply } where none comes in time. */
export async function ask(socket, event, message, noReply) {
  try {
    return await socket.timeout(PATIENCE_MS).emitWithAck(event, message);
  } catch {
    return { error: noReply };
  }
}

/** Whether `text` is on the clipboard now. The newer way needs https or localhost; the older one works over http. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "jv-hidden";
  area.readOnly = true;
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus({ preventScroll: true });
  return copied;
}

/** Let the browser save `text` as a file. */
export function saveFile({ name, mime, text }) {
  const url = URL.createObjectURL(new Blob([text], { type: mime }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
