#!/bin/sh
# Writes the table of Graph permissions the sandbox knows: names and plain words from `scopes.txt`,
# ids and the need for an administrator from a table of Graph's permissions (tab-separated: scope,
# delegatedId, applicationId, delegatedNeedsAdmin, …).
# Usage: sandbox/data/scopes.sh TABLE > sandbox/src/tenant/scopes.rs
set -eu
cat <<'HEAD'
//! The Graph permissions the sandbox knows. Made by `sandbox/data/scopes.sh`; do not edit.

/// One permission, as a delegated scope, an application role or both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permission {
    pub(crate) name: &'static str,
    /// Id among Graph's `oauth2PermissionScopes`; empty when there is none or it is not known.
    pub(crate) delegated: &'static str,
    /// Id among Graph's `appRoles`; empty when there is none or it is not known.
    pub(crate) application: &'static str,
    /// Users cannot consent to it themselves.
    pub(crate) admin: bool,
    /// What it means, for the consent page.
    pub(crate) meaning: &'static str,
}

/// A known permission by its name in any case.
pub(crate) fn permission(name: &str) -> Option<&'static Permission> {
    PERMISSIONS.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

#[rustfmt::skip]
pub(crate) const PERMISSIONS: &[Permission] = &[
HEAD
awk -F '\t' '
    NR == FNR { if ($1 !~ /^#/) { delegated[$1] = $2; application[$1] = $3; admin[$1] = $4 } next }
    {
        printf "    Permission { name: \"%s\", delegated: \"%s\", application: \"%s\", admin: %s, meaning: \"%s\" },\n",
            $1, delegated[$1], application[$1], (admin[$1] == "false" ? "false" : "true"), $2
    }
' "$1" "$(dirname "$0")/scopes.txt"
echo '];'
