// The line under an answer. While it is waited for: what it waits for, with seconds. Afterwards: how it ended, its
// figures, where its time went, and what can be done with it. Styled in public/facts.css.
// props: see status_props in chat/ui/facts.py, and chat/ui/waiting.py for those of a waiting answer.
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "react";
import { useRecoilValue } from "recoil";
import { loadingState, sessionState } from "@chainlit/react-client";
import {
  Check, ChevronDown, ChevronLeft, ChevronRight, CircleAlert, CircleCheck, Copy, Info, LoaderCircle, Play, RotateCcw,
} from "lucide-react";

const { texts } = props;
const ICONS = { good: CircleCheck, bad: CircleAlert, note: Info };
const STILL = ["stalled", "silent"]; // nothing moves: no turning wheel
const PATIENCE_MS = 15_000;
const NAMES_SHOWN = 2;
const KEPT = 200;
const COPIED_MS = 2000;

/** Chainlit builds an element anew whenever an answer begins or ends: what is open, and where the focus is, stays here. */
const answers = (window.pagodaAnswers ??= new Map());

function recall(id) {
  const kept = answers.get(id) ?? { open: false, focus: null, lost: false };
  answers.delete(id);
  answers.set(id, kept);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
  return kept;
}

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const number = (value) => value.toLocaleString(props.language);

export default function AnswerStatus() {
  const kept = recall(props.id);
  const root = useRef(null);
  const busy = useRef(false);
  const [problem, setProblem] = useState("");
  const [, redraw] = useReducer((count) => count + 1, 0);
  const socket = useRecoilValue(sessionState)?.socket;
  // One answer at a time: a click would only be told so.
  const others = useRecoilValue(loadingState);
  useLayoutEffect(() => {
    if (kept.focus) root.current.querySelector(`[data-keep="${kept.focus}"]`)?.focus({ preventScroll: true });
    return () => {
      const focused = document.activeElement;
      kept.focus = root.current?.contains(focused) ? focused.dataset.keep : null;
    };
  }, []);

  const ask = (event, more) =>
    socket
      .timeout(PATIENCE_MS)
      .emitWithAck(event, { id: props.id, ...more })
      .catch(() => ({ error: texts.no_reply }));
  const act = async (event, more) => {
    if (busy.current || !socket) return;
    busy.current = true;
    const reply = await ask(event, more);
    busy.current = false;
    setProblem(reply.error ?? "");
  };
  const again = () => {
    window.pagodaAsked?.(props.id, version.of + 1);
    act("answer_regenerate");
  };
  const fold = () => {
    kept.open = !kept.open;
    redraw();
    // What was asked for is to be seen; the page moves no further than that.
    if (kept.open) requestAnimationFrame(() => root.current?.querySelector(".as-details").scrollIntoView({ block: "nearest" }));
  };

  const { actions, details, items, line, state, version, wait } = props;
  const left = items.find(({ id }) => id === "left_out")?.names ?? [];
  const tells = details.length > 0 || left.length > NAMES_SHOWN;
  const alone = state === "ended" && line.length === 0 && !actions.copy && version.of === 1; // under an error
  return (
    <div className="answer-status" data-testid="answer-status" data-state={state} ref={root}>
      {wait && <Waiting kept={kept} {...wait} />}
      {items.length > 0 && (
        <ul className="as-items">
          {items.map((item) => (
            <Item key={item.id} {...item} />
          ))}
        </ul>
      )}
      <div className="as-row">
        {line.length > 0 && (
          <ul className="as-line">
            {line.map(({ id, text, title }) => (
              <li key={id} data-fact={id} title={title}>
                {text}
              </li>
            ))}
          </ul>
        )}
        {tells && (
          <button
            type="button"
            className="as-button as-fold"
            data-keep="fold"
            aria-expanded={kept.open}
            aria-controls={`facts-${props.id}`}
            aria-label={texts.details}
            title={texts.details}
            onClick={fold}
          >
            <ChevronDown aria-hidden="true" />
          </button>
        )}
        {/* From the right, so that what is clicked again and again stays under the pointer. */}
        <span className={alone ? "as-actions as-alone" : "as-actions"}>
          {actions.continue && (
            <Action keep="continue" icon={Play} name={texts.continue} shown dim={others} act={() => act("answer_continue")} />
          )}
          {version.of > 1 && (
            <Versions {...version} dim={others} pick={(wanted) => act("answer_version", { number: wanted })} />
          )}
          {actions.copy && <CopyButton ask={ask} failed={setProblem} />}
          {actions.regenerate && (
            <Action keep="regenerate" icon={RotateCcw} name={texts.regenerate} shown={alone} dim={others} act={again} />
          )}
        </span>
      </div>
      {problem && (
        <p className="as-problem" role="alert">
          <CircleAlert aria-hidden="true" />
          {problem}
        </p>
      )}
      {tells && (
        <div className="as-details" id={`facts-${props.id}`} hidden={!kept.open}>
          {details.length > 0 && <Times />}
          {left.length > 0 && <LeftOut names={left} />}
        </div>
      )}
    </div>
  );
}

/** What the answer waits for, and since when; the seconds are not read aloud. */
function Waiting({ kept, phase, for_ms, prompt_tokens, ahead }) {
  const [since] = useState(() => performance.now() - for_ms);
  const [, tick] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, []);
  if (kept.lost) return null;
  const told = { queued: ["queued_behind", ahead], reading: ["reading_tokens", prompt_tokens] }[phase];
  const text = told?.[1] ? fill(texts[`wait_${told[0]}`], { count: number(told[1]) }) : texts[`wait_${phase}`];
  const Icon = STILL.includes(phase) ? CircleAlert : LoaderCircle;
  const seconds = Math.max(0, Math.floor((performance.now() - since) / 1000));
  return (
    <p className="as-wait" data-phase={phase}>
      <Icon aria-hidden="true" />
      <span role="status">{text}</span>
      <span className="as-seconds" aria-hidden="true">
        {fill(texts.seconds, { count: number(seconds) })}
      </span>
    </p>
  );
}

function Item({ id, kind, text, names = [] }) {
  const Icon = ICONS[kind];
  const shown = names.slice(0, NAMES_SHOWN);
  const more = names.length - shown.length;
  return (
    <li data-kind={kind} data-fact={id}>
      <Icon aria-hidden="true" />
      <span>
        {text}
        {shown.map((name) => (
          <q key={name}>{name}</q>
        ))}
        {more > 0 && <span className="as-more">{fill(texts.more, { count: number(more) })}</span>}
      </span>
    </li>
  );
}

/** The text comes from the server, as the model wrote it. */
function CopyButton({ ask, failed }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    const timer = copied && setTimeout(() => setCopied(false), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async ({ currentTarget }) => {
    const text = ask("answer_text").then((reply) => reply.text ?? Promise.reject(reply.error));
    const message = currentTarget.closest(".message-content");
    try {
      const done = await (await window.pagodaCopy).copyAnswer(message, text);
      setCopied(done);
      failed(done ? "" : texts.copy_failed);
    } catch (error) {
      failed(typeof error === "string" ? error : texts.copy_failed);
    }
  };
  return (
    <>
      <Action keep="copy" icon={copied ? Check : Copy} name={copied ? texts.copied : texts.copy} act={copy} />
      <span className="sr-only" role="status">
        {copied && texts.copied}
      </span>
    </>
  );
}

/** Which of several answers this is: ‹ 2/3 ›. */
function Versions({ number: shown, of, dim, pick }) {
  return (
    <span className="as-versions" role="group" aria-label={fill(texts.version, { number: shown, of })}>
      <Action keep="earlier" icon={ChevronLeft} name={texts.earlier} off={shown <= 1} dim={dim} act={() => pick(shown - 1)} />
      <span aria-hidden="true">
        {shown}/{of}
      </span>
      <Action keep="later" icon={ChevronRight} name={texts.later} off={shown >= of} dim={dim} act={() => pick(shown + 1)} />
    </span>
  );
}

/** `off`: there is nothing to do. `dim`: not now, and the server says why. */
function Action({ keep, icon: Icon, name, shown, off, dim, act }) {
  const named = shown ? {} : { "aria-label": name, title: name };
  const disabled = Boolean(off || dim);
  return (
    <button
      type="button"
      className="as-button"
      data-keep={keep}
      aria-disabled={disabled}
      onClick={off ? null : act}
      {...named}
    >
      <Icon aria-hidden="true" />
      {shown && name}
    </button>
  );
}

/** The parts of the time as a bar, and beside each other what the server says and what was measured here. */
function Times() {
  const parts = props.details.filter(({ ms }) => ms !== undefined);
  const whole = parts.reduce((sum, { ms }) => sum + ms, 0);
  const first = window.pagodaFirstText?.(props.id, props.version.number);
  const here = props.details.filter(({ group }) => group === "browser");
  if (first !== undefined) {
    here.unshift({ id: "page_first", label: texts.page_first, value: fill(texts.ms, { count: number(first) }) });
  }
  return (
    <>
      {whole > 0 && (
        <div className="as-bar" aria-hidden="true">
          {parts.map(({ id, ms }) => (
            <span key={id} data-part={id} style={{ flexGrow: ms / whole }} />
          ))}
        </div>
      )}
      <div className="as-clocks">
        <Clock name={texts.server} note={props.server_note} rows={props.details.filter(({ group }) => group === "server")} />
        <Clock name={texts.browser} rows={here} />
      </div>
    </>
  );
}

function Clock({ name, note, rows }) {
  return (
    <section data-clock={note === undefined ? "browser" : "server"}>
      <h4>{name}</h4>
      <dl>
        {rows.map(({ id, label, value, ms }) => (
          <div key={id} data-fact={id}>
            <dt>
              {ms !== undefined && <i data-part={id} aria-hidden="true" />}
              {label}
            </dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {note && <p>{note}</p>}
    </section>
  );
}

function LeftOut({ names }) {
  return (
    <section>
      <h4>{texts.left_out}</h4>
      <ol className="as-left">
        {names.map((name, at) => (
          <li key={at}>{name}</li>
        ))}
      </ol>
    </section>
  );
}
