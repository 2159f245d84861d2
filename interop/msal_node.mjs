// MSAL for Node, as published, in two versions, signs in to the sandbox.
//
// On Node 20 it knows no proxy, so its authority is the sandbox's own address, which it is told to
// know. It trusts NODE_EXTRA_CA_CERTS. People act at SANDBOX_CONTROL.
import { deepStrictEqual as same, match, notStrictEqual, ok, rejects } from "node:assert";
import { X509Certificate, randomUUID } from "node:crypto";
import * as seven from "@azure/msal-node";
import * as five from "msal-node-5";
import { PATIENCE, app, control, credential, judge, person, tenant } from "./sandbox.mjs";

const DANA = person("dana@contoso.com");
const GRAPH = tenant.graph;
const DAEMON = ["https://graph.microsoft.com/.default"];

const at = { authority: tenant.authority, knownAuthorities: [new URL(tenant.authority).host] };
const PUBLIC = { auth: { clientId: app("sampleCli"), ...at } };
const client = new seven.PublicClientApplication(PUBLIC);
let dana;

/** Signs somebody in at the address that the library would open a browser for. */
function browser(as, seen = {}, more = {}) {
  return async (url) => {
    seen.asked = new URL(url).searchParams;
    seen.answer = await control("sign-in", { url, as, follow: true, ...more });
  };
}

/** Signs in with a device code, which `typed` answers. */
function device(typed) {
  return client.acquireTokenByDeviceCode({
    scopes: ["User.Read"],
    deviceCodeCallback: ({ userCode, message }) => {
      ok(message.includes(userCode), message);
      return typed(userCode);
    },
  });
}

const silently = (scopes, more) => client.acquireTokenSilent({ scopes, account: dana, ...more });

async function graph(token, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  const sent = body && {
    method: "POST", body: JSON.stringify(body),
    headers: { ...headers, "Content-Type": "application/json" },
  };
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(GRAPH + path, { headers, ...sent, signal });
  return { status: answer.status, body: await answer.json() };
}

/** Registers an app with an API of its own and a secret. */
async function middleTier() {
  const { accessToken } = await silently(["Application.ReadWrite.All"]);
  const post = async (path, body) => {
    const answer = await graph(accessToken, path, body);
    ok(answer.status < 300, JSON.stringify(answer));
    return answer.body;
  };
  const offered = {
    id: randomUUID(), type: "User", value: "Orders.Read", isEnabled: true,
    adminConsentDisplayName: "Read orders", adminConsentDescription: "Read orders",
  };
  const uri = "https://contoso.com/orders";
  const { id, appId } = await post("/applications", {
    displayName: "Orders", identifierUris: [uri], api: { oauth2PermissionScopes: [offered] },
  });
  const principal = await post("/servicePrincipals", { appId });
  const { secretText } = await post(`/applications/${id}/addPassword`, {});
  const auth = { clientId: appId, clientSecret: secretText, ...at };
  return {
    appId,
    scope: `${uri}/Orders.Read`,
    onBehalfOf: (oboAssertion) => new seven.ConfidentialClientApplication({ auth })
      .acquireTokenOnBehalfOf({ oboAssertion, scopes: ["User.Read"], skipCache: true }),
    grant: () => post("/oauth2PermissionGrants", {
      clientId: principal.id, consentType: "Principal", principalId: DANA.id, scope: "User.Read",
      resourceId: tenant.apps.find((one) => one.displayName === "Microsoft Graph").servicePrincipal,
    }),
  };
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** The refusal must be of the class that tells apps to ask the person again. */
async function wantsPerson(library, attempt, number, suberror) {
  await rejects(attempt, (error) => {
    ok(error instanceof library.InteractionRequiredAuthError, `${error.name}: ${error.message}`);
    same([Number(error.errorNo), error.subError], [number, suberror]);
    return true;
  });
}

/** What the library makes of a refusal that no person can do anything about. */
async function refused(attempt, said) {
  await rejects(attempt, (error) => {
    ok(!(error instanceof seven.InteractionRequiredAuthError), error.message);
    match(`${error.errorCode} ${error.message}`, said);
    return true;
  });
}

const own = credential();
const sha256 = ({ certificate }) =>
  new X509Certificate(certificate).fingerprint256.replaceAll(":", "");

function daemon({ key, certificate }, named = certificate) {
  const clientCertificate = {
    thumbprintSha256: sha256({ certificate: named }), privateKey: key, x5c: named,
  };
  const auth = { clientId: app("sampleDaemon"), clientCertificate, ...at };
  return new seven.ConfidentialClientApplication({ auth });
}

const byItself = (application) =>
  application.acquireTokenByClientCredential({ scopes: DAEMON, skipCache: true });

const checks = {
  async "a browser sign-in comes back as a form"() {
    const seen = {};
    const got = await client.acquireTokenInteractive({
      scopes: ["User.Read"], openBrowser: browser("dana", seen),
    });
    same(seen.asked.get("response_mode"), "form_post");
    same([seen.answer.method, seen.answer.status], ["POST", 200]);
    dana = got.account;
    same(
      [dana.username, dana.name, dana.localAccountId, dana.homeAccountId, dana.tenantId],
      [
        "dana@contoso.com", "Dana Whitfield", DANA.id, `${DANA.id}.${tenant.id}`, tenant.id,
      ],
    );
    const me = await graph(got.accessToken, "/me");
    same([me.status, me.body.id], [200, DANA.id]);
  },

  async "the cache answers for every form of a scope that was asked for"() {
    const uri = "https://graph.microsoft.com/User.Read";
    for (const scope of ["User.Read", uri, "https://graph.microsoft.com/.default"]) {
      const once = await silently([scope]);
      const again = await silently([scope]);
      same([again.fromCache, again.accessToken], [true, once.accessToken], scope);
    }
  },

  async "a refresh gives a new token that works"() {
    const old = await silently(["User.Read"]);
    const fresh = await silently(["User.Read"], { forceRefresh: true });
    same(fresh.fromCache, false);
    notStrictEqual(fresh.accessToken, old.accessToken);
    same((await graph(fresh.accessToken, "/me")).body.id, DANA.id);
  },

  async "a refresh reaches scopes consented to before, and no others"() {
    const wide = await silently(["AuditLog.Read.All", "User.Read.All"]);
    same(wide.fromCache, false);
    same((await graph(wide.accessToken, "/users?$top=1")).status, 200);
    await wantsPerson(seven, silently(["Mail.Send"]), 65001, "consent_required");
  },

  async "an API calls Graph on behalf of its caller once that was consented to"() {
    const api = await middleTier();
    // The person accepts, who is asked whether the client may call the API.
    const { accessToken } = await client.acquireTokenInteractive({
      scopes: [api.scope], openBrowser: browser("dana"), account: dana,
    });
    await wantsPerson(seven, api.onBehalfOf(accessToken), 65001, "consent_required");
    await api.grant();
    const got = await api.onBehalfOf(accessToken);
    const told = claims(got.accessToken);
    same([told.appid, told.oid, told.idtyp], [api.appId, DANA.id, "user"]);
    ok(told.scp.split(" ").includes("User.Read"), told.scp);
    same((await graph(got.accessToken, "/me")).body.id, DANA.id);
    // What was issued for Graph proves nothing to the API.
    const other = (await silently(["User.Read"])).accessToken;
    await refused(api.onBehalfOf(other), /invalid_grant.*AADSTS50013/);
  },

  async "a person who declines gives the app an error and no account"() {
    const fresh = new seven.PublicClientApplication(PUBLIC);
    const openBrowser = browser("dana", {}, { decline: true });
    await refused(
      fresh.acquireTokenInteractive({ scopes: ["User.Read"], openBrowser }),
      /access_denied.*AADSTS65004/,
    );
    same(await fresh.getTokenCache().getAllAccounts(), []);
  },

  async "a code serves once, and only who knows its verifier"() {
    const { verifier, challenge } = await new seven.CryptoProvider().generatePkceCodes();
    const request = { scopes: ["User.Read"], redirectUri: "http://localhost:1/" };
    const url = await client.getAuthCodeUrl({
      ...request, codeChallenge: challenge, codeChallengeMethod: "S256", responseMode: "query",
    });
    const { url: back } = await control("sign-in", { url, as: "dana" });
    const code = new URL(back).searchParams.get("code");
    const redeem = (codeVerifier) => client.acquireTokenByCode({ ...request, code, codeVerifier });
    const { verifier: other } = await new seven.CryptoProvider().generatePkceCodes();
    await refused(redeem(other), /invalid_grant.*AADSTS501481/);
    same((await redeem(verifier)).account.localAccountId, DANA.id);
    await refused(redeem(verifier), /invalid_grant.*AADSTS54005/);
  },

  async "a device code waits for its person"() {
    let answered;
    const got = await device((userCode) => {
      // After the first poll, so that the library meets a pending flow, too.
      const later = (resolve) => setTimeout(resolve, 1000);
      answered = new Promise(later).then(() => control("device", { user_code: userCode, as: "dana" }));
    });
    await answered;
    same(got.account.username, "dana@contoso.com");
  },

  async "a declined device code signs nobody in"() {
    const decline = (userCode) =>
      control("device", { user_code: userCode, as: "dana", approve: false });
    await refused(device(decline), /authorization_declined/);
  },

  async "a Conditional Access policy makes the library ask for the person"() {
    const again = () => silently(["User.Read"], { forceRefresh: true });
    try {
      await control("users/dana", { refuseSignIns: 53003 });
      await wantsPerson(seven, again(), 53003, "message_only");
      await control("users/dana", { refuseSignIns: 50076 });
      await wantsPerson(seven, again(), 50076, "basic_action");
    } finally {
      await control("users/dana", { refuseSignIns: null });
    }
    same((await again()).fromCache, false);
  },

  async "signing out everywhere asks for the person again"() {
    await control("revoke", { user: "dana" });
    await wantsPerson(seven, silently(["User.Read"], { forceRefresh: true }), 50173, "bad_token");
  },

  async "a certificate nobody registered is refused"() {
    await refused(byItself(daemon(own)), /invalid_client.*AADSTS700027/);
  },

  async "a registered certificate signs an app in, with PS256 and SHA-256 alone"() {
    await control(`apps/${app("sampleDaemon")}/keys`, { certificate: own.certificate });
    const { accessToken, account, fromCache } = await byItself(daemon(own));
    same([account, fromCache], [null, false]);
    same((await graph(accessToken, "/users?$top=1")).status, 200);
    same((await graph(accessToken, "/me")).status, 400);
  },

  async "another key under a registered certificate is refused"() {
    const other = credential();
    await refused(byItself(daemon(other, own.certificate)), /invalid_client.*AADSTS700027/);
  },

  async "an app's tokens are cached until it asks for new ones"() {
    const application = daemon(own);
    const first = await application.acquireTokenByClientCredential({ scopes: DAEMON });
    const second = await application.acquireTokenByClientCredential({ scopes: DAEMON });
    same([second.fromCache, second.accessToken], [true, first.accessToken]);
  },

  async "a secret signs an app in, and a wrong one does not"() {
    const { secretText } = await control(`apps/${app("sampleDaemon")}/secrets`, {});
    const auth = { clientId: app("sampleDaemon"), ...at };
    const made = (clientSecret) =>
      new seven.ConfidentialClientApplication({ auth: { ...auth, clientSecret } });
    ok((await byItself(made(secretText))).accessToken);
    await refused(byItself(made("wrong")), /invalid_client.*AADSTS7000215/);
  },

  async "the version before asks for the answer in the address, and gets it"() {
    const seen = {};
    const before = new five.PublicClientApplication(PUBLIC);
    const { account } = await before.acquireTokenInteractive({
      scopes: ["User.Read"], openBrowser: browser("dana", seen),
    });
    notStrictEqual(seen.asked.get("response_mode"), "form_post");
    same([seen.answer.method, seen.answer.status], ["GET", 302]);
    same(account.username, "dana@contoso.com");
    const ask = { scopes: ["User.Read"], account };
    same((await before.acquireTokenSilent(ask)).fromCache, true);
    same((await before.acquireTokenSilent({ ...ask, forceRefresh: true })).fromCache, false);
    await control("revoke", { user: "dana" });
    const late = before.acquireTokenSilent({ ...ask, forceRefresh: true });
    await wantsPerson(five, late, 50173, "bad_token");
  },

  // Last, because nothing takes the sandbox's clock back.
  async "a device code that nobody answered expires"() {
    await refused(device(() => control("clock", { advance_seconds: 901 })), /expired_token/);
  },
};

await judge(checks);
