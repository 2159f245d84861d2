use jiff::Timestamp;

use super::apps::SAMPLE_CLI_APP;
use super::{Dice, day};
use crate::tenant::{Actor, Audit, Entry, ModifiedProperty, Target, TargetKind, Tenant, User};

/// What happened before anybody looked: Victor left and Sarah was hired.
pub(super) fn told(tenant: &Tenant, dice: &mut Dice) -> Audit {
    let mut audit = Audit::default();
    let person = |upn: &str| tenant.people.find(upn);
    let (Some(ken), Some(sarah), Some(victor)) = (
        person("ken.adachi@contoso.com"),
        person("sarah.lin@contoso.com"),
        person("victor.novak@contoso.com"),
    ) else {
        return audit;
    };
    let mut entry = |activity, operation, target: &User, at: Timestamp, properties| {
        let correlation = dice.guid();
        audit.entries.push(Entry {
            id: format!("Directory_{correlation}_NXG5K_{}", dice.percent()),
            at,
            visible: at,
            correlation,
            activity,
            category: "UserManagement",
            operation,
            actor: Actor::User {
                id: ken.id,
                app_id: SAMPLE_CLI_APP,
                app_name: "Contoso Command Line".to_owned(),
            },
            actor_upn: Some(ken.upn.clone()),
            targets: vec![Target {
                kind: TargetKind::User,
                id: target.id,
                display_name: Some(target.display_name.clone()),
                upn: Some(target.upn.clone()),
                properties,
            }],
            user_agent: None,
            service: "Core Directory",
            reason: String::new(),
            failed: false,
        });
    };
    let blocked = ModifiedProperty {
        name: "AccountEnabled",
        old: Some("[true]".to_owned()),
        new: Some("[false]".to_owned()),
    };
    entry("Disable account", "Update", victor, day(985), vec![blocked]);
    entry("Add user", "Add", sarah, sarah.created, Vec::new());
    audit
}
