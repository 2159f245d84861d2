// Talking to the sandbox.

export async function ask(path, query = {}) {
  const search = new URLSearchParams(query).toString();
  return read(await reach(search ? `${path}?${search}` : path));
}

export async function tell(path, body, method = "POST") {
  return read(await reach(path, { method, headers: { "content-type": "application/json" },
    body: JSON.stringify(body) }));
}

async function reach(...request) {
  try {
    return await fetch(...request);
  } catch (cause) {
    const error = new Error("The sandbox does not answer. Is it still running?", { cause });
    error.gone = true;
    throw error;
  }
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
  throw new Error(said.error ?? `The sandbox answered ${answer.status}.`);
}
