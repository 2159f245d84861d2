// The page: who am I, my chats, one conversation, and what happens behind the scenes.
import { ask, tell } from "/page/net.js";
import { avatar, card, cardNames, chatRow, element, entry, list, message, personRow, presenceWords }
  from "/page/chat.js";
import { faultPanel } from "/page/faults.js";

const $ = (id) => document.getElementById(id);

const state = {
  me: null,
  twin: null,
  chats: [],
  /** Id of the open chat, and who it is with (null in a group). */
  chat: null,
  other: null,
  editing: null,
  /** Newest message read, by person and chat. What is older than the page counts as read. */
  read: new Map(),
  since: Date.now(),
  /** What each card showed first, by id of its person or group. */
  cards: new Map(),
  card: undefined,
  entries: null,
  auditTimer: null,
};

const HELPDESK = ["Why can't Jon Miller sign in?", "Give Sarah Lin an E3",
  "Add Sarah Lin and John Miller to VPN Users", "Reset José Núñez's password",
  "What would happen if I blocked John Miller?", "Undo that", "What can you do?"];
const ANYBODY = ["What can you do?", "Who is Doug Hale?", "Give me a Microsoft 365 E3"];
const CHANGING = 60_000;

/** Something the person wants: when it fails, they are told why. */
async function attempt(work) {
  try {
    $("trouble").textContent = "";
    await work();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

/** Keeping up with what changed. That the connection is gone, the header says already. */
async function follow(work) {
  try {
    await work();
  } catch (error) {
    if (!error.gone) $("trouble").textContent = error.message;
  }
}

/** Tells a screen reader what only shows at the side; the same thing once. */
function announce(text) {
  if ($("said").textContent !== text) $("said").textContent = text;
}

// ---- who am I

let asked = 0;

/** Fills a list with whoever matches; only the newest question counts. */
async function search(place, wanted, pick, hints) {
  const mine = ++asked;
  const { people, more } = wanted || hints ? await ask("/page/people", { find: wanted }) : { people: [] };
  if (mine !== asked) return;
  const fit = people.filter((person) => hints ? wanted || !person.twin : person.id !== state.me?.id);
  place.replaceChildren(...fit.map((person) =>
    personRow(hints ? { ...person, presence: null } : person, () => pick(person),
      hints && !wanted ? person.hint : null)));
  if (wanted && !fit.length) place.append(element("li", { class: "empty" }, "Nobody here is called that."));
  if (more) place.append(element("li", { class: "empty" }, `and ${more} more: type more of the name`));
}

const searchMe = () => attempt(() =>
  search($("people"), $("who-find").value.trim(), become, true));
const searchOther = () => attempt(() => search($("found"), $("find").value.trim(),
  (person) => attempt(() => openWith(person)), false));

function choosePerson() {
  $("who-find").value = "";
  searchMe();
  if (!$("who").open) $("who").showModal();
}

function become(person) {
  state.me = person;
  state.chat = null;
  state.other = null;
  history.replaceState(null, "", `?as=${encodeURIComponent(person.upn)}`);
  $("who").close();
  $("whoami").replaceChildren(avatar(person.name, null, true), element("span", {}, `You are ${person.name}`));
  stopEditing();
  return attempt(async () => {
    await loadChats();
    if (state.twin && state.twin.id !== person.id) await openWith(state.twin);
    else if (state.chats.length) await openChat(state.chats[0].id);
    else showNobody();
  });
}

/** Arrow keys walk through a list of buttons, from the search box above it and back. */
function walk(input, place) {
  const step = (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const buttons = [input, ...place.querySelectorAll("button")].filter(Boolean);
    const to = buttons[buttons.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (to) { event.preventDefault(); to.focus(); }
  };
  place.addEventListener("keydown", step);
  input?.addEventListener("keydown", (event) => {
    step(event);
    if (event.key === "Enter") { event.preventDefault(); place.querySelector("button")?.click(); }
  });
}

// ---- chats

const mark = (chat) => `${state.me.id} ${chat}`;

async function loadChats() {
  const me = state.me;
  if (!me) return;
  const { chats } = await ask("/page/chats", { as: me.id });
  if (me !== state.me) return;
  state.chats = chats;
  drawChats();
}

function drawChats() {
  const rows = state.chats.map((chat) => {
    const current = chat.id === state.chat;
    const read = state.read.get(mark(chat.id)) ?? state.since;
    const unread = !current && Boolean(chat.last) && !chat.last.mine && Number(chat.last.id) > read;
    return { ...chat, key: chat.id, current, unread };
  });
  list($("chats"), rows, (row) => chatRow(row, () => attempt(() => openChat(row.id))));
  $("no-chats").hidden = !state.me || rows.length > 0;
  const unread = rows.filter((row) => row.unread).length;
  document.title = `${unread ? `(${unread}) ` : ""}${$("company").textContent}: sandbox tenant`;
  const open = rows.find((row) => row.current);
  if (open) drawHead(open);
}

function drawHead(row) {
  state.other = row.with;
  const other = row.with;
  $("with").textContent = row.title;
  $("twin-tag").hidden = !other?.twin;
  const what = other
    ? [presenceWords(other.presence), other.twin ? "asks before it changes anything" : other.title, other.upn]
    : [`${row.members} people`];
  $("with-what").textContent = what.filter(Boolean).join(" · ");
  $("with-avatar").replaceChildren(avatar(row.title, other?.presence));
}

async function openWith(person) {
  const { chat } = await tell("/page/open", { as: state.me.id, with: person.id });
  $("find").value = "";
  $("found").replaceChildren();
  await openChat(chat);
}

async function openChat(chat) {
  state.chat = chat;
  stopEditing();
  $("messages").replaceChildren();
  $("typed").disabled = false;
  $("send").disabled = false;
  await loadChats();
  await loadMessages();
  $("typed").focus();
}

function showNobody() {
  list($("messages"), [], () => null);
  $("with").textContent = state.me ? "No chats yet" : "Nobody yet";
  $("with-what").textContent = state.me ? "Write to somebody on the left." : "Pick somebody to be.";
  $("with-avatar").replaceChildren();
  $("typed").disabled = true;
  $("send").disabled = true;
  drawEmpty(true);
}

async function loadMessages() {
  const { chat, me } = state;
  if (!chat || !me) return;
  const { messages, about } = await ask("/page/messages", { as: me.id, chat });
  if (chat !== state.chat || me !== state.me) return;
  const place = $("messages");
  const near = place.scrollHeight - place.scrollTop - place.clientHeight < 120;
  let before = null;
  const rows = messages.filter((row) => row.from || row.content.replace(/<[^>]*>/g, "").trim())
    .map((row) => {
      const first = !row.from || before !== row.from.id;
      before = row.from?.id ?? null;
      return { ...row, key: row.id, first, mine: row.from?.id === me.id };
    });
  const fresh = !place.childElementCount;
  list(place, rows, (row) => message(row, { edit: startEditing, remove, press }));
  if (near || fresh) place.scrollTop = place.scrollHeight;
  const newest = messages.at(-1);
  if (newest) state.read.set(mark(chat), Number(newest.id));
  drawEmpty(!rows.length);
  drawHints(rows.at(-1));
  drawCard(about);
}

function drawEmpty(empty) {
  $("start").hidden = !empty;
  if (!empty) return;
  const name = state.other?.name;
  $("start").replaceChildren(...!state.me
    ? [element("p", {}, "This is a whole sample company. Be somebody in it."),
      element("button", { type: "button", class: "main", onclick: choosePerson }, "Pick somebody to be")]
    : !name ? [] : [avatar(name, state.other.presence), element("h3", {}, `Write to ${name}`),
      element("p", {}, state.other.twin
        ? "Ask for something in your own words. It shows exactly what it would change, and waits for your yes."
        : "This is the start of your conversation.")]);
}

/** Words to start from. A yes is typed by a person: this only puts it into the box. */
function drawHints(last) {
  const waits = last && !last.mine && /\breply\s+(<[^>]+>)?yes\b/i.test(last.content);
  const typed = last && !last.mine && /type the user principal name (\S+) and nothing/.exec(last.content);
  const words = !state.other?.twin ? []
    : typed ? [typed[1], "no"] : waits ? ["yes", "no"] : state.me.department === "IT" ? HELPDESK : ANYBODY;
  const rows = words.map((text) => ({ key: text, text }));
  list($("hints"), rows, ({ text }) => element("li", {}, element("button", { type: "button",
    onclick: () => { $("typed").value = text; grow(); $("typed").focus(); } }, text)));
}

function drawCard(about) {
  const looks = JSON.stringify(about);
  if (looks === state.card) return;
  state.card = looks;
  if (!about) {
    $("card").replaceChildren(element("p", { class: "empty" },
      "Write about somebody, and what the directory knows about them appears here."));
    return;
  }
  const now = cardNames(about);
  if (!state.cards.has(about.id)) state.cards.set(about.id, now);
  const before = state.cards.get(about.id);
  $("card").replaceChildren(...card(about, before));
  const come = ["licences", "groups", "roles", "methods"]
    .flatMap((key) => now[key].filter((name) => !before[key].includes(name)));
  if (come.length) announce(`In the directory, ${about.name} now has ${come.join(", ")}.`);
}

// ---- saying

function grow() {
  const typed = $("typed");
  typed.style.height = "auto";
  typed.style.height = `${typed.scrollHeight + 2}px`;
}

function send(event) {
  event.preventDefault();
  const { chat, editing, me } = state;
  const typed = $("typed").value;
  const text = typed.trim();
  if (!text || !chat) return;
  stopEditing();
  attempt(async () => {
    try {
      const body = { as: me.id, chat, text };
      if (editing) await tell("/page/edit", { ...body, message: editing });
      else {
        const { chat: opened } = await tell("/page/say", body);
        // The first message to an app opens the conversation.
        if (opened && opened !== chat && state.chat === chat) await openChat(opened);
      }
    } catch (error) {
      // Nothing that was typed gets lost.
      if (state.chat === chat && !$("typed").value) {
        $("typed").value = typed;
        grow();
      }
      throw error;
    }
  });
}

function startEditing(row, text) {
  state.editing = row.id;
  $("typed").value = text.trim();
  $("send").textContent = "Save";
  $("keys").textContent = "Enter saves · Esc leaves it as it was";
  $("say").classList.add("editing");
  grow();
  $("typed").focus();
}

function stopEditing() {
  state.editing = null;
  $("typed").value = "";
  $("send").textContent = "Send";
  $("keys").textContent = "Enter sends · Shift+Enter starts a new line · ↑ edits what you wrote last";
  $("say").classList.remove("editing");
  grow();
}

const remove = (row) => attempt(async () => {
  await tell("/page/delete", { as: state.me.id, chat: state.chat, message: row.id });
  if (state.editing === row.id) stopEditing();
  $("typed").focus();
});

/** Pressing a card's button is an answer of its own; what comes of it is drawn when it changes. */
const press = (row, button) => attempt(async () => {
  await tell("/page/press", { as: state.me.id, chat: state.chat, message: row.id, text: button.verb });
  $("typed").focus();
});

function keys(event) {
  if (event.isComposing) return;
  if (event.key === "Enter" && !event.shiftKey) send(event);
  if (event.key === "Escape" && state.editing) stopEditing();
  if (event.key === "ArrowUp" && !$("typed").value) {
    const mine = [...$("messages").querySelectorAll(".mine .edit")].at(-1);
    if (mine) { event.preventDefault(); mine.click(); }
  }
}

// ---- the audit log

async function loadAudit() {
  const { entries, seen, coming, nextInMs } = await ask("/page/audit");
  const known = state.entries;
  const rows = entries.map((row) => ({ ...row, key: row.id, fresh: known !== null && !known.has(row.id) }));
  const byTwin = rows.find((row) => row.fresh && row.twin);
  if (byTwin) announce(`Audit log: ${byTwin.activity} by ${byTwin.actor}, at ${byTwin.at}.`);
  // An entry that was new stays marked as such until it is drawn anew with the page.
  state.entries ??= new Set(entries.map((row) => row.id));
  list($("audit"), rows, entry);
  $("entries").textContent = seen === 1 ? "1 entry" : `${seen} entries`;
  $("coming").hidden = !coming;
  $("coming").textContent = coming === 1 ? "1 more on its way: the log runs behind"
    : `${coming} more on their way: the log runs behind`;
  clearTimeout(state.auditTimer);
  if (nextInMs !== null) {
    state.auditTimer = setTimeout(() => follow(loadAudit), Math.max(50, nextInMs + 30));
  }
}

// ---- fault switches

let loadFaults = async () => {};

function toggleFaults() {
  const panel = $("faults");
  panel.hidden = !panel.hidden;
  $("breaker").setAttribute("aria-expanded", String(!panel.hidden));
  if (panel.hidden) $("breaker").focus();
  else {
    panel.scrollIntoView({ block: "nearest" });
    panel.querySelector("input").focus();
  }
}

// ---- live

function listen() {
  const live = $("live");
  const source = new EventSource("/page/events");
  let lost = false;
  source.onopen = () => {
    live.textContent = "live";
    live.className = "live on";
    if (lost) follow(again);
    else refresh(new Set(["everything"]));
    lost = false;
  };
  source.onerror = () => {
    lost = true;
    live.textContent = "not connected; trying again";
    live.className = "live off";
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(listen, 2000);
    }
  };
  // Many changes come at once: wait for the burst to end, then ask once.
  let waiting = new Set();
  let timer = null;
  source.onmessage = (event) => {
    const change = JSON.parse(event.data);
    waiting.add(change.what === "message" && change.chat !== state.chat ? "chat" : change.what);
    timer ??= setTimeout(() => {
      const what = waiting;
      waiting = new Set();
      timer = null;
      refresh(what);
    }, 40);
  };
}

/** After the connection was lost the sandbox may be another one, with the same people. */
async function again() {
  state.cards.clear();
  state.entries = null;
  $("trouble").textContent = "";
  const anew = (person) => person && ask("/page/person", { who: person.upn });
  state.twin = await anew(state.twin);
  state.me = await anew(state.me);
  await loadChats();
  if (!state.chats.some((chat) => chat.id === state.chat)) {
    const other = await anew(state.other);
    if (other) await openWith(other);
  }
  await refresh(new Set(["everything"]));
}

function refresh(what) {
  const has = (...names) => what.has("everything") || names.some((name) => what.has(name));
  return follow(async () => {
    if (has("message", "directory")) await loadMessages();
    if (has("message", "chat", "presence")) await loadChats();
    if (has("audit")) await loadAudit();
    if (has("faults")) await loadFaults();
  });
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

async function start() {
  $("say").addEventListener("submit", send);
  $("typed").addEventListener("keydown", keys);
  $("typed").addEventListener("input", grow);
  $("find").addEventListener("input", searchOther);
  $("who-find").addEventListener("input", searchMe);
  walk($("find"), $("found"));
  walk($("who-find"), $("people"));
  walk(null, $("chats"));
  $("whoami").addEventListener("click", choosePerson);
  $("who").addEventListener("close", () => { if (!state.me) showNobody(); });
  $("breaker").addEventListener("click", toggleFaults);
  $("faults").addEventListener("keydown", (event) => { if (event.key === "Escape") toggleFaults(); });
  $("theme").addEventListener("click", theme);
  loadFaults = faultPanel({ switches: $("switches"), mend: $("mend"), breaker: $("breaker"), attempt });
  const { company, people } = await ask("/page/people");
  $("company").textContent = company;
  document.title = `${company}: sandbox tenant`;
  state.twin = people.find((person) => person.twin);
  const wanted = new URLSearchParams(location.search).get("as");
  const known = wanted && await ask("/page/person", { who: wanted }).catch(() => null);
  drawCard(null);
  if (known) become(known);
  else choosePerson();
  listen();
  // Presence fades without telling.
  setInterval(() => follow(loadChats), CHANGING);
}

attempt(start);
