"""MSAL for Python, as published, brings an agent to life in the sandbox and acts as it.

The objects are made by plain Graph calls, the tokens by the library's own methods for agents. It
goes through HTTPS_PROXY and trusts REQUESTS_CA_BUNDLE. People act at SANDBOX_CONTROL.
"""

import json
import os
import sys
import time
import traceback
import urllib.request
import uuid

import msal
import requests

CONTROL = os.environ["SANDBOX_CONTROL"]
GRAPH = "https://graph.microsoft.com/v1.0"
DEFAULT = ["https://graph.microsoft.com/.default"]
EXCHANGE = ["api://AzureADTokenExchange/.default"]
PATIENCE = 20


def control(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(CONTROL + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def graph(token, method, path, body=None, wanted=None):
    bearer = {"Authorization": "Bearer " + token}
    answer = requests.request(method, GRAPH + path, headers=bearer, json=body, timeout=PATIENCE)
    if wanted is not None:
        assert answer.status_code == wanted, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.text else None


def same(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def told(answer, error, number):
    same((answer.get("error"), answer.get("error_codes")), (error, [number]))


def claims(token):
    middle = token.split(".")[1]
    return json.loads(msal.oauth2cli.oidc.decode_part(middle))


def facet(claim, number):
    return number in claim.split(" ")


TENANT = control("tenant")
AUTHORITY = "https://login.microsoftonline.com/" + TENANT["id"]
APPS = {app["role"]: app["appId"] for app in TENANT["apps"]}
PEOPLE = {p["userPrincipalName"].split("@")[0]: p["id"] for p in TENANT["people"]}
MADE = {}


def signed_in(client, who, scopes):
    """A person at a public client, by device code."""
    app = msal.PublicClientApplication(APPS[client], authority=AUTHORITY)
    flow = app.initiate_device_flow(scopes=scopes)
    control("device", {"user_code": flow["user_code"], "as": who})
    answer = app.acquire_token_by_device_flow(flow)
    assert "access_token" in answer, answer
    return answer["access_token"]


def confidential(client_id, credential):
    return msal.ConfidentialClientApplication(
        client_id, authority=AUTHORITY, client_credential=credential
    )


def blueprint():
    return confidential(MADE["blueprint"], MADE["secret"])


def vouched():
    """The blueprint's word for its agent: the first step."""
    answer = blueprint().acquire_token_for_client(EXCHANGE, fmi_path=MADE["agent"])
    assert "access_token" in answer, answer
    return answer["access_token"]


def agent(assertion=None):
    return confidential(MADE["agent"], {"client_assertion": assertion or vouched()})


def an_installer_makes_blueprint_agent_and_user():
    admin = signed_in("installer", "dana", DEFAULT)
    MADE["admin"] = admin
    sponsor = [f"{GRAPH}/users/{PEOPLE['dana']}"]
    one = graph(admin, "POST", "/applications/microsoft.graph.agentIdentityBlueprint",
                {"displayName": "Ava", "sponsors@odata.bind": sponsor}, 201)
    MADE["object"], MADE["blueprint"] = one["id"], one["appId"]
    added = graph(admin, "POST", f"/applications/{one['id']}/addPassword",
                  {"passwordCredential": {"displayName": "judge"}}, 200)
    MADE["secret"] = added["secretText"]
    graph(admin, "POST", "/servicePrincipals/microsoft.graph.agentIdentityBlueprintPrincipal",
          {"appId": one["appId"]}, 201)
    own = blueprint().acquire_token_for_client(DEFAULT)["access_token"]
    identity = graph(own, "POST", "/servicePrincipals/microsoft.graph.agentIdentity",
                     {"displayName": "Ava", "agentIdentityBlueprintId": one["appId"],
                      "sponsors@odata.bind": sponsor}, 201)
    same((identity["appId"], identity["servicePrincipalType"]),
         (identity["id"], "ServiceIdentity"))
    MADE["agent"] = identity["id"]
    user = graph(admin, "POST", "/users/microsoft.graph.agentUser",
                 {"accountEnabled": True, "displayName": "Ava", "mailNickname": "ava",
                  "userPrincipalName": "ava@contoso.com", "identityParentId": identity["id"]}, 201)
    MADE["user"] = user["id"]
    found = graph(admin, "GET",
                  f"/users?$filter=identityParentId eq '{identity['id']}'", wanted=200)
    same([row["id"] for row in found["value"]], [user["id"]])
    principal = graph(admin, "GET", "/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')")
    MADE["graph"] = principal["id"]


def a_grant_holds_what_agents_may_have_and_nothing_else():
    body = {"clientId": MADE["agent"], "consentType": "Principal", "principalId": MADE["user"],
            "resourceId": MADE["graph"], "scope": "User.ReadWrite.All",
            "startTime": "2026-01-01T00:00:00Z"}
    graph(MADE["admin"], "POST", "/oauth2PermissionGrants", body, 400)
    body["scope"] = "Chat.Create Chat.ReadWrite User.Read"
    grant = graph(MADE["admin"], "POST", "/oauth2PermissionGrants", body, 201)
    MADE["grant"] = grant["id"]


def three_steps_sign_the_agents_user_in():
    first = vouched()
    same(claims(first)["sub"].split("/")[-1], MADE["agent"])
    app = agent(first)
    second = app.acquire_token_for_client(EXCHANGE)["access_token"]
    for who in ({"user_object_id": MADE["user"]}, {"username": "ava@contoso.com"}):
        answer = app.acquire_token_by_user_federated_identity_credential(
            DEFAULT, assertion=second, **who)
        assert "access_token" in answer, answer
        own = claims(answer["access_token"])
        same((own["oid"], own["appid"], own["idtyp"]), (MADE["user"], MADE["agent"], "user"))
        same(own["xms_par_app_azp"], MADE["blueprint"])
        assert facet(own["xms_act_fct"], "11") and facet(own["xms_sub_fct"], "13"), own
    MADE["token"] = answer["access_token"]
    (account,) = app.get_accounts()
    same((account["username"], account["local_account_id"]), ("ava@contoso.com", MADE["user"]))
    cached = app.acquire_token_silent(DEFAULT, account)
    same(cached["token_source"], "cache")
    renewed = app.acquire_token_silent(DEFAULT, account, force_refresh=True)
    same(renewed["token_source"], "identity_provider")
    me = graph(MADE["token"], "GET", "/me", wanted=200)
    same((me["id"], me["userPrincipalName"]), (MADE["user"], "ava@contoso.com"))


def an_agents_user_without_teams_cannot_chat():
    graph(MADE["token"], "POST", "/chats", chat_with_doug(), 403)


def chat_with_doug():
    member = lambda user: {
        "@odata.type": "#microsoft.graph.aadUserConversationMember",
        "roles": ["owner"],
        "user@odata.bind": f"{GRAPH}/users('{user}')",
    }
    return {"chatType": "oneOnOne", "members": [member(MADE["user"]), member(PEOPLE["doug"])]}


def an_agents_user_posts_in_teams_as_itself():
    admin = MADE["admin"]
    graph(admin, "PATCH", f"/users/{MADE['user']}", {"usageLocation": "US"}, 204)
    skus = graph(admin, "GET", "/subscribedSkus", wanted=200)["value"]
    teams = next(sku for sku in skus if "Teams" in sku["skuPartNumber"])
    graph(admin, "POST", f"/users/{MADE['user']}/assignLicense",
          {"addLicenses": [{"skuId": teams["skuId"], "disabledPlans": []}],
           "removeLicenses": []}, 200)
    end = time.monotonic() + PATIENCE
    while True:
        # A new user's Teams takes its time.
        chat = graph(MADE["token"], "POST", "/chats", chat_with_doug())
        if "id" in chat or time.monotonic() > end:
            break
        time.sleep(0.2)
    assert "id" in chat, chat
    posted = graph(MADE["token"], "POST", f"/chats/{chat['id']}/messages",
                   {"body": {"content": "Ava here"}}, 201)
    same(posted["from"]["user"]["id"], MADE["user"])
    chats = control("chats?as=doug")
    said = [m for c in chats if c["id"] == chat["id"] for m in c["messages"]]
    same([(m["from"]["id"], m["content"]) for m in said], [(MADE["user"], "Ava here")])


def api(app_id, scope):
    return {
        "identifierUris": [f"api://{app_id}"],
        "api": {"oauth2PermissionScopes": [{
            "id": str(uuid.uuid4()), "value": scope, "type": "User", "isEnabled": True,
            "adminConsentDisplayName": scope, "adminConsentDescription": scope,
        }]},
    }


def an_agent_acts_on_behalf_of_a_person():
    graph(MADE["admin"], "PATCH", f"/applications/{MADE['object']}",
          api(MADE["blueprint"], "access_agent"), 204)
    human = signed_in("sampleCli", "doug", [f"api://{MADE['blueprint']}/access_agent"])
    scopes = ["https://graph.microsoft.com/User.Read"]
    told(agent().acquire_token_on_behalf_of(human, scopes), "invalid_grant", 65001)
    graph(MADE["admin"], "POST", "/oauth2PermissionGrants",
          {"clientId": MADE["agent"], "consentType": "AllPrincipals",
           "resourceId": MADE["graph"], "scope": "User.Read"}, 201)
    answer = agent().acquire_token_on_behalf_of(human, scopes)
    assert "access_token" in answer, answer
    own = claims(answer["access_token"])
    same((own["oid"], own["appid"]), (PEOPLE["doug"], MADE["agent"]))
    assert facet(own["xms_act_fct"], "11") and not facet(own["xms_sub_fct"], "13"), own
    same(graph(answer["access_token"], "GET", "/me", wanted=200)["id"], PEOPLE["doug"])


def an_ordinary_app_acts_on_behalf_of_a_person():
    admin = MADE["admin"]
    app = graph(admin, "POST", "/applications", {"displayName": "Desk"}, 201)
    graph(admin, "PATCH", f"/applications/{app['id']}", api(app["appId"], "access_as_user"), 204)
    principal = graph(admin, "POST", "/servicePrincipals", {"appId": app["appId"]}, 201)
    graph(admin, "POST", "/oauth2PermissionGrants",
          {"clientId": principal["id"], "consentType": "AllPrincipals",
           "resourceId": MADE["graph"], "scope": "User.Read"}, 201)
    secret = graph(admin, "POST", f"/applications/{app['id']}/addPassword", {}, 200)["secretText"]
    desk = confidential(app["appId"], secret)
    human = signed_in("sampleCli", "doug", [f"api://{app['appId']}/access_as_user"])
    answer = desk.acquire_token_on_behalf_of(human, ["https://graph.microsoft.com/User.Read"])
    assert "access_token" in answer, answer
    same(claims(answer["access_token"])["oid"], PEOPLE["doug"])
    foreign = signed_in("sampleCli", "doug", ["User.Read"])
    answer = desk.acquire_token_on_behalf_of(foreign, ["https://graph.microsoft.com/Mail.Read"])
    told(answer, "invalid_grant", 500131)


def a_word_without_a_name_is_nobodys():
    plain = blueprint().acquire_token_for_client(EXCHANGE)["access_token"]
    told(agent(plain).acquire_token_for_client(DEFAULT), "invalid_client", 700211)
    human = MADE["token"]
    told(agent(human).acquire_token_for_client(DEFAULT), "invalid_client", 700229)


def user_token(app):
    second = app.acquire_token_for_client(EXCHANGE)
    if "access_token" not in second:
        return second
    return app.acquire_token_by_user_federated_identity_credential(
        DEFAULT, assertion=second["access_token"], user_object_id=MADE["user"])


def what_is_taken_back_or_stopped_is_refused():
    admin = MADE["admin"]
    user, principal = f"/users/{MADE['user']}", f"/servicePrincipals/{MADE['agent']}"
    graph(admin, "PATCH", user, {"accountEnabled": False}, 204)
    told(user_token(agent()), "invalid_grant", 50057)
    graph(admin, "PATCH", user, {"accountEnabled": True}, 204)
    assert "access_token" in user_token(agent())
    for grant in graph(admin, "GET", f"{principal}/oauth2PermissionGrants")["value"]:
        graph(admin, "DELETE", f"/oauth2PermissionGrants/{grant['id']}", wanted=204)
    told(user_token(agent()), "invalid_grant", 65001)
    graph(admin, "PATCH", principal, {"accountEnabled": False}, 204)
    told(user_token(agent()), "unauthorized_client", 7000112)
    graph(admin, "DELETE", f"/applications/{MADE['object']}", wanted=204)
    told(blueprint().acquire_token_for_client(EXCHANGE, fmi_path=MADE["agent"]),
         "unauthorized_client", 700016)
    kept = graph(admin, "GET", f"/directory/deletedItems/{MADE['user']}", wanted=200)
    assert kept["deletedDateTime"], kept


CHECKS = [
    an_installer_makes_blueprint_agent_and_user,
    a_grant_holds_what_agents_may_have_and_nothing_else,
    three_steps_sign_the_agents_user_in,
    an_agents_user_without_teams_cannot_chat,
    an_agents_user_posts_in_teams_as_itself,
    an_agent_acts_on_behalf_of_a_person,
    an_ordinary_app_acts_on_behalf_of_a_person,
    a_word_without_a_name_is_nobodys,
    what_is_taken_back_or_stopped_is_refused,
]


def main():
    failed = False
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check()
            print("PASS", name, flush=True)
        except Exception as error:
            failed = True
            print("FAIL", f"{name}: {error}".replace("\n", " "), flush=True)
            traceback.print_exc()
    sys.exit(failed)


main()
