//! How chats come to be, for apps and for people alike.

use uuid::Uuid;

use crate::tenant::{Chat, ChatKind, Member};
use crate::world::{Event, World};

/// Somebody as a member, if they are in the directory or at the partner company.
pub(crate) fn member(world: &World, id: Uuid) -> Option<Member> {
    if let Some(user) = world.tenant.people.get(id) {
        return Some(Member {
            user: id,
            tenant: world.tenant.id,
            display_name: user.display_name.clone(),
            role: if user.guest { "guest" } else { "owner" },
            email: user.mail.clone().or_else(|| Some(user.upn.clone())),
            visible_from: None,
        });
    }
    let outsider = world.tenant.chats.partners.get(id)?;
    Some(Member {
        user: id,
        tenant: outsider.tenant,
        display_name: outsider.display_name.clone(),
        role: "owner",
        email: None,
        visible_from: None,
    })
}

/// Makes a chat and returns its id. The caller has made sure that a one-to-one chat has two
/// members and is new.
pub(crate) fn open(
    world: &mut World,
    kind: ChatKind,
    topic: Option<String>,
    members: Vec<Member>,
) -> String {
    let id = match (kind, members.as_slice()) {
        (ChatKind::OneOnOne, [one, other]) => {
            // Either may be first, so nobody can build the id from the two people.
            let (first, second) = if world.roll(2) == 0 { (one, other) } else { (other, one) };
            format!("19:{}_{}@unq.gbl.spaces", first.user, second.user)
        }
        _ => format!("19:{}@thread.v2", world.guid().simple()),
    };
    let now = world.now();
    world.tenant.chats.add(Chat::new(id.clone(), kind, topic, members, now));
    world.emit(Event::Chat { chat: id.clone() });
    id
}
