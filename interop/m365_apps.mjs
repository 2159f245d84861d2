// CLI for Microsoft 365, as published, registers apps, manages users and talks in Teams.
//
// Each call is a process of its own, as in a terminal. It goes through HTTPS_PROXY and trusts
// NODE_EXTRA_CA_CERTS. People act at SANDBOX_CONTROL.
import { deepStrictEqual as same, match, ok } from "node:assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { at, done, login, refused } from "./m365_command.mjs";
import { control, credential, effects, judge, person, tenant } from "./sandbox.mjs";

const GRAPH = "https://graph.microsoft.com";
const SARAH = "sarah.lin@contoso.com";
const RILEY = "riley.ward@contoso.com";
const upns = (people) => people.map((one) => one.userPrincipalName).sort();
let app;
let secret;
let chat;

/** What was changed in the tenant since then, and how often each. */
async function since(before) {
  const known = new Set(before.map((one) => JSON.stringify(one)));
  const fresh = (await effects()).filter((one) => !known.has(JSON.stringify(one)));
  return fresh.map(({ effect, times }) => `${effect} ${times}`);
}

const checks = {
  async "an administrator signs in with a device code"() {
    same(await login("sampleCli", "dana"), "dana@contoso.com");
  },

  async "an app is registered, given a secret and consented to in one go"() {
    const made = await done(
      "entra", "app", "add", "--name", "Made by m365", "--withSecret", "--grantAdminConsent",
      "--platform", "web", "--redirectUris", "https://contoso.com/cb",
      "--apisDelegated", `${GRAPH}/User.Read`, "--apisApplication", `${GRAPH}/User.Read.All`,
    );
    app = made.appId;
    secret = made.secrets[0].value;
    same(made.tenantId, tenant.id);
    ok(secret.length >= 32, "no secret");
    const permissions = await done("entra", "app", "permission", "list", "--appId", app);
    same(permissions.map((one) => `${one.permission} ${one.type}`).sort(),
      ["User.Read Delegated", "User.Read.All Application"]);
  },

  async "an app is changed piece by piece"() {
    const set = ["entra", "app", "set", "--appId", app];
    const { key, certificate } = credential();
    const file = join(process.env.HOME, "app.cer");
    const der = certificate.replaceAll(/-----[^-]+-----|\s/g, "");
    ok(key);
    await writeFile(file, Buffer.from(der, "base64"));
    await done(...set, "--platform", "publicClient", "--redirectUris", "http://localhost");
    await done(...set, "--certificateFile", file, "--certificateDisplayName", "CN=made");
    await done(...set, "--allowPublicClientFlows", "true");
    const shown = await done("entra", "app", "get", "--appId", app);
    same(shown.displayName, "Made by m365");
    // What an update left out is still there.
    same(shown.web.redirectUris, ["https://contoso.com/cb"]);
    same(shown.publicClient.redirectUris, ["http://localhost"]);
    same(shown.isFallbackPublicClient, true);
    same(shown.keyCredentials.map((one) => one.displayName), ["CN=made"]);
    await done(...set, "--redirectUrisToRemove", "https://contoso.com/cb");
    const { web, keyCredentials } = await done("entra", "app", "get", "--appId", app);
    same([web.redirectUris, keyCredentials.length], [[], 1]);
  },

  async "a role is added, listed, and removed although it is enabled"() {
    const role = ["entra", "app", "role"];
    const roles = async () => {
      const listed = await done(...role, "list", "--appId", app);
      return listed.map((one) => [one.value, one.isEnabled]);
    };
    await done(
      ...role, "add", "--appId", app, "--name", "Approvers", "--description", "May approve",
      "--allowedMembers", "usersGroups", "--claim", "approver",
    );
    same(await roles(), [["approver", true]]);
    await done(...role, "remove", "--appId", app, "--claim", "approver", "--force");
    same(await roles(), []);
  },

  async "permissions are added with consent and removed with it"() {
    const permission = ["entra", "app", "permission"];
    const principal = (await control("tenant")).apps.find((one) => one.appId === app);
    ok(principal.servicePrincipal, JSON.stringify(principal));
    const given = async () => {
      const of = ["entra", "approleassignment", "list", "--appId", app];
      return (await done(...of)).map((one) => one.roleName).sort();
    };
    const groups = `${GRAPH}/Group.Read.All`;
    await done(
      ...permission, "add", "--appId", app, "--applicationPermissions", groups,
      "--grantAdminConsent",
    );
    same(await given(), ["Group.Read.All", "User.Read.All"]);
    await done(
      ...permission, "remove", "--appId", app, "--applicationPermissions", groups,
      "--revokeAdminConsent", "--force",
    );
    same(await given(), ["User.Read.All"]);
  },

  async "a user comes, changes and goes"() {
    const before = await effects();
    const made = await done(
      "entra", "user", "add", "--displayName", "Riley Ward", "--userName", RILEY,
      "--password", "Quite-Long-1", "--usageLocation", "US", "--jobTitle", "Analyst",
      "--forceChangePasswordNextSignIn", "--managerUserName", "dana@contoso.com",
    );
    same(made.userPrincipalName, RILEY);
    const set = ["entra", "user", "set", "--userName", RILEY];
    await done(...set, "--department", "Sales", "--accountEnabled", "false");
    await done(...set, "--resetPassword", "--newPassword", "Other-Long-22");
    const of = ["--userName", RILEY, "--withManager", "--properties", "id,department,jobTitle"];
    const shown = await done("entra", "user", "get", ...of);
    same([shown.id, shown.department, shown.jobTitle], [made.id, "Sales", "Analyst"]);
    same(shown.manager.userPrincipalName, "dana@contoso.com");
    same((await done("entra", "user", "list", "--department", "Sales")).some(
      (one) => one.userPrincipalName === RILEY), true);
    await done("entra", "user", "remove", "--userName", RILEY, "--force");
    match(await refused("entra", "user", "get", "--userName", RILEY), /does not exist|not found/);
    const changes = (await since(before)).filter((one) => !one.startsWith("member"));
    same(changes.sort(), [
      "accountBlocked 1", "managerSet 1", "passwordReset 1", "profileUpdated 1",
      "userCreated 1", "userDeleted 1",
    ]);
  },

  async "a user is signed out everywhere, and a licence is taken away"() {
    const before = await effects();
    await done("entra", "user", "session", "revoke", "--userName", SARAH, "--force");
    const held = await done("entra", "user", "license", "list", "--userName", SARAH);
    const ids = held.map((one) => one.skuId).join(",");
    const remove = ["entra", "user", "license", "remove", "--userName", SARAH, "--ids"];
    await done(...remove, ids, "--force");
    match(await refused(...remove, ids, "--force"), /does not have a corresponding license/);
    same(await done("entra", "user", "license", "list", "--userName", SARAH), []);
    const changes = await since(before);
    same(changes.sort(), [...held.map(() => "licenceRemoved 1"), "sessionsRevoked 1"].sort());
  },

  async "what the directory refuses changes nothing"() {
    const before = await effects();
    const add = ["entra", "user", "add", "--displayName", "Twice", "--password", "Quite-Long-1"];
    match(await refused(...add, "--userName", SARAH), /userPrincipalName already exists/);
    const set = ["entra", "user", "set", "--userName", SARAH, "--usageLocation", "ZZZ"];
    await refused(...set);
    same(await effects(), before);
  },

  async "a message is sent to two people, and they are the members of its chat"() {
    const text = "Welcome, both of you.";
    const to = `${SARAH},doug@contoso.com`;
    await done("teams", "chat", "message", "send", "--userEmails", to, "--message", text);
    const hers = await control(`chats?as=${SARAH}`);
    chat = hers.find((one) => one.messages.some((message) => message.content === text)).id;
    const members = await done("teams", "chat", "member", "list", "--chatId", chat);
    const names = members.map((one) => one.displayName).sort();
    same(names, ["Dana Whitfield", "Doug Hale", person(SARAH).displayName]);
    const shown = await done("teams", "chat", "get", "--id", chat);
    same([shown.id, shown.chatType], [chat, "group"]);
  },

  async "a conversation is read back, and people join and leave it"() {
    await control("say", { as: "doug", chat, text: "Thank you!" });
    const messages = await done("teams", "chat", "message", "list", "--chatId", chat);
    const said = messages.map((one) => [one.from?.user?.displayName, one.body.content]);
    same(said.filter(([who]) => who).slice(0, 2), [
      ["Doug Hale", "<p>Thank you!</p>"], ["Dana Whitfield", "Welcome, both of you."],
    ]);
    const member = ["teams", "chat", "member"];
    await done(...member, "add", "--chatId", chat, "--userName", "paula.stone@contoso.com",
      "--withAllHistory");
    same((await control("chats?as=paula.stone")).some((one) => one.id === chat), true);
    await done(...member, "remove", "--chatId", chat, "--userName", "paula.stone@contoso.com",
      "--force");
    same((await done(...member, "list", "--chatId", chat)).length, 3);
  },

  async "the app signs in with its secret and may do what was consented to"() {
    const proof = ["login", "--authType", "secret", "--secret", secret, ...at, app];
    same((await done(...proof)).connectedAs, "Made by m365");
    same(upns(await done("entra", "user", "list")), upns(tenant.people));
    match(await refused("entra", "app", "list"), /Insufficient privileges/);
    await done("logout");
  },

  async "a deleted app signs in no more"() {
    same(await login("sampleCli", "dana"), "dana@contoso.com");
    await done("entra", "app", "remove", "--appId", app, "--force");
    match(await refused("entra", "app", "get", "--appId", app), /not found/);
    const proof = ["login", "--authType", "secret", "--secret", secret, ...at, app];
    match(await refused(...proof), /AADSTS700016/);
  },
};

await judge(checks);
