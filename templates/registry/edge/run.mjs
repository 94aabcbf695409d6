// Checks this bundle offline with Node: `npm install onnxruntime-node --ignore-scripts`, then `node run.mjs`.
// Prints PASS or FAIL and ends with 0 or 1; `--json` prints one object; `--runtime FOLDER` says where the package lies.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { check } from "./check.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
const folder = args.includes("--runtime") ? path.resolve(args[args.indexOf("--runtime") + 1]) : here;

const ort = createRequire(path.join(folder, "package.json"))("onnxruntime-node");
const read = async (name) => JSON.parse(await readFile(path.join(here, name), "utf8"));
const model = new Uint8Array(await readFile(path.join(here, "model.onnx")));
const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 };
const found = await check(ort, model, await read("manifest.json"), await read("vectors.json"), options);
const result = { runtime: `onnxruntime-node ${ort.env.versions.node} (Node ${process.version})`, ...found };
if (args.includes("--json")) console.log(JSON.stringify(result));
else console.log(result.passed ? "PASS" : "FAIL", "-", result.reason ?? JSON.stringify(result));
process.exitCode = result.passed ? 0 : 1;
