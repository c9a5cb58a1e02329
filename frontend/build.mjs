// Builds what the portal's pages load from npm packages, into the Python package: `node build.mjs FOLDER`.
import { build } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const folder = process.argv[2];
if (!folder) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
copyFileSync("node_modules/htmx.org/dist/htmx.min.js", join(folder, "htmx.js"));
// h5web is dark where the system is; here it is where the page is, which src/h5web/viewer.js tells it.
const dark = {
  name: "dark",
  setup(building) {
    building.onLoad({ filter: /@h5web.app.dist.styles\.css$/ }, async ({ path }) => {
      const contents = await readFile(path, "utf8");
      return { contents: contents.replace(/@media\s*\(prefers-color-scheme:\s*dark\)/, "@media all"), loader: "css" };
    });
  },
};
await build({
  entryPoints: { portal: "src/portal.js", h5web: "src/h5web/viewer.js" },
  define: { "process.env.NODE_ENV": '"production"' },
  alias: { ndarray: "./src/h5web/ndarray.js", "ndarray-ops": "./src/h5web/ndarray-ops.js" },
  plugins: [dark],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["firefox120", "chrome123", "safari17.5"],
  legalComments: "linked",
  logLevel: "warning",
});
