import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The page's policy allows no inline script and no inline style: nothing is inlined into the HTML.
export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      "~": at("./src"),
      // It writes a <style>, which the policy refuses; the page itself never scrolls.
      "react-remove-scroll": at("./src/ui/no-scroll-lock.tsx"),
    },
  },
  build: {
    outDir: "dist",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    manifest: true,
    target: "es2022",
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": { target: process.env.BATON_URL ?? "http://127.0.0.1:4747", ws: true } } },
});
