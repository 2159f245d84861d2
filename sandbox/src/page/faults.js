// The fault switches, in plain words. What the sandbox stores is per thousand, milliseconds, counts.
import { ask, tell } from "/page/net.js";
import { element } from "/page/chat.js";

const percent = { unit: "%", show: (value) => value / 10, read: (typed) => Math.round(typed * 10), none: 0 };
const seconds = { unit: "s", show: (value) => value / 1000, read: (typed) => Math.round(typed * 1000), none: 0 };
const count = { unit: "times", show: (value) => value, read: (typed) => Math.round(typed), none: 0 };
const delay = { ...seconds, none: null };
const wait = { unit: "s", show: (value) => value, read: (typed) => String(typed), none: null };
const refusal = { none: null, choices: [["", "No"], ["50076", "Needs a second factor"],
  ["50079", "Must set up a second factor"], ["50173", "Was signed out everywhere"],
  ["53003", "Conditional access says no"], ["700082", "Was away too long"]],
show: (value) => value, read: (typed) => typed };

const GROUPS = [
  ["What Teams tells the twin", [
    ["dropNotifications", "Messages it is never told about", percent],
    ["duplicateNotifications", "Messages it is told about twice", percent],
    ["reorderNotifications", "Messages told in the wrong order", percent],
    ["delayNotificationsMs", "It is told this late", seconds]]],
  ["What Graph answers", [
    ["throttleNext", "Next calls: slow down (429)", count],
    ["retryAfter", "… and wait this long", wait],
    ["failBeforeNext", "Next changes: fail, nothing happens (503)", count],
    ["failAfterNext", "Next changes: happen, but say they failed (503)", count],
    ["cutAfterNext", "Next changes: happen, but the line goes dead", count],
    ["failWritebackNext", "Next resets for people mastered on premises: accepted, then fail", count],
    ["replicaLagMs", "Reads show a change only after", seconds],
    ["slowMs", "Every answer takes longer by", seconds]]],
  ["Signing in", [
    ["expireTokensNext", "Next calls: the token has expired", count],
    ["challengeNext", "Next calls: prove who you are again", count],
    ["failTokensNext", "Next requests for a token: fail (503)", count],
    ["refuseSignIns", "Refuse the twin's sign-in", refusal]]],
  ["The audit log", [["auditDelayMs", "New entries show up after", delay]]],
];

/** Draws the panel. Returns what redraws its values. */
export function faultPanel({ switches, mend, breaker, attempt }) {
  const shown = new Map();
  for (const [title, rows] of GROUPS) {
    switches.append(element("fieldset", {}, element("legend", {}, title),
      ...rows.map(([name, words, kind]) => line(name, words, kind, shown, attempt))));
  }
  mend.addEventListener("click", () => attempt(() => tell("/sandbox/faults/reset", {})));
  return async () => {
    const faults = await ask("/sandbox/faults");
    let broken = 0;
    for (const [name, { kind, input, row }] of shown) {
      const on = (faults[name] ?? kind.none) !== kind.none;
      broken += on ? 1 : 0;
      row.classList.toggle("on", on);
      if (input !== document.activeElement || kind.choices) input.value = on ? kind.show(faults[name]) : "";
    }
    breaker.textContent = broken ? `Break things (${broken} on)` : "Break things";
    breaker.classList.toggle("on", broken > 0);
    mend.disabled = !broken;
  };
}

function line(name, words, kind, shown, attempt) {
  const id = `fault-${name}`;
  const input = kind.choices
    ? element("select", { id }, ...kind.choices.map(([value, text]) => element("option", { value }, text)))
    : element("input", { id, type: "number", min: "0", max: kind === percent ? "100" : null, step: "any",
      placeholder: kind.none === null ? "usual" : "0", "aria-describedby": `${id}-unit` });
  const row = element("div", { class: "switch" }, element("label", { for: id }, words), input,
    kind.unit ? element("span", { id: `${id}-unit`, class: "unit" }, kind.unit) : null);
  const set = () => attempt(async () => {
    if (!input.checkValidity()) throw new Error(`“${words}”: ${input.validationMessage}`);
    const value = input.value === "" ? kind.none : kind.read(Number(input.value));
    await tell("/sandbox/faults", { [name]: value }, "PUT");
  });
  input.addEventListener("change", set);
  input.addEventListener("keydown", (event) => {
    // Enter in a form of many fields would submit it.
    if (event.key === "Enter" && !kind.choices) { event.preventDefault(); input.blur(); input.focus(); }
  });
  shown.set(name, { kind, input, row });
  return row;
}
