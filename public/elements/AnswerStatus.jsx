// The line under an answer: whether it was cut or stopped, what was left out, how fast it came.
// props: { items: [{ kind: "good" | "bad" | "note", text }], facts: string }
// Styled in public/pagoda.css: Chainlit's build holds only the Tailwind classes that it uses itself.
import { CircleAlert, CircleCheck, Info } from "lucide-react";

const ICONS = { good: CircleCheck, bad: CircleAlert, note: Info };

export default function AnswerStatus() {
  return (
    <ul className="answer-status" data-testid="answer-status">
      {props.items.map(({ kind, text }) => {
        const Icon = ICONS[kind];
        return (
          <li key={text} data-kind={kind}>
            <Icon aria-hidden="true" />
            {text}
          </li>
        );
      })}
      {props.facts && <li>{props.facts}</li>}
    </ul>
  );
}
