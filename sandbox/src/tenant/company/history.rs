use jiff::Timestamp;

use super::apps::SAMPLE_CLI_APP;
use super::{Dice, day};
use crate::tenant::{Actor, Audit, Entry, Target, TargetKind, Tenant, User};

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
    let mut entry = |activity, operation, target: &User, at: Timestamp| {
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
                properties: Vec::new(),
            }],
            user_agent: None,
            service: "Core Directory",
            reason: String::new(),
            failed: false,
        });
    };
    entry("Disable account", "Update", victor, day(985));
    entry("Add user", "Add", sarah, sarah.created);
    audit
}
