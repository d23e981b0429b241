// What a part may import: `{ui, lib, api} <- features <- app`. Types and style are checked besides.
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

const closed = (files, patterns, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group: patterns, message }] }] },
});

export default tseslint.config(
  { ignores: ["dist", "node_modules", ".shots", "src/api/schema.d.ts"] },
  ...tseslint.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    plugins: { "react-hooks": reactHooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-globals": ["error", "event", "name"],
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Nothing that a run contains becomes HTML." },
        { property: "outerHTML", message: "Nothing that a run contains becomes HTML." },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Nothing that a run contains becomes HTML." },
        { selector: "ExportAllDeclaration", message: "No barrels: import a thing from where it is." },
      ],
      "no-eval": "error",
      "max-lines": ["error", 600],
    },
  },
  closed(["src/lib/**"], ["~/ui/*", "~/features/*", "~/app/*", "../ui/*", "../features/*"], "lib knows no ui, features or app."),
  closed(["src/api/**"], ["~/ui/*", "~/features/*", "~/app/*", "../ui/*", "../features/*"], "api knows no ui, features or app."),
  closed(["src/ui/**"], ["~/features/*", "~/app/*", "../features/*"], "ui knows no features or app."),
  closed(["src/features/**"], ["~/app/*", "../../app/*"], "features know no app."),
);
