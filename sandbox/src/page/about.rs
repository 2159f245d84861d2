//! Who a conversation is about, and their directory card.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::view::TWIN;
use crate::tenant::{AccessPass, Group, Method, Proof, User};
use crate::world::World;

/// The card of the person or group that was named last, newest text first. UPNs count before
/// display names, and a display name that two people share names nobody.
pub(super) fn spoken_of<'a>(
    world: &World,
    texts: impl Iterator<Item = &'a str>,
    me: Uuid,
) -> Option<Value> {
    for text in texts {
        let text = plain(text).to_lowercase();
        if let Some(user) = person_in(world, &text, me) {
            return Some(person_card(world, user));
        }
        if let Some(group) = group_in(world, &text) {
            return Some(group_card(world, group));
        }
    }
    None
}

fn person_in<'a>(world: &'a World, text: &str, me: Uuid) -> Option<&'a User> {
    let by_upn = text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';' | '<' | '>' | ':'))
        .filter(|word| word.contains('@'))
        .filter_map(|word| world.tenant.people.find(word.trim_end_matches(['.', '?', '!'])))
        .find(|user| user.upn != TWIN && user.id != me);
    if by_upn.is_some() {
        return by_upn;
    }
    let mut named = world
        .tenant
        .people
        .iter()
        .take(MOST_LOOKED_AT)
        .filter(|user| user.upn != TWIN && user.id != me)
        .filter(|user| text.contains(&user.display_name.to_lowercase()));
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

fn group_in<'a>(world: &'a World, text: &str) -> Option<&'a Group> {
    let mut named = world
        .tenant
        .groups
        .iter()
        .filter(|group| group.display_name.chars().count() > 3)
        .filter(|group| text.contains(&group.display_name.to_lowercase()));
    let first = named.next()?;
    named.next().is_none().then_some(first)
}

fn person_card(world: &World, user: &User) -> Value {
    let tenant = &world.tenant;
    let licences: Vec<Value> = user
        .licences
        .iter()
        .filter_map(|held| {
            let sku = tenant.skus.get(held.sku)?;
            let group = held.by_group.and_then(|id| tenant.groups.get(id));
            Some(json!({
                "name": product(&sku.part_number),
                "through": group.map(|group| group.display_name.clone()),
            }))
        })
        .collect();
    let groups: Vec<&str> = tenant
        .groups
        .iter()
        .filter(|group| group.members.contains(&user.id))
        .map(|group| group.display_name.as_str())
        .collect();
    let roles: Vec<&str> = tenant.roles.of(user.id).map(|role| role.display_name).collect();
    let manager = user.manager.and_then(|id| tenant.people.get(id));
    json!({
        "kind": "person",
        "id": user.id,
        "name": user.display_name,
        "upn": user.upn,
        "title": user.job_title,
        "department": user.department,
        "office": user.office_location,
        "manager": manager.map(|manager| manager.display_name.clone()),
        "location": user.usage_location,
        "licences": licences,
        "groups": groups,
        "roles": roles,
        "guest": user.guest,
        "blocked": !user.enabled,
        "synced": user.on_premises_synced,
        "barred": user.barred,
        "methods": methods(user),
        "pass": user.methods.pass.as_ref().map(|held| pass(world, user, held)),
        "passwordChanged": moment(user.password_changed),
        "mustChangePassword": user.must_change_password,
        "sessionsValidFrom": moment(user.sessions_valid_from),
    })
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How somebody proves who they are, the default second factor marked.
fn methods(user: &User) -> Vec<String> {
    let default = user.methods.default.as_deref();
    let words = |method: &Method| {
        let words = match &method.proof {
            Proof::Phone { number, .. } => format!("Phone {number}"),
            Proof::Authenticator { device } => format!("Authenticator on {device}"),
            Proof::SoftwareOath => "One-time codes".to_owned(),
            Proof::Fido2 { name, .. } => name.clone(),
            Proof::WindowsHello { device } => format!("Windows Hello on {device}"),
            Proof::PlatformCredential { device } => format!("Platform credential on {device}"),
            Proof::Email { address } => format!("E-mail {address}"),
            Proof::External { name, .. } => name.clone(),
        };
        if default == Some(&method.id) { format!("{words} (default)") } else { words }
    };
    user.methods.registered.iter().map(words).collect()
}

/// A temporary access pass without its secret.
fn pass(world: &World, user: &User, pass: &AccessPass) -> Value {
    json!({
        "id": pass.id,
        "state": world.tenant.usability(user.id, pass, world.now()).name(),
        "once": pass.once,
        "from": moment(pass.start),
        "until": moment(pass.end()),
    })
}

fn group_card(world: &World, group: &Group) -> Value {
    let people = &world.tenant.people;
    let owners: Vec<String> = group
        .owners
        .iter()
        .filter_map(|id| people.get(*id))
        .map(|user| user.display_name.clone())
        .collect();
    let kind = if group.membership_rule.is_some() {
        "dynamic group"
    } else if group.unified {
        "Microsoft 365 group"
    } else if group.mail_enabled {
        "distribution list or mail-enabled group"
    } else {
        "security group"
    };
    json!({
        "kind": "group",
        "id": group.id,
        "name": group.display_name,
        "what": kind,
        "description": group.description,
        "members": group.members.len(),
        "owners": owners,
        "synced": group.on_premises_synced,
    })
}

/// What people call a product. Graph has no friendly names.
fn product(part_number: &str) -> &str {
    match part_number {
        "SPE_E3" => "Microsoft 365 E3",
        "SPE_E5" => "Microsoft 365 E5",
        "SPE_F1" => "Microsoft 365 F3",
        "ENTERPRISEPACK" => "Office 365 E3",
        "Microsoft_Teams_Enterprise_New" => "Microsoft Teams Enterprise",
        other => other,
    }
}

/// The text of stored HTML: tags become spaces, the few entities we write are undone.
pub(super) fn plain(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => {
                in_tag = true;
                text.push(' ');
            }
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const MOST_LOOKED_AT: usize = 5000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_html_reads_as_the_words_in_it() {
        assert_eq!(
            plain("<p>give <b>Sarah</b> an&nbsp;E3 &amp; more</p><p>now</p>"),
            "give Sarah an E3 & more now"
        );
        assert_eq!(plain("a < b"), "a");
    }
}
