// A bot on the Microsoft 365 Agents SDK, as published, lives at the sandbox's Bot Connector.
//
// It checks the tokens that activities come with, gets its own from the sandbox's token service, and
// answers through the connector. People act at SANDBOX_CONTROL. The SDK asks for the keys of
// api.botframework.com at a fixed address, so the sandbox signs as the tenant here.
import { deepStrictEqual as same, ok } from "node:assert";
import { spawn } from "node:child_process";
import http from "node:http";
import net from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import "./loopback.cjs";

const CONTROL = process.env.SANDBOX_CONTROL;
const PATIENCE = 20_000;

async function control(path, body) {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(CONTROL + path, { ...sent, signal: AbortSignal.timeout(PATIENCE) });
  const value = await answer.json();
  ok(answer.ok, `${path}: ${JSON.stringify(value)}`);
  return value;
}

// Once more without a registration, in a process of its own: the SDK keeps its first settings.
const [mode] = process.argv.slice(2);

const tenant = mode ? null : await control("tenant");
async function registered() {
  const cloud = new URL(tenant.graph).origin;
  // The token library asks the public cloud which hosts are one; here, the sandbox is the cloud.
  const { fetch } = globalThis;
  globalThis.fetch = (address, ...more) => {
    const url = new URL(address.url ?? address);
    const ours = url.host === "login.microsoftonline.com";
    return ours ? fetch(cloud + url.pathname + url.search, ...more) : fetch(address, ...more);
  };
  const { appId } = await control("bots", { name: "Echo", endpoint: "http://127.0.0.1:9/" });
  const { secretText } = await control(`apps/${appId}/secrets`, {});
  Object.assign(process.env, {
    clientId: appId, tenantId: tenant.id, clientSecret: secretText, authorityEndpoint: cloud,
  });
  return appId;
}
const appId = mode ? null : await registered();
const { AgentApplication, CardFactory, MemoryStorage, MessageFactory } =
  await import("@microsoft/agents-hosting");
const { startServer } = await import("@microsoft/agents-hosting-express");

const CARD = {
  type: "AdaptiveCard", version: "1.4", body: [{ type: "TextBlock", text: "Shall I?" }],
  actions: [{ type: "Action.Execute", title: "Yes", verb: "yes", data: { prompt: "7" } }],
};
const DONE = { type: "AdaptiveCard", version: "1.4", body: [{ type: "TextBlock", text: "I did." }] };

const pressed = [];

function made() {
  const bot = new AgentApplication({ storage: new MemoryStorage() });
  bot.onActivity("message", async (context) => {
    const { text, recipient } = context.activity;
    if (text === "edit") {
      const { id } = await context.sendActivity("before");
      await context.updateActivity({ ...MessageFactory.text("after"), id });
    } else if (text === "card") {
      await context.sendActivity(MessageFactory.attachment(CardFactory.adaptiveCard(CARD)));
    } else if (text === "who") {
      await context.sendActivity(`${recipient.role} ${context.activity.isAgenticRequest()}`);
    } else {
      await context.sendActivity({ type: "typing" });
      await context.sendActivity(`You said: ${text}`);
    }
  });
  bot.adaptiveCards.actionExecute("yes", async (context, state, data) => {
    pressed.push([context.activity.from.aadObjectId, data.verb, data.data]);
    return DONE;
  });
  return bot;
}

/** Where the server listens. */
const endpoint = await new Promise((resolve) => {
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (...given) {
    this.once("listening", () => resolve(`http://127.0.0.1:${this.address().port}/api/messages`));
    return listen.apply(this, given);
  };
  startServer(made(), { port: 0 });
});
if (mode) {
  console.log(endpoint);
  await new Promise(() => {});
}
await control("bots", { name: "Echo", appId, endpoint, issuer: "tenant" });

const does = (what, body) => control(`bots/${appId}/${what}`, { as: "doug", ...body });
const chat = async () => (await control(`bots/${appId}/chat?as=doug`)).messages;

/** Says something and waits for what the bot makes of it. */
async function hears(said, fits) {
  const { message, status } = await does("say", { text: said });
  ok(status === 200, `the bot answers ${status}`);
  const end = Date.now() + PATIENCE;
  for (;;) {
    const heard = (await chat()).filter((one) => one.from.id === appId && one.id > message);
    const found = heard.find(fits);
    if (found) return found;
    ok(Date.now() < end, `after "${said}": ${JSON.stringify(heard)}`);
    await pause(30);
  }
}

const checks = {
  async "a message is taken, and answered with a token of the bot's own"() {
    const heard = await hears("hello", (one) => one.content.includes("You said"));
    same([heard.content, heard.edited], ["You said: hello", false]);
  },

  async "a message is edited in its place"() {
    const heard = await hears("edit", (one) => one.edited);
    same(heard.content, "after");
  },

  async "a card is pressed, and its answer takes its place"() {
    const card = await hears("card", (one) => one.card);
    same(card.buttons, [{ title: "Yes", verb: "yes" }]);
    const { answer } = await does("press", { message: card.id, button: "Yes", trigger: "manual" });
    same(answer.type, "application/vnd.microsoft.card.adaptive");
    const doug = tenant.people.find((one) => one.userPrincipalName === "doug@contoso.com").id;
    same(pressed, [[doug, "yes", { prompt: "7" }]]);
    const shown = (await chat()).find((one) => one.id === card.id);
    same([shown.content, shown.buttons], ["<p>I did.</p>", []]);
  },

  async "a token for another app or with another key is refused"() {
    const { token } = await control(`bots/${appId}/token`, { claims: { aud: tenant.id } });
    const other = await control("bots", { name: "Other", endpoint });
    const connectors = (await control(`bots/${other.appId}/token`, { claims: { aud: appId, iss: "https://sts.windows.net/" } })).token;
    for (const bearer of [token, connectors, "a.b.c"]) {
      const answer = await fetch(endpoint, {
        method: "POST", body: JSON.stringify({ type: "message", text: "hello" }),
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      });
      ok(answer.status === 401 || answer.status === 403, `answered with ${answer.status}`);
    }
  },

  async "an agent user's activity is known for one"() {
    const agent = { user: "sam", app: appId };
    // Without tokens of its own: the replies come in the answer.
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), "open"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env.PATH, HOME: process.env.HOME, SANDBOX_CONTROL: CONTROL },
    });
    process.on("exit", () => child.kill());
    const open = await new Promise((resolve, reject) => {
      child.once("exit", reject);
      createInterface(child.stdout).on("line", (line) => line.startsWith("http:") && resolve(line));
    });
    // What the sandbox sends, handed on without its token: an open bot takes none.
    let activity;
    const between = http.createServer(async (request, answer) => {
      let body = "";
      for await (const part of request) body += part;
      activity = body;
      answer.end();
    });
    await new Promise((resolve) => { between.listen(0, resolve); });
    const there = `http://127.0.0.1:${between.address().port}/`;
    await control("bots", { name: "Echo", appId, endpoint: there, issuer: "tenant", agent });
    await does("say", { text: "who", deliveryMode: "expectReplies" });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(open, { method: "POST", body: activity, headers });
    const { activities } = await answer.json();
    same(activities.map((one) => one.text), ["agenticUser true"]);
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
