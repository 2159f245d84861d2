//! What the sandbox tells about itself.

use serde_json::{Value, json};

use crate::tenant::{
    INSTALLER_APP, PERSONAL_APP, SAMPLE_CLI_APP, SAMPLE_DAEMON_APP, SAMPLE_PASSWORD, Sender,
    TWIN_ADMIN_APP, TWIN_CHAT_APP, User,
};
use crate::world::{Sandbox, World};

/// Everything a script needs to begin.
pub(super) fn tenant(sandbox: &Sandbox) -> Value {
    let world = sandbox.world();
    let tenant = &world.tenant;
    let address = sandbox.settings.listen;
    let port = address.port();
    let known = [
        ("twinChat", TWIN_CHAT_APP),
        ("twinAdmin", TWIN_ADMIN_APP),
        ("sampleCli", SAMPLE_CLI_APP),
        ("sampleDaemon", SAMPLE_DAEMON_APP),
        ("installer", INSTALLER_APP),
        ("personal", PERSONAL_APP),
    ];
    let apps: Vec<Value> = tenant
        .apps
        .principals
        .iter()
        .map(|principal| {
            let application = tenant.apps.application(principal.app_id);
            json!({
                "appId": principal.app_id,
                "displayName": principal.display_name,
                "servicePrincipal": principal.id,
                "application": application.map(|app| app.id),
                "publicClient": application.map(|app| app.public_client),
                "redirectUris": application.map(|app| &app.redirect_uris),
                "role": known.iter().find(|(_, id)| *id == principal.app_id).map(|(role, _)| *role),
            })
        })
        .collect();
    let people: Vec<Value> = tenant
        .people
        .iter()
        .take(MOST_PEOPLE)
        .map(|user| {
            json!({
                "id": user.id,
                "userPrincipalName": user.upn,
                "displayName": user.display_name,
                "jobTitle": user.job_title,
                "department": user.department,
                "guest": user.guest,
                "enabled": user.enabled,
            })
        })
        .collect();
    json!({
        "id": tenant.id,
        "displayName": tenant.name,
        "domain": tenant.domain,
        "now": world.now(),
        "password": SAMPLE_PASSWORD,
        "page": format!("http://{address}/"),
        "proxy": format!("http://{address}"),
        "authority": format!("https://localhost:{port}/{}", tenant.id),
        "graph": format!("https://localhost:{port}/v1.0"),
        "caFile": sandbox.settings.ca_dir.as_ref().map(|dir| dir.join("ca.pem")),
        "apps": apps,
        // The sample characters come first; Graph tells about the rest.
        "people": people,
        "peopleCount": tenant.people.iter().count(),
    })
}

const MOST_PEOPLE: usize = 1000;

/// Somebody's chats, the one that changed last first.
pub(super) fn chats(world: &World, person: &User) -> Value {
    let mut chats: Vec<_> = world
        .tenant
        .chats
        .by_id
        .values()
        .filter(|chat| chat.members.iter().any(|member| member.user == person.id))
        .collect();
    let last = |chat: &crate::tenant::Chat| chat.messages.keys().next_back().copied().unwrap_or(0);
    chats.sort_by(|one, other| last(other).cmp(&last(one)).then_with(|| one.id.cmp(&other.id)));
    chats
        .into_iter()
        .map(|chat| {
            let members: Vec<Value> = chat
                .members
                .iter()
                .map(|member| json!({"id": member.user, "displayName": member.display_name}))
                .collect();
            let messages: Vec<Value> = chat
                .messages
                .values()
                .map(|message| {
                    let from = match &message.sender {
                        Sender::User { id, display_name, .. } => {
                            json!({"id": id, "displayName": display_name})
                        }
                        Sender::System => Value::Null,
                    };
                    json!({
                        "id": message.id.to_string(),
                        "from": from,
                        "contentType": message.content_type,
                        "content": message.content,
                        "edited": message.edited,
                        "deleted": message.deleted,
                    })
                })
                .collect();
            json!({"id": chat.id, "topic": chat.topic, "members": members, "messages": messages})
        })
        .collect()
}
