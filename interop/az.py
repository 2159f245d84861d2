"""The Azure command line, as published, administers the sandbox as it would a tenant.

Each call is a process of its own. It goes through HTTPS_PROXY and trusts REQUESTS_CA_BUNDLE. People
act at SANDBOX_CONTROL. Beside its virtual environment this needs the standard library alone.
"""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys

from sandbox import PEOPLE, TENANT, control, effects, judge, same

AZ = pathlib.Path(sys.executable).with_name("az")
HOME = pathlib.Path(os.environ["HOME"])
GRAPH = "https://graph.microsoft.com"
GRAPH_ID = "00000003-0000-0000-c000-000000000000"
USER_READ = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
USER_READ_ALL = "df021288-bdef-4463-88db-98f22de89214"
SARAH = "sarah.lin@contoso.com"
PATIENCE = 60


class Shell:
    """A terminal whose command line remembers its own sign-in."""

    def __init__(self, name):
        self.environment = os.environ | {
            "AZURE_CONFIG_DIR": str(HOME / name),
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_NO_COLOR": "1",
            "AZURE_CORE_SURVEY_MESSAGE": "0",
            "AZURE_CORE_LOGIN_EXPERIENCE_V2": "off",
        }

    def start(self, *words):
        return subprocess.Popen(
            [AZ, *words, "--output", "json"], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )

    def run(self, *words):
        """Runs one command line to its end: exit code, what it printed, what it complained of."""
        process = self.start(*words)
        try:
            printed, complained = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return process.returncode, printed, complained

    def __call__(self, *words):
        """What a command that must succeed printed."""
        code, printed, complained = self.run(*words)
        assert code == 0, f"az {' '.join(words)}: {code} {complained}"
        return json.loads(printed) if printed.strip() else None

    def refused(self, *words):
        """What a command that must fail said, and its exit code."""
        code, printed, complained = self.run(*words)
        assert code != 0, f"az {' '.join(words)} should fail, but printed {printed}"
        return complained.strip(), code

    def sign_in(self, who):
        login = self.start("login", "--use-device-code", "--allow-no-subscriptions")
        for line in login.stderr:
            typed = re.search(r" code ([A-Z0-9]{9}) ", line)
            if typed:
                control("device", {"user_code": typed[1], "as": who})
                break
        printed, complained = login.communicate(timeout=PATIENCE)
        assert login.returncode == 0, complained
        return json.loads(printed)


AZ_DANA = Shell("dana")
made = {}


def claims(token):
    middle = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))


def since(before):
    """What was changed in the tenant since then, and how often each."""
    return {one["effect"]: one["times"] for one in effects() if one not in before}


def a_person_signs_in_without_a_subscription():
    (account,) = AZ_DANA.sign_in("dana")
    same(account["user"], {"name": "dana@contoso.com", "type": "user"})
    same(account["tenantId"], TENANT["id"])
    same(AZ_DANA("account", "show")["user"]["name"], "dana@contoso.com")
    same(AZ_DANA("ad", "signed-in-user", "show")["id"], PEOPLE["dana@contoso.com"]["id"])


def one_sign_in_gives_tokens_for_several_services():
    for words, audience in (
        (["--resource-type", "ms-graph"], GRAPH),
        (["--resource", GRAPH_ID], GRAPH),
        (["--resource", "https://management.azure.com"], "https://management.azure.com"),
    ):
        answer = AZ_DANA("account", "get-access-token", *words)
        told = claims(answer["accessToken"])
        same((told["aud"], told["upn"]), (audience, "dana@contoso.com"))
        # The command line asks for it by itself.
        same(told["xms_cc"], ["cp1"])


def users_are_listed_and_found():
    everybody = AZ_DANA("ad", "user", "list")
    same(sorted(user["userPrincipalName"] for user in everybody), sorted(PEOPLE))
    for words in (["--upn", SARAH], ["--filter", f"mail eq '{SARAH}'"]):
        (found,) = AZ_DANA("ad", "user", "list", *words)
        same(found["id"], PEOPLE[SARAH]["id"])
    named = AZ_DANA("ad", "user", "list", "--display-name", "Sarah")
    assert SARAH in [user["userPrincipalName"] for user in named], named
    same(AZ_DANA("ad", "user", "show", "--id", SARAH)["id"], PEOPLE[SARAH]["id"])


def a_user_comes_changes_and_goes():
    before, riley = effects(), "riley.ward@contoso.com"
    new = AZ_DANA(
        "ad", "user", "create", "--display-name", "Riley Ward", "--user-principal-name", riley,
        "--password", "Quite-Long-1", "--force-change-password-next-sign-in", "true",
    )
    AZ_DANA("ad", "user", "update", "--id", riley, "--display-name", "Riley A. Ward")
    AZ_DANA("ad", "user", "update", "--id", riley, "--password", "Other-Long-22",
            "--force-change-password-next-sign-in", "false")
    same(AZ_DANA("ad", "user", "show", "--id", new["id"])["displayName"], "Riley A. Ward")
    groups = AZ_DANA("ad", "user", "get-member-groups", "--id", riley)
    assert "All Employees" in [group["displayName"] for group in groups], groups
    AZ_DANA("ad", "user", "update", "--id", riley, "--account-enabled", "false")
    AZ_DANA("ad", "user", "delete", "--id", riley)
    said, code = AZ_DANA.refused("ad", "user", "show", "--id", riley)
    assert "does not exist" in said, said
    same(code, 3)
    changes = since(before)
    # A group whose rule fits takes everybody in, and lets the blocked go.
    changes = {effect: times for effect, times in changes.items() if "member" not in effect}
    same(changes, {"userCreated": 1, "profileUpdated": 1, "accountBlocked": 1,
                   "passwordReset": 1, "userDeleted": 1})


def what_the_directory_refuses_changes_nothing():
    before = effects()
    new = ["ad", "user", "create", "--display-name", "Nobody", "--password", "Quite-Long-1"]
    said, _ = AZ_DANA.refused(*new, "--user-principal-name", SARAH)
    assert "userPrincipalName already exists" in said, said
    said, _ = AZ_DANA.refused(*new, "--user-principal-name", "nobody@elsewhere.example")
    assert "domain portion of the userPrincipalName property is invalid" in said, said
    same(effects(), before)


def a_group_is_made_filled_and_deleted():
    before, sarah, group = effects(), PEOPLE[SARAH]["id"], ["--group", "Made by az"]
    AZ_DANA("ad", "group", "create", "--display-name", "Made by az", "--mail-nickname", "madebyaz")
    (found,) = AZ_DANA("ad", "group", "list", "--display-name", "Made by az")
    same(AZ_DANA("ad", "group", "show", *group)["id"], found["id"])
    AZ_DANA("ad", "group", "member", "add", *group, "--member-id", sarah)
    said, _ = AZ_DANA.refused("ad", "group", "member", "add", *group, "--member-id", sarah)
    assert "added object references already exist" in said, said
    check = ["ad", "group", "member", "check", *group, "--member-id", sarah]
    same(AZ_DANA(*check), {"value": True})
    members = AZ_DANA("ad", "group", "member", "list", *group)
    same([member["userPrincipalName"] for member in members], [SARAH])
    AZ_DANA("ad", "group", "owner", "add", *group, "--owner-object-id", sarah)
    owners = AZ_DANA("ad", "group", "owner", "list", *group)
    same(sorted(owner["userPrincipalName"] for owner in owners), ["dana@contoso.com", SARAH])
    AZ_DANA("ad", "group", "owner", "remove", *group, "--owner-object-id", sarah)
    same(AZ_DANA("ad", "group", "get-member-groups", *group), [])
    AZ_DANA("ad", "group", "member", "remove", *group, "--member-id", sarah)
    same(AZ_DANA(*check), {"value": False})
    AZ_DANA("ad", "group", "delete", *group)
    same(AZ_DANA("ad", "group", "list", "--display-name", "Made by az"), [])
    same(since(before), {"groupCreated": 1, "memberAdded": 1, "ownerAdded": 1, "ownerRemoved": 1,
                         "memberRemoved": 1, "groupDeleted": 1})


def an_app_is_registered_and_changed_piece_by_piece():
    new = AZ_DANA(
        "ad", "app", "create", "--display-name", "Made by az", "--sign-in-audience", "AzureADMyOrg",
        "--web-redirect-uris", "https://contoso.com/cb",
        "--public-client-redirect-uris", "http://localhost",
    )
    made["app"] = app = new["appId"]
    update = ["ad", "app", "update", "--id", app]
    AZ_DANA(*update, "--set", "displayName=Renamed by az")
    uri = f"api://{app}"
    AZ_DANA(*update, "--web-home-page-url", "https://contoso.com", "--identifier-uris", uri)
    AZ_DANA(*update, "--enable-id-token-issuance", "true")
    approver = {"allowedMemberTypes": ["User"], "description": "Approves", "isEnabled": "true",
                "displayName": "Approver", "value": "approver"}
    AZ_DANA(*update, "--app-roles", json.dumps([approver]))
    optional = {"idToken": [{"name": "auth_time", "essential": False}]}
    AZ_DANA(*update, "--optional-claims", json.dumps(optional))
    shown = AZ_DANA("ad", "app", "show", "--id", uri)
    same(shown["identifierUris"], [uri])
    same((shown["appId"], shown["displayName"], shown["signInAudience"]),
         (app, "Renamed by az", "AzureADMyOrg"))
    # What an update left out is still there.
    same(shown["web"]["redirectUris"], ["https://contoso.com/cb"])
    same(shown["web"]["homePageUrl"], "https://contoso.com")
    same(shown["web"]["implicitGrantSettings"]["enableIdTokenIssuance"], True)
    same(shown["publicClient"]["redirectUris"], ["http://localhost"])
    same([(role["value"], role["isEnabled"]) for role in shown["appRoles"]], [("approver", True)])
    same(shown["optionalClaims"]["idToken"][0]["name"], "auth_time")
    said, _ = AZ_DANA.refused(*update, "--app-roles", "[]")
    assert "unless disabled first" in said, said
    same([one["appId"] for one in AZ_DANA("ad", "app", "list", "--display-name", "Renamed")], [app])


def an_app_has_owners():
    owner, sarah = ["ad", "app", "owner"], PEOPLE[SARAH]["id"]
    names = lambda: sorted(
        one["userPrincipalName"] for one in AZ_DANA(*owner, "list", "--id", made["app"])
    )
    same(names(), ["dana@contoso.com"])
    AZ_DANA(*owner, "add", "--id", made["app"], "--owner-object-id", sarah)
    same(names(), ["dana@contoso.com", SARAH])
    AZ_DANA(*owner, "remove", "--id", made["app"], "--owner-object-id", sarah)
    same(names(), ["dana@contoso.com"])


def an_app_trusts_what_another_issuer_says_until_that_is_deleted():
    federated, app = ["ad", "app", "federated-credential"], ["--id", made["app"]]
    trusted = {
        "name": "ci", "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:contoso/orders:ref:refs/heads/main",
        "audiences": ["api://AzureADTokenExchange"],
    }
    AZ_DANA(*federated, "create", *app, "--parameters", json.dumps(trusted))
    (listed,) = AZ_DANA(*federated, "list", *app)
    same({name: listed[name] for name in trusted}, trusted)
    one = ["--federated-credential-id", "ci"]
    same(AZ_DANA(*federated, "show", *app, *one)["id"], listed["id"])
    AZ_DANA(*federated, "delete", *app, *one)
    same(AZ_DANA(*federated, "list", *app), [])


def a_service_principal_is_made_found_and_switched():
    app = made["app"]
    new = AZ_DANA("ad", "sp", "create", "--id", app)
    same((new["appId"], new["servicePrincipalType"]), (app, "Application"))
    same([role["value"] for role in new["appRoles"]], ["approver"])
    (found,) = AZ_DANA("ad", "sp", "list", "--spn", app)
    same(found["id"], new["id"])
    named = AZ_DANA("ad", "sp", "list", "--display-name", "Renamed by az")
    same([one["id"] for one in named], [new["id"]])
    AZ_DANA("ad", "sp", "update", "--id", app, "--set", "accountEnabled=false")
    same(AZ_DANA("ad", "sp", "show", "--id", app)["accountEnabled"], False)
    AZ_DANA("ad", "sp", "update", "--id", app, "--set", "accountEnabled=true")
    same(AZ_DANA("ad", "sp", "show", "--id", new["id"])["accountEnabled"], True)
    owners = AZ_DANA("ad", "sp", "owner", "list", "--id", app)
    same([owner["userPrincipalName"] for owner in owners], ["dana@contoso.com"])
    said, _ = AZ_DANA.refused("ad", "sp", "create", "--id", app)
    assert "is already in use" in said, said


def as_itself(name, proof):
    shell = Shell(name)
    words = ["--service-principal", "--username", made["app"], "--tenant", TENANT["id"]]
    return shell, ["login", *words, *proof, "--allow-no-subscriptions"]


def a_secret_signs_the_app_in_until_it_is_deleted():
    reset = ["ad", "app", "credential", "reset", "--id", made["app"]]
    first = AZ_DANA(*reset)
    same((first["appId"], first["tenant"]), (made["app"], TENANT["id"]))
    second = AZ_DANA(*reset, "--append", "--display-name", "second")
    assert first["password"] != second["password"]
    made["secret"] = second["password"]
    listed = AZ_DANA("ad", "app", "credential", "list", "--id", made["app"])
    same(len(listed), 2)
    gone = next(one for one in listed if one["hint"] == first["password"][:3])
    delete = ["ad", "app", "credential", "delete", "--id", made["app"], "--key-id", gone["keyId"]]
    AZ_DANA(*delete)
    assert "No password credential found" in AZ_DANA.refused(*delete)[0]
    app, login = as_itself("secret", ["--password", made["secret"]])
    (account,) = app(*login)
    same(account["user"], {"name": made["app"], "type": "servicePrincipal"})
    late, login = as_itself("late", ["--password", first["password"]])
    assert "AADSTS7000215" in late.refused(*login)[0]


def a_secret_of_its_service_principal_signs_the_app_in_as_well():
    new = AZ_DANA("ad", "sp", "credential", "reset", "--id", made["app"])
    (listed,) = AZ_DANA("ad", "sp", "credential", "list", "--id", made["app"])
    same(listed["hint"], new["password"][:3])
    app, login = as_itself("principal", ["--password", new["password"]])
    same(app(*login)[0]["user"]["name"], made["app"])
    AZ_DANA("ad", "sp", "credential", "delete", "--id", made["app"], "--key-id", listed["keyId"])
    late, login = as_itself("late principal", ["--password", new["password"]])
    assert "AADSTS7000215" in late.refused(*login)[0]


def a_certificate_that_the_command_line_makes_signs_the_app_in():
    new = AZ_DANA("ad", "app", "credential", "reset", "--id", made["app"], "--create-cert",
                  "--append")
    listed = AZ_DANA("ad", "app", "credential", "list", "--id", made["app"], "--cert")
    same([one["type"] for one in listed], ["AsymmetricX509Cert"])
    app, login = as_itself("certificate", ["--certificate", new["fileWithCertAndPrivateKey"]])
    same(app(*login)[0]["user"]["type"], "servicePrincipal")


def consent_for_everybody_lets_the_app_read():
    permission, app = ["ad", "app", "permission"], made["app"]
    add = [*permission, "add", "--id", app, "--api", GRAPH_ID, "--api-permissions"]
    AZ_DANA(*add, USER_READ_ALL + "=Role", USER_READ + "=Scope")
    (listed,) = AZ_DANA(*permission, "list", "--id", app)
    same(sorted(one["type"] for one in listed["resourceAccess"]), ["Role", "Scope"])
    read = ["rest", "--url", GRAPH + "/v1.0/users?$top=1"]
    early, login = as_itself("early", ["--password", made["secret"]])
    early(*login)
    assert "Insufficient privileges" in early.refused(*read)[0]
    AZ_DANA(*permission, "admin-consent", "--id", app)
    (grant,) = AZ_DANA(*permission, "list-grants", "--id", app, "--show-resource-name")
    same((grant["consentType"], grant["scope"].strip(), grant["resourceDisplayName"]),
         ("AllPrincipals", "User.Read", "Microsoft Graph"))
    # Only new tokens show it.
    later, login = as_itself("later", ["--password", made["secret"]])
    later(*login)
    same(len(later(*read)["value"]), 1)
    assert "Insufficient privileges" in later.refused("ad", "group", "list")[0]


def scopes_are_granted_anew_and_permissions_are_taken_back():
    permission, app = ["ad", "app", "permission"], made["app"]
    AZ_DANA(*permission, "grant", "--id", app, "--api", GRAPH_ID, "--scope", "User.Read",
            "Chat.Read")
    (grant,) = AZ_DANA(*permission, "list-grants", "--id", app)
    same(sorted(grant["scope"].split()), ["Chat.Read", "User.Read"])
    delete = [*permission, "delete", "--id", app, "--api", GRAPH_ID]
    AZ_DANA(*delete, "--api-permissions", USER_READ)
    (listed,) = AZ_DANA(*permission, "list", "--id", app)
    same([one["id"] for one in listed["resourceAccess"]], [USER_READ_ALL])
    AZ_DANA(*delete)
    same(AZ_DANA(*permission, "list", "--id", app), [])


def an_app_and_its_principal_are_deleted():
    app = made["app"]
    AZ_DANA("ad", "sp", "delete", "--id", app)
    same(AZ_DANA("ad", "sp", "list", "--spn", app), [])
    gone, login = as_itself("gone", ["--password", made["secret"]])
    assert "AADSTS700016" in gone.refused(*login)[0]
    AZ_DANA("ad", "app", "delete", "--id", app)
    same(AZ_DANA("ad", "app", "list", "--app-id", app), [])
    same(AZ_DANA.refused("ad", "app", "show", "--id", app)[1], 3)


def an_app_for_automation_is_made_in_one_go():
    new = AZ_DANA("ad", "sp", "create-for-rbac", "--display-name", "Pipeline")
    same((new["displayName"], new["tenant"]), ("Pipeline", TENANT["id"]))
    made["app"] = new["appId"]
    pipeline, login = as_itself("pipeline", ["--password", new["password"]])
    same(pipeline(*login)[0]["user"]["name"], new["appId"])


def who_is_no_administrator_registers_nothing():
    sarah = Shell("sarah")
    sarah.sign_in("sarah.lin")
    apps = len(AZ_DANA("ad", "app", "list", "--all"))
    said, _ = sarah.refused("ad", "app", "create", "--display-name", "Mine")
    assert "Insufficient privileges" in said, said
    consent = ["ad", "app", "permission", "admin-consent", "--id", made["app"]]
    assert "Forbidden" in sarah.refused(*consent)[0]
    same(len(AZ_DANA("ad", "app", "list", "--all")), apps)


def any_address_of_graph_can_be_called():
    rest = ["rest", "--url"]
    same(AZ_DANA(*rest, GRAPH + "/v1.0/me")["userPrincipalName"], "dana@contoso.com")
    (company,) = AZ_DANA(*rest, GRAPH + "/v1.0/organization")["value"]
    same((company["id"], company["displayName"]), (TENANT["id"], TENANT["displayName"]))
    domains = AZ_DANA(*rest, GRAPH + "/v1.0/domains")["value"]
    assert TENANT["domain"] in [domain["id"] for domain in domains], domains
    change = ["--method", "patch", "--body", '{"jobTitle": "Buyer"}']
    AZ_DANA(*rest, f"{GRAPH}/v1.0/users/{SARAH}", *change)
    same(AZ_DANA(*rest, f"{GRAPH}/v1.0/users/{SARAH}?$select=jobTitle")["jobTitle"], "Buyer")
    said, _ = AZ_DANA.refused(*rest, GRAPH + "/v1.0/users/nobody@contoso.com")
    assert "Request_ResourceNotFound" in said, said


def the_audit_log_names_who_did_it():
    url = GRAPH + "/v1.0/auditLogs/directoryAudits?$top=500"
    entries = AZ_DANA("rest", "--url", url)["value"]
    for deed in ("Add user", "Delete user", "Add application", "Add service principal",
                 "Add delegated permission grant", "Delete application"):
        who = {entry["initiatedBy"]["user"]["userPrincipalName"] for entry in entries
               if entry["activityDisplayName"] == deed and entry["initiatedBy"].get("user")}
        assert "dana@contoso.com" in who, (deed, who)


judge([
    a_person_signs_in_without_a_subscription,
    one_sign_in_gives_tokens_for_several_services,
    users_are_listed_and_found,
    a_user_comes_changes_and_goes,
    what_the_directory_refuses_changes_nothing,
    a_group_is_made_filled_and_deleted,
    an_app_is_registered_and_changed_piece_by_piece,
    an_app_has_owners,
    an_app_trusts_what_another_issuer_says_until_that_is_deleted,
    a_service_principal_is_made_found_and_switched,
    a_secret_signs_the_app_in_until_it_is_deleted,
    a_secret_of_its_service_principal_signs_the_app_in_as_well,
    a_certificate_that_the_command_line_makes_signs_the_app_in,
    consent_for_everybody_lets_the_app_read,
    scopes_are_granted_anew_and_permissions_are_taken_back,
    an_app_and_its_principal_are_deleted,
    an_app_for_automation_is_made_in_one_go,
    who_is_no_administrator_registers_nothing,
    any_address_of_graph_can_be_called,
    the_audit_log_names_who_did_it,
])
