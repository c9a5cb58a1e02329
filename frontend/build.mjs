// Builds what the portal's pages load from npm packages, into the Python package: `node build.mjs FOLDER`.
import { build } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
copyFileSync("node_modules/htmx.org/dist/htmx.min.js", join(folder, "htmx.js"));
await build({
  entryPoints: { portal: "src/portal.js" },
  outdir: folder,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["firefox120", "chrome123", "safari17.5"],
  legalComments: "linked",
  logLevel: "warning",
});
