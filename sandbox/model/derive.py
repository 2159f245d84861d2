#!/usr/bin/env python3
"""Derives graph-v1.tsv from Graph v1.0's own entity model.

    python3 derive.py graph-v1.csdl.xz > graph-v1.tsv

Keeps the types the sandbox answers with (ROOTS), the complex types and enums their properties
reach, and the types derived from those (an answer may name one in `@odata.type`). Inherited
properties are flattened. One line per fact, sorted, tab-separated:

    E  enum  flags|-  members,comma,separated
    T  type  base|-  open|-
    P  type  property  edm-type  many|one  null|notnull  plain|nav

Names lose `microsoft.graph.`; other namespaces keep what follows it (`security.auditLogQuery`).
A type outside the table that a navigation property points to is left out of the table.
"""

import lzma
import sys
import xml.etree.ElementTree as ElementTree

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
GRAPH = "microsoft.graph"

ROOTS = """
aadUserConversationMember anonymousGuestConversationMember appRoleAssignment application
authenticationMethod changeNotification changeNotificationCollection
changeNotificationEncryptedContent chat chatMessage chatMessageInfo chatMessageHostedContent
conversationMember directoryAudit directoryObject directoryRole directoryRoleTemplate domain
group licenseDetails lifecycleEventType oAuth2PermissionGrant organization passwordCredential
permissionGrantPolicy authorizationPolicy presence profilePhoto security.auditLogQuery
security.auditLogRecord servicePrincipal signIn subscribedSku subscription teamsAppInstallation
temporaryAccessPassAuthenticationMethod unifiedRoleAssignment unifiedRoleDefinition user
passwordAuthenticationMethod phoneAuthenticationMethod
microsoftAuthenticatorAuthenticationMethod longRunningOperation agentIdentity
security.azureActiveDirectoryAuditRecord agentIdentityBlueprint
agentIdentityBlueprintPrincipal agentUser federatedIdentityCredential inheritablePermission
teamworkOnlineMeetingInfo
softwareOathAuthenticationMethod fido2AuthenticationMethod
windowsHelloForBusinessAuthenticationMethod platformCredentialAuthenticationMethod
emailAuthenticationMethod externalAuthenticationMethod passwordResetResponse
authenticationMethodConfiguration temporaryAccessPassAuthenticationMethodConfiguration
authenticationMethodTarget
""".split()

# Complex types whose derived types the sandbox may name in `@odata.type`.
FAMILIES = {"eventMessageDetail", "identitySet", "identity", "inheritableScopes"}


def main(path):
    with lzma.open(path) as packed:
        root = ElementTree.parse(packed).getroot()
    types, enums = read(root)
    keep = reach(types, enums)
    for line in sorted(lines(types, enums, keep)):
        print(line)


def read(root):
    types, enums = {}, {}
    for schema in root.iter(EDM + "Schema"):
        namespace = schema.get("Namespace")
        aliases = {"graph": GRAPH, schema.get("Alias"): namespace}

        def short(name):
            prefix, _, last = name.rpartition(".")
            full = aliases.get(prefix, prefix) + "." + last
            return full.removeprefix(GRAPH + ".")

        def own(element):
            return (namespace + "." + element.get("Name")).removeprefix(GRAPH + ".")

        for element in schema:
            if element.tag == EDM + "EnumType":
                members = [m.get("Name") for m in element.iter(EDM + "Member")]
                enums[own(element)] = (element.get("IsFlags") == "true", members)
            elif element.tag in (EDM + "EntityType", EDM + "ComplexType"):
                base = element.get("BaseType")
                properties = {}
                for child in element:
                    if child.tag in (EDM + "Property", EDM + "NavigationProperty"):
                        properties[child.get("Name")] = parse(child, short)
                types[own(element)] = {
                    "base": short(base) if base else None,
                    "open": element.get("OpenType") == "true",
                    "properties": properties,
                }
    return types, enums


def parse(element, short):
    type_ = element.get("Type")
    many = type_.startswith("Collection(")
    if many:
        type_ = type_[len("Collection("):-1]
    edm = type_.removeprefix("Edm.") if type_.startswith("Edm.") else short(type_)
    primitive = type_.startswith("Edm.")
    return {
        "type": ("Edm." + edm) if primitive else edm,
        "many": many,
        "null": element.get("Nullable") != "false",
        "nav": element.tag == EDM + "NavigationProperty",
    }


def flattened(types, name):
    chain, seen = [], name
    while seen:
        chain.append(types[seen])
        seen = types[seen]["base"]
    properties, open_ = {}, False
    for one in reversed(chain):
        properties.update(one["properties"])
        open_ = open_ or one["open"]
    return properties, open_


def reach(types, enums):
    todo = [name for name in ROOTS if name in types or name in enums]
    keep = set()
    while todo:
        name = todo.pop()
        if name in keep:
            continue
        keep.add(name)
        if name in enums:
            continue
        properties, _ = flattened(types, name)
        todo += [p["type"] for p in properties.values()
                 if not p["nav"] and not p["type"].startswith("Edm.")]
        if name in FAMILIES:
            todo += [other for other, t in types.items() if t["base"] == name]
            # A family is closed under derivation.
            FAMILIES.update(other for other, t in types.items() if t["base"] == name)
    return keep


def lines(types, enums, keep):
    for name in keep:
        if name in enums:
            flags, members = enums[name]
            yield "\t".join(["E", name, "flags" if flags else "-", ",".join(members)])
            continue
        properties, open_ = flattened(types, name)
        yield "\t".join(["T", name, types[name]["base"] or "-", "open" if open_ else "-"])
        for key, p in properties.items():
            if p["nav"] and p["type"] not in keep:
                continue
            yield "\t".join(["P", name, key, p["type"], "many" if p["many"] else "one",
                             "null" if p["null"] else "notnull", "nav" if p["nav"] else "plain"])


if __name__ == "__main__":
    main(sys.argv[1])
