// Makes zod.js, exports.json and types.json of the npm package zod, as one script without its translations.
//
//   npm install --no-save zod@4.6.7 esbuild@0.28.2 && node vendor.mjs
//
// Run it in a directory of its own that has these packages (node's resolution starts here), and
// commit what it writes. Raise VERSION together with the package: runs record it.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const VERSION = "4.6.7";
const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(join(process.cwd(), "package.json"));
const esbuild = require("esbuild");
const home = dirname(require.resolve("zod/package.json"));
const found = JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version;
if (found !== VERSION) {
  throw new Error(`this script is for zod ${VERSION}; found ${found}`);
}

// Only the English texts: what a definition says wrong is read by its author.
const onlyEnglish = {
  name: "only-english",
  setup(build) {
    build.onLoad({ filter: /[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
      loader: "js",
    }));
  },
};

const built = await esbuild.build({
  stdin: {
    contents: 'export * from "zod"; export { z } from "zod";',
    resolveDir: process.cwd(),
  },
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "__zod",
  target: "es2022",
  legalComments: "none",
  plugins: [onlyEnglish],
  write: false,
});
const licence = readFileSync(join(home, "LICENSE"), "utf8").trim().replaceAll("*/", "* /");
const note = `/* zod ${VERSION}, bundled by vendor.mjs. Its licence:\n\n${licence}\n*/\n`;
writeFileSync(join(here, "zod.js"), note + built.outputFiles[0].text);

const names = Object.keys(await import(pathToFileURL(join(home, "index.js")).href));
const exports = names.filter((name) => name !== "default").sort();
writeFileSync(join(here, "exports.json"), JSON.stringify({ version: VERSION, exports }) + "\n");
// For editors: the declarations, as one file of texts by their paths.
const types = { "index.d.ts": readFileSync(join(home, "index.d.ts"), "utf8"), LICENSE: licence };
for (const part of ["classic", "core"]) {
  for (const name of readdirSync(join(home, "v4", part)).sort()) {
    if (name.endsWith(".d.ts")) types[`v4/${part}/${name}`] = readFileSync(join(home, "v4", part, name), "utf8");
  }
}
types["v4/locales/index.d.ts"] = 'export { default as en } from "./en.js";\n';
types["v4/locales/en.d.ts"] = readFileSync(join(home, "v4", "locales", "en.d.ts"), "utf8");
writeFileSync(join(here, "types.json"), JSON.stringify(types, null, 1) + "\n");

console.log(`zod ${VERSION}: ${exports.length} exports`);
