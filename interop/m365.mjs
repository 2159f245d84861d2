// CLI for Microsoft 365, as published, works in the sandbox as an administrator would.
//
// Each call is a process of its own, as in a terminal. It goes through HTTPS_PROXY and trusts
// NODE_EXTRA_CA_CERTS. People act at SANDBOX_CONTROL.
import { deepStrictEqual as same, match, ok } from "node:assert";
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const CONTROL = process.env.SANDBOX_CONTROL;
const M365 = fileURLToPath(
  new URL("node_modules/@pnp/cli-microsoft365/dist/index.js", import.meta.url),
);
const PATIENCE = 60_000;
const SARAH = "sarah.lin@contoso.com";

async function control(path, body) {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(CONTROL + path, { ...sent, signal: AbortSignal.timeout(PATIENCE) });
  const value = await answer.json();
  ok(answer.ok, `${path}: ${JSON.stringify(value)}`);
  return value;
}

/** Runs one command line; `seen` hears what it prints meanwhile. */
function m365(words, seen = () => {}) {
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
async function done(...words) {
  const { code, out, errors } = await m365(words);
  ok(code === 0, `m365 ${words.join(" ")}: ${code} ${errors} ${out}`);
  return out.trim() ? JSON.parse(out) : null;
}

/** What a command that must fail said. */
async function refused(...words) {
  const { code, out, errors } = await m365(words);
  ok(code !== 0, `m365 ${words.join(" ")} should fail, but printed ${out}`);
  return errors + out;
}

const effects = async () => (await control("ledger")).effects;
const upns = (people) => people.map((person) => person.userPrincipalName).sort();

const tenant = await control("tenant");
const app = (role) => tenant.apps.find((one) => one.role === role).appId;
const at = ["--tenant", tenant.id, "--appId"];
let licence;

const checks = {
  async "an administrator signs in with a device code"() {
    await done("cli", "config", "set", "--key", "disableTelemetry", "--value", "true");
    let answered;
    const login = ["login", "--authType", "deviceCode", ...at, app("sampleCli")];
    const { code, out, errors } = await m365(login, (text) => {
      const typed = / code ([A-Z0-9]{9}) /.exec(text)?.[1];
      if (typed) answered ??= control("device", { user_code: typed, as: "dana" });
    });
    await answered;
    ok(code === 0, errors);
    same(JSON.parse(out).connectedAs, "dana@contoso.com");
  },

  async "everybody in the company is listed"() {
    same(upns(await done("entra", "user", "list")), upns(tenant.people));
  },

  async "a licence is given once, and seen by who asks"() {
    // The feed tells what happens after it was started.
    same(await done("purview", "auditlog", "list", "--contentType", "AzureActiveDirectory"), []);
    const skus = await done("entra", "license", "list");
    licence = skus.find((sku) => sku.skuPartNumber === "SPE_E3").skuId;
    await done("entra", "user", "license", "add", "--userName", SARAH, "--ids", licence);
    const given = (await effects()).map(({ effect, times, upn, sku }) => [effect, times, upn, sku]);
    same(given, [["licenceAssigned", 1, SARAH, licence]]);
    const held = await done("entra", "user", "license", "list", "--userName", SARAH);
    ok(held.some((sku) => sku.skuPartNumber === "SPE_E3"), JSON.stringify(held));
  },

  async "a licence without a usage location is refused in Graph's words"() {
    const before = await effects();
    const ingrid = ["--userName", "ingrid.larsen@contoso.com"];
    const said = await refused("entra", "user", "license", "add", ...ingrid, "--ids", licence);
    match(said, /License assignment cannot be done for user with invalid usage location\./);
    same(await effects(), before);
  },

  async "a member joins a group once"() {
    const group = ["--groupName", "VPN Users"];
    const who = ["--userNames", SARAH, "--role", "Member"];
    await done("entra", "group", "member", "add", ...group, ...who);
    const added = (await effects()).filter((one) => one.effect === "memberAdded");
    same(added.map((one) => [one.times, one.upn, one.groupName]), [[1, SARAH, "VPN Users"]]);
    const members = await done("entra", "group", "member", "list", ...group);
    ok(upns(members).includes(SARAH), JSON.stringify(members));
  },

  async "a message opens a chat and arrives in it"() {
    const text = "Your licence is on its way.";
    await done("teams", "chat", "message", "send", "--userEmails", SARAH, "--message", text);
    const hers = await control(`chats?as=${SARAH}`);
    const got = hers.flatMap((chat) => chat.messages.map((message) => ({ ...message, chat })));
    const mine = got.filter((message) => message.content === text);
    same(mine.map((message) => message.from.displayName), ["Dana Whitfield"]);
    const listed = await done("teams", "chat", "list", "--type", "oneOnOne");
    same(listed.map((chat) => chat.id), [mine[0].chat.id]);
  },

  async "the audit log names who did it, under Microsoft's names"() {
    const wanted = ["Change user license.", "Add member to group."];
    let rows = [];
    for (let tries = 0; tries < 5; tries += 1) {
      rows = await done("purview", "auditlog", "list", "--contentType", "AzureActiveDirectory");
      if (wanted.every((name) => rows.some((row) => row.Operation === name))) break;
      await pause(1000);
    }
    for (const name of wanted) {
      const found = rows.filter((row) => row.Operation === name);
      const facts = found.map((row) => [row.UserId, row.ObjectId, row.ResultStatus, row.RecordType]);
      same(facts, [["dana@contoso.com", SARAH, "Success", 8]], name);
    }
  },

  async "an app signs in with a certificate and may only read"() {
    const file = join(process.env.HOME, "reporting.pem");
    const { key, certificate } = credential();
    await writeFile(file, key + certificate);
    const login = ["login", "--authType", "certificate", "--certificateFile", file];
    match(await refused(...login, ...at, app("sampleDaemon")), /AADSTS700027/);
    await control(`apps/${app("sampleDaemon")}/keys`, { certificate });
    const details = await done(...login, ...at, app("sampleDaemon"));
    same(details.connectedAs, "Contoso Reporting");
    same(upns(await done("entra", "user", "list")), upns(tenant.people));
    const before = await effects();
    const said = await refused(
      "entra", "user", "license", "remove", "--userName", SARAH, "--ids", licence, "--force",
    );
    match(said, /Insufficient privileges to complete the operation\./);
    same(await effects(), before);
  },
};

/** A new key and a certificate for it, as PEM, made with the library the client itself reads it by. */
function credential() {
  const { pki } = createRequire(M365)("node-forge");
  const pair = pki.rsa.generateKeyPair(2048);
  const made = pki.createCertificate();
  made.publicKey = pair.publicKey;
  made.serialNumber = "01";
  made.validity.notBefore = new Date(Date.now() - 3_600_000);
  made.validity.notAfter = new Date(Date.now() + 30 * 24 * 3_600_000);
  const name = [{ name: "commonName", value: "Contoso Reporting" }];
  made.setSubject(name);
  made.setIssuer(name);
  made.sign(pair.privateKey);
  return { key: pki.privateKeyToPem(pair.privateKey), certificate: pki.certificateToPem(made) };
}

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`PASS ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name}: ${error.message.replaceAll(/\s+/g, " ").slice(0, 400)}`);
    console.error(error);
  }
}
