// The line under an answer: whether it is enforced JSON, cut or stopped, what was left out, how fast it came.
// props: { items: [{ kind: "good" | "bad" | "note", text }], facts: string, verdict: string | null }
import { CircleAlert, CircleCheck, Info } from "lucide-react";

const ICONS = { good: CircleCheck, bad: CircleAlert, note: Info };
const COLOURS = {
  good: "text-emerald-700 dark:text-emerald-400",
  bad: "text-amber-700 dark:text-amber-400",
  note: "text-muted-foreground",
};

export default function AnswerStatus() {
  return (
    <ul
      className="answer-status flex flex-wrap gap-x-4 gap-y-1 text-xs"
      data-testid="answer-status"
      data-verdict={props.verdict}
    >
      {props.items.map(({ kind, text }) => {
        const Icon = ICONS[kind];
        return (
          <li key={text} className={`flex items-center gap-1.5 ${COLOURS[kind]}`}>
            <Icon className="h-3.5 w-3.5 shrink-0" aria-hidden="true" />
            <span>{text}</span>
          </li>
        );
      })}
      {props.facts && (
        <li className="text-muted-foreground" data-testid="answer-facts">
          {props.facts}
        </li>
      )}
    </ul>
  );
}
