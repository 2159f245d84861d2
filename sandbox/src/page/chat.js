// Drawing of people, messages, cards and log entries. Whatever people or the directory say becomes
// text or an allow-listed element here, never markup of its own.

const KEPT = new Set(["P", "DIV", "BR", "B", "STRONG", "I", "EM", "UL", "OL", "LI", "PRE", "CODE",
  "BLOCKQUOTE", "H1", "H2", "H3", "AT", "SPAN"]);
const UNSEEN = new Set(["SCRIPT", "STYLE", "TEMPLATE", "NOSCRIPT"]);
const DEEPEST = 40;

const PRESENCE = { Available: "Available", AvailableInactive: "Available", Busy: "Busy",
  DoNotDisturb: "Do not disturb", BeRightBack: "Be right back", Away: "Away", Offline: "Offline" };

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const drawn = new WeakMap();

/** Makes the children of `place` these rows. What has not changed stays as it is: so do the focus
 *  and what a screen reader has already read. Each row has a `key`; `make` draws it. */
export function list(place, rows, make) {
  const old = new Map([...place.children].map((node) => [node.dataset.key, node]));
  const held = place.contains(document.activeElement)
    ? document.activeElement.closest("[data-key]")?.dataset.key : undefined;
  const nodes = rows.map((row) => {
    const looks = JSON.stringify(row);
    const before = old.get(row.key);
    if (before && drawn.get(before) === looks) return before;
    const node = make(row);
    node.dataset.key = row.key;
    drawn.set(node, looks);
    return node;
  });
  const wanted = new Set(nodes);
  for (const node of [...place.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, at) => {
    if (place.children[at] !== node) place.insertBefore(node, place.children[at] ?? null);
  });
  if (held !== undefined && !place.contains(document.activeElement)) {
    nodes.find((node) => node.dataset.key === held)?.querySelector("button")?.focus();
  }
}

export function presenceWords(presence) {
  return PRESENCE[presence] ?? "Presence unknown";
}

/** Initials on a colour of their own, with a presence dot if `presence` is given. */
export function avatar(name, presence = null, small = false) {
  const words = name.replace(/\(.*?\)/g, " ").split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const initials = [words[0], words.length > 1 ? words.at(-1) : ""]
    .map((word) => [...(word ?? "")].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? "").join("");
  let hue = 0;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  const made = element("span", { class: small ? "avatar small" : "avatar", "aria-hidden": "true" },
    initials.toUpperCase());
  made.style.backgroundColor = `hsl(${hue} 42% 32%)`;
  if (presence) made.append(element("i", { class: presence }));
  return made;
}

/** The row of a person in a list. */
export function personRow(person, onclick, hint = null) {
  const what = [person.title, person.department, person.upn].filter(Boolean).join(" · ");
  return element("li", {}, element("button", { type: "button", onclick },
    avatar(person.name, person.presence),
    element("span", { class: "two" }, element("b", {}, person.name), element("small", {}, what),
      hint ? element("small", { class: "why" }, hint) : null)));
}

export function chatRow(row, onclick) {
  const said = row.last ? (row.last.mine ? "You: " : "") + row.last.text : "No messages yet";
  return element("li", {}, element("button",
    { type: "button", "aria-current": String(row.current), class: row.unread ? "unread" : null, onclick },
    avatar(row.title, row.with?.presence),
    element("span", { class: "two" },
      element("span", { class: "line" }, element("b", {}, row.title),
        row.last ? element("time", {}, clock(new Date(Number(row.last.id)))) : null),
      element("small", {}, said)),
    row.unread ? element("span", { class: "dot" }, element("span", { class: "hidden" }, "unread")) : null));
}

/** Stored HTML as safe nodes. */
function readable(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const into = document.createDocumentFragment();
  copy(parsed.body, into, 0);
  return into;
}

function copy(from, into, depth) {
  if (depth > DEEPEST) return;
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.append(node.textContent);
    if (node.nodeType !== Node.ELEMENT_NODE || UNSEEN.has(node.tagName)) continue;
    if (node.tagName === "IMG") into.append("[picture]");
    else if (!KEPT.has(node.tagName)) copy(node, into, depth + 1);
    else {
      const made = document.createElement(node.tagName === "AT" ? "strong" : node.tagName);
      copy(node, made, depth + 1);
      into.append(made);
    }
  }
}

function clock(time) {
  const today = time.toDateString() === new Date().toDateString();
  const hour = { hour: "2-digit", minute: "2-digit" };
  return time.toLocaleString([], today ? hour : { day: "numeric", month: "short", ...hour });
}

/** One message. `row.first` starts a run of messages by one person. */
export function message(row, doing) {
  if (!row.from) {
    return element("li", { class: "system" }, row.html ? readable(row.content) : row.content);
  }
  const time = new Date(Number(row.id));
  const bubble = element("div", { class: row.deleted ? "bubble gone" : "bubble" });
  if (row.deleted) bubble.append("This message was deleted.");
  else if (row.html) bubble.append(readable(row.content));
  else bubble.append(...row.content.split("\n").map((line) => element("p", {}, line)));
  if (row.buttons?.length && !row.deleted) {
    bubble.append(element("div", { class: "buttons" }, ...row.buttons.map((button) =>
      element("button", { type: "button", onclick: () => doing.press(row, button) }, button.title))));
  }
  if (row.remark) bubble.append(element("p", { class: "remark", role: "status" }, row.remark));
  const edited = row.edited && !row.deleted;
  const meta = element("div", { class: "meta" },
    row.mine ? element("span", { class: "hidden" }, "You") : element("b", {}, row.from.name), " ",
    element("time", { datetime: time.toISOString() }, clock(time)),
    edited ? element("span", { class: "edited" }, " · Edited") : null);
  const made = element("li", { class: ["message", row.mine && "mine", row.first && "first",
    edited && "changed"].filter(Boolean).join(" "), "data-id": row.id },
    row.mine ? null : avatar(row.from.name, null, true),
    element("div", { class: "said" }, meta, bubble));
  if (row.mine && !row.deleted) {
    // Lines are paragraphs here, and a paragraph ends in two breaks.
    const text = () => bubble.innerText.replace(/\n\n/g, "\n").replace(/\u00a0/g, " ");
    made.lastChild.append(element("div", { class: "tools" },
      element("button", { type: "button", class: "edit", onclick: () => doing.edit(row, text()) }, "Edit"),
      element("button", { type: "button", class: "delete", onclick: () => doing.remove(row) }, "Delete")));
  }
  return made;
}

const PASS = { disabledByPolicy: "the policy forbids it", expired: "expired",
  notYetValid: "not valid yet", oneTimeUsed: "used" };

const fresh = (text) => element("span", { class: "chip fresh" }, text, element("span", { class: "tag" }, "new"));

/** The directory card. `before` is what it showed first: what has come since is marked. */
export function card(about, before) {
  const facts = element("dl");
  const fact = (name, ...values) => {
    const shown = values.filter((value) => value !== null && value !== undefined && value !== "");
    if (shown.length) facts.append(element("dt", {}, name), element("dd", {}, ...shown));
  };
  const flag = (text) => element("span", { class: "flag" }, text);
  const chips = (key) => {
    const now = cardNames(about)[key];
    const lost = (before?.[key] ?? []).filter((name) => !now.includes(name));
    return [...now.map((name) => before && !before[key].includes(name)
      ? element("span", { class: "chip fresh" }, name, element("span", { class: "tag" }, "new"))
      : element("span", { class: "chip" }, name)),
    ...lost.map((name) => element("span", { class: "chip lost" }, element("s", {}, name),
      element("span", { class: "tag" }, "gone")))];
  };
  const onPremises = about.synced ? "mastered on premises" : null;
  if (about.kind === "person") {
    const flags = [about.blocked && "sign-in blocked", about.barred && `a policy refuses every sign-in (${about.barred})`, about.guest && "guest", onPremises].filter(Boolean);
    fact("Careful", flags.length ? flag(flags.join(", ")) : null);
    fact("Title", about.title);
    fact("Department", about.department);
    fact("Manager", about.manager);
    fact("Location", about.location ?? flag("none set"));
    const licences = chips("licences");
    fact("Licences", ...(licences.length ? licences : ["none"]));
    fact("Groups", ...chips("groups"));
    fact("Roles", ...chips("roles"));
    const ways = chips("methods");
    fact("Signs in with", ...(ways.length ? ways : ["a password only"]));
    if (about.pass) {
      const { state, once, until } = about.pass;
      const usable = state === "enabledByPolicy";
      fact("Access pass", element("span", { class: usable ? "" : "flag" },
        usable ? `works${once ? " once" : ""} until ` : `${PASS[state] ?? state}; until `, clock(new Date(until))),
      before && before.pass !== about.pass.id ? fresh("issued") : null);
    }
    fact("Password", element("span", {}, "set ", clock(new Date(about.passwordChanged)),
      about.mustChangePassword ? ", to be changed at the next sign-in" : ""),
    before && before.password !== about.passwordChanged ? fresh("reset") : null);
    fact("Sign-ins", element("span", {}, "count since ", clock(new Date(about.sessionsValidFrom))),
      before && before.since !== about.sessionsValidFrom
        ? fresh("signed out everywhere") : null);
  } else {
    fact("Kind", [about.what, onPremises].filter(Boolean).join(", "));
    fact("About", about.description);
    fact("Owners", about.owners.join(", "));
    fact("Members", String(about.members), before && before.members !== about.members
      ? element("span", { class: "chip fresh" }, `was ${before.members}`) : null);
  }
  const head = element("div", { class: "head" }, avatar(about.name),
    element("div", {}, element("strong", {}, about.name), element("br"),
      element("small", {}, about.upn ?? about.what)));
  return [head, facts];
}

/** What of a card can change before one's eyes. */
export function cardNames(about) {
  const licences = (about.licences ?? []).map((held) =>
    held.through ? `${held.name} (through ${held.through})` : held.name);
  return { licences, groups: about.groups ?? [], roles: about.roles ?? [],
    methods: about.methods ?? [], pass: about.pass?.id ?? null, password: about.passwordChanged,
    since: about.sessionsValidFrom, members: about.members };
}

export function entry(row) {
  return element("li", { class: [row.twin && "twin", row.fresh && "fresh"].filter(Boolean).join(" "),
    "data-activity": row.activity },
    element("time", { datetime: row.at, title: row.id }, logTime(new Date(row.at))),
    element("div", { class: "what" }, row.failed ? `${row.activity}: failed` : row.activity),
    element("div", { class: "whom" }, "by ", element("b", {}, row.actor),
      row.targets.length ? ` on ${row.targets.join(", ")}` : null));
}

function logTime(time) {
  const today = time.toDateString() === new Date().toDateString();
  return time.toLocaleString([], today ? { timeStyle: "medium" } : { dateStyle: "medium" });
}
