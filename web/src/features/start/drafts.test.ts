import { expect, it } from "vitest";
import { withoutSecrets } from "./drafts";

it("a draft keeps everything but passwords, however deep", () => {
  const secret = { type: "string", format: "password" };
  const schema = { type: "object", properties: { key: secret, plain: { type: "string" }, deep: { type: "object", properties: { key: secret, n: { type: "number" } } } } };
  const args = { key: "hidden", plain: "shown", deep: { key: "hidden", n: 1 }, list: [1, 2] };
  expect(withoutSecrets(schema, args)).toEqual({ plain: "shown", deep: { n: 1 }, list: [1, 2] });
});
