// What every judge of the sandbox needs that is written for Node.
//
// Scripts act for people at SANDBOX_CONTROL.
import { ok } from "node:assert";
import forge from "node-forge";

const CONTROL = process.env.SANDBOX_CONTROL;
export const PATIENCE = 60_000;

/** Calls a control endpoint; with a body it is a POST. */
export async function control(path, body) {
  const sent = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(CONTROL + path, { ...sent, signal: AbortSignal.timeout(PATIENCE) });
  const value = await answer.json();
  ok(answer.ok, `${path}: ${JSON.stringify(value)}`);
  return value;
}

export const tenant = await control("tenant");
export const app = (role) => tenant.apps.find((one) => one.role === role).appId;
export const person = (upn) => tenant.people.find((one) => one.userPrincipalName === upn);
export const effects = async () => (await control("ledger")).effects;

/** A new key and a certificate for it, as PEM. */
export function credential() {
  const { pki } = forge;
  const pair = pki.rsa.generateKeyPair(2048);
  const made = pki.createCertificate();
  made.publicKey = pair.publicKey;
  made.serialNumber = "01";
  made.validity.notBefore = new Date(Date.now() - 3_600_000);
  made.validity.notAfter = new Date(Date.now() + 30 * 24 * 3_600_000);
  const name = [{ name: "commonName", value: "Contoso Reporting" }];
  made.setSubject(name);
  made.setIssuer(name);
  made.sign(pair.privateKey);
  return { key: pki.privateKeyToPem(pair.privateKey), certificate: pki.certificateToPem(made) };
}

/** Runs checks by name, in order, and prints a line for each. */
export async function judge(checks) {
  for (const [name, check] of Object.entries(checks)) {
    const began = Date.now();
    try {
      await check();
      console.log(`PASS ${name}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`FAIL ${name}: ${error.message.replaceAll(/\s+/g, " ").slice(0, 400)}`);
      console.error(error);
    }
    console.error(`${name}: ${Date.now() - began} ms`);
  }
}
