"""Azure Identity and the Microsoft Graph SDK for Python, as published, work at the sandbox.

They go through HTTPS_PROXY and trust SSL_CERT_FILE and REQUESTS_CA_BUNDLE; no credential is told
that this is not login.microsoftonline.com. The browser that a credential opens is this script.
"""

import asyncio
import os
import sys
import urllib.parse
import uuid

import azure.identity as blocking
import azure.identity.aio as waiting
from azure.core import PipelineClient
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_profile import PasswordProfile
from msgraph.generated.models.user import User
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.tasks import PageIterator
from sandbox import APPS, PEOPLE, TENANT, control, credential, effects, judge, same

GRAPH = "https://graph.microsoft.com"
DEFAULT = GRAPH + "/.default"
DANA = PEOPLE["dana@contoso.com"]
SARAH = PEOPLE["sarah.lin@contoso.com"]
COMMAND_LINE = {"tenant_id": TENANT["id"], "client_id": APPS["sampleCli"]}
DAEMON = {"tenant_id": TENANT["id"], "client_id": APPS["sampleDaemon"]}
PRIVATE, PUBLIC, _ = credential()
PEM = (PRIVATE + PUBLIC).encode()
REDIRECT = "http://localhost:1"


class Person:
    """Types device codes in as somebody, and counts how often they were asked to."""

    def __init__(self, who, **answer):
        self.who, self.answer, self.asked = who, answer, 0

    def prompt(self, _address, user_code, _expires):
        self.asked += 1
        control("device", {"user_code": user_code, "as": self.who, **self.answer})

    def device(self):
        return blocking.DeviceCodeCredential(prompt_callback=self.prompt, **COMMAND_LINE)


def refused(attempt, said):
    try:
        attempt()
    except ClientAuthenticationError as error:
        assert said in error.message, error.message
        return error
    raise AssertionError("not refused")


def get(token, path, **options):
    """Asks Graph by the plain pipeline of the Azure SDK."""
    policy = BearerTokenCredentialPolicy(token, DEFAULT, **options)
    with PipelineClient(GRAPH, policies=[policy], transport=RequestsTransport()) as client:
        return client.send_request(HttpRequest("GET", GRAPH + path))


def a_device_code_signs_its_person_in():
    dana = Person("dana")
    device = dana.device()
    record = device.authenticate(scopes=["User.Read"])
    same((record.username, record.tenant_id, record.client_id),
         ("dana@contoso.com", TENANT["id"], APPS["sampleCli"]))
    same(record.home_account_id, f"{DANA['id']}.{TENANT['id']}")
    first, second = device.get_token("User.Read"), device.get_token("User.Read")
    same(first.token, second.token)
    same(get(device, "/v1.0/me").json()["id"], DANA["id"])
    # Other scopes are reached by the refresh token.
    device.get_token(GRAPH + "/User.Read.All")
    same(dana.asked, 1)


def a_declined_device_code_signs_nobody_in():
    sarah = Person("sarah.lin", approve=False)
    refused(lambda: sarah.device().get_token("User.Read"), "AADSTS70021")
    same(sarah.asked, 1)


def a_browser_signs_its_person_in():
    browser = blocking.InteractiveBrowserCredential(timeout=20, **COMMAND_LINE)
    same(browser.authenticate(scopes=["User.Read"]).username, "dana@contoso.com")
    same(get(browser, "/v1.0/me").json()["id"], DANA["id"])


def browse(url):
    """What the credential starts as a browser; the person in it is Dana."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    same(query["response_mode"], ["form_post"])
    same(control("sign-in", {"url": url, "as": "dana", "follow": True})["method"], "POST")


def an_authorization_code_is_redeemed_once():
    query = urllib.parse.urlencode({
        "client_id": APPS["sampleCli"], "response_type": "code", "redirect_uri": REDIRECT,
        "scope": GRAPH + "/User.Read",
    })
    url = f"https://login.microsoftonline.com/{TENANT['id']}/oauth2/v2.0/authorize?{query}"
    back = urllib.parse.urlsplit(control("sign-in", {"url": url, "as": "dana"})["url"])
    code = urllib.parse.parse_qs(back.query)["code"][0]
    made = {"authorization_code": code, "redirect_uri": REDIRECT, **COMMAND_LINE}
    by_code = blocking.AuthorizationCodeCredential(**made)
    same(get(by_code, "/v1.0/me").json()["id"], DANA["id"])
    again = blocking.AuthorizationCodeCredential(**made)
    refused(lambda: again.get_token(DEFAULT), "AADSTS54005")


def a_certificate_nobody_registered_is_refused():
    unknown = blocking.CertificateCredential(certificate_data=PEM, **DAEMON)
    refused(lambda: unknown.get_token(DEFAULT), "AADSTS700027")


def a_registered_certificate_signs_an_app_in():
    control(f"apps/{APPS['sampleDaemon']}/keys", {"certificate": PUBLIC})
    for more in ({}, {"send_certificate_chain": True}):
        known = blocking.CertificateCredential(certificate_data=PEM, **DAEMON, **more)
        same(get(known, "/v1.0/users/sarah.lin%40contoso.com").json()["id"], SARAH["id"])
    same(get(known, "/v1.0/me").status_code, 400)


def a_secret_signs_an_app_in_and_a_wrong_one_does_not():
    secret = control(f"apps/{APPS['sampleDaemon']}/secrets", {})["secretText"]
    right = blocking.ClientSecretCredential(client_secret=secret, **DAEMON)
    same(get(right, "/v1.0/users/sarah.lin@contoso.com").json()["id"], SARAH["id"])
    wrong = blocking.ClientSecretCredential(client_secret="wrong", **DAEMON)
    refused(lambda: wrong.get_token(DEFAULT), "AADSTS7000215")

    async def both():
        async with waiting.ClientSecretCredential(client_secret=secret, **DAEMON) as good:
            assert (await good.get_token(DEFAULT)).token
        async with waiting.ClientSecretCredential(client_secret="wrong", **DAEMON) as bad:
            await bad.get_token(DEFAULT)

    refused(lambda: asyncio.run(both()), "AADSTS7000215")


def an_unknown_tenant_and_an_unknown_app_are_refused():
    nobody = "00000000-0000-0000-0000-00000000dead"
    for tenant, app, said in (
        (nobody, APPS["sampleDaemon"], nobody), (TENANT["id"], nobody, "AADSTS700016"),
    ):
        stranger = blocking.ClientSecretCredential(tenant, app, "secret")
        refused(lambda: stranger.get_token(DEFAULT), said)


def an_api_calls_graph_on_behalf_of_its_caller():
    dana = Person("dana")
    device = dana.device()
    bearer = {"Authorization": "Bearer " + device.get_token(DEFAULT).token}
    with PipelineClient(GRAPH, policies=[], transport=RequestsTransport()) as client:

        def post(path, **body):
            request = HttpRequest("POST", f"{GRAPH}/v1.0/{path}", headers=bearer, json=body)
            answer = client.send_request(request)
            answer.raise_for_status()
            return answer.json()

        uri = "https://contoso.com/invoices"
        offered = {"id": str(uuid.uuid4()), "type": "User", "value": "Invoices.Read",
                   "isEnabled": True, "adminConsentDisplayName": "Read invoices",
                   "adminConsentDescription": "Read invoices"}
        api = post("applications", displayName="Invoices", identifierUris=[uri],
                   api={"oauth2PermissionScopes": [offered]})
        principal = post("servicePrincipals", appId=api["appId"])
        secret = post(f"applications/{api['id']}/addPassword")["secretText"]
        (graph,) = (app for app in TENANT["apps"] if app["displayName"] == "Microsoft Graph")
        post("oauth2PermissionGrants", clientId=principal["id"], consentType="AllPrincipals",
             resourceId=graph["servicePrincipal"], scope="User.Read")
    middle = {"tenant_id": TENANT["id"], "client_id": api["appId"], "client_secret": secret}
    for_api = dana.device().get_token(uri + "/Invoices.Read").token
    behalf = blocking.OnBehalfOfCredential(user_assertion=for_api, **middle)
    same(get(behalf, "/v1.0/me").json()["id"], DANA["id"])

    async def run():
        async with waiting.OnBehalfOfCredential(user_assertion=for_api, **middle) as one:
            same((await GraphServiceClient(one, [DEFAULT]).me.get()).id, DANA["id"])

    asyncio.run(run())
    for_graph = device.get_token(DEFAULT).token
    wrong = blocking.OnBehalfOfCredential(user_assertion=for_graph, **middle)
    refused(lambda: wrong.get_token(DEFAULT), "AADSTS50013")


def the_graph_sdk_reads_everybody_page_by_page():
    async def run():
        async with waiting.CertificateCredential(certificate_data=PEM, **DAEMON) as app:
            client = GraphServiceClient(app, [DEFAULT])
            chosen = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
                select=["id", "displayName", "userPrincipalName"], top=30
            )
            page = await client.users.get(RequestConfiguration(query_parameters=chosen))
            assert page.odata_next_link, "everybody on one page"
            found = []
            await PageIterator(page, client.request_adapter).iterate(
                lambda one: found.append(one.user_principal_name) or True
            )
            same(sorted(found), sorted(PEOPLE))
            sarah = await client.users.by_user_id("sarah.lin@contoso.com").get()
            same((sarah.id, sarah.display_name), (SARAH["id"], SARAH["displayName"]))
            groups = await client.users.by_user_id(SARAH["id"]).member_of.get()
            assert all(one.odata_type.startswith("#microsoft.graph.") for one in groups.value)

    asyncio.run(run())


def the_graph_sdk_makes_changes_and_deletes_a_user():
    dana = Person("dana")

    async def run():
        client = GraphServiceClient(dana.device(), [DEFAULT])
        before = effects()
        made = await client.users.post(User(
            account_enabled=True, display_name="Riley Ward", mail_nickname="riley.ward",
            user_principal_name="riley.ward@contoso.com", usage_location="US",
            password_profile=PasswordProfile(
                password="Quite-Long-1", force_change_password_next_sign_in=True
            ),
        ))
        same(made.user_principal_name, "riley.ward@contoso.com")
        one = client.users.by_user_id(made.id)
        await one.patch(User(job_title="Analyst", city="Lyon"))
        same((await one.get()).job_title, "Analyst")
        await one.delete()
        try:
            await one.get()
        except ODataError as error:
            same((error.response_status_code, error.error.code), (404, "Request_ResourceNotFound"))
        else:
            raise AssertionError("still there")
        changed = [effect for effect in effects() if effect not in before]
        changes = {effect["effect"]: effect["times"] for effect in changed}
        # A group whose rule fits takes everybody in.
        same(changes.pop("memberAdded"), 1)
        same(changes, {"userCreated": 1, "profileUpdated": 1, "userDeleted": 1})

    asyncio.run(run())


def a_challenge_is_answered_by_the_sdks_alone():
    dana = Person("dana")
    device = dana.device()
    control("faults", {"challengeNext": 1}, "PUT")
    same(get(device, "/v1.0/me", enable_cae=True).json()["id"], DANA["id"])

    async def run():
        client = GraphServiceClient(device, [DEFAULT])
        same((await client.me.get()).id, DANA["id"])
        control("faults", {"challengeNext": 1}, "PUT")
        same((await client.me.get()).id, DANA["id"])

    asyncio.run(run())
    same(control("faults")["challengeNext"], 0)
    same(dana.asked, 1)


def after_signing_out_everywhere_the_sdk_asks_its_person_again():
    dana = Person("dana")

    async def run():
        client = GraphServiceClient(dana.device(), [DEFAULT])
        same((await client.me.get()).id, DANA["id"])
        # Tokens and sign-outs count in whole seconds.
        await asyncio.sleep(1.1)
        control("revoke", {"user": "dana"})
        same((await client.me.get()).id, DANA["id"])

    asyncio.run(run())
    same(dana.asked, 2)


if sys.argv[1:2] == ["browse"]:
    browse(sys.argv[2])
    sys.exit()

# The `&` lets the credential go on while its browser waits for it.
os.environ["BROWSER"] = f"{sys.executable} {os.path.abspath(__file__)} browse %s &"
judge([
    a_device_code_signs_its_person_in,
    a_declined_device_code_signs_nobody_in,
    a_browser_signs_its_person_in,
    an_authorization_code_is_redeemed_once,
    a_certificate_nobody_registered_is_refused,
    a_registered_certificate_signs_an_app_in,
    a_secret_signs_an_app_in_and_a_wrong_one_does_not,
    an_unknown_tenant_and_an_unknown_app_are_refused,
    an_api_calls_graph_on_behalf_of_its_caller,
    the_graph_sdk_reads_everybody_page_by_page,
    the_graph_sdk_makes_changes_and_deletes_a_user,
    a_challenge_is_answered_by_the_sdks_alone,
    after_signing_out_everywhere_the_sdk_asks_its_person_again,
])
