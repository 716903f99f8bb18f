// An answer in JSON mode, alive while it is written: header with views, copy and take-away; the answer as tree,
// table or text; what is known about it as chips; Continue and Compare.
// props: { id, language, texts, schema_name, text, result, plain }; the contract with the server is in
// chat/ui/, the view itself and all that outlives a re-mount in public/json/, the looks in public/canvas.css.
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "react";
import { useRecoilValue } from "recoil";
import { sessionState } from "@chainlit/react-client";
import {
  Braces, Check, ChevronDown, CircleAlert, CircleCheck, Columns2, Copy, Download, FileCode2, FileJson, FileSpreadsheet,
  Info, MessagesSquare, Play, SquareTerminal,
} from "lucide-react";
import {
  DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuLabel, DropdownMenuSeparator, DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";

const { texts } = props;
const SAID_MS = 2000;
const KINDS = { good: CircleCheck, bad: CircleAlert, note: Info };
const DOWNLOADS = { json: FileJson, csv: FileSpreadsheet, jsonl: MessagesSquare };
const COPIES = { curl: SquareTerminal, python: FileCode2, pydantic: Braces };

export default function JsonCanvas() {
  const [json, setJson] = useState(window.pagodaJson);
  const socket = useRecoilValue(sessionState)?.socket;
  useEffect(() => {
    const loaded = () => setJson(window.pagodaJson);
    window.addEventListener("pagoda-json", loaded);
    loaded();
    return () => window.removeEventListener("pagoda-json", loaded);
  }, []);
  // Without the module the text is all there is to show.
  return json ? <Canvas json={json} socket={socket} /> : <pre className="json-canvas jv-text">{props.text}</pre>;
}

function Canvas({ json, socket }) {
  const root = useRef(null);
  const busy = useRef(false);
  const [kept] = useState(() => json.recall(props));
  const [, redraw] = useReducer((count) => count + 1, 0);
  const [view, setView] = useState({ mode: "tree", modes: ["tree", "raw"] });
  const [problem, setProblem] = useState("");
  const [said, say] = useState("");
  const { answer, plain, comparing } = kept;
  const comparison = plain && comparing;
  const streaming = !answer.result || (plain && !plain.result);
  useLayoutEffect(() => json.keepPlace(root.current, kept), []);
  useEffect(() => {
    const timer = said && setTimeout(() => say(""), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);

  const keep = (change) => {
    Object.assign(kept, change);
    redraw();
  };
  const act = async (event, message) => {
    if (busy.current) return { error: true };
    busy.current = true;
    const reply = await json.ask(socket, event, { id: props.id, ...message }, texts.no_reply);
    busy.current = false;
    setProblem(reply.error ?? "");
    return reply;
  };
  const copy = async (text, what) => ((await json.copyText(text)) ? say(what) : setProblem(texts.copy_failed));
  const takeAway = async (format) => {
    const reply = await act("json_export", { pane: "answer", format });
    if (reply.error) return;
    if (format in COPIES) await copy(reply.text, "take_away");
    else json.saveFile(reply);
  };
  const compare = async () => {
    if (plain) return keep({ comparing: !comparing });
    if ((await act("json_compare")).error) return;
    json.beside(kept);
    keep({ comparing: true });
  };
  const pane = { json, socket, wanted: kept.mode, redraw, tab: `${props.id}-${view.mode}` };

  return (
    <section
      ref={root}
      className="json-canvas"
      data-testid="json-canvas"
      data-verdict={answer.result?.verdict ?? "streaming"}
      aria-label={props.schema_name ?? texts.any}
    >
      <header className="jc-header">
        <h3 className="jc-title">
          <Braces aria-hidden="true" />
          <span>{props.schema_name ?? texts.any}</span>
        </h3>
        <Views {...view} choose={(mode) => keep({ mode })} />
        <div className="jc-tools">
          <CopyButton said={said} name="answer" copy={() => copy(json.copyable(answer, view.mode), "answer")} />
          <TakeAway disabled={streaming} table={view.modes.includes("table")} said={said} take={takeAway} />
        </div>
      </header>
      <div className={comparison ? "jc-panes jc-compared" : "jc-panes"}>
        <Pane {...pane} name="answer" kept={answer} compared={comparison} changed={setView}>
          {comparison && <h4>{texts.pane_answer}</h4>}
        </Pane>
        {comparison && (
          <Pane {...pane} name="plain" kept={plain} compared>
            <h4>{texts.pane_plain}</h4>
            <CopyButton said={said} name="plain" copy={() => copy(plain.text, "plain")} />
          </Pane>
        )}
      </div>
      <footer className="jc-footer">
        {comparison ? <p className="jc-note">{texts.compare_note}</p> : <Chips result={answer.result} />}
        <div className="jc-actions">
          {answer.result?.can_continue && (
            <Action keep="continue" icon={Play} text={texts.continue} act={() => act("json_continue")} />
          )}
          {answer.result && (
            <Action
              keep="compare"
              icon={Columns2}
              text={plain ? texts[comparing ? "compare_hide" : "compare_show"] : texts.compare}
              title={plain ? undefined : texts.compare_hint}
              act={compare}
            />
          )}
        </div>
        {problem && (
          <p className="jc-problem" role="alert">
            <CircleAlert aria-hidden="true" />
            {problem}
          </p>
        )}
      </footer>
      <span className="jv-hidden" role="status">
        {said && texts.copied}
      </span>
    </section>
  );
}

/** One text: its name, chips and measures where two are compared, and the view. */
function Pane({ json, socket, name, kept, compared, wanted, tab, changed, redraw, children }) {
  const host = useRef(null);
  const view = useRef(null);
  useLayoutEffect(() => {
    kept.view.mode ??= wanted;
    view.current = json.createView(host.current, { texts, state: kept.view, changed });
    view.current.replace(kept.text);
    if (kept.result) view.current.end();
    return () => view.current.destroy();
  }, []);
  useEffect(() => {
    if (wanted) view.current.setMode(wanted);
  }, [wanted]);
  useEffect(() => {
    if (!socket) return undefined;
    return json.followPane(socket, props.id, name, kept, {
      feed: (text) => view.current.feed(text),
      replace: (text) => view.current.replace(text),
      begun: () => {
        view.current.feed("");
        redraw();
      },
      ended: () => {
        view.current.end();
        redraw();
      },
    });
  }, [socket]);
  return (
    <div className="jc-pane" data-pane={name}>
      {compared && <div className="jc-pane-head">{children}</div>}
      {compared && <Chips result={kept.result} />}
      <div ref={host} className="json-view" role="tabpanel" id={`${props.id}-${name}`} aria-labelledby={tab} />
      {compared && <Measures {...kept.result?.measures} />}
    </div>
  );
}

/** The switch between views: one stop for the tab key, arrows choose. */
function Views({ mode, modes, choose }) {
  const press = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = modes[(modes.indexOf(mode) + by + modes.length) % modes.length];
    choose(next);
    document.getElementById(`${props.id}-${next}`).focus();
  };
  return (
    <div className="jc-views" role="tablist" aria-label={texts.view} onKeyDown={press}>
      {modes.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`${props.id}-${name}`}
          data-keep={name}
          aria-selected={name === mode}
          aria-controls={`${props.id}-answer`}
          tabIndex={name === mode ? 0 : -1}
          onClick={() => choose(name)}
        >
          {texts[name]}
        </button>
      ))}
    </div>
  );
}

function CopyButton({ said, name, copy }) {
  const [Icon, label] = said === name ? [Check, texts.copied] : [Copy, texts.copy];
  const names = { "data-keep": `copy-${name}`, "aria-label": label, title: label };
  return (
    <button type="button" className="jc-button" {...names} onClick={copy}>
      <Icon aria-hidden="true" />
    </button>
  );
}

function TakeAway({ disabled, table, said, take }) {
  const item = ([format, Icon]) => (
    <DropdownMenuItem key={format} className="jc-item" onSelect={() => take(format)}>
      <Icon aria-hidden="true" />
      {texts[`export_${format}`]}
    </DropdownMenuItem>
  );
  const offered = ([format]) => (format !== "csv" || table) && (format !== "pydantic" || props.schema_name);
  const Icon = said === "take_away" ? Check : Download;
  return (
    <DropdownMenu modal={false}>
      <DropdownMenuTrigger className="jc-button" data-keep="take_away" disabled={disabled}>
        <Icon aria-hidden="true" />
        <span>{said === "take_away" ? texts.copied : texts.take_away}</span>
        <ChevronDown aria-hidden="true" />
      </DropdownMenuTrigger>
      <DropdownMenuContent align="end" className="jc-menu">
        <DropdownMenuLabel>{texts.download}</DropdownMenuLabel>
        {Object.entries(DOWNLOADS).filter(offered).map(item)}
        <DropdownMenuSeparator />
        <DropdownMenuLabel>{texts.copy_as}</DropdownMenuLabel>
        {Object.entries(COPIES).filter(offered).map(item)}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}

function Action({ keep, icon: Icon, text, act, ...more }) {
  return (
    <button type="button" className="jc-button jc-action" data-keep={keep} onClick={act} {...more}>
      <Icon aria-hidden="true" />
      {text}
    </button>
  );
}

/** One chip for each fact; a single one while the answer is being written. */
function Chips({ result }) {
  return (
    <ul className="jc-chips" aria-live="polite">
      {result ? null : <li data-kind="live">{texts.streaming}</li>}
      {result?.facts.map(({ id, kind, text }) => {
        const Icon = KINDS[kind];
        return (
          <li key={id} data-kind={kind} data-fact={id}>
            <Icon aria-hidden="true" />
            {text}
          </li>
        );
      })}
    </ul>
  );
}

/** How fast a text came; "–" where it is not known. */
function Measures({ ttft_ms, completion_tokens, output_throughput }) {
  const number = (value) => (value == null ? "–" : value.toLocaleString(props.language));
  const shown = [
    [texts.measure_ttft, ttft_ms == null ? "–" : `${number(ttft_ms)} ms`],
    [texts.measure_tokens, number(completion_tokens)],
    [texts.measure_rate, number(output_throughput)],
  ];
  return (
    <dl className="jc-measures">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
