"""MSAL for Python, as published, signs in to the sandbox as if it were the real service.

It goes through HTTPS_PROXY and trusts REQUESTS_CA_BUNDLE; nothing in the library is changed or
told that this is not login.microsoftonline.com. Scripts act for people at SANDBOX_CONTROL.
"""

import msal
import requests
from cryptography.hazmat.primitives import hashes
from sandbox import APPS, PATIENCE, PEOPLE, TENANT, control, credential, judge, same

GRAPH = "https://graph.microsoft.com/v1.0"


def graph(token, path, **fields):
    url = path if path.startswith("https:") else GRAPH + path
    bearer = {"Authorization": "Bearer " + token}
    if fields:
        return requests.post(url, headers=bearer, json=fields, timeout=PATIENCE)
    return requests.get(url, headers=bearer, timeout=PATIENCE)


def told(answer, error, number):
    same((answer.get("error"), answer.get("error_codes")), (error, [number]))
    assert answer["error_description"].startswith(f"AADSTS{number}: "), answer


AUTHORITY = "https://login.microsoftonline.com/" + TENANT["id"]
DANA = PEOPLE["dana@contoso.com"]
COMMAND_LINE = msal.PublicClientApplication(APPS["sampleCli"], authority=AUTHORITY)
DAEMON_SCOPE = ["https://graph.microsoft.com/.default"]


def a_declined_device_code_signs_nobody_in():
    flow = COMMAND_LINE.initiate_device_flow(scopes=["User.Read"])
    control("device", {"user_code": flow["user_code"], "as": "dana", "approve": False})
    answer = COMMAND_LINE.acquire_token_by_device_flow(flow)
    same(answer.get("error"), "authorization_declined")
    same(COMMAND_LINE.get_accounts(), [])


def a_device_code_waits_for_its_person():
    flow = COMMAND_LINE.initiate_device_flow(scopes=["User.Read"])
    assert flow["user_code"] in flow["message"], flow
    once = COMMAND_LINE.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
    same(once.get("error"), "authorization_pending")
    control("device", {"user_code": flow["user_code"], "as": "dana"})
    answer = COMMAND_LINE.acquire_token_by_device_flow(flow)
    claims = answer["id_token_claims"]
    same(
        (claims["preferred_username"], claims["oid"], claims["tid"], claims["aud"]),
        ("dana@contoso.com", DANA["id"], TENANT["id"], APPS["sampleCli"]),
    )
    me = graph(answer["access_token"], "/me").json()
    same((me["id"], me["userPrincipalName"]), (DANA["id"], "dana@contoso.com"))


def silently(scopes, **options):
    (account,) = COMMAND_LINE.get_accounts(username="dana@contoso.com")
    answer = COMMAND_LINE.acquire_token_silent_with_error(scopes, account, **options)
    assert answer, "nothing in the cache"
    return answer


def the_cache_answers_without_a_request():
    first, second = silently(["User.Read"]), silently(["User.Read"])
    same([first["token_source"], second["token_source"]], ["cache", "cache"])
    same(first["access_token"], second["access_token"])


def a_refresh_gives_a_new_token_that_works():
    old = silently(["User.Read"])["access_token"]
    new = silently(["User.Read"], force_refresh=True)
    same(new["token_source"], "identity_provider")
    assert new["access_token"] != old, "the same token again"
    same(graph(new["access_token"], "/me").json()["id"], DANA["id"])


def a_refresh_reaches_scopes_consented_to_before():
    answer = silently(["AuditLog.Read.All", "User.Read.All"])
    same(answer["token_source"], "identity_provider")
    people = everybody(answer["access_token"])
    same(people, {person["id"] for person in TENANT["people"]})
    same(silently(["User.Read.All"])["token_source"], "cache")


def signing_out_everywhere_ends_the_refresh_token():
    control("revoke", {"user": "dana"})
    told(silently(["User.Read"], force_refresh=True), "invalid_grant", 50173)


def everybody(token):
    """Ids of all people, page by page."""
    found, url, pages = [], "/users?$select=id&$top=30", 0
    while url:
        page = graph(token, url).json()
        found += [person["id"] for person in page["value"]]
        url, pages = page.get("@odata.nextLink"), pages + 1
    assert pages > 1, "everybody on one page"
    same(len(found), len(set(found)))
    return set(found)


PRIVATE, PUBLIC, CERTIFICATE = credential()


def daemon(credentials):
    app = msal.ConfidentialClientApplication(
        APPS["sampleDaemon"], authority=AUTHORITY, client_credential=credentials
    )
    return app.acquire_token_for_client(DAEMON_SCOPE)


def a_certificate_nobody_registered_is_refused():
    answer = daemon({"private_key": PRIVATE, "public_certificate": PUBLIC})
    told(answer, "invalid_client", 700027)


def a_registered_certificate_signs_an_app_in():
    control(f"apps/{APPS['sampleDaemon']}/keys", {"certificate": PUBLIC})
    answer = daemon({"private_key": PRIVATE, "public_certificate": PUBLIC})
    token = answer["access_token"]
    same(everybody(token), {person["id"] for person in TENANT["people"]})
    refused = graph(token, "/me")
    same(refused.status_code, 400)
    sarah = graph(token, "/users/sarah.lin@contoso.com").json()["id"]
    refused = graph(token, f"/users/{sarah}/revokeSignInSessions", none=None)
    same((refused.status_code, refused.json()["error"]["code"]),
         (403, "Authorization_RequestDenied"))


def a_certificate_named_by_its_old_thumbprint_works_too():
    thumbprint = CERTIFICATE.fingerprint(hashes.SHA1()).hex()
    answer = daemon({"private_key": PRIVATE, "thumbprint": thumbprint})
    assert graph(answer["access_token"], "/users?$top=1").json()["value"], answer


def another_key_under_a_registered_certificate_is_refused():
    other, _, _ = credential()
    answer = daemon({"private_key": other, "public_certificate": PUBLIC})
    told(answer, "invalid_client", 700027)


judge([
    a_declined_device_code_signs_nobody_in,
    a_device_code_waits_for_its_person,
    the_cache_answers_without_a_request,
    a_refresh_gives_a_new_token_that_works,
    a_refresh_reaches_scopes_consented_to_before,
    signing_out_everywhere_ends_the_refresh_token,
    a_certificate_nobody_registered_is_refused,
    a_registered_certificate_signs_an_app_in,
    a_certificate_named_by_its_old_thumbprint_works_too,
    another_key_under_a_registered_certificate_is_refused,
])
