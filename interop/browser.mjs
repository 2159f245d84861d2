// Uses the page of `subtwin demo` as people would, in a real browser, and says what held.
//
//   node browser.mjs <subtwin binary> <directory for screenshots>
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [binary, shots] = process.argv.slice(2);
if (!binary || !shots) {
  console.error("usage: node browser.mjs <subtwin binary> <directory for screenshots>");
  process.exit(2);
}
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PATIENCE = 15_000;
const CONTRAST = 4.5;
const HOSTILE = "<img src=x onerror=alert(1)>";

let failed = 0;
/** What must never happen, and how many of it were told. */
const alarms = [];
let told = 0;
/** While the sandbox restarts, the browser may say that it is gone. */
let away = false;

function assert(truth, otherwise) {
  if (!truth) throw new Error(otherwise);
}

async function check(name, work) {
  try {
    await work();
    const raised = alarms.slice(told);
    assert(!raised.length, raised.join("; "));
    console.log(`PASS ${name}`);
  } catch (error) {
    failed += 1;
    const plain = error.message.replace(/\x1b\[\d+m/g, "");
    console.log(`FAIL ${name}: ${plain.split("\n").slice(0, 4).join(" ")}`);
  }
  told = alarms.length;
}

/** Asks until the answer will do. */
async function until(what, test) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    if (await test()) return;
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Starts the demo and reads its address from what it prints. */
async function demo(...options) {
  const child = spawn(binary, ["demo", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const address = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the demo ended early, with ${code}`)));
    createInterface(child.stdout).on("line", (line) => {
      const found = /https?:\/\/\S+/.exec(line);
      if (found) resolve(new URL(found[0]));
    });
  });
  return { address, stop: () => { child.kill("SIGINT"); return ended; } };
}

function watch(context, origin) {
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== origin) alarms.push(`asked ${url.origin}`);
  });
  context.on("console", (message) => {
    const gone = away && /ERR_|Failed to fetch/.test(message.text());
    if (message.type() === "error" && !gone) alarms.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => alarms.push(`page error: ${error.error().message}`));
  context.on("dialog", (dialog) => { alarms.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
}

async function open(browser, origin, options, path) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 840 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  watch(context, origin);
  const page = await context.newPage();
  await page.goto(origin + path);
  return page;
}

const shoot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), animations: "disabled" });

/** Waits until the last message of somebody else says all of this. */
const hears = (page, ...words) => page.waitForFunction((words) => {
  const last = [...document.querySelectorAll("#messages .message:not(.mine) .bubble")].at(-1);
  return last && words.every((word) => last.innerText.includes(word));
}, words);

async function says(page, text) {
  await page.locator("#typed:focus").waitFor();
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Walks there with the Tab key alone. */
async function tabTo(page, id, key = "Tab") {
  for (let steps = 0; steps < 80; steps += 1) {
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${key} never reaches #${id}`);
}

/** Runs in the page: every visible text whose contrast with what is behind it is too low. */
function faint(least) {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, under) => ({ a: 1, r: top.r * top.a + under.r * (1 - top.a),
    g: top.g * top.a + under.g * (1 - top.a), b: top.b * top.a + under.b * (1 - top.a) });
  const light = ({ r, g, b }) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const found = new Set();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const style = getComputedStyle(node);
    if (!texts.currentNode.textContent.trim() || node.closest(".hidden, .skip, option")
      || !node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const behind = [];
    for (let up = node; up; up = up.parentElement) behind.unshift(parse(getComputedStyle(up).backgroundColor));
    const back = behind.reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
    const [high, low] = [light(over(parse(style.color), back)), light(back)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least) found.add(`${node.tagName}.${node.className} ${contrast.toFixed(2)}`);
  }
  return [...found];
}

async function readable(page) {
  const weak = await page.evaluate(faint, CONTRAST);
  assert(!weak.length, weak.join(", "));
}

const wide = (page) => page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);

async function conversation(page, origin) {
  await check("the first visit asks who one is, and keys alone answer", async () => {
    await page.locator("#who[open] #people button").first().waitFor();
    await shoot(page, "first-visit");
    await readable(page);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator("#whoami", { hasText: "Doug Hale" }).waitFor();
  });
  await check("the twin is there and seen as available", async () => {
    await page.locator("#with", { hasText: "Sam" }).waitFor();
    await page.locator("#with-what", { hasText: "Available" }).waitFor();
    await page.locator("#live.on").waitFor();
  });
  await check("a request gets a prompt that names the person and the change", async () => {
    await says(page, "Give Sarah Lin a Microsoft 365 E3");
    await hears(page, "sarah.lin@contoso.com", "Microsoft 365 E3", "yes");
    await page.locator("#card", { hasText: "sarah.lin@contoso.com" }).waitFor();
    await page.locator("#hints", { hasText: "no" }).waitFor();
    await shoot(page, "prompt-light");
  });
  await check("a typed yes gets it done, with a receipt", async () => {
    await says(page, "yes");
    await hears(page, "Done.", "receipt R-");
  });
  await check("the directory card shows the new licence, marked", () =>
    page.locator("#card .chip.fresh", { hasText: "Microsoft 365 E3" }).waitFor());
  await check("the audit log shows the change by Sam, highlighted", async () => {
    const entry = page.locator('#audit li.twin[data-activity="Change user license"]', { hasText: "Sam" });
    await entry.waitFor();
    const [his, other] = await Promise.all([entry, page.locator("#audit li:not(.twin)").first()]
      .map((row) => row.evaluate((node) => getComputedStyle(node).backgroundColor)));
    assert(his !== other, "it looks like any other entry");
  });
  await check("the answer is edited with the audit entry", async () => {
    await hears(page, "Done.", "Change user license, by sam@contoso.com");
    await page.locator("#messages .message.changed", { hasText: "Edited" }).waitFor();
    await shoot(page, "finished-light");
  });
  const back = () => page.evaluate(() => Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)));
  await check("text is readable in light", () => readable(page));
  await check("dark is dark, and as readable", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    assert(await back() < 60, "the page is light");
    await shoot(page, "finished-dark");
    await readable(page);
    await page.locator("#theme").click();
    assert(await back() > 200, "the button does not turn it light");
    await page.locator("#theme").click();
    assert(await back() < 60, "the button does not turn it dark again");
    await page.locator("#theme").click();
    await page.emulateMedia({ colorScheme: "light" });
    await page.locator("#typed").focus();
  });
  await check("a message from somebody else shows as unread until it is read", async () => {
    await fetch(`${origin}/sandbox/say`, { method: "POST",
      body: JSON.stringify({ as: "sarah.lin", to: "doug", text: "Thank you, Doug" }) });
    await page.locator("#chats .unread", { hasText: "Thank you, Doug" }).waitFor();
    assert((await page.title()).startsWith("(1)"), "the title does not count it");
    await readable(page);
    await page.locator("#chats .unread").click();
    await page.locator("#messages .bubble", { hasText: "Thank you, Doug" }).waitFor();
    await page.locator("#chats .unread").waitFor({ state: "detached" });
    await page.locator("#chats button", { hasText: "Sam (IT twin)" }).first().click();
    await hears(page, "Done.");
  });
  await check("what was read stays in place when something is added", async () => {
    await page.evaluate(() => { document.querySelector("#messages .message").dataset.mine = "kept"; });
    const before = await page.locator("#messages .message").count();
    await says(page, "What can you do?");
    await page.waitForFunction((n) => document.querySelectorAll("#messages .message").length >= n + 2, before);
    assert(await page.locator("#messages [data-mine=kept]").count(), "the list was drawn anew");
  });
  await check("an approver finds the same plan in their own conversation, and their yes counts", async () => {
    await says(page, "Reset José Núñez's password");
    await hears(page, "jose.nunez@contoso.com", "the yes of an approver", "Reply yes");
    await says(page, "yes");
    await hears(page, "Paula Stone");
    const paula = await open(page.context().browser(), origin, {}, "/?as=paula.stone@contoso.com");
    await paula.locator("#chats .unread, #chats button", { hasText: "Sam (IT twin)" }).first().click();
    await hears(paula, "Your yes is needed, too", "Doug Hale (doug@contoso.com)", "jose.nunez@contoso.com");
    await shoot(paula, "approver-light");
    await says(paula, "yes");
    await hears(paula, "Thank you");
    await paula.context().close();
    await hears(page, "shown once", "10 minutes");
    await readable(page);
  });
  await check("what must be typed is offered, and a yes is not enough", async () => {
    await says(page, "Reset Alex Kim's MFA");
    await hears(page, "Which");
    await says(page, "the one in Finance");
    await hears(page, "type the user principal name alex.kim@contoso.com");
    await page.locator("#hints", { hasText: "alex.kim@contoso.com" }).waitFor();
    await shoot(page, "typed-light");
    await says(page, "no");
    await hears(page, "Nothing was changed");
  });
  await check("a name with markup in it is text, wherever it shows", async () => {
    await tabTo(page, "find", "Shift+Tab");
    await page.keyboard.type("robert.t");
    await page.locator("#found button", { hasText: HOSTILE }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("#with", { hasText: HOSTILE }).waitFor();
    await says(page, `<b>hello</b> ${HOSTILE}`);
    await page.locator("#messages .bubble", { hasText: HOSTILE }).waitFor();
    await page.locator("#chats button", { hasText: "Sam (IT twin)" }).first().click();
    await page.locator("#with", { hasText: "Sam" }).waitFor();
    await says(page, "Who is robert.tables@contoso.com?");
    await page.locator("#card", { hasText: HOSTILE }).waitFor();
    const made = await page.locator("main img, #with b, #chats b b, #card b, main [onerror]").count();
    assert(made === 0, "markup became elements");
  });
  await check("a fault switch works, shows, and is mended", async () => {
    const faults = async () => (await fetch(`${origin}/sandbox/faults`)).json();
    const usual = await faults();
    await page.locator("#breaker").focus();
    await page.keyboard.press("Enter");
    await page.locator("#faults").waitFor();
    await page.getByLabel("It is told this late").fill("0.2");
    await page.keyboard.press("Tab");
    await until("200 ms in the sandbox", async () => (await faults()).delayNotificationsMs === 200);
    await page.locator("#breaker", { hasText: "1 on" }).waitFor();
    await fetch(`${origin}/sandbox/faults`, { method: "PUT", body: JSON.stringify({ dropNotifications: 5 }) });
    await page.locator("#breaker", { hasText: "2 on" }).waitFor();
    await readable(page);
    await shoot(page, "faults");
    await page.getByRole("button", { name: "Mend everything" }).click();
    await until("all is mended", async () => JSON.stringify(await faults()) === JSON.stringify(usual));
    await page.locator("#breaker:not(.on)").waitFor();
    await page.getByLabel("It is told this late").press("Escape");
    await page.locator("#faults").waitFor({ state: "hidden" });
  });
}

async function another(page) {
  await check("one becomes somebody else with keys alone", async () => {
    await page.locator("#typed").focus();
    await tabTo(page, "whoami", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator("#who[open]").waitFor();
    await page.keyboard.type("sarah.lin@");
    await page.locator("#people li:only-child button", { hasText: "Sarah Lin" }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator("#whoami", { hasText: "Sarah Lin" }).waitFor();
    await page.locator("#who").waitFor({ state: "hidden" });
  });
  const mine = page.locator("#messages .mine");
  await check("Shift+Enter starts a line, and ArrowUp edits what one wrote", async () => {
    await page.locator("#typed:focus").waitFor();
    await page.keyboard.type("Helo Sam");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("how are you");
    await page.keyboard.press("Enter");
    await mine.locator("p", { hasText: "how are you" }).waitFor();
    await page.keyboard.press("ArrowUp");
    const typed = await page.locator("#typed").inputValue();
    assert(typed === "Helo Sam\nhow are you", `it edits ${JSON.stringify(typed)}`);
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("Hello Sam");
    await page.keyboard.press("Enter");
    await mine.filter({ hasText: "Hello Sam" }).filter({ hasText: "Edited" }).waitFor();
  });
  await check("Escape gives up an edit", async () => {
    await page.keyboard.press("ArrowUp");
    assert(await page.locator("#typed").inputValue() === "Hello Sam", "nothing is being edited");
    await page.keyboard.press("Escape");
    assert(await page.locator("#typed").inputValue() === "", "the text is still there");
  });
  await check("one deletes one's own message", async () => {
    await mine.last().locator(".delete").focus();
    await page.keyboard.press("Enter");
    await mine.filter({ hasText: "This message was deleted" }).waitFor();
    assert(await mine.locator(".delete").count() === 0, "it can be deleted again");
  });
}

async function narrowly(browser, origin) {
  const narrow = await open(browser, origin, { viewport: { width: 390, height: 844 } }, "/");
  await check("nothing is wider than a narrow screen", async () => {
    await narrow.locator("#people button").first().waitFor();
    assert(await wide(narrow) <= 0, "the dialog overflows");
    await narrow.locator("#people button").first().click();
    await hears(narrow, "Robert");
    await narrow.locator("#breaker").click();
    await narrow.locator("#faults").waitFor();
    assert(await wide(narrow) <= 0, `the page is ${await wide(narrow)} px too wide`);
    await narrow.locator("#breaker").click();
    await narrow.evaluate(() => scrollTo(0, 0));
    await shoot(narrow, "narrow");
  });
  await narrow.context().close();
}

async function signIn(browser, origin) {
  const tenant = await (await fetch(`${origin}/sandbox/tenant`)).json();
  const app = tenant.apps.find((row) => row.role === "sampleCli");
  const query = new URLSearchParams({ client_id: app.appId, response_type: "code",
    redirect_uri: "http://localhost", scope: "openid https://graph.microsoft.com/User.Read.All",
    prompt: "consent", code_challenge: "q".repeat(43), code_challenge_method: "S256" });
  const page = await open(browser, origin, {}, `/common/oauth2/v2.0/authorize?${query}`);
  await check("the sign-in page lists people, as text", async () => {
    await page.getByRole("heading", { name: "Pick an account" }).waitFor();
    await readable(page);
    await shoot(page, "sign-in");
    await page.getByLabel("Find a person").fill("robert.tables");
    await page.keyboard.press("Enter");
    await page.getByText(HOSTILE).waitFor();
    assert(await page.locator("img").count() === 0, "markup became elements");
  });
  await check("the consent page names the app and what it may do", async () => {
    await page.goto(`${origin}/common/oauth2/v2.0/authorize?${query}&login_hint=dana@contoso.com`);
    await page.getByRole("button", { name: "Dana Whitfield" }).click();
    await page.getByRole("heading", { name: "Permissions requested" }).waitFor();
    await page.getByText("User.Read.All").waitFor();
    await readable(page);
    await shoot(page, "consent");
  });
  await check("the device page takes a code, and refuses a wrong one", async () => {
    await page.goto(`${origin}/devicelogin`);
    await shoot(page, "device");
    await page.getByLabel("Code").fill("WRONG1234");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await readable(page);
  });
  await page.context().close();
}

/** The page of a sandbox that goes away and comes back as a fresh one. */
async function restart(page, running, origin) {
  let next = running;
  await check("the page finds a restarted sandbox again, without a reload", async () => {
    away = true;
    await running.stop();
    await page.locator("#live.off").waitFor();
    next = await demo("--port", new URL(origin).port);
    await page.locator("#live.on").waitFor();
    away = false;
    await page.waitForFunction(() => document.querySelectorAll("#messages .message").length === 0);
    await page.locator("#typed").focus();
    await says(page, "What can you do?");
    await page.locator("#messages .message:not(.mine)").first().waitFor();
  });
  away = false;
  return next;
}

await mkdir(shots, { recursive: true });
let running = await demo();
const { origin } = running.address;
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu",
  "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync"] });
try {
  const page = await open(browser, origin, { colorScheme: "light" }, "/");
  await conversation(page, origin);
  await another(page);
  await narrowly(browser, origin);
  await signIn(browser, origin);
  running = await restart(page, running, origin);
} finally {
  await browser.close();
  await running.stop();
}
console.log(failed ? `${failed} failed` : "all held");
process.exitCode = failed ? 1 : 0;
