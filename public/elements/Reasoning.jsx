// What a reasoning model thought before its answer: a line that opens and closes it. Open while it thinks, closed
// afterwards, unless the user decides otherwise. It stands above the answer by public/reasoning.css.
// props: { id: the answer's message, version, texts, name, text, thinking }; chat/ui/reasoning.py sends them once, then
// `thought_delta` { id, at, text }.
import { useEffect, useLayoutEffect, useReducer, useRef } from "react";
import { useRecoilValue } from "recoil";
import { sessionState } from "@chainlit/react-client";
import { ChevronRight } from "lucide-react";

const KEPT = 100;
const NEAR_END_PX = 24;

/** Chainlit builds an element anew whenever an answer begins or ends: what must outlive that stays on the window. */
const thoughts = (window.pagodaThoughts ??= new Map());

function recall() {
  const key = `${props.id}/${props.version}`;
  const kept = thoughts.get(key) ?? { text: "", open: null, focused: false };
  kept.thinking = props.thinking;
  kept.name = props.name;
  if (!props.thinking || props.text.length > kept.text.length) kept.text = props.text;
  thoughts.delete(key);
  thoughts.set(key, kept);
  if (thoughts.size > KEPT) thoughts.delete(thoughts.keys().next().value);
  return kept;
}

export default function Reasoning() {
  const kept = useRef(null);
  kept.current ??= recall();
  const thought = kept.current;
  const button = useRef(null);
  const body = useRef(null);
  const [, redraw] = useReducer((count) => count + 1, 0);
  const socket = useRecoilValue(sessionState)?.socket;
  const open = thought.open ?? thought.thinking;

  // Only what is new goes into the page, beside React: thoughts are long. In a shadow of its own, as Chainlit's copy
  // button takes along whatever else stands in the message.
  const fill = () => {
    const box = body.current;
    if (!box) return;
    const shadow = box.shadowRoot ?? box.attachShadow({ mode: "open" });
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    const there = shadow.textContent.length;
    if (there > thought.text.length) shadow.textContent = thought.text;
    else shadow.append(thought.text.slice(there));
    if (atEnd && thought.thinking) box.scrollTop = box.scrollHeight;
  };
  useLayoutEffect(fill, [open]);
  useLayoutEffect(() => {
    if (thought.focused) button.current.focus({ preventScroll: true });
    return () => {
      thought.focused = document.activeElement === button.current;
    };
  }, []);
  useEffect(() => {
    if (!socket || !thought.thinking) return undefined;
    const ask = () => socket.emit("thought_rest", { id: props.id }, take);
    const take = (rest) => {
      if (rest.error || rest.text.length < thought.text.length) return;
      Object.assign(thought, rest);
      fill();
      if (!rest.thinking) redraw();
    };
    const grow = ({ id, at, text }) => {
      if (id !== props.id) return;
      // Counted in characters here as there: an emoji is one.
      if (at !== [...thought.text].length) ask();
      else {
        thought.text += text;
        fill();
      }
    };
    socket.on("thought_delta", grow);
    socket.on("connect", ask);
    ask();
    return () => {
      socket.off("thought_delta", grow);
      socket.off("connect", ask);
    };
  }, [socket]);

  const fold = () => {
    thought.open = !open;
    redraw();
  };
  return (
    <section className="thought" data-testid="reasoning" data-thinking={thought.thinking} data-open={open}>
      <button type="button" className="thought-name" aria-expanded={open} onClick={fold} ref={button}>
        <ChevronRight aria-hidden="true" />
        <span>{thought.name}</span>
      </button>
      {open && <div className="thought-text" role="region" aria-label={props.texts.region} tabIndex={0} ref={body} />}
    </section>
  );
}
