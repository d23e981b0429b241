/** One field of an args form; lists and groups hold fields of their own. */
import { useId } from "react";
import type { JsonSchema } from "~/api/types";
import { type FieldProblem, initial, jsonFrom, kindOf, labelOf, numberFrom, pointerTo, Unreadable } from "~/lib/schema";
import { Button } from "~/ui/button";
import { Icon } from "~/ui/icon";
import { Segmented } from "~/ui/tabs";

interface Props {
  name: string;
  schema: JsonSchema;
  pointer: string;
  required: boolean;
  value: unknown;
  problems: FieldProblem[];
  onChange: (value: unknown) => void;
  onLeave: (pointer: string) => void;
  autoFocus?: boolean;
  /** An entry of a list has no label of its own. */
  bare?: boolean;
}

/** More choices than these do not fit side by side. */
const SIDE_BY_SIDE = 4;

export function Field(props: Props) {
  const { name, schema, pointer, required, value, problems, onChange, onLeave, bare = false } = props;
  const id = useId();
  const kind = kindOf(schema);
  const own = problems.filter((problem) => problem.pointer === pointer);
  const errorId = `${id}-error`;
  const described = own.length > 0 ? errorId : schema.description ? `${id}-hint` : undefined;
  const label = labelOf(name, schema);
  const isGroup = kind === "group" || kind === "list" || (kind === "choice" && (schema.enum?.length ?? 0) <= SIDE_BY_SIDE);

  if (kind === "boolean") {
    return (
      <div className={`field ${own.length > 0 ? "field--bad" : ""}`} data-pointer={pointer}>
        <label className="check">
          <input
            type="checkbox"
            checked={value === true}
            aria-describedby={described}
            onChange={(event) => onChange(event.target.checked)}
            onBlur={() => onLeave(pointer)}
          />
          <span className="box" aria-hidden="true">
            <Icon name="check" />
          </span>
          {bare ? "Yes" : label}
          <span className="mono">{name}</span>
        </label>
        {schema.description ? (
          <span className="hint" id={`${id}-hint`}>
            {schema.description}
          </span>
        ) : null}
        <Errors id={errorId} own={own} />
      </div>
    );
  }

  return (
    <div className={`field ${own.length > 0 ? "field--bad" : ""}`} data-pointer={pointer} role={isGroup ? "group" : undefined} aria-labelledby={isGroup && !bare ? `${id}-label` : undefined}>
      {bare ? null : isGroup ? (
        <span className="lab" id={`${id}-label`}>
          {label} {required ? <span className="req">required</span> : null}
          <span className="mono">{name}</span>
        </span>
      ) : (
        <label htmlFor={id}>
          {label} {required ? <span className="req">required</span> : null}
          <span className="mono">{name}</span>
        </label>
      )}
      <Input {...props} id={id} described={described} bad={own.length > 0} />
      {schema.description && !bare ? (
        <span className="hint" id={`${id}-hint`}>
          {schema.description}
        </span>
      ) : null}
      <Errors id={errorId} own={own} />
    </div>
  );
}

function Errors({ id, own }: { id: string; own: FieldProblem[] }) {
  if (own.length === 0) return null;
  return (
    <span className="error" id={id}>
      <Icon name="warn" />
      {own.map((problem) => problem.detail).join(" ")}
    </span>
  );
}

function Input(props: Props & { id: string; described: string | undefined; bad: boolean }) {
  const { schema, value, id, described, bad, onChange, onLeave, pointer, autoFocus = false, name, bare = false } = props;
  const common = {
    id,
    className: "input",
    "aria-invalid": bad || undefined,
    "aria-describedby": described,
    "aria-label": bare ? `Entry of ${name}` : undefined,
    autoFocus,
    onBlur: () => onLeave(pointer),
  };
  const typed = value instanceof Unreadable ? value.typed : value === undefined ? "" : String(value);
  switch (kindOf(schema)) {
    case "choice": {
      const options = schema.enum ?? [];
      const shown = (each: unknown) => (typeof each === "string" ? each : JSON.stringify(each));
      if (options.length <= SIDE_BY_SIDE && options.every((each) => shown(each).length <= 16)) {
        return (
          <Segmented
            label={labelOf(name, schema)}
            value={value === undefined ? "" : shown(value)}
            options={options.map((each) => ({ value: shown(each), label: shown(each) }))}
            onPick={(picked) => onChange(options.find((each) => shown(each) === picked))}
          />
        );
      }
      return (
        <select {...common} value={value === undefined ? "" : shown(value)} onChange={(event) => onChange(options.find((each) => shown(each) === event.target.value))}>
          <option value="">Choose…</option>
          {options.map((each) => (
            <option key={shown(each)} value={shown(each)}>
              {shown(each)}
            </option>
          ))}
        </select>
      );
    }
    case "number":
      return <input {...common} className="input num" inputMode="decimal" value={typed} onChange={(event) => onChange(numberFrom(event.target.value))} />;
    case "long":
      return <textarea {...common} rows={4} value={typed} onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)} />;
    case "text":
      return (
        <input
          {...common}
          value={typed}
          type={schema.format === "password" ? "password" : "text"}
          placeholder={schema.examples?.[0] === undefined ? undefined : `like ${String(schema.examples[0])}`}
          onChange={(event) => onChange(event.target.value === "" ? undefined : event.target.value)}
        />
      );
    case "list":
      return <List {...props} />;
    case "group": {
      const fields = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
      return (
        <div className="nested">
          {Object.entries(schema.properties ?? {}).map(([property, each]) => (
            <Field
              key={property}
              name={property}
              schema={each}
              pointer={pointerTo(pointer, property)}
              required={(schema.required ?? []).includes(property)}
              value={fields[property]}
              problems={props.problems}
              onChange={(next) => onChange({ ...fields, [property]: next })}
              onLeave={onLeave}
            />
          ))}
        </div>
      );
    }
    default:
      return (
        <textarea
          {...common}
          className="input mono"
          rows={3}
          spellCheck={false}
          placeholder="JSON"
          value={value instanceof Unreadable ? value.typed : value === undefined ? "" : JSON.stringify(value, null, 2)}
          onChange={(event) => onChange(jsonFrom(event.target.value))}
        />
      );
  }
}

function List({ schema, value, pointer, name, problems, onChange, onLeave }: Props) {
  const items = Array.isArray(value) ? (value as unknown[]) : [];
  const item = schema.items ?? {};
  const full = schema.maxItems !== undefined && items.length >= schema.maxItems ? `At most ${schema.maxItems}` : true;
  return (
    <div className="nested nested--list">
      {items.map((each, index) => (
        <div className="entry" key={index}>
          <Field
            bare
            name={name}
            schema={item}
            pointer={pointerTo(pointer, index)}
            required
            value={each}
            problems={problems}
            onChange={(next) => onChange(items.map((old, at) => (at === index ? next : old)))}
            onLeave={onLeave}
          />
          <Button kind="ghost" icon="close" label={`Remove entry ${index + 1} of ${name}`} onClick={() => onChange(items.filter((_, at) => at !== index))} />
        </div>
      ))}
      <div>
        <Button size="sm" icon="plus" can={full} onClick={() => onChange([...items, initial(item) ?? (kindOf(item) === "text" || kindOf(item) === "long" ? "" : undefined)])}>
          Add
        </Button>
      </div>
    </div>
  );
}
