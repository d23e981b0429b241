/** Pure: an args schema as a form: which fields, what they begin with, and what is wrong with a value. */
import type { JsonSchema } from "~/api/types";
import { plural, sentence } from "./format";

export interface FieldProblem {
  pointer: string;
  detail: string;
}

export type FieldKind = "text" | "long" | "number" | "boolean" | "choice" | "list" | "group" | "json";

export function typeOf(schema: JsonSchema): string | undefined {
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  if (type) return type;
  if (schema.properties) return "object";
  if (schema.items) return "array";
  const sample = schema.enum?.[0] ?? schema.default;
  return sample === undefined ? undefined : Array.isArray(sample) ? "array" : typeof sample;
}

export function kindOf(schema: JsonSchema): FieldKind {
  if (schema.enum) return "choice";
  switch (typeOf(schema)) {
    case "boolean":
      return "boolean";
    case "number":
    case "integer":
      return "number";
    case "array":
      return schema.items && kindOf(schema.items) !== "json" ? "list" : "json";
    case "object":
      return schema.properties ? "group" : "json";
    case "string":
      return isLong(schema) ? "long" : "text";
    default:
      return "json";
  }
}

function isLong(schema: JsonSchema): boolean {
  if (schema.format === "textarea" || schema.format === "multiline") return true;
  if ((schema.minLength ?? 0) >= 40 || (schema.maxLength ?? 0) > 200) return true;
  return typeof schema.default === "string" && (schema.default.includes("\n") || schema.default.length > 80);
}

/** A name for people: the title, or the words of the property. */
export function labelOf(name: string, schema: JsonSchema): string {
  if (schema.title) return schema.title;
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return sentence(words);
}

/** What a value begins with; `undefined` is left out of what is sent. */
export function initial(schema: JsonSchema): unknown {
  if (schema.default !== undefined) return structuredClone(schema.default);
  if (schema.const !== undefined) return schema.const;
  if (kindOf(schema) === "group") {
    const value: Record<string, unknown> = {};
    for (const [name, each] of Object.entries(schema.properties ?? {})) {
      const begun = initial(each);
      if (begun !== undefined) value[name] = begun;
    }
    return value;
  }
  return undefined;
}

/** Without what was left empty, so that the server applies its own defaults. */
export function filled(schema: JsonSchema, value: unknown): unknown {
  if (kindOf(schema) !== "group" || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const kept: Record<string, unknown> = {};
  const required = new Set(schema.required ?? []);
  for (const [name, each] of Object.entries(value)) {
    const property = schema.properties?.[name];
    const inner = property ? filled(property, each) : each;
    if (inner === undefined) continue;
    const isEmpty = typeof inner === "object" && inner !== null && !Array.isArray(inner) && Object.keys(inner).length === 0;
    if (isEmpty && property && kindOf(property) === "group" && !required.has(name)) continue;
    kept[name] = inner;
  }
  return kept;
}

const escaped = (name: string) => name.replaceAll("~", "~0").replaceAll("/", "~1");

export function pointerTo(base: string, name: string | number): string {
  return `${base}/${escaped(String(name))}`;
}

/** What is wrong, in words that say what would be right. The server has the last word. */
export function problems(schema: JsonSchema, value: unknown, at = ""): FieldProblem[] {
  if (value === undefined) return [];
  if (value instanceof Unreadable) return [{ pointer: at, detail: value.why }];
  const wrong = (detail: string): FieldProblem[] => [{ pointer: at, detail }];
  if (schema.enum && !schema.enum.some((each) => JSON.stringify(each) === JSON.stringify(value))) {
    return wrong(`One of ${schema.enum.map(String).join(", ")}`);
  }
  switch (typeOf(schema)) {
    case "string":
      return typeof value === "string" ? text(schema, value).map((detail) => ({ pointer: at, detail })) : wrong("A text");
    case "integer":
    case "number":
      return typeof value === "number" ? number(schema, value).map((detail) => ({ pointer: at, detail })) : wrong("A number");
    case "boolean":
      return typeof value === "boolean" ? [] : wrong("Yes or no");
    case "array":
      return Array.isArray(value) ? list(schema, value, at) : wrong("A list");
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value)
        ? group(schema, value as Record<string, unknown>, at)
        : wrong("An object");
    default:
      return [];
  }
}

function text(schema: JsonSchema, value: string): string[] {
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) {
    return [`At least ${plural(schema.minLength, "character")}. This has ${length}.`];
  }
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    return [`At most ${plural(schema.maxLength, "character")}. This has ${length}.`];
  }
  if (schema.pattern !== undefined && !matches(schema.pattern, value)) return [`Must look like ${schema.pattern}`];
  return [];
}

function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value.slice(0, 10_000));
  } catch {
    return true;
  }
}

function number(schema: JsonSchema, value: number): string[] {
  if (!Number.isFinite(value)) return ["A number"];
  if (typeOf(schema) === "integer" && !Number.isInteger(value)) return ["A whole number"];
  if (schema.minimum !== undefined && value < schema.minimum) return [`At least ${schema.minimum}`];
  if (schema.maximum !== undefined && value > schema.maximum) return [`At most ${schema.maximum}`];
  if (schema.exclusiveMinimum !== undefined && value <= schema.exclusiveMinimum) return [`More than ${schema.exclusiveMinimum}`];
  if (schema.exclusiveMaximum !== undefined && value >= schema.exclusiveMaximum) return [`Less than ${schema.exclusiveMaximum}`];
  return [];
}

function list(schema: JsonSchema, value: unknown[], at: string): FieldProblem[] {
  const found: FieldProblem[] = [];
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    found.push({ pointer: at, detail: `At least ${plural(schema.minItems, "entry", "entries")}` });
  }
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    found.push({ pointer: at, detail: `At most ${plural(schema.maxItems, "entry", "entries")}` });
  }
  if (schema.items) for (const [index, each] of value.entries()) found.push(...problems(schema.items, each ?? "", pointerTo(at, index)));
  return found;
}

function group(schema: JsonSchema, value: Record<string, unknown>, at: string): FieldProblem[] {
  const found: FieldProblem[] = [];
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) found.push({ pointer: pointerTo(at, name), detail: "This is needed" });
  }
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    found.push(...problems(each, value[name], pointerTo(at, name)));
  }
  return found;
}

/** What was typed and is no value of the kind asked for: kept as typed, and said. */
export class Unreadable {
  constructor(
    readonly typed: string,
    readonly why: string,
  ) {}
}

/** What was typed into a number field. */
export function numberFrom(typed: string): unknown {
  if (typed.trim() === "") return undefined;
  const value = Number(typed);
  return Number.isFinite(value) ? value : new Unreadable(typed, "A number");
}

/** What was typed into a JSON field. */
export function jsonFrom(typed: string): unknown {
  if (typed.trim() === "") return undefined;
  try {
    return JSON.parse(typed) as unknown;
  } catch (error) {
    return new Unreadable(typed, `This is not JSON: ${error instanceof Error ? error.message : "it cannot be read"}`);
  }
}

/** As the command line takes it. */
export function commandLine(key: string, args: Record<string, unknown>): string {
  const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
  const words = Object.entries(args).map(([name, value]) => {
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    return `--arg ${quote(`${name}=${shown}`)}`;
  });
  return ["baton run", quote(key), ...words].join(" ");
}
