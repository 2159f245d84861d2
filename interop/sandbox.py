"""What every judge of the sandbox needs that is written in Python.

Scripts act for people at SANDBOX_CONTROL.
"""

import datetime
import json
import os
import sys
import time
import traceback
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

CONTROL = os.environ["SANDBOX_CONTROL"]
PATIENCE = 20


def control(path, body=None, method=None):
    """Calls a control endpoint; with a body it is a POST."""
    data = None if body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(CONTROL + path, data, kind, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


TENANT = control("tenant")
APPS = {app["role"]: app["appId"] for app in TENANT["apps"]}
PEOPLE = {person["userPrincipalName"]: person for person in TENANT["people"]}


def same(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def effects():
    """What was changed in the tenant, and how often each."""
    return control("ledger")["effects"]


def credential():
    """A new key and its certificate: both as PEM, and the certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoso Reporting")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return private, public, certificate


def judge(checks):
    """Runs checks in order, prints a line for each, and ends the program."""
    failed = False
    for check in checks:
        name = check.__name__.replace("_", " ")
        began = time.monotonic()
        try:
            check()
            print("PASS", name, flush=True)
        except Exception as error:
            failed = True
            why = f"{type(error).__name__}: {error}".replace("\n", " ")
            print("FAIL", f"{name}: {why[:600]}", flush=True)
            traceback.print_exc()
        print(f"{name}: {time.monotonic() - began:.1f} seconds", file=sys.stderr, flush=True)
    sys.exit(failed)
