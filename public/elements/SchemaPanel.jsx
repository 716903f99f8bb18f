// The schemas that JSON answers can be held to: a list of them, and an editor for the user's own.
// props: { texts, language, view: "schema" | "edit", chosen, ready: [{ id, name, description, questions, text }],
// own: [{ id, name, text }], edit: { id | null, name, text } }; the server's side is chat/ui/schema_events.py, the
// looks are in public/schema-panel.css.
import { useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { useRecoilValue, useSetRecoilState } from "recoil";
import { sessionState, sideViewState, useChatData } from "@chainlit/react-client";
import {
  Braces, Check, ChevronRight, CircleAlert, CircleCheck, FileCode2, LayoutList, PencilLine, Plus, Trash2, TriangleAlert,
} from "lucide-react";

const { texts } = props;
const LONGEST = 64 * 1024;
const PAUSE_MS = 250;
const EMPTY = { type: "object", properties: {}, required: [], additionalProperties: false };
const NEW = { key: "new", id: null, name: "", text: JSON.stringify(EMPTY, null, 2) };
const SOURCES = {
  example: { icon: Braces, such: '{\n  "name": "Ada Lovelace",\n  "born": 1815\n}' },
  pydantic: { icon: FileCode2, such: "class Person(BaseModel):\n    name: str\n    born: int" },
};
const SEVERITIES = { error: CircleAlert, warning: TriangleAlert };
const LISTED = new Intl.ListFormat(props.language, { style: "narrow" });
// What is typed and not saved outlives a closed panel. Ids do not outlive a chat, so an own schema goes by its text.
const drafts = (window.pagodaDrafts ??= new Map());

const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const counted = (key, count) => fill(texts[count === 1 ? `${key}_one` : key], { count });
const draftOf = (schema) => ({ ...schema, key: schema.id ? schema.text : NEW.key });

export default function SchemaPanel() {
  const [own, setOwn] = useState(props.own);
  const [chosen, setChosen] = useState(props.chosen);
  const [open, setOpen] = useState(props.chosen);
  const [edited, edit] = useState(props.view === "edit" ? draftOf(props.edit) : null);
  const [said, say] = useState("");
  const [code, setCode] = useState(null);
  const socket = useRecoilValue(sessionState)?.socket;
  const showPanel = useSetRecoilState(sideViewState);
  useEffect(() => {
    showPanel((view) => view && { ...view, title: texts.title }); // Chainlit shows the element's name
    window.pagodaCode.then(setCode);
    const nowChosen = (event) => setChosen(event.detail); // from pagoda.js, wherever it was picked
    window.addEventListener("pagoda-schema", nowChosen);
    return () => window.removeEventListener("pagoda-schema", nowChosen);
  }, []);

  const ask = async (event, data) => {
    if (data.text?.length > LONGEST) return { error: texts.too_long };
    return code.ask(socket, event, data, texts.no_reply);
  };
  const use = async (id) => {
    const { error } = await ask("schema_choose", { id });
    say(error ?? "");
    return !error;
  };
  const done = ({ id, own }, sentence) => {
    setOwn(own);
    setOpen(id);
    say(sentence);
    edit(null);
  };
  if (!code) return null;
  if (edited) return <Editor key={edited.key} {...{ code, ask, done }} original={edited} back={() => edit(null)} />;
  const ready = props.ready.map((schema) => ({ ...schema, text: code.tidy(schema.text) }));
  const groups = { own, ready: [{ id: "any", name: texts.any, description: texts.any_help }, ...ready] };
  const list = (schemas) =>
    schemas.map(({ id, ...schema }) => {
      const toggle = () => setOpen(id === open ? null : id);
      const state = { code, isOwn: schemas === own, inUse: id === chosen, open: id === open };
      return <Item key={id} id={id} {...schema} {...state} toggle={toggle} use={() => use(id)} edit={edit} />;
    });

  return (
    <div className="schema-panel" data-testid="schema-panel">
      <p className="sp-said" role="status">{said}</p>
      <Button icon={Plus} kind="sp-new" onClick={() => edit(NEW)}>{texts.new}</Button>
      {Object.entries(groups).map(([name, schemas]) => (
        <section key={name} aria-label={texts[name]} hidden={!schemas.length}>
          <h3>{texts[name]}</h3>
          <ul className="sp-list">{list(schemas)}</ul>
        </section>
      ))}
    </div>
  );
}

function Button({ icon: Icon, kind = "", children, ...rest }) {
  return (
    <button type="button" className={`sp-button ${kind}`} {...rest}>
      {Icon && <Icon aria-hidden="true" />}
      {children}
    </button>
  );
}

function Failure({ text }) {
  return <p className="sp-failure" role="alert"><CircleAlert aria-hidden="true" />{text}</p>;
}

function Item({ id, name, description, questions = [], text, code, isOwn, inUse, open, toggle, use, edit }) {
  const { disabled } = useChatData();
  const showPanel = useSetRecoilState(sideViewState);
  const body = useId();
  const element = useRef(null);
  const shown = useRef(null);
  useLayoutEffect(() => {
    if (!open) return;
    if (text) code.paint(shown.current, text);
    element.current.scrollIntoView({ block: "nearest" });
  }, [open, text]);
  const put = async (question) => {
    if (!inUse && !(await use())) return;
    sendUserMessage(question, "JSON");
    // On a phone the panel would hide the answer.
    if (window.matchMedia("(max-width: 767px)").matches) showPanel(undefined);
  };
  const copy = { key: `copy of ${name}`, id: null, name: fill(texts.copy_name, { name }), text };
  const draft = isOwn ? draftOf({ id, name, text }) : copy;
  return (
    <li ref={element} data-open={open} data-schema={id}>
      <button type="button" className="sp-head" aria-expanded={open} aria-controls={body} onClick={toggle}>
        <ChevronRight aria-hidden="true" />
        <span className="sp-name">{name}</span>
        {inUse && <span className="sp-in-use"><Check aria-hidden="true" />{texts.in_use}</span>}
        {description && <span className="sp-description">{description}</span>}
      </button>
      <div id={body} hidden={!open} className="sp-body">
        {text && (
          <pre ref={shown} className="sp-code" tabIndex={0} role="region" aria-label={fill(texts.code, { name })} />
        )}
        <div className="sp-actions">
          {!inUse && <Button kind="sp-primary" onClick={use}>{texts.use}</Button>}
          {text && <Button icon={PencilLine} onClick={() => edit(draft)}>{texts[isOwn ? "edit" : "edit_copy"]}</Button>}
        </div>
        {questions.length > 0 && <h4>{texts.ask}</h4>}
        {questions.map((question) => (
          <Button key={question} kind="sp-ask" disabled={disabled} onClick={() => put(question)}>{question}</Button>
        ))}
      </div>
    </li>
  );
}

function Editor({ code, original, ask, done, back }) {
  const { key, id } = original;
  const [draft, setDraft] = useState(() => drafts.get(key) ?? original);
  const [problems, setProblems] = useState(null);
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  const [source, setSource] = useState(null);
  const [sure, setSure] = useState(false);
  const host = useRef(null);
  const area = useRef(null);
  const base = useId();
  const { name, text } = draft;
  const changed = name !== original.name || text !== original.text;
  const blocked = problems?.some(({ severity }) => severity === "error");

  const change = (part) =>
    setDraft((earlier) => {
      drafts.set(key, { ...earlier, ...part });
      return drafts.get(key);
    });
  useLayoutEffect(() => {
    const ids = { id: `${base}text`, describedBy: `${base}check` };
    area.current = new code.CodeArea(host.current, { ...ids, changed: (typed) => change({ text: typed }) });
    area.current.show(text);
  }, []);
  useLayoutEffect(() => area.current.mark(problems ?? []), [problems]);
  useEffect(() => {
    let outdated = false;
    const timer = setTimeout(async () => {
      const reply = await ask("schema_check", { text });
      if (outdated) return;
      setProblems(reply.problems ?? null);
      setFailure(reply.error ?? "");
    }, PAUSE_MS);
    return () => {
      outdated = true;
      clearTimeout(timer);
    };
  }, [text]);
  const discard = () => {
    change(original);
    area.current.show(original.text);
  };
  const act = async (event, data, sentence) => {
    setBusy(true);
    const reply = await ask(event, data);
    setBusy(false);
    setFailure(reply.error ?? "");
    if (reply.problems) setProblems(reply.problems);
    if (!reply.ok) return;
    drafts.delete(key);
    done(reply, sentence);
  };
  const save = () => act("schema_save", { id, name, text }, texts.saved);
  const remove = () => (sure ? act("schema_delete", { id }, texts.deleted) : setSure(true));
  const converted = (schema) => {
    setSource(null);
    area.current.replace(code.tidy(schema));
  };

  return (
    <div className="schema-panel sp-editor" data-testid="schema-panel">
      <Button icon={LayoutList} kind="sp-back" onClick={back}>{texts.all}</Button>
      <label htmlFor={`${base}name`}>{texts.name}</label>
      <input
        id={`${base}name`}
        value={name}
        maxLength={60}
        placeholder={texts.name_hint}
        onChange={(event) => change({ name: event.target.value })}
      />
      <label htmlFor={`${base}text`}>{texts.text}</label>
      <div className="sp-sources">
        {Object.entries(SOURCES).map(([from, { icon }]) => {
          const toggle = () => setSource(source === from ? null : from);
          const label = texts[`from_${from}`];
          return <Button key={from} icon={icon} aria-expanded={source === from} onClick={toggle}>{label}</Button>;
        })}
      </div>
      {source && <Source key={source} from={source} ask={ask} converted={converted} cancel={() => setSource(null)} />}
      <div ref={host} className="sp-area" />
      <Problems id={`${base}check`} problems={problems} failure={failure} area={area} />
      <div className="sp-actions">
        <Button kind="sp-primary" disabled={busy || blocked} onClick={save}>{texts.save}</Button>
        {changed && <Button onClick={discard}>{texts.discard}</Button>}
        {id && (
          <Button icon={Trash2} data-sure={sure} disabled={busy} onBlur={() => setSure(false)} onClick={remove}>
            {sure ? texts.delete_sure : texts.delete}
          </Button>
        )}
      </div>
      <p className="sp-note">{blocked ? texts.errors_block : texts.kept}</p>
    </div>
  );
}

/** Pasted text that the server makes a schema of. */
function Source({ from, ask, converted, cancel }) {
  const [pasted, setPasted] = useState("");
  const [{ error, line }, setRefusal] = useState({});
  const id = useId();
  const convert = async () => {
    const reply = await ask(`schema_from_${from}`, { text: pasted });
    if (reply.error) setRefusal(reply);
    else converted(reply.text);
  };
  return (
    <div className="sp-source">
      <label htmlFor={id}>{texts[`${from}_help`]}</label>
      <textarea
        id={id}
        rows={6}
        autoFocus
        spellCheck={false}
        placeholder={SOURCES[from].such}
        value={pasted}
        onChange={(event) => setPasted(event.target.value)}
      />
      {error && <Failure text={line ? fill(texts.at_line, { line, error }) : error} />}
      <div className="sp-actions">
        <Button kind="sp-primary" disabled={!pasted.trim()} onClick={convert}>{texts.convert}</Button>
        <Button onClick={cancel}>{texts.cancel}</Button>
      </div>
      <p className="sp-note">{texts.convert_note}</p>
    </div>
  );
}

/** What the check found; a problem's button moves the caret to its place. */
function Problems({ id, problems, failure, area }) {
  const of = (severity) => problems?.filter((problem) => problem.severity === severity).length ?? 0;
  const counts = Object.keys(SEVERITIES).filter(of).map((severity) => counted(`${severity}s`, of(severity)));
  return (
    <div className="sp-check">
      <p id={id} role="status" data-fine={problems?.length === 0}>
        {problems?.length === 0 && <CircleCheck aria-hidden="true" />}
        {problems ? LISTED.format(counts) || texts.fine : failure ? "" : texts.checking}
      </p>
      {failure && <Failure text={failure} />}
      <ul>
        {problems?.map((problem) => {
          const Icon = SEVERITIES[problem.severity];
          return (
            <li key={`${problem.line}:${problem.column}:${problem.text}`}>
              <button type="button" data-severity={problem.severity} onClick={() => area.current.goTo(problem)}>
                <Icon aria-label={texts[problem.severity]} role="img" />
                <span>{fill(texts.line, problem)}</span>
                {problem.text}
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
