// CLI for Microsoft 365 as judges run it: each call is a process of its own, as in a terminal.
import { ok } from "node:assert";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { PATIENCE, app, control, tenant } from "./sandbox.mjs";

const M365 = fileURLToPath(
  new URL("node_modules/@pnp/cli-microsoft365/dist/index.js", import.meta.url),
);
export const at = ["--tenant", tenant.id, "--appId"];

/** Runs one command line; `seen` hears what it prints meanwhile. */
export function m365(words, seen = () => {}) {
  const child = spawn(process.execPath, [M365, ...words, "--output", "json"], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE,
    killSignal: "SIGKILL",
  });
  let out = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => { out += text; });
  child.stderr.setEncoding("utf8").on("data", (text) => { errors += text; seen(errors); });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, errors }));
  });
}

/** What a command that must succeed printed. */
export async function done(...words) {
  const { code, out, errors } = await m365(words);
  ok(code === 0, `m365 ${words.join(" ")}: ${code} ${errors} ${out}`);
  return out.trim() ? JSON.parse(out) : null;
}

/** What a command that must fail said. */
export async function refused(...words) {
  const { code, out, errors } = await m365(words);
  ok(code !== 0, `m365 ${words.join(" ")} should fail, but printed ${out}`);
  return errors + out;
}

/** Signs somebody in with a device code; says who the command line believes it is. */
export async function login(role, as) {
  await done("cli", "config", "set", "--key", "disableTelemetry", "--value", "true");
  let answered;
  const words = ["login", "--authType", "deviceCode", ...at, app(role)];
  const { code, out, errors } = await m365(words, (text) => {
    const typed = / code ([A-Z0-9]{9}) /.exec(text)?.[1];
    if (typed) answered ??= control("device", { user_code: typed, as });
  });
  await answered;
  ok(code === 0, errors);
  return JSON.parse(out).connectedAs;
}
