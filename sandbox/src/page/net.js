// Talking to the sandbox.

export async function ask(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  return read(await fetch(search ? `${path}?${search}` : path));
}

export async function tell(path, body, method = "POST") {
  return read(await fetch(path, { method, headers: { "content-type": "application/json" },
    body: JSON.stringify(body) }));
}

async function read(answer) {
  const text = await answer.text();
  let said = {};
  try {
    said = text ? JSON.parse(text) : {};
  } catch {
    // Not JSON: the status says enough.
  }
  if (answer.ok) return said;
  const error = new Error(said.error ?? `The sandbox answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}
