// CLI for Microsoft 365, as published, works in the sandbox as an administrator would.
//
// Each call is a process of its own, as in a terminal. It goes through HTTPS_PROXY and trusts
// NODE_EXTRA_CA_CERTS. People act at SANDBOX_CONTROL.
import { deepStrictEqual as same, match, ok } from "node:assert";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { at, done, login, refused } from "./m365_command.mjs";
import { app, control, credential, effects, judge, tenant } from "./sandbox.mjs";

const SARAH = "sarah.lin@contoso.com";
const upns = (people) => people.map((person) => person.userPrincipalName).sort();
let licence;

const checks = {
  async "an administrator signs in with a device code"() {
    same(await login("sampleCli", "dana"), "dana@contoso.com");
  },

  async "everybody in the company is listed"() {
    same(upns(await done("entra", "user", "list")), upns(tenant.people));
  },

  async "a licence is given once, and seen by who asks"() {
    // The feed tells what happens after it was started.
    same(await done("purview", "auditlog", "list", "--contentType", "AzureActiveDirectory"), []);
    const skus = await done("entra", "license", "list");
    licence = skus.find((sku) => sku.skuPartNumber === "SPE_E3").skuId;
    await done("entra", "user", "license", "add", "--userName", SARAH, "--ids", licence);
    const given = (await effects()).map(({ effect, times, upn, sku }) => [effect, times, upn, sku]);
    same(given, [["licenceAssigned", 1, SARAH, licence]]);
    const held = await done("entra", "user", "license", "list", "--userName", SARAH);
    ok(held.some((sku) => sku.skuPartNumber === "SPE_E3"), JSON.stringify(held));
  },

  async "a licence without a usage location is refused in Graph's words"() {
    const before = await effects();
    const ingrid = ["--userName", "ingrid.larsen@contoso.com"];
    const said = await refused("entra", "user", "license", "add", ...ingrid, "--ids", licence);
    match(said, /License assignment cannot be done for user with invalid usage location\./);
    same(await effects(), before);
  },

  async "a member joins a group once"() {
    const group = ["--groupName", "VPN Users"];
    const who = ["--userNames", SARAH, "--role", "Member"];
    await done("entra", "group", "member", "add", ...group, ...who);
    const added = (await effects()).filter((one) => one.effect === "memberAdded");
    same(added.map((one) => [one.times, one.upn, one.groupName]), [[1, SARAH, "VPN Users"]]);
    const members = await done("entra", "group", "member", "list", ...group);
    ok(upns(members).includes(SARAH), JSON.stringify(members));
  },

  async "a message opens a chat and arrives in it"() {
    const text = "Your licence is on its way.";
    await done("teams", "chat", "message", "send", "--userEmails", SARAH, "--message", text);
    const hers = await control(`chats?as=${SARAH}`);
    const got = hers.flatMap((chat) => chat.messages.map((message) => ({ ...message, chat })));
    const mine = got.filter((message) => message.content === text);
    same(mine.map((message) => message.from.displayName), ["Dana Whitfield"]);
    const listed = await done("teams", "chat", "list", "--type", "oneOnOne");
    same(listed.map((chat) => chat.id), [mine[0].chat.id]);
  },

  async "the audit log names who did it, under Microsoft's names"() {
    const wanted = ["Change user license.", "Add member to group."];
    let rows = [];
    for (let tries = 0; tries < 5; tries += 1) {
      rows = await done("purview", "auditlog", "list", "--contentType", "AzureActiveDirectory");
      if (wanted.every((name) => rows.some((row) => row.Operation === name))) break;
      await pause(1000);
    }
    for (const name of wanted) {
      const found = rows.filter((row) => row.Operation === name);
      const facts = found.map((row) => [row.UserId, row.ObjectId, row.ResultStatus, row.RecordType]);
      same(facts, [["dana@contoso.com", SARAH, "Success", 8]], name);
    }
  },

  async "an app signs in with a certificate and may only read"() {
    const file = join(process.env.HOME, "reporting.pem");
    const { key, certificate } = credential();
    await writeFile(file, key + certificate);
    const proof = ["login", "--authType", "certificate", "--certificateFile", file];
    match(await refused(...proof, ...at, app("sampleDaemon")), /AADSTS700027/);
    await control(`apps/${app("sampleDaemon")}/keys`, { certificate });
    const details = await done(...proof, ...at, app("sampleDaemon"));
    same(details.connectedAs, "Contoso Reporting");
    same(upns(await done("entra", "user", "list")), upns(tenant.people));
    const before = await effects();
    const said = await refused(
      "entra", "user", "license", "remove", "--userName", SARAH, "--ids", licence, "--force",
    );
    match(said, /Insufficient privileges to complete the operation\./);
    same(await effects(), before);
  },
};

await judge(checks);
