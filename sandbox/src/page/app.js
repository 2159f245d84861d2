// The page: who am I, my chats, one conversation, and what happens behind the scenes.
import { avatar, card, element, entry, message } from "/page/chat.js";

const $ = (id) => document.getElementById(id);
const state = { me: null, people: [], chats: [], chat: null, seenEntries: null, about: null,
  aboutNames: null, auditTimer: null, editing: null };

const HINTS = ["Who is Sarah Lin?", "Give Sarah Lin an E3", "Add Alex Kim to Finance",
  "Sign Sarah Lin out everywhere", "What can you do?"];

async function ask(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  const answer = await fetch(search ? `${path}?${search}` : path);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error?.message ?? body.error ?? answer.statusText);
  return body;
}

async function tell(path, body, method = "POST") {
  const answer = await fetch(path, { method, headers: { "content-type": "application/json" },
    body: JSON.stringify(body) });
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Error(said.error?.message ?? said.error ?? answer.statusText);
  return said;
}

async function attempt(work) {
  try {
    $("trouble").textContent = "";
    await work();
  } catch (error) {
    $("trouble").textContent = error.message;
  }
}

// ---- who am I

function choosePerson() {
  const wanted = $("who-find").value.trim().toLowerCase();
  const rows = state.people.filter((person) => wanted
    ? [person.name, person.upn, person.department ?? ""].some((t) => t.toLowerCase().includes(wanted))
    : person.hint && !person.twin).slice(0, 30);
  $("people").replaceChildren(...rows.map((person) => element("li", {},
    element("button", { type: "button", onclick: () => become(person) }, avatar(person.name),
      element("span", { class: "two" }, element("b", {}, person.name),
        element("small", {}, [person.title, person.department, person.upn].filter(Boolean).join(" · ")),
        person.hint ? element("small", {}, person.hint) : null)))));
}

function become(person) {
  state.me = person;
  state.chat = null;
  history.replaceState(null, "", `?as=${encodeURIComponent(person.upn)}`);
  $("who").close();
  $("whoami").replaceChildren(avatar(person.name, null, true), `You are ${person.name}`);
  attempt(async () => {
    await loadChats();
    const twin = state.people.find((other) => other.twin);
    if (twin && twin.id !== person.id) await openWith(twin);
  });
}

// ---- chats

async function loadChats() {
  if (!state.me) return;
  state.chats = (await ask("/page/chats", { as: state.me.id })).chats;
  $("chats").replaceChildren(...state.chats.map((chat) => {
    const current = state.chat === chat.id;
    return element("li", {}, element("button", { type: "button", "aria-current": String(current),
      onclick: () => attempt(() => openChat(chat.id)) }, avatar(chat.title),
      element("span", { class: "two" }, element("span", {}, chat.title),
        element("small", {}, chat.last ? (chat.last.mine ? "You: " : "") + chat.last.text : ""))));
  }));
}

function findPeople() {
  const wanted = $("find").value.trim().toLowerCase();
  const rows = wanted.length < 2 ? [] : state.people.filter((person) => person.id !== state.me?.id
    && [person.name, person.upn].some((text) => text.toLowerCase().includes(wanted))).slice(0, 8);
  $("found").replaceChildren(...rows.map((person) => element("li", {},
    element("button", { type: "button", onclick: () => attempt(() => openWith(person)) },
      avatar(person.name), element("span", { class: "two" }, element("span", {}, person.name),
        element("small", {}, person.upn))))));
}

async function openWith(person) {
  const { chat } = await tell("/page/open", { as: state.me.id, with: person.id });
  $("find").value = "";
  findPeople();
  await openChat(chat);
}

async function openChat(chat) {
  state.chat = chat;
  state.about = null;
  state.aboutNames = null;
  stopEditing();
  await loadChats();
  const row = state.chats.find((other) => other.id === chat);
  const other = state.people.find((person) => person.id === row?.with);
  $("with").textContent = row?.title ?? "Chat";
  $("with-what").textContent = other
    ? [other.twin ? "a twin: it asks before it changes anything" : other.title, other.upn]
      .filter(Boolean).join(" · ") : "";
  $("with-avatar").replaceChildren(avatar(row?.title ?? "?"));
  $("typed").disabled = false;
  $("say").querySelector("button").disabled = false;
  $("hints").replaceChildren(...(other?.twin ? HINTS : []).map((hint) => element("button",
    { type: "button", onclick: () => { $("typed").value = hint; $("typed").focus(); } }, hint)));
  $("messages").replaceChildren();
  await loadMessages();
  $("typed").focus();
}

async function loadMessages() {
  const chat = state.chat;
  if (!chat || !state.me) return;
  const { messages, about } = await ask("/page/messages", { as: state.me.id, chat });
  if (chat !== state.chat) return;
  const place = $("messages");
  const atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 80;
  const doing = { edit: startEditing, remove };
  place.replaceChildren(...messages.map((row) => message(row, row.from?.id === state.me.id, doing)));
  if (atEnd || !place.scrollTop) place.scrollTop = place.scrollHeight;
  drawCard(about);
}

function drawCard(about) {
  if (!about) {
    $("card").replaceChildren(element("p", { class: "empty" },
      "Whoever is spoken about appears here."));
    state.about = null;
    state.aboutNames = null;
    return;
  }
  const before = state.about === about.id ? state.aboutNames : null;
  const { drawn, names } = card(about, before);
  $("card").replaceChildren(...drawn);
  if (state.about !== about.id) {
    state.about = about.id;
    state.aboutNames = names;
  }
}

// ---- saying

function send(event) {
  event?.preventDefault();
  const text = $("typed").value.trim();
  if (!text || !state.chat) return;
  const editing = state.editing;
  attempt(async () => {
    const body = { as: state.me.id, chat: state.chat, text };
    if (editing) await tell("/page/edit", { ...body, message: editing });
    else await tell("/page/say", body);
    stopEditing();
  });
}

function startEditing(row, text) {
  state.editing = row.id;
  $("typed").value = text.trim();
  $("say").querySelector("button").textContent = "Save";
  $("typed").focus();
}

function stopEditing() {
  state.editing = null;
  $("typed").value = "";
  $("say").querySelector("button").textContent = "Send";
}

const remove = (row) => attempt(() =>
  tell("/page/delete", { as: state.me.id, chat: state.chat, message: row.id }));

function keys(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  if (event.key === "Escape" && state.editing) stopEditing();
  if (event.key === "ArrowUp" && !$("typed").value) {
    const mine = [...document.querySelectorAll(".message.mine .tools button")]
      .filter((button) => button.textContent === "Edit").at(-1);
    if (mine) { event.preventDefault(); mine.click(); }
  }
}

// ---- the audit log

async function loadAudit() {
  const { entries, coming, nextInMs } = await ask("/page/audit");
  const seen = state.seenEntries;
  $("audit").replaceChildren(...entries.map((row) => entry(row, seen && !seen.has(row.id))));
  if (!entries.length) {
    $("audit").append(element("li", { class: "empty" }, "Nothing yet."));
  }
  state.seenEntries = new Set(entries.map((row) => row.id));
  $("coming").textContent = coming ? `· ${coming} on the way` : "";
  clearTimeout(state.auditTimer);
  if (nextInMs !== null) {
    state.auditTimer = setTimeout(() => attempt(loadAudit), Math.max(50, nextInMs + 30));
  }
}

// ---- fault switches

async function loadFaults() {
  const faults = await ask("/sandbox/faults");
  $("switches").replaceChildren(...Object.entries(faults).flatMap(([name, value]) => {
    const words = name.replace(/([A-Z])/g, " $1").toLowerCase().replace(/ ms$/, ", in ms");
    const input = element("input", { id: `fault-${name}`, value: value ?? "",
      inputmode: typeof value === "string" ? "text" : "numeric" });
    input.addEventListener("change", () => attempt(async () => {
      const typed = input.value.trim();
      const given = typed === "" ? null
        : typed === "true" || typed === "false" ? typed === "true"
        : name === "retryAfter" || Number.isNaN(Number(typed)) ? typed : Number(typed);
      await tell("/sandbox/faults", { [name]: given ?? (typeof value === "number" ? 0 : null) }, "PUT");
    }));
    return [element("label", { for: `fault-${name}` }, words), input];
  }));
}

function toggleFaults() {
  const panel = $("faults");
  panel.hidden = !panel.hidden;
  $("breaker").setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) {
    attempt(loadFaults);
    panel.scrollIntoView({ block: "nearest" });
  }
}

// ---- live

function listen() {
  const live = $("live");
  const source = new EventSource("/page/events");
  source.onopen = () => {
    live.textContent = "live";
    live.className = "live on";
    refresh(new Set(["everything"]));
  };
  source.onerror = () => {
    live.textContent = "not connected; trying again";
    live.className = "live off";
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

function refresh(what) {
  const all = what.has("everything");
  attempt(async () => {
    if (all || what.has("message") || what.has("directory")) await loadMessages();
    if (all || what.has("message") || what.has("chat")) await loadChats();
    if (all || what.has("audit")) await loadAudit();
    if ((all || what.has("faults")) && !$("faults").hidden) await loadFaults();
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
  $("find").addEventListener("input", findPeople);
  $("who-find").addEventListener("input", choosePerson);
  $("whoami").addEventListener("click", () => { choosePerson(); $("who").showModal(); });
  $("breaker").addEventListener("click", toggleFaults);
  $("theme").addEventListener("click", theme);
  $("mend").addEventListener("click", () => attempt(async () => {
    await tell("/sandbox/faults/reset", {});
    await loadFaults();
  }));
  const { company, people } = await ask("/page/people");
  state.people = people;
  $("company").textContent = company;
  document.title = `${company}: sandbox tenant`;
  const wanted = new URLSearchParams(location.search).get("as");
  const known = people.find((person) => person.upn === wanted || person.id === wanted);
  if (known) become(known);
  else {
    $("whoami").textContent = "Who are you?";
    choosePerson();
    $("who").showModal();
  }
  listen();
}

attempt(start);
