// Microsoft 365 Agents Playground, as published, is the Teams in which people reach the twin.
//
//   node playground.mjs <subtwin binary> <directory for what it leaves>
//
// It sends no token, and the twin takes nothing without one. So a relay stands between them: to what
// the playground sends it adds what Bot Connector would, a token signed with the sandbox's key; what
// the twin answers it passes on as it is. The playground is licensed for evaluation: it judges here
// and is part of nothing.
import { deepStrictEqual as same, ok } from "node:assert";
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const [binary, room] = process.argv.slice(2);
const PATIENCE = 30_000;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SAM = "sam@contoso.com";
const children = [];
process.on("exit", () => { for (const child of children) child.kill(); });

/** Asks until there is an answer. */
async function until(what, ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    ok(Date.now() < end, `never: ${what}`);
    await pause(30);
  }
}

/** Starts a program, its errors in a file; `line` hears what it prints. */
function start(name, program, words, options, line = () => {}) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"], ...options });
  children.push(child);
  child.errors = join(room, `${name}.err`);
  child.stderr.pipe(createWriteStream(child.errors));
  createInterface(child.stdout).on("line", line);
  child.ended = new Promise((resolve) => child.once("exit", resolve));
  return child;
}

async function run(...words) {
  let out = "";
  const child = start(words[0], binary, words, {}, (line) => { out += `${line}\n`; });
  const code = await child.ended;
  ok(code === 0, `subtwin ${words.join(" ")}: ${code}`);
  return out;
}

const errors = async (child) => readFile(child.errors, "utf8").catch(() => "");

/** A port that was free a moment ago: the playground takes no 0. */
const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

// The tenant, and a twin in it that is an app.

await mkdir(room, { recursive: true });
const facts = await new Promise((resolve, reject) => {
  const words = ["sandbox", "--json", "--audit-delay", "0.3", "--ca-dir", join(room, "ca"),
    "--write-config", join(room, "made.toml")];
  start("sandbox", binary, words, {}, (line) => resolve(JSON.parse(line))).ended.then(reject);
});

async function control(path, body) {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(facts.control + path, { ...sent, signal: AbortSignal.timeout(PATIENCE) });
  const value = await answer.json();
  ok(answer.ok, `${path}: ${JSON.stringify(value)}`);
  return value;
}

const tenant = await control("tenant");
const person = (upn) => tenant.people.find((one) => one.userPrincipalName === upn);
const effects = async () => (await control("ledger")).effects
  .filter((one) => one.effect !== "messagePosted").map((one) => [one.effect, one.upn, one.times]);
const { appId } = await control("bots", { name: "Sam", endpoint: "http://127.0.0.1:9/" });

// The relay.

const port = await freePort();
const at = `http://127.0.0.1:${port}`;
/** What the playground sent, and what the twin said; each with the answer it got. */
const sent = [];
const said = [];
let endpoint;
let vouching = true;
const relay = http.createServer((request, answer) => {
  pass(request, answer).catch(() => { answer.writeHead(502); answer.end(); });
});

async function pass(request, answer) {
  let body = "";
  for await (const part of request) body += part;
  const json = { "content-type": "application/json" };
  let taken;
  let text;
  if (request.url.startsWith("/_connector/")) {
    taken = await fetch(at + request.url, { method: request.method, body, headers: json });
    text = await taken.text();
    const id = (text && taken.ok ? JSON.parse(text).id : null) ?? request.url.split("/").at(-1);
    said.push({ method: request.method, path: request.url, activity: JSON.parse(body), status: taken.status, id });
  } else if (request.method === "POST") {
    const { token } = await control(`bots/${appId}/token`, { claims: { serviceurl: service } });
    const headers = vouching ? { ...json, authorization: `Bearer ${token}` } : json;
    taken = await fetch(endpoint, { method: "POST", body, headers });
    text = await taken.text();
    sent.push({ activity: JSON.parse(body), status: taken.status });
  } else {
    return answer.end();
  }
  answer.writeHead(taken.status, { "content-type": taken.headers.get("content-type") ?? "text/plain" });
  return answer.end(text);
}
await new Promise((resolve) => { relay.listen(0, "127.0.0.1", resolve); });
const front = `http://127.0.0.1:${relay.address().port}`;
const service = `${front}/_connector`;

const config = join(room, "twin.toml");
const made = await until("a configuration", () => readFile(join(room, "made.toml"), "utf8").catch(() => ""));
await writeFile(config, `${made}
[bot]
app = "${appId}"
service_urls = ["${front}/"]
openid = "${facts.login}/botframework/v1/.well-known/openidconfiguration"
`);
await run("keys", join(room, "twin.key"));
const signIn = start("sign-in", binary, ["sign-in", "--no-browser", "--config", config], {});
const url = await until("an address to sign in at", async () =>
  (await errors(signIn)).split("\n").map((line) => line.trim()).find((line) => line.startsWith("https:")));
await control("sign-in", { url, as: SAM, follow: true });
ok(await signIn.ended === 0, "signing in failed");
await control(`apps/${appId}/keys`, { certificate: await run("bot", "certificate", "--config", config) });
const twin = start("twin", binary, ["run", "--config", config], {});
endpoint = await until("the twin listens", async () => {
  const said = await errors(twin);
  const address = /address=(\S+)/.exec(said.replaceAll(/\x1b\[\d+m/g, ""));
  return said.includes(" listens (") && address && `http://${address[1]}/api/messages`;
});

// The playground. Doug sits at it.

const member = (id, upn) => {
  const { id: aadObjectId, displayName: name } = person(upn);
  const [givenName, surname] = name.split(" ");
  return { id, name, userPrincipleName: upn, aadObjectId, givenName, surname, email: upn };
};
const others = ["sarah.lin@contoso.com", "dana@contoso.com", "paula.stone@contoso.com", SAM, "doug@contoso.com"];
const place = {
  version: "0.1.1",
  tenantId: tenant.id,
  bot: { id: `28:${appId}`, name: "Sam" },
  currentUser: member("user-id-0", "doug@contoso.com"),
  users: others.map((upn, at) => member(`user-id-${at + 1}`, upn)),
  personalChat: { id: "personal-chat-id" },
  groupChat: { id: "group-chat-id", name: "Group Chat" },
  team: { id: "team-id", name: "Team", aadGroupId: "00000000-0000-4000-8000-00000000000a",
    channels: [{ id: "channel-id", name: "Announcements" }] },
};

const packages = here("node_modules/@microsoft/m365agentsplayground/");
const { bin } = JSON.parse(await readFile(join(packages, "package.json"), "utf8"));
const program = join(packages, Object.values(bin)[0]);

/** Opens the playground's Teams with another bot in it. */
async function open(bot) {
  // JSON is YAML.
  const file = join(room, "playground.yml");
  await writeFile(file, JSON.stringify({ ...place, bot: { ...place.bot, ...bot } }));
  const words = ["--require", here("loopback.cjs"), program, "start", "-e", `${front}/api/messages`,
    "-c", "msteams", "-p", String(port), "--su", service, "--disable-telemetry", "true"];
  const env = { PATH: process.env.PATH, HOME: room, TEAMSAPPTESTER_BROWSER: "none",
    M365_AGENTS_PLAYGROUND_CONFIG_PATH: file, M365_AGENTS_PLAYGROUND_LOGFILE: join(room, "playground.log") };
  const child = start("playground", process.execPath, words, { env });
  const ping = () => fetch(`${at}/_debug/ping`).then((answer) => answer.text(), () => "");
  await until("the playground is there", async () => (await ping()).includes("pong"));
  return child;
}

async function playground(path, body) {
  const answer = await fetch(`${at}/_conversation/v1/${path}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  const text = await answer.text();
  ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

const from = { id: "user-id-0" };
const says = (text, chat = "personal-chat-id") =>
  playground(`conversations/${chat}/messages`, { type: "text", text, textFormat: "plain", from });


const plain = (activity) => activity.text?.replace(/<\/p>/g, "\n").replace(/<[^>]+>/g, "")
  ?? activity.attachments?.[0].content.body.map((block) =>
    block.inlines.map((run) => run.text).join("")).join("\n") ?? "";

/** Waits for what the twin says from now on that has all of this in it. */
async function hears(after, ...parts) {
  const found = await until(`the twin says ${parts}`, () => said.slice(after).find(({ activity }) =>
    activity.type === "message" && parts.every((part) => plain(activity).includes(part))));
  ok([200, 201].includes(found.status), `the playground answers ${found.status}`);
  return found;
}

async function ask(text, ...parts) {
  const after = said.length;
  await says(text);
  return hears(after, ...parts);
}

const press = (card, verb, trigger = "manual") => {
  const { data } = card.activity.attachments[0].content.actions.find((one) => one.verb === verb);
  return playground("invoke", { name: "adaptiveCard/action", from, replyToId: card.id,
    conversation: { id: "personal-chat-id" },
    value: { action: { type: "Action.Execute", verb, data }, trigger } });
};

let teams;
const checks = {
  async "without a token nothing is taken"() {
    teams = await open({});
    vouching = false;
    await says("hello").catch(() => null);
    await until("the twin answers", () => sent.length > 0);
    vouching = true;
    ok(sent.every((one) => one.status === 403), JSON.stringify(sent.map((one) => one.status)));
    same(said, []);
  },

  async "a licence is given with the button"() {
    const card = await ask("give Sarah Lin a Microsoft 365 E3", "Give Sarah Lin", "Reply yes");
    ok(said.some((one) => one.activity.type === "typing" && one.status === 202), "nobody saw it type");
    same(await effects(), []);
    await press(card, "yes", "automatic");
    same(await effects(), []);
    const after = said.length;
    await press(card, "yes");
    await hears(after, "Done.", "Give Sarah Lin");
    same(await effects(), [["licenceAssigned", "sarah.lin@contoso.com", 1]]);
    await press(card, "yes");
    same((await effects()).length, 1, "once");
  },

  async "a licence is taken away with a typed yes"() {
    const card = await ask("undo that", "Reply yes");
    await ask("yes", "Done.");
    await until("it is taken away", async () => (await effects()).length === 2);
    const after = said.length;
    await press(card, "yes");
    await hears(after, "Nothing is waiting");
    same((await effects()).length, 2);
  },

  async "what was said is edited in its place"() {
    await until("an edit", () => said.find((one) => one.method === "PUT" && one.status === 200
      && plain(one.activity).includes("audit log")));
  },

  async "in a group nobody is answered"() {
    const before = said.length;
    const asked = sent.length;
    await says("<at>Sam</at> give Sarah Lin a Microsoft 365 E3", "group-chat-id");
    const mention = { type: "text", text: "<at>Sam</at> hello", textFormat: "xml", from,
      mentions: [{ text: "<at>Sam</at>", mentioned: { id: `28:${appId}`, name: "Sam" } }] };
    await playground("conversations/group-chat-id/messages", mention);
    await until("it is delivered", () => sent.slice(asked).some((one) => one.activity.conversation.isGroup));
    // Whatever came of it stands before the answer to this.
    await ask("what can you do?", "licence");
    ok(said.slice(before).every((one) => one.path.includes("personal-chat-id")), "it spoke in the group");
  },

  async "what is addressed to an agent user is not the bot's"() {
    teams.kill();
    await teams.ended;
    teams = await open({ role: "agenticUser", agenticUserId: person(SAM).id, agenticAppId: appId, tenantId: tenant.id });
    const asked = sent.length;
    const before = said.length;
    await says("hello").catch(() => null);
    await until("it is delivered", () => sent.length > asked);
    same(sent.slice(asked).map((one) => [one.activity.recipient.role, one.status]), [["agenticUser", 403]]);
    ok(said.slice(before).every((one) => one.method === "PUT"), "it answered");
  },
};

for (const [name, work] of Object.entries(checks)) {
  try {
    await work();
    console.log(`PASS ${name}`);
  } catch (error) {
    process.exitCode = 1;
    console.log(`FAIL ${name}: ${error.message.replaceAll("\n", " ").slice(0, 600)}`);
  }
}
process.exit();
