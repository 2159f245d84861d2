//! What a person does in their own Teams client: open a chat, type, edit, delete.
//!
//! Used by the page and by the control endpoint; needs no token, because the sandbox is the client.

use uuid::Uuid;

use crate::graph::Problem;
use crate::world::World;

/// The one-to-one chat of two people, made if there is none. Returns its id.
pub(crate) fn direct(_world: &mut World, _one: Uuid, _other: Uuid) -> Result<String, Problem> {
    Err(Problem::unsupported("chats"))
}

/// Posts what somebody typed, as the HTML that Teams makes of it. Returns the message id.
pub(crate) fn say(
    _world: &mut World,
    _chat: &str,
    _person: Uuid,
    _typed: &str,
) -> Result<u64, Problem> {
    Err(Problem::unsupported("messages"))
}

/// Replaces one's own message.
pub(crate) fn edit(
    _world: &mut World,
    _chat: &str,
    _person: Uuid,
    _message: u64,
    _typed: &str,
) -> Result<(), Problem> {
    Err(Problem::unsupported("messages"))
}

/// Deletes one's own message.
pub(crate) fn delete(
    _world: &mut World,
    _chat: &str,
    _person: Uuid,
    _message: u64,
) -> Result<(), Problem> {
    Err(Problem::unsupported("messages"))
}
