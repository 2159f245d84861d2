use super::{Call, Handled};
use crate::world::World;

pub(super) fn handle(_world: &mut World, _call: &Call) -> Handled {
    None
}
