// Shows /api/openapi.json: operations by tag, with parameters, bodies and answers.
const made = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

const nameOf = (schema) => schema?.$ref?.split("/").pop();

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  if (schema.type === "array") return `${typeOf(schema.items)}[]`;
  const any = schema.oneOf ?? schema.anyOf;
  if (any) return any.map(typeOf).join(" | ");
  return [schema.type ?? "any"].flat().join(" | ");
};

const membersOf = (schema, schemas) => {
  const meant = schema?.$ref ? schemas[nameOf(schema)] : schema;
  if (!meant) return [];
  const inherited = (meant.allOf ?? []).flatMap((part) => membersOf(part, schemas));
  const required = new Set(meant.required ?? []);
  const own = Object.entries(meant.properties ?? {}).map(([name, of]) => ({
    name: required.has(name) ? name : `${name}?`,
    type: typeOf(of),
    text: of.description ?? "",
    of: of.items ?? of.oneOf?.find((one) => one.$ref) ?? of,
  }));
  return [...inherited, ...own];
};

const shape = (schema, schemas, seen = []) => {
  const table = made("table");
  for (const { name, type, text, of } of membersOf(schema, schemas)) {
    const kind = made("td", "", made("code", type));
    const inner = nameOf(of);
    if (inner && !seen.includes(inner) && membersOf(of, schemas).length > 0) {
      const more = made("details", "", made("summary", inner));
      // Drawn when it is opened: shapes can be deep.
      const draw = () => more.append(shape(of, schemas, [...seen, inner]));
      more.addEventListener("toggle", draw, { once: true });
      kind.append(more);
    }
    table.append(made("tr", "", made("td", "", made("code", name)), kind, made("td", text)));
  }
  return table;
};

const operation = (path, method, about, schemas) => {
  const head = made("summary", "", made("span", method), made("code", path), " ");
  head.firstChild.className = "method";
  const what = made("span", about.summary ?? about.operationId);
  what.className = "what";
  head.append(what);
  const all = made("details", "", head);
  all.dataset.words = `${method} ${path} ${about.operationId} ${about.summary ?? ""}`.toLowerCase();
  if (about.description) all.append(made("p", about.description));
  if (about.parameters?.length) {
    const table = made("table");
    for (const one of about.parameters) {
      const name = `${one.name}${one.required ? "" : "?"} (${one.in})`;
      const cells = [made("td", "", made("code", name)), made("td", "", made("code", typeOf(one.schema)))];
      table.append(made("tr", "", ...cells, made("td", one.description ?? "")));
    }
    all.append(made("h4", "Parameters"), table);
  }
  const body = about.requestBody?.content?.["application/json"]?.schema;
  if (body) all.append(made("h4", "Body"), shape(body, schemas));
  all.append(made("h4", "Answers"));
  for (const [status, answer] of Object.entries(about.responses)) {
    const one = made("details", "", made("summary", `${status} ${answer.description}`));
    const schema = Object.values(answer.content ?? {})[0]?.schema;
    one.addEventListener("toggle", () => one.append(shape(schema, schemas)), { once: true });
    all.append(one);
  }
  return all;
};

const show = async () => {
  const place = document.getElementById("all");
  const answer = await fetch("/api/openapi.json");
  if (!answer.ok) throw new Error(`${answer.status}`);
  const { paths, components } = await answer.json();
  const tags = new Map();
  for (const [path, item] of Object.entries(paths))
    for (const [method, about] of Object.entries(item)) {
      const tag = about.tags?.[0] ?? "Other";
      if (!tags.has(tag)) tags.set(tag, made("section", "", made("h2", tag)));
      tags.get(tag).append(operation(path, method, about, components.schemas));
    }
  place.replaceChildren(...tags.values());
  document.getElementById("find").addEventListener("input", ({ target }) => {
    const words = target.value.toLowerCase().split(/\s+/);
    for (const one of place.querySelectorAll("section > details"))
      one.hidden = !words.every((word) => one.dataset.words.includes(word));
  });
};

show().catch((error) => {
  document.getElementById("all").textContent = `The description could not be read: ${error.message}`;
});
