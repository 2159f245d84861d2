// Drawing of people and messages. Whatever people or the directory say is text or an allow-listed
// element here, never markup of its own.

const KEPT = new Set(["P", "DIV", "BR", "B", "STRONG", "I", "EM", "UL", "OL", "LI", "PRE", "CODE",
  "BLOCKQUOTE", "H1", "H2", "H3", "AT", "SPAN"]);

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

export function avatar(name, presence = null, small = false) {
  const letters = name.split(/\s+/).filter(Boolean);
  const initials = [letters[0], letters.length > 1 ? letters.at(-1) : ""]
    .map((word) => [...(word ?? "")].find((c) => /\p{L}|\p{N}/u.test(c)) ?? "").join("");
  let hue = 0;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  const made = element("span", { class: small ? "avatar small" : "avatar", "aria-hidden": "true" },
    initials.toUpperCase());
  made.style.backgroundColor = `hsl(${hue} 45% 42%)`;
  if (presence) made.append(element("i", { class: presence }));
  return made;
}

/** Stored HTML as safe nodes. */
export function readable(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const into = document.createDocumentFragment();
  copy(parsed.body, into, 0);
  return into;
}

function copy(from, into, depth) {
  if (depth > 40) return;
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.append(node.textContent);
    if (node.nodeType !== Node.ELEMENT_NODE) continue;
    if (!KEPT.has(node.tagName)) {
      if (!["SCRIPT", "STYLE", "TEMPLATE"].includes(node.tagName)) copy(node, into, depth + 1);
      continue;
    }
    const name = node.tagName === "AT" ? "strong" : node.tagName.toLowerCase();
    const made = document.createElement(name);
    copy(node, made, depth + 1);
    into.append(made);
  }
}

export function message(row, mine, doing) {
  if (!row.from) {
    return element("div", { class: "system" }, row.html ? readable(row.content) : row.content);
  }
  const time = new Date(Number(row.id));
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const meta = [mine ? null : row.from.name, clock, row.edited && !row.deleted ? "edited" : null]
    .filter(Boolean).join(" · ");
  const bubble = element("div", { class: row.deleted ? "bubble gone" : "bubble" });
  if (row.deleted) bubble.append("This message was deleted.");
  else if (row.html) bubble.append(readable(row.content));
  else bubble.append(...row.content.split("\n").map((line) => element("p", {}, line)));
  const made = element("div", { class: mine ? "message mine" : "message", "data-id": row.id },
    element("div", { class: "meta" }, element("time", { datetime: time.toISOString() }, meta)), bubble);
  if (mine && !row.deleted && doing) {
    made.append(element("div", { class: "tools" },
      element("button", { type: "button", onclick: () => doing.edit(row, bubble.innerText) }, "Edit"),
      element("button", { type: "button", onclick: () => doing.remove(row) }, "Delete")));
  }
  return made;
}

export function card(about, before) {
  const facts = element("dl");
  const fact = (name, value) => {
    if (value === null || value === undefined || value === "" || value?.length === 0) return;
    facts.append(element("dt", {}, name), element("dd", {}, ...[value].flat()));
  };
  const chips = (names) => names.map((name) =>
    element("span", { class: before && !before.has(name) ? "chip fresh" : "chip" }, name));
  const names = named(about);
  if (about.kind === "person") {
    const flags = [about.blocked && "sign-in blocked", about.guest && "guest",
      about.synced && "mastered on premises"].filter(Boolean).join(", ");
    if (flags) fact("Careful", element("span", { class: "flag" }, flags));
    fact("Title", about.title);
    fact("Department", about.department);
    fact("Manager", about.manager);
    fact("Location", about.location ?? element("span", { class: "flag" }, "none set"));
    fact("Licences", names.licences.length ? chips(names.licences) : "none");
    fact("Groups", chips(about.groups));
    fact("Roles", chips(about.roles));
    fact("Sessions", `valid from ${about.sessionsValidFrom}`);
  } else {
    fact("Kind", about.what + (about.synced ? ", mastered on premises" : ""));
    fact("About", about.description);
    fact("Owners", about.owners.join(", "));
    fact("Members", String(about.members));
  }
  const head = element("div", { class: "head" }, avatar(about.name),
    element("div", {}, element("strong", {}, about.name), element("br"),
      element("small", {}, about.upn ?? about.what)));
  return { drawn: [head, facts], names: new Set([...names.licences, ...(about.groups ?? [])]) };
}

function named(about) {
  const licences = (about.licences ?? []).map((held) =>
    held.through ? `${held.name} (through ${held.through})` : held.name);
  return { licences };
}

export function entry(row, fresh) {
  return element("li", { class: [row.twin && "twin", fresh && "fresh"].filter(Boolean).join(" "),
    title: row.id, "data-activity": row.activity },
    element("time", {}, row.at),
    element("div", { class: "what" }, row.activity),
    element("div", { class: "whom" }, `by ${row.actor}`, " → ", row.targets.join(", ")));
}
